"""Somebody's visits, as rows, as a calendar shows them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_booking.domain.reservation import Status
from booka_booking.domain.times import Interval
from booka_common.db import Tx, load_queries

__all__ = ["FeedVisit", "queries", "visits"]

queries = load_queries("booka_booking", "queries/feeds.sql")


@dataclass(frozen=True, slots=True)
class FeedVisit:
    """One service of a visit; `version` and `changed_at` are those of the reservation, `guest_name` is of whoever comes."""

    reservation_id: UUID
    position: int
    status: Status
    version: int
    changed_at: datetime
    guest_name: str | None
    service_name: str
    resource_name: str | None
    start: datetime
    end: datetime


async def visits(tx: Tx, staff_id: UUID, window: Interval, now: datetime, *, limit: int) -> list[FeedVisit]:
    """What somebody does in `window`, by start, with what was agreed to and cancelled; without holds that are over."""
    rows = await tx.fetch(queries["feed_visits"], tx.tenant_id, staff_id, window.start, window.end, now, limit)
    return [
        FeedVisit(
            reservation_id=row["id"],
            position=row["position"],
            status=row["status"],
            version=row["version"],
            changed_at=row["changed_at"],
            guest_name=row["guest_name"],
            service_name=row["service_name"],
            resource_name=row["resource_name"],
            start=row["starts_at"],
            end=row["ends_at"],
        )
        for row in rows
    ]
