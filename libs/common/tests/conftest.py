"""The probe service on real servers."""

from collections.abc import Callable
from typing import Any

import pytest
from common_probe import SERVICE, Settings

from booka_common.service import Service


@pytest.fixture(scope="session")
def settings(provision: Callable[[Service], dict[str, Any]]) -> Settings:
    """The probe's settings on real servers."""
    return Settings(**provision(SERVICE))
