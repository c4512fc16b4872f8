"""The scheduler's use cases: one transaction each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from booka_common import inbox, jobs, outbox
from booka_common.contracts.booking import ReservationCancelled, ReservationConfirmed, ReservationMoved
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.scheduler import ReminderDue
from booka_common.db import Database, Tx
from booka_common.ids import derived_id
from booka_common.observability import current_traceparent
from booka_scheduler import errors, store
from booka_scheduler.domain import (
    DEFAULT_MINUTES_BEFORE,
    Reminder,
    Standing,
    Status,
    choose,
    due_outcome,
    merge,
    plan,
)

__all__ = ["REMIND", "get_settings", "list_reminders", "put_settings", "remind", "reservation_heard", "trigger"]

#: The type of the job that is due when a reminder is.
REMIND = "remind"

ReservationEvent = ReservationConfirmed | ReservationMoved | ReservationCancelled
ReservationEnvelope = Envelope[ReservationConfirmed] | Envelope[ReservationMoved] | Envelope[ReservationCancelled]


def _standing(event: ReservationEvent) -> Standing:
    start = None if isinstance(event, ReservationCancelled) else event.visit.start
    return Standing(event.version, start)


async def reservation_heard(db: Database, envelope: ReservationEnvelope, *, consumer: str, now: datetime) -> None:
    """Bring the reminders of a visit in line with what was heard of it, in whatever order it was heard."""
    event = envelope.data
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, consumer, envelope.id):
            return
        known = await store.claim_reservation(tx, event.reservation_id)
        standing = merge(known, _standing(event))
        if standing == known:
            return
        if known is not None:
            await _cancel_planned(tx, event.reservation_id, now)
        await store.save_reservation(tx, event.reservation_id, standing)
        if not standing.cancelled:
            await _plan(tx, envelope, standing, now=now)


async def _cancel_planned(tx: Tx, reservation_id: UUID, now: datetime) -> None:
    # Jobs before reminders: the order in which a running job locks them, too.
    if planned := await store.planned_ids(tx, reservation_id):
        await jobs.cancel(tx, REMIND, *map(str, planned))
        await store.cancel_reminders(tx, reservation_id, now)


async def _plan(tx: Tx, envelope: ReservationEnvelope, standing: Standing, *, now: datetime) -> None:
    minutes = await store.minutes_before(tx)
    reminders = plan(
        envelope.data.reservation_id, standing, DEFAULT_MINUTES_BEFORE if minutes is None else minutes, now
    )
    await store.add_reminders(tx, reminders, now)
    await jobs.put_all(
        tx,
        [
            jobs.NewJob(
                tenant_id=envelope.tenant_id,
                type=REMIND,
                payload={"reminder_id": str(reminder.id)},
                scheduled_at=reminder.due_at,
                correlation_id=envelope.correlation_id,
                unique_key=str(reminder.id),
                traceparent=current_traceparent(),
            )
            for reminder in reminders
            if reminder.status == "planned"
        ],
    )


async def remind(tx: Tx, tenant_id: UUID, reminder_id: UUID, *, correlation_id: UUID, now: datetime) -> None:
    """The time of a reminder has come: say so, unless it was sent, cancelled or overtaken in the meantime."""
    found = await store.lock_planned(tx, reminder_id, now)
    if found is None:
        return
    reminder, superseded = found
    outcome = due_outcome(reminder, superseded=superseded, now=now)
    if await store.settle_reminder(tx, reminder, outcome, now) and outcome == "sent":
        await outbox.put(tx, _due(tenant_id, reminder, correlation_id=correlation_id, now=now))


def _due(tenant_id: UUID, reminder: Reminder, *, correlation_id: UUID | None, now: datetime) -> Envelope[ReminderDue]:
    due = ReminderDue(
        reminder_id=reminder.id,
        reservation_id=reminder.reservation_id,
        reservation_version=reminder.reservation_version,
        minutes_before=reminder.minutes_before,
    )
    message_id = derived_id(reminder.id, "due")
    return Envelope.of(due, tenant_id=tenant_id, now=now, correlation_id=correlation_id, id=message_id)


async def trigger(
    tx: Tx, tenant_id: UUID, reservation_id: UUID, minutes_before: int | None, *, now: datetime
) -> Reminder:
    """Send a reminder of a visit now, by hand; it is not sent again when its time comes.

    Args:
        minutes_before: which one; None means the next that is planned, else the last that was skipped.

    Raises:
        ReminderNotFound: the visit, or its reminder of that many minutes, is not known.
        ReservationCancelled, VisitStarted, AlreadySent: there is nothing to remind of any more.
    """
    standing = await store.lock_reservation(tx, reservation_id)
    if standing is None:
        raise errors.ReminderNotFound("no confirmed visit of this id")
    if standing.start is None:
        raise errors.ReservationCancelled("the visit was cancelled")
    if now >= standing.start:
        raise errors.VisitStarted("the visit has begun")
    reminders = await store.reminders_of(tx, reservation_id, standing.version)
    if minutes_before is not None and all(reminder.minutes_before != minutes_before for reminder in reminders):
        raise errors.ReminderNotFound(f"the visit has no reminder {minutes_before} minutes before its start")
    if not reminders:
        raise errors.ReminderNotFound("the visit has no reminders: the salon has switched them off")
    chosen = choose(reminders, minutes_before)
    if chosen is None:
        raise errors.AlreadySent("it has been sent already")
    await jobs.cancel(tx, REMIND, str(chosen.id))
    if not await store.settle_reminder(tx, chosen, "sent", now):
        raise errors.AlreadySent("it was sent just now")
    await outbox.put(tx, _due(tenant_id, chosen, correlation_id=None, now=now))
    return replace(chosen, status="sent")


async def list_reminders(
    db: Database,
    tenant_id: UUID,
    *,
    status: Status | None,
    reservation_id: UUID | None,
    before: UUID | None,
    limit: int,
) -> tuple[store.ListedReminder, ...]:
    """A page of a salon's reminders, newest first."""
    async with db.tx(tenant_id) as tx:
        return await store.list_reminders(tx, status=status, reservation_id=reservation_id, before=before, limit=limit)


async def get_settings(db: Database, tenant_id: UUID) -> tuple[int, ...]:
    """How many minutes before a visit the salon's clients are reminded, longest first."""
    async with db.tx(tenant_id) as tx:
        minutes = await store.minutes_before(tx)
    return DEFAULT_MINUTES_BEFORE if minutes is None else minutes


async def put_settings(tx: Tx, minutes: Sequence[int], *, now: datetime) -> tuple[int, ...]:
    """Set them for visits that are confirmed or moved from now on; return them as stored."""
    ordered = tuple(sorted(set(minutes), reverse=True))
    await store.save_minutes_before(tx, ordered, now)
    return ordered
