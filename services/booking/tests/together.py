"""Clients who ask for starts at the same time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_booking.domain.planning import Ask
from booka_booking.usecases.holding import Holds
from booka_booking.usecases.wishes import Held, NotHeld, Wish
from booka_common.ids import new_id

from .salon import Salon

__all__ = ["at_once", "codes", "transactions", "wish"]


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
