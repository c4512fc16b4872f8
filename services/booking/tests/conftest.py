"""A booking database, and a salon on it that a test can talk to as the outside does."""

import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_booking.app import create_app
from booka_booking.settings import SERVICE, Settings
from booka_common.db import Database
from booka_common.service import Service
from booka_common.testing import FrozenClock, eventually, running, signed

from .salon import Salon, at


@pytest.fixture(scope="session")
def provided(provision: Callable[[Service], dict[str, Any]]) -> dict[str, Any]:
    """Settings of a fresh, migrated database and a broker."""
    return provision(SERVICE)


@pytest.fixture
def settings(provided: dict[str, Any]) -> Settings:
    return Settings(**provided, port=0)


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    url = settings.database_url.get_secret_value()
    # Forty connections for forty clients at once; on a busy machine they may take their time to open.
    async with Database(url, SERVICE.name, pool_size=40, acquire_timeout=timedelta(seconds=30)) as database:
        yield database


@pytest.fixture
def nightly() -> bool:
    """Whether the long versions of the tests are wanted: `make nightly`."""
    return os.environ.get("BOOKA_NIGHTLY", "0") != "0"


@pytest.fixture
def clock() -> FrozenClock:
    """Monday, 2 March 2026, 06:00 in São Paulo."""
    return FrozenClock()


@pytest.fixture
async def salon(db: Database, tenant_id: UUID, clock: FrozenClock) -> Salon:
    found = Salon(db, tenant_id, clock)
    await found.open()
    return found


@pytest.fixture
async def warm(salon: Salon) -> Salon:
    """A salon that the process remembers, so that whoever asks at once waits at once."""
    await salon.held(at(7, 9), service=salon.brow, staff=salon.ana)
    return salon


@pytest.fixture
async def app(settings: Settings, clock: FrozenClock) -> AsyncIterator[httpx.AsyncClient]:
    """The service, and a client that signs nothing."""
    async with running(create_app(settings, clock)) as client:

        async def consuming() -> bool:
            return bool((await client.get("/readyz")).json()["rabbitmq"])

        await eventually(consuming)
        yield client


@pytest.fixture
async def client(app: httpx.AsyncClient, tenant_id: UUID, clock: FrozenClock) -> httpx.AsyncClient:
    """Signed as the test's own salon."""
    app.auth = signed(tenant_id, clock)
    return app
