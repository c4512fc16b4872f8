"""Which starts are free, whether one start may be booked and by whom: all answers come from the same rules."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from booka_booking.domain.diary import Diary, Seating
from booka_booking.domain.planning import Party, Plan, Refusal, Team
from booka_booking.domain.salon import Salon, Staff
from booka_booking.domain.times import Interval, days_between, starts_on

__all__ = ["Opening", "bounds", "choose", "free_starts", "on_grid", "refused", "spread"]

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Opening:
    """A free start, and who could take it."""

    start: datetime
    teams: tuple[Team, ...]


def bounds(salon: Salon, now: datetime, by: Party) -> Interval:
    """The starts that lead time and horizon leave, `[first, last]`. The salon itself may book at once."""
    profile = salon.profile
    lead = timedelta(minutes=profile.lead_minutes) if by == "client" else _TICK
    return Interval(now + lead, now + timedelta(days=profile.horizon_days))


def on_grid(salon: Salon, start: datetime) -> bool:
    """Whether the salon's visits may begin at that time of the day at all."""
    zone = salon.profile.zone
    return start in starts_on(start.astimezone(zone).date(), zone, salon.profile.slot_grid_minutes)


def refused(salon: Salon, plan: Plan, start: datetime, now: datetime) -> Refusal | None:
    """Why nobody could be booked at `start` even if nothing were taken; None if somebody could."""
    if start <= now:
        return "in_the_past"
    limits = bounds(salon, now, plan.by)
    if not limits.start <= start <= limits.end or not on_grid(salon, start):
        return "not_offered"
    return None


def free_starts(diary: Diary, plan: Plan, window: Interval, now: datetime) -> list[Opening]:
    """Every free start in `[window.start, window.end)`, in order. `diary` covers the window."""
    salon = diary.salon
    limits = bounds(salon, now, plan.by)
    first, last = max(window.start, limits.start), min(window.end, limits.end + _TICK)
    if first >= last:
        return []
    zone, grid = salon.profile.zone, salon.profile.slot_grid_minutes
    starts = [start for day in days_between(first, last, zone) for start in starts_on(day, zone, grid)]
    starts = starts[bisect_left(starts, first) : bisect_left(starts, last)]
    found: dict[datetime, list[Team]] = {}
    for team in plan.teams:
        for start in diary.starts(team, starts):
            found.setdefault(start, []).append(team)
    if plan.mixable:
        for start in starts:
            if start not in found and (seating := _mixed(diary, plan, start, _as_listed)):
                found[start] = [seating.team]
    return [Opening(start, tuple(found[start])) for start in sorted(found)]


def choose(
    diary: Diary, plan: Plan, start: datetime, *, prefer: UUID | None = None, among: Sequence[Team] | None = None
) -> Seating | None:
    """Who does it at `start`, and where; None if it is not free.

    One person for all that is left open goes before several. Among those free it is `prefer`, else the least booked on that
    local day, else the first in the salon's order.

    Args:
        among: the teams known to be free then, if they are.
    """

    def rank(person: Staff) -> tuple[bool, timedelta]:
        return person.id != prefer, diary.load(person, start)

    teams = plan.teams if among is None else among
    if len(teams) > 1:
        teams = sorted(teams, key=lambda team: rank(_left_open(team)))
    for team in teams:
        if seating := diary.seat(team, start):
            return seating
    return _mixed(diary, plan, start, rank) if plan.mixable else None


def _left_open(team: Team) -> Staff:
    return next(part.staff for part in team.parts if part.wanted is None)


def _as_listed(_person: Staff) -> tuple[()]:
    return ()


def _mixed(diary: Diary, plan: Plan, start: datetime, rank: Callable[[Staff], Any]) -> Seating | None:
    """Several people for what is left open, with as few changes between them as can be."""
    for changes in range(len(plan.services)):
        found = _extended(diary, plan, start, rank, (), changes)
        if found is not None:
            return found
    return None


def _extended(
    diary: Diary, plan: Plan, start: datetime, rank: Callable[[Staff], Any], people: tuple[Staff, ...], changes: int
) -> Seating | None:
    """`people`, who do the first services, completed with at most `changes` more changes of the person."""
    position = len(people)
    if position == len(plan.services):
        return diary.seat(Team.of(plan, people), start)
    last = people[-1] if people else None
    able = sorted(plan.able[position], key=lambda person: (last is None or person.id != last.id, rank(person)))
    for person in able:
        left = changes - (last is not None and person.id != last.id)
        if left < 0:
            return None
        chosen = (*people, person)
        # Only work is looked at here: with whom they share buffers is known once the team is complete.
        work = Team.of(plan.first(len(chosen)), chosen).work
        if all(_at_work(diary, stretch.staff, start + stretch.begins, start + stretch.ends) for stretch in work):
            found = _extended(diary, plan, start, rank, chosen, left)
            if found is not None:
                return found
    return None


def _at_work(diary: Diary, person: Staff, begins: datetime, ends: datetime) -> bool:
    span = Interval(begins, ends)
    return diary.works(person, span) and diary.conflict(person.id, span) is None


def spread(openings: Sequence[Opening], limit: int) -> list[Opening]:
    """At most `limit` of them, evenly over the whole, the first among them."""
    count = len(openings)
    if count <= limit:
        return list(openings)
    return [openings[index * count // limit] for index in range(limit)]
