"""Keeping a start for a client: one winner per start, however many ask at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_booking.domain import reservation as rules
from booka_booking.domain.availability import Ask, Plan, Refusal, by_load, candidates
from booka_booking.domain.reservation import Reservation
from booka_booking.domain.salon import Salon, Staff
from booka_booking.domain.times import Interval, local_day
from booka_booking.store import reservations
from booka_booking.usecases.availability import load, next_slots, taken_by_staff
from booka_booking.usecases.expiry import free_overdue, plan_expiry
from booka_booking.usecases.occasion import Occasion
from booka_common import inbox, outbox
from booka_common.contracts.booking import HoldRefused, HoldRequested, ReservationHeld, Slot
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database, Tx
from booka_common.ids import new_id

__all__ = ["ALTERNATIVES", "Held", "NotHeld", "Wish", "answer", "around", "hold"]

ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """A start that somebody wants. `request_id` makes the wish come true once."""

    ask: Ask
    start: datetime
    request_id: UUID | None = None
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    contact_name: str | None = None
    phone: str | None = None
    guest_name: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The start is kept. `new` is False if this very request was granted before."""

    reservation: Reservation
    new: bool


@dataclass(frozen=True, slots=True)
class NotHeld:
    """Nothing was kept, and why; `alternatives` are the next free starts."""

    code: Refusal
    alternatives: tuple[Slot, ...] = ()


async def answer(db: Database, envelope: Envelope[HoldRequested], now: datetime) -> None:
    """The client has picked a start."""
    asked = envelope.data
    occasion = Occasion.message(envelope, now, "client")
    wish = Wish(
        Ask(asked.service_ids, asked.staff_id),
        asked.start,
        request_id=asked.request_id,
        conversation_id=asked.conversation_id,
        contact_id=asked.contact_id,
        contact_name=asked.contact_name,
        phone=asked.phone,
    )
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.hold", envelope.id):
            return
        outcome = await hold(tx, wish, occasion)
        if isinstance(outcome, NotHeld):
            await outbox.put(
                tx,
                occasion.say(
                    HoldRefused(
                        request_id=asked.request_id,
                        conversation_id=asked.conversation_id,
                        code=outcome.code,
                        alternatives=outcome.alternatives,
                    )
                ),
            )


async def hold(tx: Tx, wish: Wish, occasion: Occasion) -> Held | NotHeld:
    """Keep the start for the client, say so, and plan the end of the hold; or find out why not.

    Takes the client's and the candidates' locks, so call it first in its transaction.
    """
    now = occasion.now
    loaded = await load(tx, wish.ask, now)
    if isinstance(loaded, str):
        return await _again(tx, wish) or NotHeld(loaded)
    salon, plan = loaded
    able = candidates(salon, plan, wish.start, now)
    if isinstance(able, str):
        return await _again(tx, wish) or await _refused(tx, salon, plan, wish, able, occasion)
    await reservations.lock_calendars(tx, (member.id for member in able), wish.contact_id)
    context = await reservations.hold_context(
        tx,
        [member.id for member in able],
        around(salon, plan, wish.start),
        request_id=wish.request_id,
        contact_id=wish.contact_id,
        now=now,
    )
    if context.duplicate_of:
        return await _granted(tx, context.duplicate_of)
    if context.open_holds >= salon.terms(plan.services).max_holds_per_client:
        return NotHeld("too_many_holds")
    held = await _seat(tx, salon, plan, able, wish, context.taken, occasion)
    if held is None:
        return await _refused(tx, salon, plan, wish, "slot_taken", occasion)
    await plan_expiry(tx, held, occasion)
    await outbox.put(tx, occasion.say(_told(held)))
    return Held(held, new=True)


async def _seat(
    tx: Tx,
    salon: Salon,
    plan: Plan,
    able: Sequence[Staff],
    wish: Wish,
    taken: Sequence[reservations.Taken],
    occasion: Occasion,
) -> Reservation | None:
    """Give the start to the least booked of those free; holds whose time is up make way."""
    now = occasion.now
    wanted = plan.busy_at(wish.start)
    busy = taken_by_staff(taken, now)
    for member in by_load(salon, able, busy, wish.start):
        if any(span.overlaps(wanted) for span in busy.get(member.id, ())):
            continue
        lapsed = {
            item.reservation_id
            for item in taken
            if item.staff_id == member.id and item.span.overlaps(wanted) and item.lapsed(now)
        }
        if lapsed:
            # Some may be out of reach because somebody is deciding about them now; the constraint knows how that ends.
            await free_overdue(tx, lapsed, occasion)
        held = rules.hold(
            salon,
            plan,
            member,
            wish.start,
            id=new_id(),
            any_staff=wish.ask.staff_id is None,
            now=now,
            request_id=wish.request_id,
            conversation_id=wish.conversation_id,
            contact_id=wish.contact_id,
            guest_name=wish.guest_name,
        )
        if await reservations.insert_hold(
            tx,
            held,
            client_id=new_id(),
            client_name=wish.contact_name,
            phone=wish.phone,
            who=occasion.who,
            why="requested",
            now=now,
        ):
            return held
    return None


def around(salon: Salon, plan: Plan, start: datetime) -> Interval:
    """The local day of `start`, over which loads are compared, and whatever of the visit reaches out of it."""
    zone = salon.profile.zone
    day, visit = local_day(start.astimezone(zone).date(), zone), plan.busy_at(start)
    return Interval(min(day.start, visit.start), max(day.end, visit.end))


async def _refused(tx: Tx, salon: Salon, plan: Plan, wish: Wish, code: Refusal, occasion: Occasion) -> NotHeld:
    start = max(wish.start, occasion.now)
    return NotHeld(code, await next_slots(tx, salon, plan, start, ALTERNATIVES, occasion.now))


async def _again(tx: Tx, wish: Wish) -> Held | None:
    """The answer to a request that was granted already, though it could not be granted now."""
    found = await reservations.find_request(tx, wish.request_id) if wish.request_id else None
    return await _granted(tx, found) if found else None


async def _granted(tx: Tx, reservation_id: UUID) -> Held:
    found = await reservations.get(tx, reservation_id)
    if found is None:
        raise LookupError(f"reservation {reservation_id} is gone")
    return Held(found, new=False)


def _told(it: Reservation) -> ReservationHeld:
    if it.expires_at is None:
        raise ValueError("a hold has an end")
    return ReservationHeld(
        reservation_id=it.id,
        request_id=it.request_id,
        conversation_id=it.conversation_id,
        contact_id=it.contact_id,
        version=it.version,
        visit=it.visit,
        deposit=it.deposit,
        expires_at=it.expires_at,
    )
