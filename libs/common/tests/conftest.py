"""The probe service on real servers."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from common_probe import SERVICE, Settings

from booka_common.db import Database
from booka_common.service import Service


@pytest.fixture(scope="session")
def settings(provision: Callable[[Service], dict[str, Any]]) -> Settings:
    """The probe's settings on real servers."""
    return Settings(**provision(SERVICE))


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    """The probe's database, as the probe."""
    async with Database(settings.database_url.get_secret_value(), SERVICE.name) as database:
        yield database
