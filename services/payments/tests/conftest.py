"""Payments' settings on a fresh database, a Stripe on a local port, and what booking would say."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import SecretStr

from booka_common.contracts.booking import DepositDue, DepositUnusable, ReservationCancelled, ReservationExpired
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.money import Money
from booka_common.service import Service
from booka_common.testing import FrozenClock
from booka_payments.settings import SERVICE, Settings

from .desk import Desk
from .stripe_stub import OLD_WEBHOOK_SECRET, SECRET_KEY, WEBHOOK_SECRET, StripeStub, serving


def pytest_configure(config: pytest.Config) -> None:
    """Warnings that are not ours to mend.

    aiormq leaves a coroutine unawaited when a connection and its event loop end together, as they do after a test; Stripe's
    SDK hands its form to httpx by the old name of the argument.
    """
    for line in (
        "ignore:Use 'content=:DeprecationWarning",
        "ignore:coroutine 'FutureStore.reject_all' was never awaited:RuntimeWarning",
        "ignore:Exception ignored in. <coroutine object FutureStore.reject_all:pytest.PytestUnraisableExceptionWarning",
    ):
        config.addinivalue_line("filterwarnings", line)


class Reservation:
    """A reservation of one salon that says what happens to it, as booking would."""

    def __init__(self, tenant_id: UUID, clock: Callable[[], datetime]) -> None:
        self.tenant_id = tenant_id
        self.id = new_id()
        self.conversation_id = new_id()
        self.clock = clock

    def due(
        self, *, minor: int = 3000, currency: str = "BRL", hold: timedelta = timedelta(minutes=15), version: int = 2
    ) -> Any:
        data = DepositDue(
            reservation_id=self.id,
            conversation_id=self.conversation_id,
            version=version,
            amount=Money(minor=minor, currency=currency),
            description="Corte com Lívia",
            locale="pt-BR",
            expires_at=self.clock() + hold,
        )
        return Envelope.of(data, tenant_id=self.tenant_id, now=self.clock())

    def expired(self, version: int = 3) -> Any:
        data = ReservationExpired(reservation_id=self.id, version=version, deposit_was_due=True)
        return Envelope.of(data, tenant_id=self.tenant_id, now=self.clock())

    def cancelled(self, refund: Money | None = None, version: int = 4) -> Any:
        data = ReservationCancelled(
            reservation_id=self.id, version=version, was="confirmed", by="client", refund=refund
        )
        return Envelope.of(data, tenant_id=self.tenant_id, now=self.clock())

    def unusable(self, transaction_id: UUID, reason: Literal["slot_taken", "already_paid"] = "slot_taken") -> Any:
        data = DepositUnusable(reservation_id=self.id, transaction_id=transaction_id, reason=reason)
        return Envelope.of(data, tenant_id=self.tenant_id, now=self.clock())


@pytest.fixture
def clock() -> FrozenClock:
    """Stands at the real time, in whole seconds."""
    return FrozenClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
async def stripe_stub(clock: FrozenClock) -> AsyncIterator[StripeStub]:
    async with serving(StripeStub(clock)) as stub:
        yield stub


@pytest.fixture
def settings(
    provision: Callable[[Service], dict[str, Any]], stripe_stub: StripeStub, forget_jobs: Callable[[Service], None]
) -> Settings:
    """Everything is configured; tests take away what they want missing."""
    forget_jobs(SERVICE)
    return Settings(
        **provision(SERVICE),
        stripe_secret_key=SecretStr(SECRET_KEY),
        stripe_webhook_secrets=(SecretStr(WEBHOOK_SECRET), SecretStr(OLD_WEBHOOK_SECRET)),
        stripe_api_base=stripe_stub.url,
    )


@pytest.fixture
async def db(provision: Callable[[Service], dict[str, Any]]) -> AsyncIterator[Database]:
    async with Database(provision(SERVICE)["database_url"], SERVICE.name, pool_size=12) as database:
        yield database


@pytest.fixture
def reservation(tenant_id: UUID, clock: FrozenClock) -> Reservation:
    """A reservation of the test's own salon."""
    return Reservation(tenant_id, clock)


@pytest.fixture
def reservation_of(tenant_id: UUID, clock: FrozenClock) -> Callable[[], Reservation]:
    """To make more of them."""
    return lambda: Reservation(tenant_id, clock)


@pytest.fixture
async def desk(db: Database, settings: Settings, clock: FrozenClock, tenant_id: UUID) -> AsyncIterator[Desk]:
    """Runs the salon's jobs by hand."""
    made = Desk(db, settings, clock, tenant_id)
    yield made
    await made.provider.close()
