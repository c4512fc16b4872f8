"""The scheduler's settings on a fresh database, and the events it hears."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.booking import ReservationCancelled, ReservationConfirmed, ReservationMoved, Visit
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.money import Money
from booka_common.service import Service
from booka_scheduler.settings import SERVICE, Settings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    """aiormq leaves a coroutine unawaited when a connection and its event loop end together, as they do after a test."""
    for line in (
        "ignore:coroutine 'FutureStore.reject_all' was never awaited:RuntimeWarning",
        "ignore:Exception ignored in. <coroutine object FutureStore.reject_all:pytest.PytestUnraisableExceptionWarning",
    ):
        config.addinivalue_line("filterwarnings", line)


class Reservation:
    """A reservation of one salon that says what happens to it, as booking would."""

    def __init__(self, tenant_id: UUID, now: datetime = NOW) -> None:
        self.tenant_id = tenant_id
        self.id = new_id()
        self.now = now

    def visit(self, start: datetime) -> Visit:
        return Visit(
            start=start,
            end=start + timedelta(minutes=45),
            zone="America/Sao_Paulo",
            service_names=("Corte",),
            staff_names=("Lívia",),
            price=Money(minor=9000, currency="BRL"),
        )

    def confirmed(self, start: datetime, version: int = 2) -> Envelope[ReservationConfirmed]:
        event = ReservationConfirmed(reservation_id=self.id, version=version, visit=self.visit(start))
        return Envelope.of(event, tenant_id=self.tenant_id, now=self.now)

    def moved(self, start: datetime, version: int = 3) -> Envelope[ReservationMoved]:
        event = ReservationMoved(reservation_id=self.id, version=version, visit=self.visit(start))
        return Envelope.of(event, tenant_id=self.tenant_id, now=self.now)

    def cancelled(self, version: int = 4) -> Envelope[ReservationCancelled]:
        event = ReservationCancelled(reservation_id=self.id, version=version, was="confirmed", by="client")
        return Envelope.of(event, tenant_id=self.tenant_id, now=self.now)


@pytest.fixture(scope="session")
def settings(provision: Callable[[Service], dict[str, Any]]) -> Settings:
    return Settings(**provision(SERVICE))


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    async with Database(settings.database_url.get_secret_value(), SERVICE.name, pool_size=12) as database:
        yield database


@pytest.fixture
def reservation(tenant_id: UUID) -> Reservation:
    """A reservation of the test's own salon; its clock stands at 2 March 2026, 9:00 UTC."""
    return Reservation(tenant_id)


@pytest.fixture
def reservation_of() -> type[Reservation]:
    """To make more of them: `reservation_of(tenant_id, now)`."""
    return Reservation
