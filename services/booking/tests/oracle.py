"""What a calendar means, minute by minute: slow, and written from the rules alone, without the code it judges.

Every minute from an origin is one bit of an integer. A wall clock is read with zoneinfo at every single minute; the one
question asked of it is when it first shows a time, or one behind it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate, groupby, product
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.planning import Plan
from booka_booking.domain.salon import Salon, Service, Staff

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
#: Minutes on both sides of the time that is judged: a visit with its buffers lasts a day at most.
MARGIN = 2 * 1440

#: Dropped rules and midnight gaps, a hidden half hour, three quarters, Ramadan, a skipped date, none.
ZONES = (
    "America/Sao_Paulo", "America/New_York", "America/Asuncion", "Europe/Lisbon", "Africa/Casablanca", "Africa/Lagos",
    "Asia/Tehran", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia",
)  # fmt: skip


def offset(at: datetime, zone: str) -> timedelta:
    """How far a zone's clocks are ahead of UTC."""
    found = at.astimezone(ZoneInfo(zone)).utcoffset()
    assert found is not None
    return found


@lru_cache
def changes(name: str, first: int = 2015, last: int = 2035) -> tuple[datetime, ...]:
    """The first instant of every new offset of a zone's clocks, from one year to another."""
    found = []
    day, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    while day < end:
        before = offset(day, name)
        if offset(day + DAY, name) != before:
            changed = [offset(day + m * MINUTE, name) != before for m in range(1441)]
            found.append(day + changed.index(True) * MINUTE)
        day += DAY
    return tuple(found)


