"""Visits that are over and that nobody has judged, as rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from booka_booking.domain.reservation import Reservation
from booka_booking.store.reservations import get_many
from booka_common.db import Tx, load_queries

__all__ = ["complete_after", "lock_unjudged", "next_end", "queries"]

queries = load_queries("booka_booking", "queries/completion.sql")


async def complete_after(tx: Tx) -> timedelta | None:
    """How long after its end a confirmed visit counts as completed; None: it never does by itself."""
    hours: int | None = await tx.fetchval(queries["complete_after"], tx.tenant_id)
    return None if hours is None else timedelta(hours=hours)


async def lock_unjudged(tx: Tx, until: datetime, limit: int) -> Sequence[Reservation]:
    """Confirmed visits that were over by `until` and that nobody else is deciding about, the oldest ones; locked."""
    rows = await tx.fetch(queries["unjudged_lock"], tx.tenant_id, until, limit)
    return await get_many(tx, [row["id"] for row in rows]) if rows else []


async def next_end(tx: Tx) -> datetime | None:
    """When the first of all confirmed visits is over."""
    ends: datetime | None = await tx.fetchval(queries["unjudged_next"], tx.tenant_id)
    return ends
