"""Which starts are free, and why others are not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from booka_booking.domain.availability import Opening, bounds, choose, free_starts, spread
from booka_booking.domain.diary import Diary, Hours, Seating, Spans
from booka_booking.domain.explaining import Reason, explain, unoffered
from booka_booking.domain.planning import Ask, Plan, Refusal
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval
from booka_booking.store import reservations, salons
from booka_booking.store.reservations import Taken
from booka_booking.usecases.occasion import Occasion
from booka_common import inbox, outbox
from booka_common.contracts.booking import AvailabilityFound, AvailabilityRequested, Slot
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database, Tx

__all__ = [
    "DayCount", "Explained", "Found", "ahead", "answer", "around", "by_day", "calendars", "explained", "find", "first_free",
    "load", "next_slots", "preferred", "slot_of", "taken_by_calendar",
]  # fmt: skip

_DAY = timedelta(days=1)
_REACH = timedelta(hours=26)
_FIRST_LOOK_AHEAD = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Found:
    """Free starts; `exact` False: none in the window, these are the next ones after it."""

    exact: bool
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many starts are free on a local date, and the first of them."""

    day: date
    free: int
    first: datetime


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a start is not offered (empty: it is), and by calendar and beginning, which reservation is in the way."""

    reasons: tuple[Reason, ...]
    taken_by: dict[tuple[UUID, datetime], UUID]


async def answer(db: Database, envelope: Envelope[AvailabilityRequested], now: datetime) -> None:
    """The client wants to know what is free."""
    asked = envelope.data
    occasion = Occasion.message(envelope, now, "client")
    window = Interval(asked.earliest, asked.latest)
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.availability", envelope.id):
            return
        found = await find(
            tx, Ask(asked.wants), window, asked.limit, now, contact_id=asked.contact_id, besides=asked.moving
        )
        slots = Found(exact=False, slots=()) if isinstance(found, str) else found
        await outbox.put(
            tx,
            occasion.say(
                AvailabilityFound(
                    request_id=asked.request_id,
                    conversation_id=asked.conversation_id,
                    exact=slots.exact,
                    slots=slots.slots,
                )
            ),
        )


async def load(tx: Tx, ask: Ask, now: datetime) -> tuple[Salon, Plan] | Refusal:
    """The salon and what is asked for as a plan, or why not."""
    known = await salons.current(tx, now)
    if known is None:
        return "salon_not_ready"
    plan = known.plan(ask)
    return plan if isinstance(plan, str) else (known.salon, plan)


async def find(
    tx: Tx,
    ask: Ask,
    window: Interval,
    limit: int,
    now: datetime,
    *,
    contact_id: UUID | None = None,
    besides: UUID | None = None,
) -> Found | Refusal:
    """At most `limit` free starts spread over `window`; if there is none, the next ones after it.

    Args:
        contact_id: whose last stylist goes first, if the salon wants it so.
        besides: a reservation that is to be moved, whose own time counts as free.
    """
    loaded = await load(tx, ask, now)
    if isinstance(loaded, str):
        return loaded
    salon, plan = loaded
    prefer = await preferred(tx, salon, plan, contact_id)
    window = _within_bounds(salon, plan, window, now)
    if window.start < window.end:
        diary = await _diary(tx, salon, plan, window, now, besides)
        free = free_starts(diary, plan, window, now)
        if free:
            return Found(exact=True, slots=_slots(diary, plan, spread(free, limit), prefer))
    after = max(window.start, window.end)
    slots = await next_slots(tx, salon, plan, after, limit, now, prefer=prefer, besides=besides)
    return Found(exact=False, slots=slots)


async def next_slots(
    tx: Tx,
    salon: Salon,
    plan: Plan,
    start: datetime,
    limit: int,
    now: datetime,
    *,
    prefer: UUID | None = None,
    besides: UUID | None = None,
) -> tuple[Slot, ...]:
    """The first `limit` free starts from `start` on, up to the horizon."""
    found: list[Slot] = []
    for window in ahead(salon, plan, start, now):
        taken = await _taken(tx, salon, plan, window, now, besides)
        found += first_free(salon, plan, window, taken, limit - len(found), now, prefer=prefer)
        if len(found) >= limit:
            break
    return tuple(found)


def ahead(salon: Salon, plan: Plan, start: datetime, now: datetime) -> Iterator[Interval]:
    """Where to look for the next free starts from `start` on, up to the horizon: ever further while there is nothing."""
    limits = bounds(salon, now, plan.by)
    start = max(start, limits.start)
    reach = _FIRST_LOOK_AHEAD
    while start <= limits.end:
        window = Interval(start, min(start + reach, limits.end + timedelta(seconds=1)))
        yield window
        start, reach = window.end, reach * 2


def first_free(
    salon: Salon,
    plan: Plan,
    window: Interval,
    taken: Mapping[UUID, Spans],
    limit: int,
    now: datetime,
    *,
    prefer: UUID | None = None,
) -> tuple[Slot, ...]:
    """The first `limit` free starts of `window`, by what is taken `around` it."""
    diary = Diary(Hours(salon, window, ignored=plan.outside_hours), taken)
    return _slots(diary, plan, free_starts(diary, plan, window, now)[:limit], prefer)


async def by_day(tx: Tx, ask: Ask, window: Interval, now: datetime) -> list[DayCount] | Refusal:
    """How much is free on each local date of `window`; dates without a free start are left out. For a month's view."""
    loaded = await load(tx, ask, now)
    if isinstance(loaded, str):
        return loaded
    salon, plan = loaded
    window = _within_bounds(salon, plan, window, now)
    if window.start >= window.end:
        return []
    diary = await _diary(tx, salon, plan, window, now, None)
    return [DayCount(*of_day) for of_day in free_starts(diary, plan, window, now).by_day()]


