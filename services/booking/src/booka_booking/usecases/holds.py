"""Keeping a start for a client: one winner per start, however many ask at once.

What is decided here needs nothing of the database but what is taken; `holding` has it written, with other holds or alone.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.availability import choose, refused
from booka_booking.domain.conflicts import against_hours
from booka_booking.domain.diary import Diary, Hours, Seating
from booka_booking.domain.planning import Plan
from booka_booking.domain.policy import Client
from booka_booking.domain.reservation import Claim, Reservation
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval
from booka_booking.store import holds as store
from booka_booking.store import reservations, salons
from booka_booking.store.holds import NewHold, Who, Written
from booka_booking.store.reservations import Taken
from booka_booking.store.salons import Known
from booka_booking.usecases.availability import calendars, preferred, taken_by_calendar
from booka_booking.usecases.expiry import free_overdue, plan_expiry
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.wishes import Held, Missed, Wish
from booka_common.contracts.booking import ReservationHeld
from booka_common.db import Tx
from booka_common.ids import new_id

__all__ = [
    "Possible",
    "around",
    "decide",
    "diary_without",
    "granted",
    "keep",
    "lapsed_in_the_way",
    "look",
    "possible",
    "told",
]


class Possible(NamedTuple):
    """A wish that the salon's hours and rules allow.

    Attributes:
        first: who would have it if nothing were taken.
        sole: there is nothing to choose and nothing to know: `first` has it, or nobody.
    """

    salon: Salon
    plan: Plan
    hours: Hours
    first: Seating
    sole: bool


def possible(known: Known, wish: Wish, now: datetime) -> Possible | Missed:
    """Whether the start could be kept if nothing were taken."""
    salon, plan = known.salon, known.plan(wish.ask)
    if isinstance(plan, str):
        return Missed(plan)
    # First the limits: a start far beyond them is no date that hours could be worked out for.
    why = refused(salon, plan, wish.start, now)
    if why is not None:
        return Missed(why, plan)
    hours = Hours.on(salon, wish.start.astimezone(salon.profile.zone).date(), ignored=plan.outside_hours)
    first = choose(Diary(hours, {}), plan, wish.start)
    if first is None:
        return Missed("not_offered", plan)
    return Possible(salon, plan, hours, first, plan.sole)


async def look(tx: Tx, it: Possible, wish: Wish, now: datetime) -> tuple[Seating | None, Client, list[Taken]]:
    """Who has the start, as things are: None if nobody is free. With what the terms have to know, and what is taken."""
    client = Client()
    if it.plan.depends_on_client:
        client = await reservations.client_of(tx, wish.contact_id, wish.client_id)
    prefer = await preferred(tx, it.salon, it.plan, wish.contact_id, wish.client_id)
    taken = await reservations.busy(tx, calendars(it.salon, it.plan), around(it.salon, it.plan, wish.start))
    diary = Diary(it.hours, taken_by_calendar(taken, now))
    return choose(diary, it.plan, wish.start, prefer=prefer), client, taken


def decide(it: Possible, seating: Seating, client: Client, wish: Wish, occasion: Occasion) -> NewHold:
    """The hold, as it is to be written: for a client who is new, if there is a contact."""
    client_id = new_id() if wish.contact_id else wish.client_id
    held = rules.hold(
        it.salon,
        seating,
        id=new_id(),
        client=client,
        now=occasion.now,
        request_id=wish.request_id,
        conversation_id=wish.conversation_id,
        contact_id=wish.contact_id,
        client_id=client_id,
        guest_name=wish.guest_name,
        seconds=wish.seconds,
    )
    if it.plan.outside_hours:
        held = held._replace(outside_hours=against_hours(diary_without(it.salon, held), held))
    return NewHold(
        tenant_id=occasion.tenant_id,
        it=held,
        client=Who(client_id, wish.contact_name, wish.phone),
        changes=it.salon.changes,
        most_holds=held.terms.max_holds_per_client if wish.counted and not wish.agreed else None,
        who=occasion.who,
        why=wish.why,
        now=occasion.now,
    )


async def keep(tx: Tx, wish: Wish, occasion: Occasion) -> Held | Missed:
    """Keep the start for the client and plan the end of the hold, or find out why not. Nobody is told.

    Call it after `reservations.lock_client`. It takes the locks of the candidates where it has to have their calendars to
    itself, so call it before anything else that waits.
    """
    known = salons.recall(tx.memories, occasion.tenant_id)
    while True:
        known = known or await salons.read(tx, occasion.now)
        outcome = await _keep(tx, known, wish, occasion) if known else Missed("salon_not_ready")
        if outcome is not None:
            return outcome
        known = None


async def _keep(tx: Tx, known: Known, wish: Wish, occasion: Occasion) -> Held | Missed | None:
    """As `keep`, on a remembered salon; None if it has changed since.

    A visit that takes a single stretch of one calendar holds nothing yet while it waits for whoever was there first, so the
    constraint alone keeps it right. All others could wait for each other: they have the calendars to themselves.
    """
    it = await _allowed(tx, known, wish, occasion.now)
    if not isinstance(it, Possible):
        return it
    seating: Seating | None = None
    locked = False
    while True:
        before = seating
        seating, client, taken = await look(tx, it, wish, occasion.now)
        if seating is None or seating == before:
            return Missed("slot_taken", it.plan) if await salons.is_current(tx, known) else None
        claims = rules.claims_of(seating)
        lapsed = lapsed_in_the_way(claims, taken, occasion.now)
        if not locked and (lapsed or len(claims) > 1):
            await reservations.lock_calendars(tx, calendars(it.salon, it.plan))
            seating, locked = None, True
            continue
        if lapsed:
            # What is in the way may be what this very request was granted: then it changes nothing.
            if wish.request_id and await reservations.granted(tx, [wish.request_id]):
                return Missed("slot_taken", it.plan)
            if not await salons.is_current(tx, known):
                return None  # nothing makes way for what is perhaps not offered any more
            # Some may be out of reach because somebody is deciding about them now; the constraint knows how that ends.
            await free_overdue(tx, lapsed, occasion)
        hold = decide(it, seating, client, wish, occasion)
        (written,) = await store.insert(tx, [hold])
        match written.verdict:
            case "held":
                await reservations.put_outside_hours(tx, hold.it)
                await plan_expiry(tx, hold.it, occasion)
                return granted(hold, written)
            case "outdated":
                return None
            case "too_many_holds":
                return Missed("too_many_holds")
            case "duplicate":
                return Missed("slot_taken")
        # Somebody else was quicker: look again whether there is another one who is free.


def granted(hold: NewHold, written: Written) -> Held:
    """A hold that was written."""
    it = hold.it
    return Held(it if it.client_id == written.client_id else it._replace(client_id=written.client_id), new=True)


def told(it: Reservation, occasion: Occasion) -> ReservationHeld:
    """What everybody hears of a hold. Dialog cancels what was held for a request that it does not know: none of HTTP is told."""
    if it.expires_at is None:
        raise ValueError("a hold has an end")
    return ReservationHeld(
        reservation_id=it.id,
        request_id=it.request_id if occasion.cause else None,
        conversation_id=it.conversation_id,
        contact_id=it.contact_id,
        version=it.version,
        visit=it.visit,
        deposit=it.deposit,
        expires_at=it.expires_at,
    )


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
    day = salon.whole(start.astimezone(salon.profile.zone).date())
    before, after = plan.reach
    return Interval(min(day.start, start + before), max(day.end, start + after))


def diary_without(salon: Salon, it: Reservation) -> Diary:
    """The salon's hours around a visit, with nothing taken."""
    return Diary(Hours(salon, Interval(it.start, it.end)), {})


async def _allowed(tx: Tx, known: Known, wish: Wish, now: datetime) -> Possible | Missed | None:
    """What is `possible` for this client; None if the salon has changed."""
    it = possible(known, wish, now)
    if isinstance(it, Missed):
        return it if await salons.is_current(tx, known) else None
    if wish.client_id and not wish.contact_id and wish.counted and not wish.agreed:
        # Those with a contact are counted where their holds are written.
        most = it.first.team.terms(it.salon.profile.currency, Client()).max_holds_per_client
        if await reservations.count_holds(tx, wish.client_id, now) >= most:
            return Missed("too_many_holds")
    return it
