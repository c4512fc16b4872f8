"""What happens to a reservation after it was made: cancelled, moved, completed, missed."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from booka_booking.domain import reservation as rules
from booka_booking.domain.availability import Ask, Plan, by_load, candidates
from booka_booking.domain.reservation import Nothing, Party, Refused, Reservation
from booka_booking.domain.salon import Salon, Staff
from booka_booking.store import reservations
from booka_booking.usecases.availability import load, next_slots, taken_by_staff
from booka_booking.usecases.expiry import end_if_overdue, free_overdue
from booka_booking.usecases.holds import ALTERNATIVES, NotHeld, around
from booka_booking.usecases.occasion import Occasion
from booka_common import inbox, outbox
from booka_common.contracts.booking import CancellationRequested, ReservationCancelled, ReservationMoved
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database, Tx

__all__ = ["answer_cancellation", "cancel", "finish", "move"]


async def answer_cancellation(db: Database, envelope: Envelope[CancellationRequested], now: datetime) -> None:
    """The client gives it up in the chat. What is over or not theirs is left as it is."""
    asked = envelope.data
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.cancellation", envelope.id):
            return
        it = await reservations.lock(tx, asked.reservation_id)
        if it is not None and it.conversation_id == asked.conversation_id:
            await cancel(tx, it, Occasion.message(envelope, now, "client"), by="client", why="asked_in_chat")


async def cancel(tx: Tx, it: Reservation, occasion: Occasion, *, by: Party, why: str) -> Reservation | Refused:
    """Cancel a locked reservation, and say what comes back of its deposit."""
    after = rules.cancel(it)
    if isinstance(after, Refused):
        return after
    if isinstance(after, Nothing):
        return it
    if await end_if_overdue(tx, it, occasion):
        return await _again(tx, it.id)
    await reservations.save(tx, it, after, who=by, why=why, now=occasion.now)
    said = ReservationCancelled(
        reservation_id=it.id,
        conversation_id=it.conversation_id,
        contact_id=it.contact_id,
        version=after.version,
        was="confirmed" if it.status == "confirmed" else "held",
        by=by,
        refund=it.refund(by, occasion.now),
    )
    await outbox.put(tx, occasion.say(said))
    return after


async def finish(
    tx: Tx, it: Reservation, occasion: Occasion, outcome: Literal["completed", "no_show"]
) -> Reservation | Refused:
    """Say how a confirmed visit went."""
    after = rules.finish(it, outcome, occasion.now)
    if isinstance(after, Refused):
        return after
    if isinstance(after, Nothing):
        return it
    await reservations.save(tx, it, after, who=occasion.who, why=outcome, now=occasion.now)
    return after


async def move(
    tx: Tx, it: Reservation, occasion: Occasion, *, start: datetime, staff_id: UUID | None
) -> Reservation | Refused | NotHeld:
    """Have a confirmed, locked visit take place at `start`, by `staff_id` or by whoever was asked for at first."""
    if it.status != "confirmed":
        return Refused("not_confirmed")
    if it.start <= occasion.now:
        return Refused("already_over")
    if staff_id is None and not it.any_staff:
        staff_id = it.staff_ids[0]
    loaded = await load(tx, Ask(it.service_ids, staff_id), occasion.now)
    if isinstance(loaded, str):
        return NotHeld(loaded)
    salon, plan = loaded
    able = candidates(salon, plan, start, occasion.now)
    if isinstance(able, str):
        return NotHeld(able, await next_slots(tx, salon, plan, start, ALTERNATIVES, occasion.now, besides=it.id))
    await reservations.lock_calendars(tx, (member.id for member in able))
    after = await _reseat(tx, it, salon, plan, able, start, occasion)
    if after is None:
        return NotHeld(
            "slot_taken", await next_slots(tx, salon, plan, start, ALTERNATIVES, occasion.now, besides=it.id)
        )
    said = ReservationMoved(
        reservation_id=it.id,
        conversation_id=it.conversation_id,
        contact_id=it.contact_id,
        version=after.version,
        visit=after.visit,
    )
    await outbox.put(tx, occasion.say(said))
    return after


async def _reseat(
    tx: Tx, it: Reservation, salon: Salon, plan: Plan, able: tuple[Staff, ...], start: datetime, occasion: Occasion
) -> Reservation | None:
    now = occasion.now
    wanted = plan.busy_at(start)
    taken = await reservations.busy(tx, [member.id for member in able], around(salon, plan, start), besides=it.id)
    busy = taken_by_staff(taken, now)
    for member in by_load(salon, able, busy, start):
        if any(span.overlaps(wanted) for span in busy.get(member.id, ())):
            continue
        lapsed = [item.reservation_id for item in taken if item.staff_id == member.id and item.span.overlaps(wanted)]
        if lapsed:
            await free_overdue(tx, lapsed, occasion)
        after = rules.move(it, rules.segments_of(plan, member, start))
        if await reservations.save_seated(tx, it, after, who=occasion.who, why="moved", now=now):
            return after
    return None


async def _again(tx: Tx, reservation_id: UUID) -> Reservation:
    it = await reservations.get(tx, reservation_id)
    if it is None:
        raise LookupError(f"reservation {reservation_id} is gone")
    return it
