"""Which visits ahead the calendar, as it now is, would not allow."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from booka_booking.domain.conflicts import Booked, Conflict, conflicts_of
from booka_booking.domain.diary import Diary, Hours
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval
from booka_booking.store import conflicts as store
from booka_common.db import Tx

__all__ = ["EVER", "InConflict", "count", "find"]

#: Further ahead than anything is booked, and still a time that can be reckoned with.
EVER = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class InConflict:
    """A visit with everything that is wrong about it."""

    visit: Booked
    reasons: tuple[Conflict, ...]


async def find(
    tx: Tx, salon: Salon, window: Interval, now: datetime, *, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[InConflict]:
    """At most `limit` of those that start in `window`, by start. What has begun is left alone."""
    window = Interval(max(window.start, now), min(window.end, EVER))
    if after is not None and after[0] < window.start:
        after = None
    if window.start >= window.end or (after is not None and after[0] >= window.end):
        return []
    found: list[InConflict] = []
    async for batch in store.booked_ahead(tx, window, now, after):
        # Hours are worked out for the time of the batch only: an open window would have no end.
        diary = Diary(Hours(salon, Interval(batch[0].start, batch[-1].start + timedelta(days=1))), {})
        for visit in batch:
            reasons = tuple(conflicts_of(diary, visit))
            if reasons:
                found.append(InConflict(visit, reasons))
            if len(found) == limit:
                return found
    return found


async def count(tx: Tx, salon: Salon, now: datetime) -> int:
    """How many there are, however far ahead."""
    return len(await find(tx, salon, Interval(now, EVER), now, limit=1_000_000))
