"""A salon to talk to, somebody who talks to it, and the use cases on a real database."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.db import Database
from booka_common.testing import FrozenClock
from booka_dialog import usecases
from booka_dialog.settings import SERVICE, Settings
from booka_dialog.usecases import Deps, Limits

from .house import NOW, House, house_of
from .talking import Client, Talk


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def make_house() -> Callable[..., House]:
    return house_of


@pytest.fixture
def house() -> House:
    return house_of("en-GB")


@pytest.fixture
def casa() -> House:
    return house_of("pt-BR")


@pytest.fixture
def talk(house: House) -> Talk:
    return Talk(house)


@pytest.fixture
def conversa(casa: House) -> Talk:
    return Talk(casa)


@pytest.fixture(scope="session")
def new_talk() -> Callable[[House], Talk]:
    return Talk


@pytest.fixture(scope="session")
def settings(provision: Callable[..., dict[str, Any]]) -> Settings:
    """A migrated database and a virtual host; short waits where a test has to sit one out."""
    return Settings(
        **provision(SERVICE), port=0, gap_seconds=0.3, interpretation_timeout_seconds=0.3, quote_timeout_seconds=0.3
    )


@pytest.fixture
async def deps(settings: Settings) -> AsyncIterator[Deps]:
    """The use cases on a database of their own."""
    async with Database(settings.database_url.get_secret_value(), SERVICE.name, pool_size=12) as db:
        yield Deps(
            db=db,
            now=FrozenClock(NOW),
            limits=Limits(
                patience=timedelta(seconds=8),
                quote_patience=timedelta(seconds=5),
                answer_patience=timedelta(seconds=30),
                gap=timedelta(seconds=5),
            ),
        )


@pytest.fixture
def client(tenant_id: UUID, house: House) -> Client:
    return Client(tenant_id, house)


@pytest.fixture
async def open_salon(deps: Deps, client: Client) -> None:
    await usecases.keep_catalogue(deps, client.says_service(client.house.catalogue))
