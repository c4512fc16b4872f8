"""What is known of a reservation, and which reminders follow from it. Pure: `now` is a parameter."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from booka_common.ids import derived_id

__all__ = ["DEFAULT_MINUTES_BEFORE", "Reminder", "Standing", "Status", "choose", "due_outcome", "merge", "plan"]

#: A day and two hours: what a salon gets that has not said otherwise.
DEFAULT_MINUTES_BEFORE = (1440, 120)

Status = Literal["planned", "sent", "cancelled", "skipped"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a reservation stands, as far as has been heard.

    Attributes:
        version: the highest version heard.
        start: when the visit begins; None once it is cancelled.
    """

    version: int
    start: datetime | None

    @property
    def cancelled(self) -> bool:
        """Cancelled for good; nothing that is heard later revives it."""
        return self.start is None


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder of one version of a visit.

    Attributes:
        starts_at: when the visit begins.
        due_at: `minutes_before` earlier.
    """

    id: UUID
    reservation_id: UUID
    reservation_version: int
    minutes_before: int
    starts_at: datetime
    due_at: datetime
    status: Status


def merge(known: Standing | None, heard: Standing) -> Standing:
    """What is known once `heard` is known too.

    The order of hearing does not matter, nor does hearing twice: a cancellation is final, and otherwise the higher
    version holds. One version of a reservation has one start, so equal versions say the same.
    """
    if known is None:
        return heard
    if known.cancelled or heard.cancelled:
        return Standing(max(known.version, heard.version), None)
    return heard if heard.version > known.version else known


def plan(
    reservation_id: UUID, standing: Standing, minutes_before: Iterable[int], now: datetime
) -> tuple[Reminder, ...]:
    """The reminders of a standing visit; one whose time has passed is skipped from the outset."""
    if standing.start is None:
        return ()
    reminders = []
    for minutes in sorted(set(minutes_before), reverse=True):
        due_at = standing.start - timedelta(minutes=minutes)
        reminders.append(
            Reminder(
                id=derived_id(reservation_id, "reminder", standing.version, minutes),
                reservation_id=reservation_id,
                reservation_version=standing.version,
                minutes_before=minutes,
                starts_at=standing.start,
                due_at=due_at,
                status="planned" if due_at > now else "skipped",
            )
        )
    return tuple(reminders)


def due_outcome(reminder: Reminder, *, superseded: bool, now: datetime) -> Literal["sent", "skipped"]:
    """What becomes of a planned reminder whose time has come.

    Args:
        superseded: a later reminder of the same visit is due as well. That happens after an outage, and one is enough.
    """
    return "skipped" if superseded or now >= reminder.starts_at else "sent"


def choose(reminders: Iterable[Reminder], minutes_before: int | None) -> Reminder | None:
    """The reminder that a person means who asks for one now: the next planned, else the last that was skipped."""
    open_ = [
        reminder
        for reminder in reminders
        if reminder.status in ("planned", "skipped") and minutes_before in (None, reminder.minutes_before)
    ]
    planned = [reminder for reminder in open_ if reminder.status == "planned"]
    if planned:
        return min(planned, key=lambda reminder: reminder.due_at)
    return max(open_, key=lambda reminder: reminder.due_at, default=None)
