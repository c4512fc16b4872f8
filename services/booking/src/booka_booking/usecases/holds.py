"""Keeping a start for a client: one winner per start, however many ask at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.availability import choose, refused
from booka_booking.domain.diary import Diary, Hours, Seating
from booka_booking.domain.planning import Ask, Plan, Refusal
from booka_booking.domain.policy import Client
from booka_booking.domain.reservation import Claim, Reservation
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval, local_day
from booka_booking.store import reservations, salons
from booka_booking.store.reservations import Taken, Who, Written
from booka_booking.store.salons import Known
from booka_booking.usecases.availability import calendars, next_slots, preferred, taken_by_calendar
from booka_booking.usecases.expiry import free_overdue, plan_expiry
from booka_booking.usecases.occasion import Occasion
from booka_common import inbox, outbox
from booka_common.contracts.booking import HoldRefused, HoldRequested, ReservationHeld, Slot
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database, Tx
from booka_common.ids import new_id

__all__ = ["ALTERNATIVES", "Held", "NotHeld", "Wish", "answer", "around", "hold", "keep", "lapsed_in_the_way"]

ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """A start that somebody wants. `request_id` makes the wish come true once.

    Attributes:
        client_id: a client whom the salon knows, where there is no contact.
        seconds: how long the hold lasts, if not as long as the terms say.
        counted: whether the limit of holds per client is for it; an offer to somebody on the waiting list is neither held up
            by the client's other holds nor counted among them.
        why: for the history.
    """

    ask: Ask
    start: datetime
    request_id: UUID | None = None
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    contact_name: str | None = None
    phone: str | None = None
    client_id: UUID | None = None
    guest_name: str | None = None
    seconds: int | None = None
    counted: bool = True
    why: str = "requested"


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
        Ask(asked.wants),
        asked.start,
        request_id=asked.request_id,
        conversation_id=asked.conversation_id,
        contact_id=asked.contact_id,
        contact_name=asked.contact_name,
        phone=asked.phone,
        guest_name=asked.guest_name,
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

    Takes the client's lock, and where there is a choice those of the candidates, so call it first in its transaction.
    """
    outcome = await keep(tx, wish, occasion)
    if isinstance(outcome, Held) and outcome.new:
        await outbox.put(tx, occasion.say(_told(outcome.reservation)))
    return outcome


async def keep(tx: Tx, wish: Wish, occasion: Occasion) -> Held | NotHeld:
    """Like `hold`, and nobody is told."""
    await reservations.lock_client(tx, wish.contact_id, wish.request_id)
    known = salons.recall(tx)
    while True:
        known = known or await salons.read(tx, occasion.now)
        if known is None:
            return await _again(tx, wish) or NotHeld("salon_not_ready")
        outcome = await _keep(tx, known, wish, occasion)
        if outcome is not None:
            return outcome
        known = None


async def _keep(tx: Tx, known: Known, wish: Wish, occasion: Occasion) -> Held | NotHeld | None:
    """As `keep`, on a remembered salon; None, and nothing written, if it has changed since."""
    salon, plan = known.salon, known.plan(wish.ask)
    if isinstance(plan, str):
        if not await salons.is_current(tx, known):
            return None
        return await _again(tx, wish) or NotHeld(plan)
    # First the limits: a start far beyond them is no date that hours could be worked out for.
    why = refused(salon, plan, wish.start, occasion.now)
    hours = Hours(salon, around(salon, plan, wish.start)) if why is None else None
    offered = choose(Diary(hours, {}), plan, wish.start) if hours else None
    if hours is None or offered is None:
        if not await salons.is_current(tx, known):
            return None
        return await _again(tx, wish) or await _refused(tx, salon, plan, wish, why or "not_offered", occasion)
    if len(plan.teams) == 1 and not plan.mixable and len(rules.claims_of(offered)) == 1:
        # There is nothing to choose, so nothing to look at: the constraint decides.
        written, held = await _write(tx, salon, plan, offered, wish, occasion)
        if written.verdict != "lapsed":
            return await _outcome(tx, salon, plan, wish, written, held, occasion)
    return await _choose(tx, known, plan, hours, wish, occasion)


