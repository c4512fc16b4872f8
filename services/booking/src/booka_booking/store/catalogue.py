"""The salon as a whole, and its profile, as rows."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.policy import Policy, PolicyChange
from booka_booking.domain.salon import Profile, Resource, Salon, Service, Skill, Staff, TimeOff
from booka_booking.domain.times import Span
from booka_booking.store.weeks import columns, weekly
from booka_common.db import Tx, load_queries

__all__ = [
    "announced", "bump", "changes", "get_locale", "get_salon", "lock_catalogue", "mark_announced", "profile_version",
    "put_profile", "queries",
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


async def profile_version(tx: Tx) -> int | None:
    """The version of the profile; None without one."""
    version: int | None = await tx.fetchval(queries["profile_version"], tx.tenant_id)
    return version


async def changes(tx: Tx) -> int | None:
    """How many changes of the catalogue there have been; None without a profile."""
    found: int | None = await tx.fetchval(queries["profile_changes"], tx.tenant_id)
    return found


async def put_profile(tx: Tx, profile: Profile) -> int:
    """Write the profile with its hours and exceptions, replacing what was there; return its version."""
    version: int = await tx.fetchval(
        queries["profile_put"],
        tx.tenant_id,
        profile.name,
        profile.locale,
        profile.zone.key,
        profile.currency,
        profile.slot_grid_minutes,
        profile.lead_minutes,
        profile.horizon_days,
        profile.assignment,
        profile.complete_after_hours,
    )
    await tx.execute(queries["opening_hours_clear"], tx.tenant_id)
    await tx.execute(queries["opening_hours_put"], tx.tenant_id, *columns(profile.opening))
    await tx.execute(queries["opening_exceptions_clear"], tx.tenant_id)
    rows = [(day, span) for day, spans in profile.exceptions.items() for span in (spans or (Span(0, 0),))]
    days, opens, closes = [row[0] for row in rows], [row[1].opens for row in rows], [row[1].closes for row in rows]
    await tx.execute(queries["opening_exceptions_put"], tx.tenant_id, days, opens, closes)
    return version


async def get_locale(tx: Tx) -> str:
    """The language the salon speaks by default."""
    locale: str = await tx.fetchval(queries["locale_get"], tx.tenant_id)
    return locale


async def get_salon(tx: Tx, service_ids: Sequence[UUID] | None = None, *, since: date | None = None) -> Salon | None:
    """The salon with all services, or with those asked for; None without a profile. One round trip.

    Args:
        since: without exceptions, special hours and time off that were over before this date.
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
    pools: dict[UUID, list[Resource]] = {}
    for pool_id, id, name in row["resources"] or ():
        pools.setdefault(UUID(pool_id), []).append(Resource(UUID(id), name))
    return Salon(
        profile=Profile(
            name=row["name"],
            locale=row["locale"],
            zone=ZoneInfo(row["zone"]),
            currency=row["currency"],
            slot_grid_minutes=row["slot_grid_minutes"],
            lead_minutes=row["lead_minutes"],
            horizon_days=row["horizon_days"],
            opening=weekly(row["opening"] or ()),
            exceptions=exceptions,
            assignment=row["assignment"],
            complete_after_hours=row["complete_after_hours"],
        ),
        revision=row["revision"],
        changes=row["changes"],
        services={service.id: service for service in services},
        staff=[_person(item) for item in row["staff"] or ()],
        pools=pools,
    )


def _service(item: Sequence[Any], default: Policy) -> Service:
    # The order of salon_get.
    (id, name, duration, price, category, before, after, gap_start, gap, pool_id, active, online, position, policy) = (
        item
    )
    return Service(
        id=UUID(id),
        name=name,
        duration_minutes=duration,
        price_minor=price,
        category=category,
        buffer_before_minutes=before,
        buffer_after_minutes=after,
        gap_start_minutes=gap_start,
        gap_minutes=gap,
        pool_id=UUID(pool_id) if pool_id else None,
        active=active,
        online=online,
        position=position,
        policy=default.with_(PolicyChange(*policy)) if policy else default,
    )


def _person(item: Sequence[Any]) -> Staff:
    id, name, skills, hours, time_off, special = item
    return Staff(
        id=UUID(id),
        name=name,
        skills={UUID(service_id): Skill(duration, price) for service_id, duration, price in skills or ()},
        hours=weekly(hours) if hours else None,
        time_off=[
            TimeOff(
                starts_on=date.fromisoformat(first),
                ends_on=date.fromisoformat(last) if last else None,
                weekdays=frozenset(weekdays) if weekdays else None,
                span=Span(opens, closes),
            )
            for first, last, weekdays, opens, closes in time_off or ()
        ],
        special={date.fromisoformat(day): tuple(map(Span, opens, closes)) for day, opens, closes in special or ()},
    )
