"""Who works when and what is taken, around a window of time: everything that decides whether a start is free."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from booka_booking.domain.planning import Team
from booka_booking.domain.salon import Resource, Salon, Staff
from booka_booking.domain.times import Interval, local_day

__all__ = ["Diary", "Hours", "Seating"]


@dataclass(frozen=True, slots=True)
class Seating:
    """A visit with everything decided: when, by whom, and on which chair (for each part, None where it needs none)."""

    start: datetime
    team: Team
    resources: tuple[Resource | None, ...]


class Hours:
    """When a salon is open and everybody works, around a window of starts."""

    def __init__(self, salon: Salon, window: Interval) -> None:
        self.salon = salon
        self._window = window
        self.opening: Sequence[Interval] = salon.open_between(window)
        self._own: dict[UUID, Sequence[Interval]] = {}

    def of(self, staff: Staff) -> Sequence[Interval]:
        """When somebody works while the salon is open."""
        hours = self._own.get(staff.id)
        if hours is None:
            hours = self._own[staff.id] = self.salon.hours_of(staff, self.opening, self._window)
        return hours


class Diary:
    """A salon's hours with what is taken.

    Args:
        taken: by person or resource, what nobody else can have, at least for the window of `hours` widened by a day on both
            sides. The spans of one calendar never overlap.
    """

    def __init__(self, hours: Hours, taken: Mapping[UUID, Iterable[Interval]]) -> None:
        self.salon = hours.salon
        self._hours = hours
        self._taken = {calendar: sorted(spans) for calendar, spans in taken.items()}

    def open_for(self, span: Interval) -> bool:
        """Whether the salon is open all of `span`."""
        return _inside(self._hours.opening, span)

    def works(self, staff: Staff, span: Interval) -> bool:
        """Whether somebody works all of `span`."""
        return _inside(self._hours.of(staff), span)

    def conflict(self, calendar_id: UUID, span: Interval) -> Interval | None:
        """What takes some of `span` already, if anything."""
        taken = self._taken.get(calendar_id)
        if not taken:
            return None
        last = bisect_left(taken, (span.end,)) - 1
        return taken[last] if last >= 0 and taken[last].end > span.start else None

    def load(self, staff: Staff, start: datetime) -> timedelta:
        """How much of the local day of `start` is taken of somebody's time."""
        taken = self._taken.get(staff.id)
        if not taken:
            return timedelta()
        zone = self.salon.profile.zone
        day = local_day(start.astimezone(zone).date(), zone)
        spans = (span for span in taken if span.overlaps(day))
        return sum((min(span.end, day.end) - max(span.start, day.start) for span in spans), timedelta())

    def seat(self, team: Team, start: datetime) -> Seating | None:
        """`team` from `start`, if the salon is open, all of them work and are free, and there is a resource for every need."""
        if not self.open_for(Interval(start, start + team.duration)):
            return None
        if not all(self.works(s.staff, Interval(start + s.begins, start + s.ends)) for s in team.work):
            return None
        if any(self.conflict(s.staff.id, Interval(start + s.begins, start + s.ends)) for s in team.claims):
            return None
        return self._with_resources(team, start)

    def starts(self, team: Team, among: Sequence[datetime]) -> Iterator[datetime]:
        """Those of `among` (sorted) at which `seat` would find a place. Goes over what is taken once, not once for each start."""
        allowed = self._starts_within_hours(team)
        blocked = sorted(
            (span.start - stretch.ends, span.end - stretch.begins)
            for stretch in team.claims
            for span in self._taken.get(stretch.staff.id, ())
        )
        for first, last in allowed:
            for start in _outside(among, first, last, blocked):
                if not team.needs or self._with_resources(team, start):
                    yield start

    def free_resource(self, pool_id: UUID, span: Interval) -> Resource | None:
        """The first resource of a pool that nobody has at any time of `span`."""
        pool = self.salon.pools.get(pool_id, ())
        return next((resource for resource in pool if not self.conflict(resource.id, span)), None)

    def _with_resources(self, team: Team, start: datetime) -> Seating | None:
        found: list[Resource | None] = [None] * len(team.parts)
        for need in team.needs:
            resource = self.free_resource(need.pool_id, Interval(start + need.begins, start + need.ends))
            if resource is None:
                return None
            for position in need.positions:
                found[position] = resource
        return Seating(start, team, tuple(found))

    def _starts_within_hours(self, team: Team) -> list[Interval]:
        """The starts that opening hours and everybody's own hours allow, both ends included."""
        found: list[Interval] | None = None
        for stretch in team.work:
            hours = self._hours.of(stretch.staff)
            own = [Interval(span.start - stretch.begins, span.end - stretch.ends) for span in hours]
            own = [span for span in own if span.start <= span.end]
            found = own if found is None else _both(found, own)
        if len(team.work) == 1:
            # Somebody's hours lie within the opening hours, and this one works all the time.
            return found or []
        opening = [Interval(span.start, span.end - team.duration) for span in self._hours.opening]
        return _both(found or [], [span for span in opening if span.start <= span.end])


def _inside(hours: Sequence[Interval], span: Interval) -> bool:
    """Whether one of `hours` (merged) holds all of `span`."""
    last = bisect_right(hours, (span.start,), key=lambda interval: (interval.start,)) - 1
    return last >= 0 and span.end <= hours[last].end


def _both(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """The instants in both, where both ends of an interval belong to it."""
    found = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i].start, right[j].start), min(left[i].end, right[j].end)
        if start <= end:
            found.append(Interval(start, end))
        if left[i].end < right[j].end:
            i += 1
        else:
            j += 1
    return found


def _outside(
    starts: Sequence[datetime], first: datetime, last: datetime, taken: Sequence[tuple[datetime, datetime]]
) -> Iterator[datetime]:
    """The `starts` in `[first, last]` that lie strictly inside none of `taken` (sorted)."""
    position = bisect_left(starts, first)
    end = bisect_right(starts, last)
    for begins, ends in taken:
        if ends <= first:
            continue
        yield from starts[position : min(bisect_right(starts, begins), end)]
        position = max(position, bisect_left(starts, ends))
        if position >= end:
            return
    yield from starts[position:end]
