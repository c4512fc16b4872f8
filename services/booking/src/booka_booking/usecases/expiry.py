"""The end of a hold whose time is up."""

from collections.abc import Iterable
from uuid import UUID

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.lifecycle import Nothing
from booka_booking.domain.reservation import Reservation
from booka_booking.store import reservations
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.saving import save
from booka_common import jobs, outbox
from booka_common.contracts.booking import ReservationExpired
from booka_common.contracts.envelope import Envelope
from booka_common.db import Tx
from booka_common.jobs import NewJob

__all__ = ["EXPIRE_HOLD", "end_if_overdue", "expire", "free_overdue", "plan_expiry"]

EXPIRE_HOLD = "expire_hold"


async def plan_expiry(tx: Tx, it: Reservation, occasion: Occasion) -> None:
    """Have `expire` called when the hold ends. Each end of a hold has a job of its own; one that was put off finds nothing."""
    if it.expires_at is None:
        return
    end = NewJob(
        tenant_id=occasion.tenant_id,
        type=EXPIRE_HOLD,
        payload={"reservation_id": str(it.id)},
        scheduled_at=it.expires_at,
        correlation_id=occasion.correlation_id,
        unique_key=f"{it.id}:{it.version}",  # the end changes with the version, and with nothing else
        traceparent=occasion.traceparent,
    )
    await jobs.put_all(tx, [end], now=occasion.now)


async def expire(tx: Tx, reservation_id: UUID, occasion: Occasion) -> None:
    """The time of a hold is up, or was when this was planned: look again under its lock."""
    it = await reservations.lock(tx, reservation_id)
    if it is not None:
        await end_if_overdue(tx, it, occasion)


async def free_overdue(tx: Tx, reservation_ids: Iterable[UUID], occasion: Occasion) -> None:
    """End these holds now, as far as their time is up and nobody else is deciding about them."""
    for it in await reservations.lock_overdue(tx, reservation_ids, occasion.now):
        await end_if_overdue(tx, it, occasion)


async def end_if_overdue(tx: Tx, it: Reservation, occasion: Occasion) -> bool:
    """End a locked hold whose time is up, and say so; False if it is not."""
    after = rules.expire(it, occasion.now)
    if isinstance(after, Nothing):
        return False
    await save(tx, it, after, occasion, why="hold_over")
    said: Envelope[ReservationExpired] = occasion.say(
        ReservationExpired(
            reservation_id=it.id,
            conversation_id=it.conversation_id,
            contact_id=it.contact_id,
            version=after.version,
            deposit_was_due=it.deposit_due_at is not None,
        )
    )
    await outbox.put(tx, said)
    return True
