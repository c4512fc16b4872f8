"""Why a start is not offered: every constraint that stands in its way, for the people at the salon."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from booka_booking.domain.availability import bounds, choose, on_grid
from booka_booking.domain.diary import Diary
from booka_booking.domain.planning import Plan, Team
from booka_booking.domain.times import Interval

__all__ = ["Reason", "ReasonCode", "explain", "hindrances"]

ReasonCode = Literal[
    "in_the_past",
    "before_lead_time",
    "beyond_horizon",
    "off_grid",
    "salon_closed",
    "not_working",
    "busy",
    "no_resource",
    "no_combination",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """One constraint in the way.

    Attributes:
        position: of the service it is about; None: of the visit.
        calendar_id: of the person, or of the pool for `no_resource`.
        span: what takes the time (`busy`), or the time that is wanted.
    """

    code: ReasonCode
    position: int | None = None
    calendar_id: UUID | None = None
    span: Interval | None = None


def explain(diary: Diary, plan: Plan, start: datetime, now: datetime) -> tuple[Reason, ...]:
    """Everything that keeps `start` from being offered; nothing exactly if it is."""
    reasons = tuple(_limits(diary, plan, start, now))
    # Beyond these nothing is worked out: it may be no date at all.
    beyond = start <= now or start > bounds(diary.salon, now, plan.by).end
    if beyond or choose(diary, plan, start) is not None:
        return reasons
    found: dict[Reason, None] = {}
    for team in plan.teams or (Team.of(plan, [people[0] for people in plan.able]),):
        found.update(dict.fromkeys(hindrances(diary, team, start)))
    # With several people sharing a visit, each may be hindered by nothing and still no combination fit.
    return (*reasons, *(found or {Reason("no_combination"): None}))


def hindrances(diary: Diary, team: Team, start: datetime) -> Iterator[Reason]:
    """What keeps this very team from doing it at `start`: hours, what is taken, resources."""
    whole = Interval(start, start + team.duration)
    if not diary.open_for(whole):
        yield Reason("salon_closed", span=whole)
    for position, part in enumerate(team.parts):
        for stretch in team.work:
            span = Interval(start + stretch.begins, start + stretch.ends)
            own = stretch.staff.id == part.staff.id and part.begins <= stretch.begins and stretch.ends <= part.ends
            if own and diary.open_for(span) and not diary.works(part.staff, span):
                yield Reason("not_working", position, part.staff.id, span)
    for stretch in team.claims:
        taken = diary.conflict(stretch.staff.id, Interval(start + stretch.begins, start + stretch.ends))
        if taken:
            position = next(i for i, part in enumerate(team.parts) if part.staff.id == stretch.staff.id)
            yield Reason("busy", position, stretch.staff.id, taken)
    for need in team.needs:
        span = Interval(start + need.begins, start + need.ends)
        if diary.free_resource(need.pool_id, span) is None:
            yield Reason("no_resource", need.positions[0], need.pool_id, span)


def _limits(diary: Diary, plan: Plan, start: datetime, now: datetime) -> Iterator[Reason]:
    limits = bounds(diary.salon, now, plan.by)
    if start <= now:
        yield Reason("in_the_past")
    elif start < limits.start:
        yield Reason("before_lead_time")
    if start > limits.end:
        yield Reason("beyond_horizon")
    elif start > now and not on_grid(diary.salon, start):
        yield Reason("off_grid")
