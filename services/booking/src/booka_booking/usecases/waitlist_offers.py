"""Offering what became free: one start to one who waits, as a hold, and then the next."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from booka_booking.domain.availability import bounds
from booka_booking.domain.diary import Diary, Hours
from booka_booking.domain.planning import Ask, Plan
from booka_booking.domain.reservation import Reservation
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval
from booka_booking.domain.waitlist import Entry, Look, Waiting, as_it_was, candidates, replaceable
from booka_booking.store import reservations, salons
from booka_booking.store import waitlist as store
from booka_booking.store.salons import Known
from booka_booking.usecases.availability import calendars, taken_by_calendar
from booka_booking.usecases.holds import keep
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.waitlist_jobs import Planned, plan_look
from booka_booking.usecases.wishes import Missed, Wish
from booka_common import outbox
from booka_common.contracts.booking import Want
from booka_common.contracts.waitlist import Replaced, WaitlistOffered
from booka_common.db import Tx
from booka_common.ids import derived_id

__all__ = ["look"]

_DAY = timedelta(days=1)
#: After the end of an offer, until it has been written for sure.
_SLACK = timedelta(seconds=5)

_Plans = Mapping[tuple[Want, ...], Plan]


class _Gone(Exception):
    """Somebody else was faster, or the entry does not wait any more."""


async def look(tx: Tx, payload: Mapping[str, Any], occasion: Occasion) -> None:
    """Offer the first in turn something of what is free, and look again for the next; at the end of the list, stop.

    One offer for each transaction: calendars are locked in one go, see `reservations.lock_calendars`. Who is being offered
    something else meanwhile may be the one for whom this would do: then there is one more look when that has ended.
    """
    planned = Planned.of(payload)
    where = planned.look
    if where.window.end <= occasion.now:
        return
    await store.lock(tx)
    entry = await _offer(tx, where, occasion)
    if where.only is not None:
        return
    if entry is not None:
        await plan_look(tx, planned.next(where.besides_too(entry.id)), occasion)
        return
    ends = await store.next_end(tx, where)
    if ends is not None:
        await plan_look(tx, planned.next(where), occasion, max(ends, occasion.now) + _SLACK)


async def _offer(tx: Tx, where: Look, occasion: Occasion) -> Entry | None:
    """Make the one offer that comes first, if any can be made; return to whom."""
    now = occasion.now
    waiting = await store.waiting(tx, where)
    known = await salons.current(tx, now) if waiting else None
    if known is None:
        return None
    salon, plans = known.salon, _offered(known, waiting)
    window = _window(salon, where, plans, now)
    if window.start >= window.end:
        return None
    involved = {id for plan in plans.values() for id in calendars(salon, plan)}
    around = Interval(window.start - 2 * _DAY, window.end + 2 * _DAY)
    taken = taken_by_calendar(await reservations.busy(tx, involved, around), now)
    hours = Hours(salon, window)
    before = as_it_was(hours, taken, where.freed) if where.freed else None
    for entry, start in candidates(Diary(hours, taken), before, where, waiting, plans, now):
        try:
            # A savepoint undone gives the locks of the attempt back too, so that the next one takes its own in order.
            async with tx.savepoint():
                await _make(tx, entry, plans[entry.wants], start, occasion)
        except _Gone:
            continue
        return entry
    return None


async def _make(tx: Tx, entry: Entry, plan: Plan, start: datetime, occasion: Occasion) -> None:
    wish = Wish(
        Ask(entry.wants),
        start,
        request_id=derived_id(entry.id, start.isoformat()),
        conversation_id=entry.conversation_id,
        contact_id=entry.contact_id,
        contact_name=entry.contact_name,
        phone=entry.phone,
        seconds=min(service.policy.waitlist_offer_seconds for service in plan.services),
        counted=False,
        why="waitlist_offer",
    )
    await reservations.lock_client(tx, wish.contact_id, wish.request_id)
    outcome = await keep(tx, wish, occasion)
    if isinstance(outcome, Missed):
        raise _Gone
    it = outcome.reservation
    # As it is now: what does not stand any more is not replaced, and the offer is one like any other.
    old = await reservations.get(tx, entry.replaces) if entry.replaces else None
    if old is not None and not replaceable(old, occasion.now):
        old = None
    if not await store.make_offer(tx, entry.id, it.id, it.start, occasion.now, old.id if old else None):
        raise _Gone
    await outbox.put(tx, occasion.say(_told(entry, it, old)))


def _offered(known: Known, waiting: list[Waiting]) -> _Plans:
    """What is waited for, as far as the salon does that now."""
    plans = {item.entry.wants: known.plan(Ask(item.entry.wants)) for item in waiting}
    return {wants: plan for wants, plan in plans.items() if isinstance(plan, Plan)}


def _window(salon: Salon, where: Look, plans: _Plans, now: datetime) -> Interval:
    """All the starts that may be offered to anybody; empty if there are none."""
    limits = bounds(salon, now, "client")
    starts = [where.starts(plan) for plan in plans.values()]
    first = max(min((span.start for span in starts), default=limits.end), limits.start)
    last = min(max((span.end for span in starts), default=limits.start), limits.end + timedelta(seconds=1))
    return Interval(first, last)


def _told(entry: Entry, it: Reservation, old: Reservation | None) -> WaitlistOffered:
    if it.expires_at is None:
        raise ValueError("a hold has an end")
    # A confirmed visit moves at its own price, with what was paid for it. One that is not yet is given up for the offer.
    moves = old is not None and old.status == "confirmed"
    return WaitlistOffered(
        entry_id=entry.id,
        reservation_id=it.id,
        conversation_id=entry.conversation_id,
        contact_id=entry.contact_id,
        version=it.version,
        service_ids=tuple(segment.service_id for segment in it.segments),
        visit=it.visit.model_copy(update={"price": old.visit.price}) if old and moves else it.visit,
        deposit=None if moves else it.deposit,
        expires_at=it.expires_at,
        replaces=Replaced(reservation_id=old.id, visit=old.visit) if old else None,
    )
