"""Salons as the domain sees them, made by hand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.diary import Diary, Hours
from booka_booking.domain.planning import Ask, Party, Plan, resolve
from booka_booking.domain.salon import Profile, Resource, Salon, Service, Skill, Staff, Weekly
from booka_booking.domain.times import Interval, Span
from booka_common.contracts.booking import Want

ALWAYS: Weekly = {day: (Span(0, 1440),) for day in range(1, 8)}
DAY = timedelta(days=1)


def service(number: int, minutes: int = 30, **rest: Any) -> Service:
    """A service with an id that its number tells."""
    return Service(UUID(int=100 + number), f"Service {number}", minutes, rest.pop("price_minor", 9000), **rest)


def person(name: str, *skills: Service, own: Mapping[int, Skill] | None = None, **rest: Any) -> Staff:
    """Somebody whose id follows from the name; `own` is by position in `skills`."""
    own = own or {}
    able = {item.id: own.get(position, Skill()) for position, item in enumerate(skills)}
    return Staff(UUID(int=int.from_bytes(name.encode())), name, able, **rest)


def resource(number: int) -> Resource:
    """A chair."""
    return Resource(UUID(int=10_000 + number), f"Chair {number}")


def salon_of(
    services: Iterable[Service],
    staff: Sequence[Staff],
    *,
    zone: str = "UTC",
    grid: int = 15,
    opening: Weekly = ALWAYS,
    exceptions: Mapping[date, Sequence[Span]] | None = None,
    pools: Mapping[UUID, Sequence[Resource]] | None = None,
    lead: int = 0,
    horizon: int = 60,
) -> Salon:
    """A salon that is always open, if it is not said otherwise."""
    profile = Profile(
        name="Salão",
        locale="pt-BR",
        zone=ZoneInfo(zone),
        currency="BRL",
        slot_grid_minutes=grid,
        lead_minutes=lead,
        horizon_days=horizon,
        opening=opening,
        exceptions=exceptions or {},
    )
    return Salon(profile, 1, {item.id: item for item in services}, staff, pools or {})


def ask_of(*wanted: Service | tuple[Service, Staff], by: Party = "client") -> Ask:
    """Services by anybody, or by somebody."""
    pairs = (item if isinstance(item, tuple) else (item, None) for item in wanted)
    return Ask(tuple(Want(service_id=item.id, staff_id=who.id if who else None) for item, who in pairs), by)


def plan_of(salon: Salon, *wanted: Service | tuple[Service, Staff], by: Party = "client") -> Plan:
    """The plan for a visit that the salon offers."""
    plan = resolve(salon, ask_of(*wanted, by=by))
    assert isinstance(plan, Plan), plan
    return plan


def diary_of(salon: Salon, window: Interval, taken: Mapping[UUID, Iterable[Interval]] | None = None) -> Diary:
    """What is taken, around a window of starts."""
    return Diary(Hours(salon, window), taken or {})


def between(start: datetime, **length: int) -> Interval:
    """From `start` on, for so long."""
    return Interval(start, start + timedelta(**length))
