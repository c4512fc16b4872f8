"""Which starts are free."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from booka_booking.domain.availability import Ask, Opening, Plan, Refusal, bounds, free_starts, offered, resolve, spread
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval
from booka_booking.store import catalogue, reservations
from booka_booking.store.reservations import Taken
from booka_booking.usecases.occasion import Occasion
from booka_common import inbox, outbox
from booka_common.contracts.booking import AvailabilityFound, AvailabilityRequested, Slot
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database, Tx

__all__ = ["Found", "answer", "find", "load", "next_slots", "taken_by_staff"]

_DAY = timedelta(days=1)
_FIRST_LOOK_AHEAD = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Found:
    """Free starts; `exact` False: none in the window, these are the next ones after it."""

    exact: bool
    slots: tuple[Slot, ...]


async def answer(db: Database, envelope: Envelope[AvailabilityRequested], now: datetime) -> None:
    """The client wants to know what is free."""
    asked = envelope.data
    occasion = Occasion.message(envelope, now, "client")
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.availability", envelope.id):
            return
        found = await find(
            tx, Ask(asked.service_ids, asked.staff_id), Interval(asked.earliest, asked.latest), asked.limit, now
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
    salon = await catalogue.get_salon(tx, ask.service_ids, since=(now - 2 * _DAY).date())
    if salon is None:
        return "salon_not_ready"
    plan = resolve(salon, ask)
    return plan if isinstance(plan, str) else (salon, plan)


async def find(tx: Tx, ask: Ask, window: Interval, limit: int, now: datetime) -> Found | Refusal:
    """At most `limit` free starts spread over `window`; if there is none, the next ones after it."""
    loaded = await load(tx, ask, now)
    if isinstance(loaded, str):
        return loaded
    salon, plan = loaded
    limits = bounds(salon, now)
    # Nothing beyond the horizon is looked at, however wide the window is.
    window = Interval(max(window.start, limits.start), min(window.end, limits.end + timedelta(seconds=1)))
    if window.start < window.end:
        free, busy = await _free(tx, salon, plan, window, now)
        if free:
            return Found(exact=True, slots=_slots(salon, plan, spread(free, limit), busy))
    after = max(window.start, window.end)
    return Found(exact=False, slots=await next_slots(tx, salon, plan, after, limit, now))


async def next_slots(
    tx: Tx, salon: Salon, plan: Plan, start: datetime, limit: int, now: datetime, *, besides: UUID | None = None
) -> tuple[Slot, ...]:
    """The first `limit` free starts from `start` on, up to the horizon. Looks ever further ahead while there is nothing."""
    limits = bounds(salon, now)
    found: list[Slot] = []
    start = max(start, limits.start)
    reach = _FIRST_LOOK_AHEAD
    while start <= limits.end and len(found) < limit:
        window = Interval(start, min(start + reach, limits.end + timedelta(seconds=1)))
        free, busy = await _free(tx, salon, plan, window, now, besides=besides)
        found += _slots(salon, plan, free[: limit - len(found)], busy)
        start, reach = window.end, reach * 2
    return tuple(found)


def taken_by_staff(taken: Iterable[Taken], now: datetime) -> dict[UUID, list[Interval]]:
    """Busy spans by person; a hold whose time is up takes nothing."""
    spans: dict[UUID, list[Interval]] = {}
    for item in taken:
        if not item.lapsed(now):
            spans.setdefault(item.staff_id, []).append(item.span)
    return spans


async def _free(
    tx: Tx, salon: Salon, plan: Plan, window: Interval, now: datetime, *, besides: UUID | None = None
) -> tuple[list[Opening], dict[UUID, list[Interval]]]:
    # Two days more on each side: buffers and visits reach out of the window, and loads are counted over whole local days.
    around = Interval(window.start - 2 * _DAY, window.end + 2 * _DAY)
    taken = await reservations.busy(tx, [member.id for member in plan.staff], around, besides=besides)
    busy = taken_by_staff(taken, now)
    return free_starts(salon, plan, busy, window, now), busy


def _slots(salon: Salon, plan: Plan, openings: list[Opening], busy: dict[UUID, list[Interval]]) -> tuple[Slot, ...]:
    return tuple(
        Slot(start=start, end=start + plan.duration, staff_id=member.id, staff_name=member.name)
        for start, member in offered(salon, openings, busy)
    )
