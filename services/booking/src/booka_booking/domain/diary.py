"""Who works when and what is taken, around a window of time: everything that decides whether a start is free."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from math import inf
from typing import NamedTuple
from uuid import UUID

from booka_booking.domain.planning import Team
from booka_booking.domain.salon import Resource, Salon, Staff
from booka_booking.domain.times import Interval, days_between, moment

__all__ = ["Diary", "Hours", "Seating", "Spans"]

_NOTHING = timedelta()
_DAY = timedelta(days=1)


class Seating(NamedTuple):
    """A visit with everything decided: when, by whom, and on which chair (for each part, None where it needs none)."""

    start: datetime
    team: Team
    resources: tuple[Resource | None, ...]


class Spans(NamedTuple):
    """Disjoint stretches of time in order, in seconds since 1970: when they begin, and when they end. Quick to search."""

    begins: Sequence[float]
    ends: Sequence[float]

    @classmethod
    def of(cls, intervals: Iterable[Interval]) -> "Spans":
        """Disjoint intervals, in any order."""
        ordered = sorted(intervals)
        return cls([span.start.timestamp() for span in ordered], [span.end.timestamp() for span in ordered])

    @classmethod
    def joined(cls, intervals: Iterable[Interval]) -> "Spans":
        """Intervals in order; those that touch become one."""
        begins: list[float] = []
        ends: list[float] = []
        for span in intervals:
            start, end = span.start.timestamp(), span.end.timestamp()
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                begins.append(start)
                ends.append(end)
        return cls(begins, ends)

    def hold(self, begins: float, ends: float) -> bool:
        """Whether one of them holds all of this stretch."""
        last = bisect_right(self.begins, begins) - 1
        return last >= 0 and ends <= self.ends[last]

    def touching(self, begins: float, ends: float) -> int | None:
        """The place of one that shares an instant with this stretch, if there is one."""
        last = bisect_left(self.begins, ends) - 1
        return last if last >= 0 and self.ends[last] > begins else None

    def shared(self, begins: float, ends: float) -> float:
        """How many seconds of this stretch they take."""
        first, last = bisect_right(self.ends, begins), bisect_left(self.begins, ends)
        if first >= last:
            return 0.0
        beyond = max(begins - self.begins[first], 0.0) + max(self.ends[last - 1] - ends, 0.0)
        return sum(self.ends[first:last]) - sum(self.begins[first:last]) - beyond


_FREE = Spans((), ())
_EVER = Spans((-inf,), (inf,))


class Hours:
    """When a salon is open and everybody works, around a window of starts; or as if that did not matter (`ignored`)."""

    def __init__(self, salon: Salon, window: Interval, *, ignored: bool = False) -> None:
        self.salon = salon
        self._ignored = ignored
        if ignored:
            self.opening = _EVER
            return
        # One day more on each side: a visit may run over midnight where the hours of two days touch.
        self._days = list(days_between(window.start - _DAY, window.end + _DAY, salon.profile.zone))
        self.opening = Spans.joined(span for day in self._days for span in salon.opening_on(day))
        self._own: dict[UUID, Spans] = {}

    @classmethod
    def on(cls, salon: Salon, day: date, *, ignored: bool = False) -> "Hours":
        """Around the starts of a local date."""
        if ignored:
            return cls(salon, salon.whole(day), ignored=True)
        return salon.dates.of(("hours", day), lambda: cls(salon, salon.whole(day)))

    def of(self, staff: Staff) -> Spans:
        """When somebody works while the salon is open."""
        if self._ignored or staff.always_there:
            return self.opening
        hours = self._own.get(staff.id)
        if hours is None:
            spans = (span for day in self._days for span in self.salon.hours_on(staff, day))
            hours = self._own[staff.id] = Spans.joined(spans)
        return hours


class Diary:
    """A salon's hours with what is taken.

    Args:
        taken: by person or resource, what nobody else can have, at least for the window of `hours` widened by a day on both
            sides. The spans of one calendar never overlap.
    """

    def __init__(self, hours: Hours, taken: Mapping[UUID, Iterable[Interval] | Spans]) -> None:
        self.salon = hours.salon
        self._hours = hours
        self._taken = {
            calendar: spans if isinstance(spans, Spans) else Spans.of(spans) for calendar, spans in taken.items()
        }
        self._loads: dict[date, dict[UUID, float]] = {}
        self._ranked: tuple[Mapping[UUID, float], Sequence[Team], UUID | None, Sequence[Team]] | None = None

    def open_for(self, span: Interval) -> bool:
        """Whether the salon is open all of `span`."""
        return self._hours.opening.hold(span.start.timestamp(), span.end.timestamp())

    def works(self, staff: Staff, span: Interval) -> bool:
        """Whether somebody works all of `span`."""
        return self._hours.of(staff).hold(span.start.timestamp(), span.end.timestamp())

    def absent(self, staff: Staff, span: Interval) -> bool:
        """Whether somebody has said not to be there for some of `span`, whether the salon is open then or not."""
        days = days_between(span.start, span.end, self.salon.profile.zone)
        return any(off.overlaps(span) for day in days for off in self.salon.absences_on(staff, day))

    def conflict(self, calendar_id: UUID, span: Interval) -> Interval | None:
        """What takes some of `span` already, if anything."""
        taken = self._taken.get(calendar_id, _FREE)
        found = taken.touching(span.start.timestamp(), span.end.timestamp())
        return None if found is None else Interval(moment(taken.begins[found]), moment(taken.ends[found]))

    def loads(self, start: datetime) -> Mapping[UUID, float]:
        """How many seconds of the local day of `start` are taken, by person or resource; none, if not there."""
        zone = self.salon.profile.zone
        day = start.astimezone(zone).date()
        found = self._loads.get(day)
        if found is None:
            whole = self.salon.whole(day)
            begins, ends = whole.start.timestamp(), whole.end.timestamp()
            found = {calendar: spans.shared(begins, ends) for calendar, spans in self._taken.items()}
            self._loads[day] = found
        return found

    def ranked(self, teams: Sequence[Team], start: datetime, prefer: UUID | None) -> Sequence[Team]:
        """Teams as they come into question at `start`: the one with `prefer`, then the least booked of that local day.

        It is about the person who does all that is left open. Those with equal loads stay in their order.
        """
        if len(teams) < 2:
            return teams
        loads = self.loads(start)
        last = self._ranked
        # Starts are asked about in order, so the day of the last one is as good as all days. What it was about is kept with
        # it: of what is gone, even the id may be somebody else's by now.
        if last is None or last[0] is not loads or last[1] is not teams or last[2] != prefer:
            by_load = sorted(teams, key=lambda team: (_left_open(team) != prefer, loads.get(_left_open(team), 0.0)))
            last = self._ranked = loads, teams, prefer, by_load
        return last[3]

    def load(self, staff: Staff, start: datetime) -> timedelta:
        """How much of the local day of `start` is taken of somebody's time."""
        return timedelta(seconds=self.loads(start).get(staff.id, 0.0))

    def seat(self, team: Team, start: datetime) -> Seating | None:
        """`team` from `start`, if the salon is open, all of them work and are free, and there is a resource for every need."""
        at, opening = start.timestamp(), self._hours.opening
        lasts, work, claims = team.seconds
        if not opening.hold(at, at + lasts):
            return None
        for staff, begins, ends in work:
            hours = self._hours.of(staff)
            if hours is not opening and not hours.hold(at + begins, at + ends):
                return None
        for calendar_id, begins, ends in claims if self._taken else ():
            if self._taken.get(calendar_id, _FREE).touching(at + begins, at + ends) is not None:
                return None
        return self.equipped(team, start)

    def starts(self, team: Team, among: Sequence[float]) -> int:
        """Those of `among` (in order, seconds since 1970) at which `seat` would find a place: bit n stands for `among[n]`.

        Goes over what is taken once, not once for each start; sets of starts are whole numbers, so that taking one from
        another is one step for all of them.
        """
        allowed = self._within_hours(team, among)
        for stretch in team.claims:
            if not allowed:
                return 0
            taken = self._taken.get(stretch.staff.id, _FREE)
            allowed &= ~_blocked(among, taken, stretch.begins, stretch.ends)
        for need in team.needs:
            if not allowed:
                return 0
            # One resource that is free all the time is enough: blocked is where none is.
            blocked = (1 << len(among)) - 1
            for resource in self.salon.pools.get(need.pool_id, ()):
                blocked &= _blocked(among, self._taken.get(resource.id, _FREE), need.begins, need.ends)
            allowed &= ~blocked
        return allowed

    def free_resource(self, pool_id: UUID, span: Interval) -> Resource | None:
        """The first resource of a pool that nobody has at any time of `span`."""
        pool = self.salon.pools.get(pool_id, ())
        return next((resource for resource in pool if not self.conflict(resource.id, span)), None)

    def equipped(self, team: Team, start: datetime) -> Seating | None:
        """`team`, known to be free from `start`, with a resource for every need, if there is one."""
        found: list[Resource | None] = [None] * len(team.parts)
        for need in team.needs:
            resource = self.free_resource(need.pool_id, Interval(start + need.begins, start + need.ends))
            if resource is None:
                return None
            for position in need.positions:
                found[position] = resource
        return Seating(start, team, tuple(found))

    def _within_hours(self, team: Team, among: Sequence[float]) -> int:
        """The starts that opening hours and everybody's own hours allow."""
        allowed = _allowed(among, self._hours.opening, _NOTHING, team.duration)
        for stretch in team.work:
            hours = self._hours.of(stretch.staff)
            if hours is not self._hours.opening:  # whoever is there whenever it is open has been looked at
                allowed &= _allowed(among, hours, stretch.begins, stretch.ends)
        return allowed


def _left_open(team: Team) -> UUID:
    return next(part.staff.id for part in team.parts if part.wanted is None)


def _allowed(among: Sequence[float], hours: Spans, begins: timedelta, ends: timedelta) -> int:
    """The starts from which a stretch lies within `hours`."""
    before, after = begins.total_seconds(), ends.total_seconds()
    found = 0
    for opens, closes in zip(hours.begins, hours.ends, strict=True):
        first, end = bisect_left(among, opens - before), bisect_right(among, closes - after)
        if first < end:
            found |= ((1 << (end - first)) - 1) << first  # the bits from `first` to before `end`
    return found


def _blocked(among: Sequence[float], taken: Spans, begins: timedelta, ends: timedelta) -> int:
    """The starts from which a stretch shares an instant with something of `taken`."""
    before, after = begins.total_seconds(), ends.total_seconds()
    found = 0
    for taken_from, taken_until in zip(taken.begins, taken.ends, strict=True):
        first, end = bisect_right(among, taken_from - after), bisect_left(among, taken_until - before)
        if first < end:
            found |= ((1 << (end - first)) - 1) << first
    return found
