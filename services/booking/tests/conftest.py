"""A booking database, and a salon on it that a test can talk to as the outside does."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest

from booka_booking.settings import SERVICE, Settings
from booka_common.db import Database
from booka_common.service import Service
from booka_common.testing import FrozenClock

from .salon import Salon


@pytest.fixture(scope="session")
def provided(provision: Callable[[Service], dict[str, Any]]) -> dict[str, Any]:
    """Settings of a fresh, migrated database and a broker."""
    return provision(SERVICE)


@pytest.fixture
def settings(provided: dict[str, Any]) -> Settings:
    return Settings(**provided, port=0)


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    async with Database(settings.database_url.get_secret_value(), SERVICE.name, pool_size=12) as database:
        yield database


@pytest.fixture
def clock() -> FrozenClock:
    """Monday, 2 March 2026, 06:00 in São Paulo."""
    return FrozenClock()


@pytest.fixture
async def salon(db: Database, tenant_id: UUID, clock: FrozenClock) -> Salon:
    found = Salon(db, tenant_id, clock)
    await found.open()
    return found
