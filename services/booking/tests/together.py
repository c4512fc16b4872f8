"""Clients who ask for starts at the same time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from booka_booking.domain.planning import Ask
from booka_booking.usecases.holding import Holds
from booka_booking.usecases.wishes import Held, NotHeld, Wish
from booka_common.ids import new_id

from .salon import Salon

__all__ = ["at_once", "codes", "kept_open", "transactions", "waits", "wish"]


def wish(salon: Salon, start: datetime, staff: UUID | None = None, **more: Any) -> Wish:
    """Half an hour of somebody, without a chair: one claim, nothing to choose."""
    known: dict[str, Any] = {"request_id": new_id(), "contact_id": new_id(), "conversation_id": new_id(), **more}
    return Wish(Ask(salon.wants((salon.brow, staff or salon.ana))), start, **known)


async def at_once(holds: Holds, salon: Salon, *wishes: Wish) -> list[Held | NotHeld]:
    return await asyncio.gather(*(holds.hold(one, salon.occasion()) for one in wishes))


async def transactions(salon: Salon, *outcomes: Held | NotHeld) -> set[str]:
    """The transactions by which these were written."""
    ids = [outcome.reservation.id for outcome in outcomes if isinstance(outcome, Held)]
    async with salon.db.tx(salon.tenant_id) as tx:
        rows = await tx.fetch("SELECT xmin::text FROM reservations WHERE id = ANY ($1)", ids)
    return {row["xmin"] for row in rows}


def codes(outcomes: Sequence[Held | NotHeld]) -> list[str]:
    return [outcome.code if isinstance(outcome, NotHeld) else "held" for outcome in outcomes]


@asynccontextmanager
async def kept_open(salon: Salon, start: datetime) -> AsyncIterator[None]:
    """Somebody takes Ana's half hour from `start` in a transaction, and gives it back at the end of it."""
    async with salon.db.tx(salon.tenant_id) as tx:
        async with salon.db.tx(salon.tenant_id) as before:
            await before.execute(
                """INSERT INTO claims (tenant_id, reservation_id, active, calendar_id, busy_from, busy_until)
                   SELECT $1::uuid, id, false, $2::uuid, $3::timestamptz, $4::timestamptz
                   FROM reservations WHERE tenant_id = $1 LIMIT 1""",
                salon.tenant_id,
                salon.ana,
                start,
                start + timedelta(minutes=30),
            )
        mine = (salon.tenant_id, salon.ana, start)
        await tx.execute(
            "UPDATE claims SET active = true WHERE tenant_id = $1 AND calendar_id = $2 AND busy_from = $3", *mine
        )
        yield
        await tx.execute("DELETE FROM claims WHERE tenant_id = $1 AND calendar_id = $2 AND busy_from = $3", *mine)


async def waits(salon: Salon) -> bool:
    """Whether a hold waits for somebody else's claim."""
    async with salon.db.tx(salon.tenant_id) as tx:
        return bool(
            await tx.fetchval(
                """SELECT count(*) FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND query LIKE '%hold_together%'"""
            )
        )
