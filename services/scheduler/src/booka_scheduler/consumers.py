"""What the scheduler hears: how reservations stand."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from booka_common import topology
from booka_common.consuming import Consumers
from booka_common.contracts.booking import ReservationCancelled, ReservationConfirmed, ReservationMoved
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database
from booka_common.service import system_clock
from booka_scheduler import usecases
from booka_scheduler.settings import SERVICE

__all__ = ["describe", "subscribe"]

_Event = TypeVar("_Event", ReservationConfirmed, ReservationMoved, ReservationCancelled)


def subscribe(consumers: Consumers, db: Database, now: Callable[[], datetime]) -> None:
    """Have the reminders follow the reservations."""

    def hear(message: type[_Event]) -> None:
        consumer = topology.subscription(SERVICE.name, message).queue
        consumers.subscribe(message, _handler(message, consumer))

    def _handler(_message: type[_Event], consumer: str) -> Callable[[Envelope[_Event]], Awaitable[None]]:
        async def handle(envelope: Envelope[_Event]) -> None:
            await usecases.reservation_heard(db, envelope, consumer=consumer, now=now())

        return handle

    hear(ReservationConfirmed)
    hear(ReservationMoved)
    hear(ReservationCancelled)


def describe(consumers: Consumers) -> None:
    """Register the subscribers on consumers that are never started, for the AsyncAPI document."""
    subscribe(consumers, Database("postgresql://localhost", SERVICE.name), system_clock)
