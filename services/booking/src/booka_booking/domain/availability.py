"""Which starts are free, and whether one start may be booked: both answers come from the same rules."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from booka_booking.domain.salon import Salon, Service, Staff
from booka_booking.domain.times import Interval, days_between, local_day, starts_on

__all__ = [
    "Ask",
    "Busy",
    "Opening",
    "Plan",
    "Refusal",
    "by_load",
    "candidates",
    "free_starts",
    "offered",
    "resolve",
    "spread",
]

Refusal = Literal[
    "slot_taken", "not_offered", "in_the_past", "unknown_service", "unknown_staff", "too_many_holds", "salon_not_ready"
]
Busy = Mapping[UUID, Sequence[Interval]]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client would like: services in this order, by somebody or anybody."""

    service_ids: tuple[UUID, ...]
    staff_id: UUID | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A visit without a time: services one after the other by one person, with the first's and the last's buffers around."""

    services: tuple[Service, ...]
    staff: tuple[Staff, ...]

    @property
    def duration(self) -> timedelta:
        """From start to end, without buffers."""
        return timedelta(minutes=sum(service.duration_minutes for service in self.services))

    @property
    def before(self) -> timedelta:
        """The buffer before."""
        return timedelta(minutes=self.services[0].buffer_before_minutes)

    @property
    def after(self) -> timedelta:
        """The buffer after."""
        return timedelta(minutes=self.services[-1].buffer_after_minutes)

    def busy_at(self, start: datetime) -> Interval:
        """What a visit from `start` takes of somebody's time, buffers included."""
        return Interval(start - self.before, start + self.duration + self.after)


@dataclass(frozen=True, slots=True)
class Opening:
    """A free start, and who could take it, in the salon's order."""

    start: datetime
    staff: tuple[Staff, ...]


def resolve(salon: Salon, ask: Ask) -> Plan | Refusal:
    """What is asked for as a plan, or why the salon does not do that."""
    services = [salon.services.get(service_id) for service_id in ask.service_ids]
    known = [service for service in services if service is not None]
    if len(known) != len(services):
        return "unknown_service"
    staff: Iterable[Staff] = salon.staff
    if ask.staff_id is not None:
        staff = [member for member in salon.staff if member.id == ask.staff_id]
        if not staff:
            return "unknown_staff"
    able = tuple(member for member in staff if member.service_ids.issuperset(ask.service_ids))
    plan = Plan(tuple(known), able)
    # A segment of somebody's time never exceeds a day, see reservation_segments.
    if (
        not able
        or not all(service.active for service in known)
        or plan.before + plan.duration + plan.after > timedelta(days=1)
    ):
        return "not_offered"
    return plan


def bounds(salon: Salon, now: datetime) -> Interval:
    """The starts that lead time and horizon leave, `[first, last]`."""
    profile = salon.profile
    return Interval(now + timedelta(minutes=profile.lead_minutes), now + timedelta(days=profile.horizon_days))


def candidates(salon: Salon, plan: Plan, start: datetime, now: datetime) -> tuple[Staff, ...] | Refusal:
    """Who works at `start`, whether free or not, or why nobody may be booked then."""
    if start <= now:
        return "in_the_past"
    limits = bounds(salon, now)
    zone = salon.profile.zone
    if not limits.start <= start <= limits.end:
        return "not_offered"
    if start not in starts_on(start.astimezone(zone).date(), zone, salon.profile.slot_grid_minutes):
        return "not_offered"
    visit = Interval(start, start + plan.duration)
    opening = salon.open_between(visit)
    working = tuple(
        member
        for member in plan.staff
        if any(span.start <= visit.start and visit.end <= span.end for span in salon.hours_of(member, opening, visit))
    )
    return working or "not_offered"


def free_starts(salon: Salon, plan: Plan, busy: Busy, window: Interval, now: datetime) -> list[Opening]:
    """Every free start in `[window.start, window.end)`, in order.

    Args:
        busy: what is taken of each one's time, at least for the window widened by a day on both sides.
    """
    limits = bounds(salon, now)
    first, last = max(window.start, limits.start), min(window.end, limits.end + timedelta(microseconds=1))
    if first >= last:
        return []
    within = Interval(first, last)
    zone, grid = salon.profile.zone, salon.profile.slot_grid_minutes
    starts = [start for day in days_between(first, last, zone) for start in starts_on(day, zone, grid)]
    starts = starts[bisect_left(starts, first) : bisect_left(starts, last)]
    duration, before, after = plan.duration, plan.before, plan.after
    opening = salon.open_between(within)
    found: dict[datetime, list[Staff]] = {}
    for member in plan.staff:
        # Not merged: where two of them touch, a visit fits in exactly.
        taken = sorted(Interval(span.start - duration - after, span.end + before) for span in busy.get(member.id, ()))
        for hours in salon.hours_of(member, opening, within):
            for start in _outside(starts, hours.start, hours.end - duration, taken):
                found.setdefault(start, []).append(member)
    return [Opening(start, tuple(found[start])) for start in sorted(found)]


def _outside(
    starts: Sequence[datetime], first: datetime, last: datetime, taken: Sequence[Interval]
) -> Iterable[datetime]:
    """The `starts` in `[first, last]` that lie strictly inside none of `taken` (sorted)."""
    position = bisect_left(starts, first)
    end = bisect_right(starts, last)
    for span in taken:
        if span.end <= first:
            continue
        yield from starts[position : min(bisect_right(starts, span.start), end)]
        position = max(position, bisect_left(starts, span.end))
        if position >= end:
            return
    yield from starts[position:end]


def by_load(salon: Salon, staff: Sequence[Staff], busy: Busy, start: datetime) -> list[Staff]:
    """`staff`, the least booked on the local day of `start` first; with equal loads, in the salon's order."""
    if len(staff) == 1:
        return list(staff)
    zone = salon.profile.zone
    day = local_day(start.astimezone(zone).date(), zone)

    def load(member: Staff) -> timedelta:
        spans = (span for span in busy.get(member.id, ()) if span.overlaps(day))
        return sum((min(span.end, day.end) - max(span.start, day.start) for span in spans), timedelta())

    return sorted(staff, key=load)


def spread(openings: Sequence[Opening], limit: int) -> list[Opening]:
    """At most `limit` of them, evenly over the whole, the first among them."""
    count = len(openings)
    if count <= limit:
        return list(openings)
    return [openings[index * count // limit] for index in range(limit)]


def offered(salon: Salon, openings: Iterable[Opening], busy: Busy) -> list[tuple[datetime, Staff]]:
    """Each start with the one person who would do it now."""
    return [(opening.start, by_load(salon, opening.staff, busy, opening.start)[0]) for opening in openings]
