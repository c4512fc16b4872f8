"""Visits ahead, as rows, for comparing them with the calendar."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from booka_booking.domain.conflicts import Booked, BookedPart
from booka_booking.domain.times import Interval
from booka_common.db import Tx, load_queries

__all__ = ["booked_ahead", "queries"]

queries = load_queries("booka_booking", "queries/conflicts.sql")

_BATCH = 500


async def booked_ahead(
    tx: Tx, window: Interval, now: datetime, after: tuple[datetime, UUID] | None = None
) -> AsyncIterator[list[Booked]]:
    """What is held or confirmed and starts in `window`, by start, a batch at a time."""
    while True:
        at, id = after or (None, None)
        rows = await tx.fetch(queries["booked_page"], tx.tenant_id, window.start, window.end, now, at, id, _BATCH)
        if rows:
            yield [
                Booked(
                    id=row["id"],
                    status=row["status"],
                    version=row["version"],
                    guest_name=row["guest_name"],
                    start=row["starts_at"],
                    end=row["ends_at"],
                    parts=tuple(BookedPart(*part) for part in row["parts"]),
                    claims=tuple((calendar, Interval(begins, ends)) for calendar, begins, ends in row["claims"]),
                    outside_hours=tuple(row["outside_hours"]),
                )
                for row in rows
            ]
        if len(rows) < _BATCH:
            return
        after = rows[-1]["starts_at"], rows[-1]["id"]