async def _choose(
    tx: Tx, known: Known, plan: Plan, hours: Hours, wish: Wish, occasion: Occasion
) -> Held | NotHeld | None:
    """Hold with whoever is free; None if the salon has changed since.

    A visit that takes a single stretch of one calendar holds nothing yet while it waits for whoever was there first, so the
    constraint alone keeps it right. All others could wait for each other: they have the calendars to themselves.
    """
    salon, involved = known.salon, calendars(known.salon, plan)
    prefer = await preferred(tx, salon, plan, wish.contact_id, wish.client_id)
    seating: Seating | None = None
    locked = False
    while True:
        taken = await reservations.busy(tx, involved, around(salon, plan, wish.start))
        diary = Diary(hours, taken_by_calendar(taken, occasion.now))
        before, seating = seating, choose(diary, plan, wish.start, prefer=prefer)
        if seating is None or seating == before:
            if not await salons.is_current(tx, known):
                return None
            return await _again(tx, wish) or await _refused(tx, salon, plan, wish, "slot_taken", occasion)
        claims = rules.claims_of(seating)
        lapsed = lapsed_in_the_way(claims, taken, occasion.now)
        if not locked and (lapsed or len(claims) > 1):
            await reservations.lock_calendars(tx, involved)
            seating, locked = None, True
            continue
        if lapsed:
            # What is in the way may be what this very request was granted: then it changes nothing.
            if again := await _again(tx, wish):
                return again
            # Some may be out of reach because somebody is deciding about them now; the constraint knows how that ends.
            await free_overdue(tx, lapsed, occasion)
        written, held = await _write(tx, salon, plan, seating, wish, occasion)
        if written.verdict not in ("taken", "lapsed"):
            return await _outcome(tx, salon, plan, wish, written, held, occasion)
        # Somebody else was quicker: look again whether there is another one who is free.


async def _write(
    tx: Tx, salon: Salon, plan: Plan, seating: Seating, wish: Wish, occasion: Occasion
) -> tuple[Written, Reservation]:
    held = rules.hold(
        salon,
        seating,
        id=new_id(),
        client=await _client(tx, plan, wish),
        now=occasion.now,
        request_id=wish.request_id,
        conversation_id=wish.conversation_id,
        contact_id=wish.contact_id,
        guest_name=wish.guest_name,
        seconds=wish.seconds,
    )
    who = Who(new_id() if wish.contact_id else wish.client_id, wish.contact_name, wish.phone)
    written = await reservations.insert_hold(
        tx,
        held,
        who,
        changes=salon.changes,
        most_holds=held.terms.max_holds_per_client if wish.counted else None,
        who=occasion.who,
        why=wish.why,
        now=occasion.now,
    )
    return written, held


async def _outcome(
    tx: Tx, salon: Salon, plan: Plan, wish: Wish, written: Written, held: Reservation, occasion: Occasion
) -> Held | NotHeld | None:
    match written.verdict:
        case "held":
            await plan_expiry(tx, held, occasion)
            return Held(replace(held, client_id=written.client_id), new=True)
        case "outdated":
            return None
        case "too_many_holds":
            return NotHeld("too_many_holds")
    if written.duplicate_of:
        return await _granted(tx, written.duplicate_of)
    return await _refused(tx, salon, plan, wish, "slot_taken", occasion)


async def _client(tx: Tx, plan: Plan, wish: Wish) -> Client:
    """What the terms have to know of the client; asked only if they depend on it."""
    policies = [service.policy for service in plan.services]
    if any(policy.deposit_for != "all" or policy.deposit_waived_after for policy in policies):
        return await reservations.client_of(tx, wish.contact_id, wish.client_id)
    return Client()


def lapsed_in_the_way(claims: Sequence[Claim], taken: Sequence[Taken], now: datetime) -> set[UUID]:
    """The holds whose time is up and that still take some of `claims`."""
    return {
        item.reservation_id
        for item in taken
        if item.lapsed(now)
        and any(
            claim.calendar_id == item.calendar_id and item.span.overlaps(Interval(claim.busy_from, claim.busy_until))
            for claim in claims
        )
    }


def around(salon: Salon, plan: Plan, start: datetime) -> Interval:
    """The local day of `start`, over which loads are compared, and whatever of the visit may reach out of it."""
    zone = salon.profile.zone
    day = local_day(start.astimezone(zone).date(), zone)
    before, after = plan.reach
    return Interval(min(day.start, start + before), max(day.end, start + after))


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
