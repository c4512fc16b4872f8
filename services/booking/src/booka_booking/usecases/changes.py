"""What happens to a reservation after it was made: cancelled, moved, completed, missed."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.availability import choose, refused
from booka_booking.domain.conflicts import against_hours
from booka_booking.domain.diary import Diary, Hours, Seating
from booka_booking.domain.lifecycle import Nothing, Refused
from booka_booking.domain.planning import Ask, Party, Plan
from booka_booking.domain.reservation import Reservation
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval
from booka_booking.store import reservations
from booka_booking.usecases.asking import of_asker, theirs
from booka_booking.usecases.availability import calendars, load, next_slots, preferred, taken_by_calendar
from booka_booking.usecases.expiry import end_if_overdue, free_overdue
from booka_booking.usecases.holds import around, diary_without, lapsed_in_the_way
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.saving import save, save_seated
from booka_booking.usecases.wishes import ALTERNATIVES, NotHeld
from booka_common import inbox, outbox
from booka_common.contracts.booking import (
    CancellationQuoted,
    CancellationQuoteRequested,
    CancellationRequested,
    MoveRefused,
    MoveRequested,
    ReservationCancelled,
    ReservationFinished,
    ReservationMoved,
    Want,
)
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database, Tx

__all__ = ["answer_cancellation", "answer_move", "answer_quote", "cancel", "finish", "move", "moved"]

#: As long as that, a client may agree to what was quoted.
_QUOTE_HOLDS = timedelta(minutes=15)


async def answer_quote(db: Database, envelope: Envelope[CancellationQuoteRequested], now: datetime) -> None:
    """The client wants to know what cancelling or moving would mean. What is not theirs is as good as unknown."""
    asked = envelope.data
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.quote", envelope.id):
            return
        it = await reservations.get(tx, asked.reservation_id)
        quote = rules.quote(it, now) if it is not None and await theirs(tx, it, asked) else None
        told = CancellationQuoted(
            request_id=asked.request_id,
            reservation_id=asked.reservation_id,
            conversation_id=asked.conversation_id,
            quoted_at=now,
            cancellable=quote.cancellable if quote else False,
            refund=quote.refund if quote else None,
            kept=quote.kept if quote else None,
            free_until=quote.free_until if quote else None,
            movable=quote is not None and quote.hindered is None,
            not_movable_because=quote.hindered if quote else "not_confirmed",
        )
        await outbox.put(tx, Occasion.message(envelope, now, "client").say(told))


async def answer_cancellation(db: Database, envelope: Envelope[CancellationRequested], now: datetime) -> None:
    """The client gives it up in the chat. What is over or not theirs is left as it is."""
    asked = envelope.data
    quoted = asked.quoted_at is not None and timedelta() <= now - asked.quoted_at <= _QUOTE_HOLDS
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.cancellation", envelope.id):
            return
        it = await of_asker(tx, await reservations.lock(tx, asked.reservation_id), asked)
        if it is not None:
            await cancel(
                tx,
                it,
                Occasion.message(envelope, now, "client"),
                by="client",
                why="asked_in_chat",
                as_of=asked.quoted_at if quoted else None,
            )


async def cancel(
    tx: Tx, it: Reservation, occasion: Occasion, *, by: Party, why: str, as_of: datetime | None = None
) -> Reservation | Refused:
    """Cancel a locked reservation, and say what comes back of its deposit.

    Args:
        as_of: the instant whose terms are kept to, because they were quoted then; now by default.
    """
    after = rules.cancel(it, by, occasion.now)
    if isinstance(after, Refused):
        return after
    if isinstance(after, Nothing):
        return it
    if await end_if_overdue(tx, it, occasion):
        return await _again(tx, it.id)
    await save(tx, it, after, occasion, why=why, who=by)
    said = ReservationCancelled(
        reservation_id=it.id,
        conversation_id=it.conversation_id,
        contact_id=it.contact_id,
        version=after.version,
        was="held" if it.status == "held" else "confirmed",
        by=by,
        refund=it.refund(by, as_of or occasion.now),
    )
    await outbox.put(tx, occasion.say(said))
    return after


async def finish(
    tx: Tx, it: Reservation, occasion: Occasion, outcome: Literal["completed", "no_show"], *, why: str | None = None
) -> Reservation | Refused:
    """Say how a confirmed visit went, or that it went otherwise than was said."""
    after = rules.finish(it, outcome, occasion.now)
    if isinstance(after, Refused):
        return after
    if isinstance(after, Nothing):
        return it
    await save(tx, it, after, occasion, why=why or outcome)
    said = ReservationFinished(
        reservation_id=it.id,
        conversation_id=it.conversation_id,
        contact_id=it.contact_id,
        version=after.version,
        outcome=outcome,
    )
    await outbox.put(tx, occasion.say(said))
    return after


async def answer_move(db: Database, envelope: Envelope[MoveRequested], now: datetime) -> None:
    """The client would like another time. Said twice, it is answered once."""
    asked = envelope.data
    occasion = Occasion.message(envelope, now, "client")
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.move", envelope.id):
            return
        it = await of_asker(tx, await reservations.lock(tx, asked.reservation_id), asked)
        outcome: Reservation | Refused | NotHeld | None = None
        if it is not None:
            outcome = await move(tx, it, occasion, by="client", start=asked.start, staff_ids=asked.staff_ids)
        if isinstance(outcome, Reservation):
            return
        await outbox.put(
            tx,
            occasion.say(
                MoveRefused(
                    request_id=asked.request_id,
                    reservation_id=asked.reservation_id,
                    conversation_id=asked.conversation_id,
                    code=_code(outcome),
                    alternatives=outcome.alternatives if isinstance(outcome, NotHeld) else (),
                )
            ),
        )


async def move(
    tx: Tx,
    it: Reservation,
    occasion: Occasion,
    *,
    by: Party,
    start: datetime,
    staff_ids: Sequence[UUID | None] = (),
    outside_hours: bool = False,
    why: str = "moved",
) -> Reservation | Refused | NotHeld:
    """Have a confirmed, locked visit take place at `start`.

    Args:
        staff_ids: one for each service, None: anyone; by default whoever was asked for at first. Any other number is not offered.
    """
    now = occasion.now
    hindered = rules.movable(it, by, now)
    if hindered is not None:
        return hindered
    wants = _wants(it, staff_ids)
    ask = Ask(wants, by, booked=True, outside_hours=outside_hours)
    loaded = await load(tx, ask, now) if wants else "not_offered"
    if isinstance(loaded, str):
        return NotHeld(loaded)
    salon, plan = loaded
    code = refused(salon, plan, start, now)
    if code is None and _choose(salon, plan, start, {}) is None:
        code = "not_offered"
    if code is None:
        after = await _seated_anew(tx, it, salon, plan, start, by, occasion, why)
        if after is not None:
            await outbox.put(tx, occasion.say(moved(after, conversation_id=after.conversation_id)))
            return after
        code = "slot_taken"
    return NotHeld(code, await next_slots(tx, salon, plan, max(start, now), ALTERNATIVES, now, besides=it.id))


def moved(it: Reservation, *, conversation_id: UUID | None, offer_id: UUID | None = None) -> ReservationMoved:
    """What is said of a visit that was moved, in a conversation; `offer_id`: to the place of that offer."""
    return ReservationMoved(
        reservation_id=it.id,
        conversation_id=conversation_id,
        contact_id=it.contact_id,
        version=it.version,
        visit=it.visit,
        offer_id=offer_id,
    )


async def _seated_anew(
    tx: Tx, it: Reservation, salon: Salon, plan: Plan, start: datetime, by: Party, occasion: Occasion, why: str
) -> Reservation | None:
    now = occasion.now
    # Its old calendars too: somebody who waits for the time it leaves must not hold what it moves to.
    involved = calendars(salon, plan)
    await reservations.lock_calendars(tx, {*involved, *it.calendar_ids})
    taken = await reservations.busy(tx, involved, around(salon, plan, start), besides=it.id)
    prefer = await preferred(tx, salon, plan, it.contact_id, it.client_id)
    seating = _choose(salon, plan, start, taken_by_calendar(taken, now), prefer)
    if seating is None:
        return None
    after = rules.move(it, seating, by)
    outside = against_hours(diary_without(salon, after), after) if plan.outside_hours else ()
    after = after._replace(outside_hours=outside)
    lapsed = lapsed_in_the_way(after.claims, taken, now)
    if lapsed:
        await free_overdue(tx, lapsed, occasion)
    return after if await save_seated(tx, it, after, occasion, why=why) else None


def _choose(
    salon: Salon, plan: Plan, start: datetime, taken: Mapping[UUID, Sequence[Interval]], prefer: UUID | None = None
) -> Seating | None:
    hours = Hours(salon, around(salon, plan, start), ignored=plan.outside_hours)
    return choose(Diary(hours, taken), plan, start, prefer=prefer)


def _wants(it: Reservation, staff_ids: Sequence[UUID | None]) -> tuple[Want, ...]:
    """What is asked for now; nothing, if it is not said of each service who is to do it."""
    if not staff_ids:
        return it.wants
    if len(staff_ids) != len(it.segments):
        return ()
    pairs = zip(it.segments, staff_ids, strict=True)
    return tuple(Want(service_id=segment.service_id, staff_id=staff_id) for segment, staff_id in pairs)


def _code(
    outcome: Refused | NotHeld | None,
) -> Literal[
    "slot_taken", "not_offered", "in_the_past", "unknown_service", "unknown_staff", "too_many_holds", "salon_not_ready",
    "unknown_reservation", "not_confirmed", "already_over", "too_late", "too_many_moves",
]:  # fmt: skip
    if outcome is None:
        return "unknown_reservation"
    if isinstance(outcome, NotHeld):
        return outcome.code
    match outcome.code:
        case "already_over" | "too_late" | "too_many_moves" as code:
            return code
        case _:
            return "not_confirmed"


async def _again(tx: Tx, reservation_id: UUID) -> Reservation:
    it = await reservations.get(tx, reservation_id)
    if it is None:
        raise LookupError(f"reservation {reservation_id} is gone")
    return it
