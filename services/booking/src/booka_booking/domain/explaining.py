"""Why a start is not offered, or not even to be had by the salon: every constraint in its way, for the people there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from booka_booking.domain.availability import bounds, choose, on_grid
from booka_booking.domain.diary import Diary
from booka_booking.domain.planning import Ask, Plan, Team, able_to, too_long
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval

__all__ = ["Reason", "ReasonCode", "explain", "hindrances", "unoffered"]

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
    "service_retired",
    "not_online",
    "not_performed",
    "too_long",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """One constraint in the way.

    Attributes:
        position: of the service it is about; None: of the visit.
        calendar_id: of the person, or of the pool for `no_resource`; None for `not_performed`: nobody does it.
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
    limits = bounds(diary.salon, now, plan.by)
    beyond = (start < limits.start and start <= now) or start > limits.end
    if beyond or choose(diary, plan, start) is not None:
        return reasons
    found: dict[Reason, None] = {}
    for team in plan.teams or (Team.of(plan, [people[0] for people in plan.able]),):
        found.update(dict.fromkeys(hindrances(diary, team, start)))
    # With several people sharing a visit, each may be hindered by nothing and still no combination fit.
    return (*reasons, *(found or {Reason("no_combination"): None}))


def unoffered(salon: Salon, ask: Ask) -> Iterator[Reason]:
    """Why the salon does not do what is asked for at all, whenever it is to be; nothing exactly if there is a plan for it."""
    services = [salon.services[want.service_id] for want in ask.wants]
    able = able_to(salon, ask.wants)
    for position, (service, want) in enumerate(zip(services, ask.wants, strict=True)):
        if not ask.allows(service):
            yield Reason("not_online" if service.active else "service_retired", position)
        if not able[position]:
            yield Reason("not_performed", position, want.staff_id)
    if all(able) and too_long(services, able):
        yield Reason("too_long")


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
    if start < limits.start:
        yield Reason("in_the_past" if start <= now else "before_lead_time")
    if start > limits.end:
        yield Reason("beyond_horizon")
    elif plan.by == "client" and start > now and not on_grid(diary.salon, start):
        yield Reason("off_grid")