async def explained(tx: Tx, ask: Ask, start: datetime, now: datetime) -> Explained | Refusal:
    """Why `start` is not offered, for the people at the salon."""
    known = await salons.current(tx, now)
    if known is None:
        return "salon_not_ready"
    salon, plan = known.salon, known.plan(ask)
    if isinstance(plan, str):
        return Explained(tuple(unoffered(salon, ask)), {}) if plan == "not_offered" else plan
    limits = bounds(salon, now, ask.by)
    within = min(max(start, min(now, limits.start)), limits.end)
    window = Interval(within, within + _DAY)
    taken = await reservations.busy(tx, calendars(salon, plan), around(window))
    diary = Diary(Hours(salon, window, ignored=plan.outside_hours), taken_by_calendar(taken, now))
    by = {(item.calendar_id, item.span.start): item.reservation_id for item in taken}
    return Explained(explain(diary, plan, start, now), by)


async def preferred(
    tx: Tx, salon: Salon, plan: Plan, contact_id: UUID | None, client_id: UUID | None = None
) -> UUID | None:
    """Who goes first for this client where anyone would do."""
    if salon.profile.assignment != "last_first" or all(want.staff_id for want in plan.wants):
        return None
    return (await reservations.client_of(tx, contact_id, client_id)).last_staff_id


def calendars(salon: Salon, plan: Plan) -> tuple[UUID, ...]:
    """Every person and resource that a visit may take time of."""
    pools = (salon.pools.get(pool_id, ()) for pool_id in plan.pool_ids)
    return (*plan.staff_ids, *(resource.id for pool in pools for resource in pool))


def taken_by_calendar(taken: Iterable[Taken], now: datetime) -> dict[UUID, list[Interval]]:
    """Busy spans by person or resource; a hold whose time is up takes nothing."""
    spans: dict[UUID, list[Interval]] = {}
    for item in taken:
        if not item.lapsed(now):
            spans.setdefault(item.calendar_id, []).append(item.span)
    return spans


def slot_of(seating: Seating) -> Slot:
    """A seating as it is offered."""
    people = seating.team.people
    return Slot(
        start=seating.start,
        end=seating.start + seating.team.duration,
        staff_ids=tuple(person.id for person in people),
        staff_names=tuple(person.name for person in people),
    )


def around(window: Interval) -> Interval:
    """What has to be known of the time before and after `window`."""
    # Buffers and visits reach out of the window by a day at most, and loads are counted over whole local days of up to 25 h.
    return Interval(window.start - _REACH, window.end + _REACH)


async def _diary(tx: Tx, salon: Salon, plan: Plan, window: Interval, now: datetime, besides: UUID | None) -> Diary:
    taken = await _taken(tx, salon, plan, window, now, besides)
    return Diary(Hours(salon, window, ignored=plan.outside_hours), taken)


async def _taken(
    tx: Tx, salon: Salon, plan: Plan, window: Interval, now: datetime, besides: UUID | None
) -> Mapping[UUID, Spans]:
    return await reservations.busy_spans(tx, calendars(salon, plan), around(window), now, besides=besides)


def _within_bounds(salon: Salon, plan: Plan, window: Interval, now: datetime) -> Interval:
    """Nothing beyond the horizon is looked at, however wide the window is."""
    limits = bounds(salon, now, plan.by)
    return Interval(max(window.start, limits.start), min(window.end, limits.end + timedelta(seconds=1)))


def _slots(diary: Diary, plan: Plan, openings: Sequence[Opening], prefer: UUID | None) -> tuple[Slot, ...]:
    seatings = (choose(diary, plan, item.start, prefer=prefer, among=item.teams) for item in openings)
    return tuple(slot_of(seating) for seating in seatings if seating)
