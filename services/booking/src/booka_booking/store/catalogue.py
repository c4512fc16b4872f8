"""The salon's profile, hours, services, staff and policies as rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.salon import Policy, PolicyChange, Profile, Salon, Service, Staff, Weekly
from booka_booking.domain.times import Span
from booka_common.db import Tx, load_queries

__all__ = [
    "announced", "bump", "get_locale", "get_policy", "get_salon", "known_services", "list_services", "list_staff",
    "lock_catalogue", "mark_announced", "put_policy", "put_profile", "put_service", "put_staff", "retire_service",
    "retire_staff",
]  # fmt: skip

queries = load_queries("booka_booking", "queries/catalogue.sql")


async def lock_catalogue(tx: Tx) -> None:
    """Wait for other changes of this salon's catalogue to end."""
    await tx.execute(queries["catalogue_lock"], str(tx.tenant_id))


async def bump(tx: Tx) -> None:
    """Count a change; without a profile there is nothing to count yet."""
    await tx.execute(queries["profile_bump"], tx.tenant_id)


async def announced(tx: Tx) -> bool:
    """Whether anybody has ever been told this catalogue."""
    return bool(await tx.fetchval(queries["profile_announced"], tx.tenant_id))


async def mark_announced(tx: Tx) -> None:
    """From now on every change is told, even if nothing is left to book."""
    await tx.execute(queries["profile_announce"], tx.tenant_id)


async def put_profile(tx: Tx, profile: Profile) -> None:
    """Write the profile with its hours and exceptions, replacing what was there."""
    await tx.execute(
        queries["profile_put"],
        tx.tenant_id,
        profile.name,
        profile.locale,
        profile.zone.key,
        profile.currency,
        profile.slot_grid_minutes,
        profile.lead_minutes,
        profile.horizon_days,
    )
    await tx.execute(queries["opening_hours_clear"], tx.tenant_id)
    await tx.execute(queries["opening_hours_put"], tx.tenant_id, *_columns(profile.opening))
    await tx.execute(queries["opening_exceptions_clear"], tx.tenant_id)
    rows = [(day, span) for day, spans in profile.exceptions.items() for span in (spans or (Span(0, 0),))]
    days, opens, closes = [row[0] for row in rows], [row[1].opens for row in rows], [row[1].closes for row in rows]
    await tx.execute(queries["opening_exceptions_put"], tx.tenant_id, days, opens, closes)


async def put_service(tx: Tx, service: Service) -> None:
    """Write a service; its policy is written by `put_policy`."""
    await tx.execute(
        queries["service_put"],
        tx.tenant_id,
        service.id,
        service.name,
        service.duration_minutes,
        service.buffer_before_minutes,
        service.buffer_after_minutes,
        service.price_minor,
        service.active,
        service.position,
    )


async def list_services(tx: Tx, service_id: UUID | None = None) -> list[dict[str, Any]]:
    """All services in the salon's order, or the one."""
    return [dict(row) for row in await tx.fetch(queries["service_list"], tx.tenant_id, service_id)]


async def retire_service(tx: Tx, service_id: UUID) -> bool:
    """Take a service out of the offer; False if there is none."""
    return await tx.execute(queries["service_retire"], tx.tenant_id, service_id) > 0


async def known_services(tx: Tx, service_ids: Iterable[UUID]) -> bool:
    """Whether all of them exist."""
    wanted = list(set(service_ids))
    return bool(await tx.fetchval(queries["services_known"], tx.tenant_id, wanted) == len(wanted))


async def put_staff(tx: Tx, member: Staff, *, active: bool) -> None:
    """Write somebody with services and hours, replacing what was there."""
    await tx.execute(queries["staff_put"], tx.tenant_id, member.id, member.name, active)
    await tx.execute(queries["staff_services_clear"], tx.tenant_id, member.id)
    await tx.execute(queries["staff_services_put"], tx.tenant_id, member.id, list(member.service_ids))
    await tx.execute(queries["staff_hours_clear"], tx.tenant_id, member.id)
    # Somebody whose week is empty would look like somebody without hours of their own; the API refuses that.
    await tx.execute(queries["staff_hours_put"], tx.tenant_id, member.id, *_columns(member.hours or {}))


