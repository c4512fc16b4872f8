"""How things stand, for those who are told that they do not get what they wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_booking.domain.diary import Spans
from booka_booking.domain.times import Interval
from booka_common.db import Database

__all__ = ["Standing", "standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A salon at one moment.

    Attributes:
        changes: of its catalogue; None: it has no profile.
        granted: the reservations that requests were granted.
        taken: when calendars are taken.
    """

    changes: int | None
    granted: Sequence[UUID]
    taken: Mapping[UUID, Spans]


async def standing(
    db: Database,
    tenant_id: UUID,
    request_ids: Sequence[UUID],
    calendar_ids: Sequence[UUID],
    window: Interval | None,
    now: datetime,
) -> Standing:
    """Look, in one round trip: at what these requests were granted, and at when these calendars are taken in `window`."""
    since, until = (window.start, window.end) if window else (None, None)
    rows = await db.shared_call({tenant_id}, "as_things_stand", tenant_id, request_ids, calendar_ids, since, until, now)
    changes, granted, *_ = rows[0]
    return Standing(changes, granted, {row[2]: Spans(row[3], row[4]) for row in rows if row[2] is not None})
