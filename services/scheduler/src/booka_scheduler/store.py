"""The scheduler's rows. Every function works in the caller's transaction and on its tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_scheduler.domain import Reminder, Standing, Status

__all__ = [
    "ListedReminder",
    "add_reminders",
    "cancel_reminders",
    "claim_reservation",
    "list_reminders",
    "lock_planned",
    "lock_reservation",
    "minutes_before",
    "planned_ids",
    "reminders_of",
    "save_minutes_before",
    "save_reservation",
    "settle_reminder",
]

_queries = load_queries("booka_scheduler")


@dataclass(frozen=True, slots=True)
class ListedReminder(Reminder):
    """A reminder with its history. `settled_at` is when it was sent, skipped or cancelled."""

    created_at: datetime
    settled_at: datetime | None


def _reminder(row: Any) -> Reminder:
    return Reminder(**{name: row[name] for name in Reminder.__slots__})


async def claim_reservation(tx: Tx, reservation_id: UUID) -> Standing | None:
    """Lock the reservation for this transaction; None if nothing was known of it."""
    row = await tx.fetchrow(_queries["reservation_claim"], tx.tenant_id, reservation_id)
    return Standing(row["version"], row["starts_at"]) if row and row["version"] else None


async def lock_reservation(tx: Tx, reservation_id: UUID) -> Standing | None:
    """Lock the reservation if it is known."""
    row = await tx.fetchrow(_queries["reservation_lock"], tx.tenant_id, reservation_id)
    return Standing(row["version"], row["starts_at"]) if row else None


async def save_reservation(tx: Tx, reservation_id: UUID, standing: Standing) -> None:
    """Write what is now known of a claimed reservation."""
    await tx.execute(_queries["reservation_save"], tx.tenant_id, reservation_id, standing.version, standing.start)


async def add_reminders(tx: Tx, reminders: Sequence[Reminder], now: datetime) -> None:
    """Write the reminders of one version of one visit."""
    if not reminders:
        return
    first = reminders[0]
    await tx.execute(
        _queries["reminder_insert"],
        tx.tenant_id,
        first.reservation_id,
        first.reservation_version,
        first.starts_at,
        now,
        [reminder.id for reminder in reminders],
        [reminder.minutes_before for reminder in reminders],
        [reminder.due_at for reminder in reminders],
        [reminder.status for reminder in reminders],
    )


async def reminders_of(tx: Tx, reservation_id: UUID, version: int) -> tuple[Reminder, ...]:
    """All reminders of one version of a visit."""
    rows = await tx.fetch(_queries["reminder_of_version"], tx.tenant_id, reservation_id, version)
    return tuple(_reminder(row) for row in rows)


async def planned_ids(tx: Tx, reservation_id: UUID) -> tuple[UUID, ...]:
    """The reminders of a visit that are still to come, whatever their version."""
    return tuple(row["id"] for row in await tx.fetch(_queries["reminder_planned"], tx.tenant_id, reservation_id))


async def cancel_reminders(tx: Tx, reservation_id: UUID, now: datetime) -> int:
    """Cancel what is still planned for a visit; return how many."""
    return await tx.execute(_queries["reminder_cancel"], tx.tenant_id, reservation_id, now)


async def lock_planned(tx: Tx, reminder_id: UUID, now: datetime) -> tuple[Reminder, bool] | None:
    """Lock a reminder that is still planned, and say whether a later one of its visit is due too; None if settled."""
    row = await tx.fetchrow(_queries["reminder_lock_planned"], tx.tenant_id, reminder_id, now)
    return (_reminder(row), row["superseded"]) if row else None


async def settle_reminder(tx: Tx, reminder: Reminder, status: Status, now: datetime) -> bool:
    """Move a reminder on from the status it was seen in; False if somebody else did so first."""
    return await tx.execute(_queries["reminder_settle"], tx.tenant_id, reminder.id, status, now, reminder.status) == 1


async def list_reminders(
    tx: Tx, *, status: Status | None, reservation_id: UUID | None, before: UUID | None, limit: int
) -> tuple[ListedReminder, ...]:
    """A page of reminders, newest first."""
    rows = await tx.fetch(_queries["reminder_list"], tx.tenant_id, status, reservation_id, before, limit)
    return tuple(ListedReminder(**row) for row in rows)


async def minutes_before(tx: Tx) -> tuple[int, ...] | None:
    """What the salon has set, or None."""
    minutes = await tx.fetchval(_queries["settings_get"], tx.tenant_id)
    return None if minutes is None else tuple(minutes)


async def save_minutes_before(tx: Tx, minutes: Sequence[int], now: datetime) -> None:
    """Set what the salon wants."""
    await tx.execute(_queries["settings_put"], tx.tenant_id, list(minutes), now)
