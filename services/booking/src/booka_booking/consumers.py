"""What booking hears, and which use case answers it."""

from collections.abc import Callable
from datetime import datetime

from booka_booking.usecases import availability, changes, clients, confirmations, deposits, merging, reminders, waitlist
from booka_booking.usecases.holding import Holds
from booka_common.consuming import Consumers
from booka_common.contracts.booking import (
    AvailabilityRequested,
    CancellationQuoteRequested,
    CancellationRequested,
    ConfirmationRequested,
    HoldRequested,
    MoveRequested,
)
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.messaging import ContactErased, ContactMerged
from booka_common.contracts.payments import DepositPaid
from booka_common.contracts.scheduler import ReminderDue
from booka_common.contracts.waitlist import WaitlistLeaveRequested, WaitlistRequested
from booka_common.db import Database

__all__ = ["subscribe"]


def subscribe(consumers: Consumers, db: Database, holds: Holds, now: Callable[[], datetime]) -> None:
    """Register booking's subscribers."""

    async def availability_requested(envelope: Envelope[AvailabilityRequested]) -> None:
        await availability.answer(db, envelope, now())

    async def hold_requested(envelope: Envelope[HoldRequested]) -> None:
        await holds.answer(envelope, now())

    async def confirmation_requested(envelope: Envelope[ConfirmationRequested]) -> None:
        await confirmations.answer(db, envelope, now())

    async def move_requested(envelope: Envelope[MoveRequested]) -> None:
        await changes.answer_move(db, envelope, now())

    async def quote_requested(envelope: Envelope[CancellationQuoteRequested]) -> None:
        await changes.answer_quote(db, envelope, now())

    async def cancellation_requested(envelope: Envelope[CancellationRequested]) -> None:
        await changes.answer_cancellation(db, envelope, now())

    async def deposit_paid(envelope: Envelope[DepositPaid]) -> None:
        await deposits.answer(db, envelope, now())

    async def reminder_due(envelope: Envelope[ReminderDue]) -> None:
        await reminders.answer(db, envelope, now())

    async def waitlist_requested(envelope: Envelope[WaitlistRequested]) -> None:
        await waitlist.answer(db, envelope, now())

    async def waitlist_leave_requested(envelope: Envelope[WaitlistLeaveRequested]) -> None:
        await waitlist.answer_leave(db, envelope, now())

    consumers.subscribe(AvailabilityRequested, availability_requested)
    consumers.subscribe(HoldRequested, hold_requested)
    consumers.subscribe(ConfirmationRequested, confirmation_requested)
    consumers.subscribe(MoveRequested, move_requested)
    consumers.subscribe(CancellationQuoteRequested, quote_requested)
    consumers.subscribe(CancellationRequested, cancellation_requested)
    consumers.subscribe(DepositPaid, deposit_paid)
    consumers.subscribe(ReminderDue, reminder_due)
    consumers.subscribe(WaitlistRequested, waitlist_requested)
    consumers.subscribe(WaitlistLeaveRequested, waitlist_leave_requested)
    _subscribe_people(consumers, db, now)


def _subscribe_people(consumers: Consumers, db: Database, now: Callable[[], datetime]) -> None:
    async def contact_merged(envelope: Envelope[ContactMerged]) -> None:
        await merging.answer(db, envelope, now())

    async def contact_erased(envelope: Envelope[ContactErased]) -> None:
        await clients.answer_erased(db, envelope, now())

    consumers.subscribe(ContactMerged, contact_merged)
    consumers.subscribe(ContactErased, contact_erased)
