"""The queues of payments: event in, use case."""

from collections.abc import Callable
from datetime import datetime

from booka_common.consuming import Consumers
from booka_common.contracts.booking import DepositDue, DepositUnusable, ReservationCancelled, ReservationExpired
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database
from booka_payments.usecases import deposits

__all__ = ["register"]


def register(consumers: Consumers, db: Database, now: Callable[[], datetime]) -> None:
    """Subscribe the use cases of payments."""

    async def on_deposit_due(envelope: Envelope[DepositDue]) -> None:
        await deposits.deposit_due(db, envelope, now())

    async def on_reservation_expired(envelope: Envelope[ReservationExpired]) -> None:
        await deposits.reservation_expired(db, envelope, now())

    async def on_reservation_cancelled(envelope: Envelope[ReservationCancelled]) -> None:
        await deposits.reservation_cancelled(db, envelope, now())

    async def on_deposit_unusable(envelope: Envelope[DepositUnusable]) -> None:
        await deposits.deposit_unusable(db, envelope, now())

    consumers.subscribe(DepositDue, on_deposit_due)
    consumers.subscribe(ReservationExpired, on_reservation_expired)
    consumers.subscribe(ReservationCancelled, on_reservation_cancelled)
    consumers.subscribe(DepositUnusable, on_deposit_unusable)
