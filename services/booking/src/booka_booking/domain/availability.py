"""Which starts are free, whether one start may be booked and by whom: all answers come from the same rules."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache, reduce
from operator import or_
from typing import overload
from uuid import UUID

from booka_booking.domain.diary import Diary, Seating
from booka_booking.domain.mixing import Mix
from booka_booking.domain.planning import Party, Plan, Refusal, Team
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval, days_between, moment

__all__ = ["BACK", "FreeStarts", "Opening", "bounds", "choose", "free_starts", "on_grid", "refused", "spread"]

_TICK = timedelta(microseconds=1)
#: What the salon enters may have begun so long ago: the walk-in of the morning, written down in the evening.
BACK = timedelta(hours=12)
#: So far ahead the salon may book: as far as a horizon can be set.
_FURTHEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Opening:
    """A free start, and who could take it: teams in which one does all that is left open; none if it takes several people."""

    start: datetime
    teams: tuple[Team, ...]


def bounds(salon: Salon, now: datetime, by: Party) -> Interval:
    """The starts that are not too early and not too late, `[first, last]`.

    For clients that is after `now`, whatever lead time and horizon are. Neither binds the salon.
    """
    if by == "salon":
        return Interval(now - BACK, now + _FURTHEST)
    first, last = _ahead(salon.profile.lead_minutes, salon.profile.horizon_days)
    return Interval(now + first, now + last)


@lru_cache(1000)
def _ahead(lead_minutes: int, horizon_days: int) -> tuple[timedelta, timedelta]:
    """From now to the first start and to the last. There are few, and to make a length of time takes longer than to add it."""
    return max(timedelta(minutes=lead_minutes), _TICK), timedelta(days=horizon_days)


def on_grid(salon: Salon, start: datetime) -> bool:
    """Whether the salon's visits may begin at that time of the day at all."""
    starts, at = salon.starts_on(start.astimezone(salon.profile.zone).date()), start.timestamp()
    place = bisect_left(starts, at)
    return place < len(starts) and starts[place] == at


def refused(salon: Salon, plan: Plan, start: datetime, now: datetime) -> Refusal | None:
    """Why nobody could be booked at `start` even if nothing were taken; None if somebody could."""
    limits = bounds(salon, now, plan.by)
    if start < limits.start and start <= now:
        return "in_the_past"
    if not limits.start <= start <= limits.end or (plan.by == "client" and not on_grid(salon, start)):
        return "not_offered"
    return None


class FreeStarts(Sequence[Opening]):
    """The free starts of a window, in order. They are made when they are asked for: of many, only a few are ever offered."""

    def __init__(
        self, days: Sequence[tuple[date, Sequence[float]]], teams: Sequence[tuple[Team, int]], mixed: int
    ) -> None:
        self._days = days
        self._starts = [start for _, starts in days for start in starts]
        self._teams = teams
        self._free = reduce(or_, (bits for _, bits in teams), mixed)
        self._places: list[int] | None = None

    def __len__(self) -> int:
        return self._free.bit_count()

    @overload
    def __getitem__(self, index: int) -> Opening: ...
    @overload
    def __getitem__(self, index: slice) -> list[Opening]: ...
    def __getitem__(self, index: int | slice) -> Opening | list[Opening]:
        if self._places is None:
            self._places = [place for place, bit in enumerate(reversed(f"{self._free:b}")) if bit == "1"]
        found = self._places[index]
        return self._at(found) if isinstance(found, int) else [self._at(place) for place in found]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def by_day(self) -> Iterator[tuple[date, int, datetime]]:
        """Every date on which something is free, how much, and the first of it."""
        first = 0
        for day, starts in self._days:
            free = (self._free >> first) & ((1 << len(starts)) - 1)
            if free:
                yield day, free.bit_count(), moment(starts[(free & -free).bit_length() - 1])
            first += len(starts)

    def _at(self, place: int) -> Opening:
        teams = tuple(team for team, bits in self._teams if bits >> place & 1)
        return Opening(moment(self._starts[place]), teams)


def free_starts(diary: Diary, plan: Plan, window: Interval, now: datetime) -> FreeStarts:
    """Every free start of the grid in `[window.start, window.end)`. `diary` covers the window."""
    salon = diary.salon
    limits = bounds(salon, now, plan.by)
    first, last = max(window.start, limits.start), min(window.end, limits.end + _TICK)
    if first >= last:
        return FreeStarts((), (), 0)
    begins, ends = first.timestamp(), last.timestamp()
    days = [(day, salon.starts_on(day)) for day in days_between(first, last, salon.profile.zone)]
    days = [(day, starts[bisect_left(starts, begins) : bisect_left(starts, ends)]) for day, starts in days]
    starts = [start for _, found in days for start in found]
    teams = [(team, diary.starts(team, starts)) for team in plan.teams]
    mixed = 0
    if plan.mixable:
        taken = reduce(or_, (bits for _, bits in teams), 0)
        for place, start in enumerate(starts):
            if not taken >> place & 1 and Mix(diary, plan, moment(start)).possible:
                mixed |= 1 << place
    return FreeStarts(days, teams, mixed)


def choose(
    diary: Diary, plan: Plan, start: datetime, *, prefer: UUID | None = None, among: Sequence[Team] | None = None
) -> Seating | None:
    """Who does it at `start`, and where; None if it is not free.

    One person for all that is left open goes before several. Among those free it is `prefer`, else the least booked on that
    local day, else the first in the salon's order.

    Args:
        among: those teams of the plan that are known to be free then, if they are.
    """
    teams = diary.ranked(plan.teams, start, prefer)
    if among is None:
        seatings = (diary.seat(team, start) for team in teams)
    else:
        free = {id(team) for team in among}
        seatings = (diary.equipped(team, start) for team in teams if id(team) in free)
    seating = next(filter(None, seatings), None)
    if seating or not plan.mixable:
        return seating
    loads = diary.loads(start)
    return Mix(diary, plan, start).seat(lambda person: (person.id != prefer, loads.get(person.id, 0.0)))


def spread(openings: Sequence[Opening], limit: int) -> list[Opening]:
    """At most `limit` of them, evenly over the whole, the first among them."""
    count = len(openings)
    if count <= limit:
        return list(openings)
    return [openings[index * count // limit] for index in range(limit)]