class Wall:
    """The wall clock of a zone, read at each of `minutes` minutes from `origin`."""

    def __init__(self, zone: str, origin: datetime, minutes: int) -> None:
        self.origin = origin
        self.shown = [(origin + m * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for m in range(minutes)]
        self._furthest = list(accumulate(self.shown, max))

    def first(self, naive: datetime) -> int:
        """The minute at which the clock first shows `naive`, or jumps over it."""
        return bisect_left(self._furthest, naive)

    def days(self) -> list[date]:
        """Every date that it shows."""
        return sorted({shown.date() for shown in self.shown})

    def spans(self, day: date, spans: Iterable[tuple[int, int]]) -> int:
        """The minutes that lie in `spans`, which are minutes of a local day, on `day`."""
        midnight = datetime.combine(day, time())
        return union(
            bits(self.first(midnight + opens * MINUTE), self.first(midnight + closes * MINUTE))
            for opens, closes in spans
        )

    def grid(self, minutes: int) -> list[int]:
        """The minutes at which a visit may begin: on the grid of the wall clock, and the first time that it shows this."""
        return [
            minute
            for minute, shown in enumerate(self.shown)
            if (shown.hour * 60 + shown.minute) % minutes == 0
            and not shown.second
            and (minute == 0 or self._furthest[minute - 1] < shown)
        ]


@lru_cache(maxsize=64)
def wall_of(zone: str, origin: datetime, minutes: int) -> Wall:
    """A wall clock that has been read before, if it has."""
    return Wall(zone, origin, minutes)


def bits(first: int, end: int) -> int:
    """The minutes `[first, end)`."""
    return ((1 << (end - first)) - 1) << first if first < end else 0


def union(masks: Iterable[int]) -> int:
    """The minutes in any of them."""
    found = 0
    for mask in masks:
        found |= mask
    return found


class Truth:
    """A salon around one stretch of time, with what is taken.

    Args:
        taken: by person or resource, as instants on whole minutes.
        origin: the first minute that is known; what is asked about lies at least `MARGIN` away from both ends.
    """

    def __init__(
        self,
        salon: Salon,
        taken: Mapping[UUID, Iterable[tuple[datetime, datetime]]],
        origin: datetime,
        minutes: int,
    ) -> None:
        profile = salon.profile
        self.salon = salon
        self.wall = wall_of(profile.zone.key, origin, minutes)
        self.opening = union(
            self.wall.spans(
                day, profile.exceptions[day] if day in profile.exceptions else profile.opening.get(day.isoweekday(), ())
            )
            for day in self.wall.days()
        )
        self.working = {person.id: self._working(person) for person in salon.staff}
        self.taken = {
            calendar: union(bits(self.minute(start), self.minute(end)) for start, end in spans)
            for calendar, spans in taken.items()
        }

    def minute(self, at: datetime) -> int:
        """Which minute an instant is."""
        return int((at - self.wall.origin) / MINUTE)

    def instant(self, minute: int) -> datetime:
        """When a minute is."""
        return self.wall.origin + minute * MINUTE

    def starts(self, window: tuple[datetime, datetime]) -> list[int]:
        """The grid minutes in a window."""
        first, end = (self.minute(at) for at in window)
        return [start for start in self.wall.grid(self.salon.profile.slot_grid_minutes) if first <= start < end]

    def load(self, person: Staff, minute: int) -> int:
        """How many minutes of somebody's local day are taken."""
        day = self.wall.shown[minute].date()
        return (self.taken.get(person.id, 0) & self.wall.spans(day, [(0, 1440)])).bit_count()

    def casts(self, plan: Plan) -> Iterator[tuple[Staff, ...]]:
        """Everybody who can do each service, in all combinations."""
        return product(*plan.able)

    def fits(self, services: Sequence[Service], people: Sequence[Staff], start: int) -> bool:
        """Whether `people` could do `services`, one each, from this minute on."""
        begins, spans = start, []
        for service, person in zip(services, people, strict=True):
            ends = begins + (person.skills[service.id].duration_minutes or service.duration_minutes)
            spans.append((begins, ends))
            begins = ends
        if bits(start, begins) & ~self.opening:
            return False
        last = len(spans) - 1
        for position, (service, person, (begins, ends)) in enumerate(zip(services, people, spans, strict=True)):
            work = bits(begins, ends)
            if service.gap_minutes:
                pause = begins + service.gap_start_minutes
                work &= ~bits(pause, pause + service.gap_minutes)
            if work & ~self.working[person.id]:
                return False
            if position == 0 or people[position - 1] is not person:
                work |= bits(begins - service.buffer_before_minutes, begins)
            if position == last or people[position + 1] is not person:
                work |= bits(ends, ends + service.buffer_after_minutes)
            if work & self.taken.get(person.id, 0):
                return False
        return all(self._has_resource(services, spans, positions) for positions in _runs(services))

    def free(self, plan: Plan, start: int) -> bool:
        """Whether anybody could be found for everything."""
        return any(self.fits(plan.services, people, start) for people in self.casts(plan))

    def _has_resource(
        self, services: Sequence[Service], spans: Sequence[tuple[int, int]], positions: Sequence[int]
    ) -> bool:
        first, last = positions[0], positions[-1]
        pool_id = services[first].pool_id
        assert pool_id is not None
        needed = bits(
            spans[first][0] - services[first].buffer_before_minutes,
            spans[last][1] + services[last].buffer_after_minutes,
        )
        return any(not needed & self.taken.get(resource.id, 0) for resource in self.salon.pools.get(pool_id, ()))

    def _working(self, person: Staff) -> int:
        found = self.opening
        for day in self.wall.days():
            whole = self.wall.spans(day, [(0, 1440)])
            if day in person.special:
                found &= ~whole | self.wall.spans(day, person.special[day])
            elif person.hours is not None:
                found &= ~whole | self.wall.spans(day, person.hours.get(day.isoweekday(), ()))
            for away in person.time_off:
                begun = away.starts_on <= day and (away.ends_on is None or day <= away.ends_on)
                if begun and (away.weekdays is None or day.isoweekday() in away.weekdays):
                    found &= ~self.wall.spans(day, [away.span])
        return found


def _runs(services: Sequence[Service]) -> list[list[int]]:
    """Services in a row that need something of the same pool."""
    runs = groupby(range(len(services)), key=lambda position: services[position].pool_id)
    return [list(run) for pool_id, run in runs if pool_id is not None]