async def list_staff(tx: Tx, staff_id: UUID | None = None) -> list[dict[str, Any]]:
    """Everybody by name, or the one; `hours` is a week or None."""
    rows = await tx.fetch(queries["staff_list"], tx.tenant_id, staff_id)
    return [{**dict(row), "hours": _weekly(row["hours"]) if row["hours"] else None} for row in rows]


async def retire_staff(tx: Tx, staff_id: UUID) -> bool:
    """Have somebody take no more visits; False if there is nobody."""
    return await tx.execute(queries["staff_retire"], tx.tenant_id, staff_id) > 0


async def put_policy(tx: Tx, service_id: UUID | None, change: PolicyChange) -> None:
    """Write the salon's default (`service_id` None) or a service's exception from it."""
    await tx.execute(queries["policy_put"], tx.tenant_id, service_id, *astuple(change))


async def get_policy(tx: Tx, service_id: UUID | None) -> PolicyChange:
    """What is set for the salon or the service."""
    row = await tx.fetchrow(queries["policy_get"], tx.tenant_id, service_id)
    return PolicyChange(*row) if row else PolicyChange()


async def get_locale(tx: Tx) -> str:
    """The language the salon speaks by default."""
    locale: str = await tx.fetchval(queries["locale_get"], tx.tenant_id)
    return locale


async def get_salon(tx: Tx, service_ids: Sequence[UUID] | None = None, *, since: date | None = None) -> Salon | None:
    """The salon with all services, or with those asked for; None without a profile. One round trip.

    Args:
        since: exceptions from this date on.
    """
    row = await tx.fetchrow(
        queries["salon_get"], tx.tenant_id, None if service_ids is None else list(service_ids), since
    )
    if row is None:
        return None
    default = Policy().with_(PolicyChange(*row["policy"])) if row["policy"] else Policy()
    exceptions: dict[date, list[Span]] = {}
    for day, opens, closes in row["exceptions"] or ():
        spans = exceptions.setdefault(date.fromisoformat(day), [])
        if opens < closes:
            spans.append(Span(opens, closes))
    services = [_service(item, default) for item in row["services"] or ()]
    return Salon(
        profile=Profile(
            name=row["name"],
            locale=row["locale"],
            zone=ZoneInfo(row["zone"]),
            currency=row["currency"],
            slot_grid_minutes=row["slot_grid_minutes"],
            lead_minutes=row["lead_minutes"],
            horizon_days=row["horizon_days"],
            opening=_weekly(row["opening"] or ()),
            exceptions=exceptions,
        ),
        revision=row["revision"],
        services={service.id: service for service in services},
        staff=[
            Staff(UUID(id), name, frozenset(map(UUID, able or ())), _weekly(hours) if hours else None)
            for id, name, able, hours in row["staff"] or ()
        ],
    )


def _service(item: Sequence[Any], default: Policy) -> Service:
    id, name, duration, before, after, price, active, position, *policy = item  # the order of salon_get
    return Service(
        id=UUID(id),
        name=name,
        duration_minutes=duration,
        buffer_before_minutes=before,
        buffer_after_minutes=after,
        price_minor=price,
        active=active,
        position=position,
        policy=default.with_(PolicyChange(*policy)),
    )


def _columns(week: Weekly) -> tuple[list[int], list[int], list[int]]:
    rows = [(weekday, *span) for weekday, spans in week.items() for span in spans]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def _weekly(rows: Iterable[Sequence[int]]) -> Mapping[int, Sequence[Span]]:
    week: dict[int, list[Span]] = {}
    for weekday, opens, closes in rows:
        week.setdefault(weekday, []).append(Span(opens, closes))
    return week
