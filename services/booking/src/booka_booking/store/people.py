"""Who works in a salon, what they do, and when, as rows. Change them under `catalogue.lock_catalogue`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from booka_booking.domain.salon import Staff, TimeOff
from booka_booking.domain.times import Span
from booka_booking.store.weeks import columns, weekly
from booka_common.db import Tx, load_queries

__all__ = [
    "Feed", "Person", "SpecialHours", "StoredTimeOff", "close_feed", "count_special_hours", "count_staff", "count_time_off",
    "delete_special_hours", "delete_time_off", "get_feed", "list_special_hours", "list_staff", "list_time_off", "open_feed",
    "put_special_hours", "put_staff", "put_time_off", "queries", "retire_staff", "special_hours_version", "staff_version",
    "time_off_elsewhere", "time_off_version",
]  # fmt: skip

queries = load_queries("booka_booking", "queries/people.sql")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as stored; `skills` are service id, own duration and own price."""

    id: UUID
    name: str
    active: bool
    version: int
    skills: list[tuple[UUID, int | None, int | None]]
    hours: Any


@dataclass(frozen=True, slots=True)
class StoredTimeOff:
    """A time off with what identifies it."""

    id: UUID
    time_off: TimeOff
    reason: str | None
    version: int


@dataclass(frozen=True, slots=True)
class SpecialHours:
    """What somebody works on one date instead of what their week says; no spans: nothing."""

    day: date
    spans: Sequence[Span]
    reason: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Feed:
    """Somebody's calendar. `version` is that of the address that is valid now; None: there is none."""

    staff_name: str
    version: int | None


async def staff_version(tx: Tx, staff_id: UUID) -> int | None:
    """The version of somebody; None: there is nobody."""
    version: int | None = await tx.fetchval(queries["staff_version"], tx.tenant_id, staff_id)
    return version


async def put_staff(tx: Tx, member: Staff, *, active: bool) -> int:
    """Write somebody with skills and hours, replacing what was there; what is dated is written apart. Returns the version."""
    version: int = await tx.fetchval(queries["staff_put"], tx.tenant_id, member.id, member.name, active)
    await tx.execute(queries["staff_services_clear"], tx.tenant_id, member.id)
    await tx.execute(
        queries["staff_services_put"],
        tx.tenant_id,
        member.id,
        list(member.skills),
        [skill.duration_minutes for skill in member.skills.values()],
        [skill.price_minor for skill in member.skills.values()],
    )
    await tx.execute(queries["staff_hours_clear"], tx.tenant_id, member.id)
    # Somebody whose week is empty would look like somebody without hours of their own; the API refuses that.
    await tx.execute(queries["staff_hours_put"], tx.tenant_id, member.id, *columns(member.hours or {}))
    return version


async def list_staff(
    tx: Tx, staff_id: UUID | None = None, *, after: tuple[str, UUID] | None = None, limit: int = 1
) -> list[Person]:
    """Everybody by name, or the one; `hours` is a week or None."""
    rows = await tx.fetch(queries["staff_list"], tx.tenant_id, staff_id, *(after or (None, None)), limit)
    return [
        Person(
            id=row["id"],
            name=row["name"],
            active=row["active"],
            version=row["version"],
            skills=[(UUID(service_id), duration, price) for service_id, duration, price in row["skills"] or ()],
            hours=weekly(row["hours"]) if row["hours"] else None,
        )
        for row in rows
    ]


async def count_staff(tx: Tx) -> int:
    """How many there are, those included who have left."""
    count: int = await tx.fetchval(queries["staff_count"], tx.tenant_id)
    return count


async def retire_staff(tx: Tx, staff_id: UUID) -> None:
    """Have somebody take no more visits."""
    await tx.execute(queries["staff_retire"], tx.tenant_id, staff_id)


async def time_off_version(tx: Tx, staff_id: UUID, time_off_id: UUID) -> int | None:
    """The version of somebody's time off; None: there is none of this id."""
    version: int | None = await tx.fetchval(queries["time_off_version"], tx.tenant_id, time_off_id, staff_id)
    return version


async def time_off_elsewhere(tx: Tx, staff_id: UUID, time_off_id: UUID) -> bool:
    """Whether somebody else has a time off of this id."""
    return bool(await tx.fetchval(queries["time_off_elsewhere"], tx.tenant_id, time_off_id, staff_id))


async def put_time_off(tx: Tx, staff_id: UUID, time_off_id: UUID, time_off: TimeOff, reason: str | None) -> int:
    """Write a time off and return its version."""
    version: int = await tx.fetchval(
        queries["time_off_put"],
        tx.tenant_id,
        time_off_id,
        staff_id,
        time_off.starts_on,
        time_off.ends_on,
        None if time_off.weekdays is None else sorted(time_off.weekdays),
        time_off.span.opens,
        time_off.span.closes,
        reason,
    )
    return version


async def list_time_off(
    tx: Tx, staff_id: UUID, time_off_id: UUID | None = None, *, after: tuple[date, UUID] | None = None, limit: int = 1
) -> list[StoredTimeOff]:
    """Somebody's time off by its first day, or the one."""
    rows = await tx.fetch(
        queries["time_off_list"], tx.tenant_id, staff_id, time_off_id, *(after or (None, None)), limit
    )
    return [
        StoredTimeOff(
            id=row["id"],
            time_off=TimeOff(
                starts_on=row["starts_on"],
                ends_on=row["ends_on"],
                weekdays=None if row["weekdays"] is None else frozenset(row["weekdays"]),
                span=Span(row["from_minute"], row["until_minute"]),
            ),
            reason=row["reason"],
            version=row["version"],
        )
        for row in rows
    ]


async def count_time_off(tx: Tx, staff_id: UUID) -> int:
    """How many somebody has, those included that are over."""
    count: int = await tx.fetchval(queries["time_off_count"], tx.tenant_id, staff_id)
    return count


async def delete_time_off(tx: Tx, time_off_id: UUID) -> None:
    """Remove a time off."""
    await tx.execute(queries["time_off_delete"], tx.tenant_id, time_off_id)


async def special_hours_version(tx: Tx, staff_id: UUID, day: date) -> int | None:
    """The version of somebody's hours on a date; None: they are those of the week."""
    version: int | None = await tx.fetchval(queries["special_hours_version"], tx.tenant_id, staff_id, day)
    return version


async def put_special_hours(tx: Tx, staff_id: UUID, day: date, spans: Sequence[Span], reason: str | None) -> int:
    """Write somebody's hours on a date and return their version."""
    opens, closes = [span.opens for span in spans], [span.closes for span in spans]
    version: int = await tx.fetchval(queries["special_hours_put"], tx.tenant_id, staff_id, day, opens, closes, reason)
    return version


async def list_special_hours(
    tx: Tx, staff_id: UUID, day: date | None = None, *, after: date | None = None, limit: int = 1
) -> list[SpecialHours]:
    """Somebody's hours on single dates, by date, or on the one."""
    rows = await tx.fetch(queries["special_hours_list"], tx.tenant_id, staff_id, day, after, limit)
    return [
        SpecialHours(row["day"], tuple(map(Span, row["opens"], row["closes"])), row["reason"], row["version"])
        for row in rows
    ]


async def count_special_hours(tx: Tx, staff_id: UUID) -> int:
    """On how many dates somebody has hours of their own, past ones included."""
    count: int = await tx.fetchval(queries["special_hours_count"], tx.tenant_id, staff_id)
    return count


async def delete_special_hours(tx: Tx, staff_id: UUID, day: date) -> None:
    """Have the week say again what somebody works on a date."""
    await tx.execute(queries["special_hours_delete"], tx.tenant_id, staff_id, day)


async def get_feed(tx: Tx, staff_id: UUID) -> Feed | None:
    """Somebody's calendar; None: there is nobody of this id."""
    row = await tx.fetchrow(queries["feed_get"], tx.tenant_id, staff_id)
    return Feed(row["name"], row["feed_version"] if row["feed_version"] % 2 else None) if row else None


async def open_feed(tx: Tx, staff_id: UUID) -> int | None:
    """Have a new address be the only valid one; its version, or None: there is nobody."""
    version: int | None = await tx.fetchval(queries["feed_open"], tx.tenant_id, staff_id)
    return version


async def close_feed(tx: Tx, staff_id: UUID) -> bool:
    """Have no address be valid; False: there is nobody."""
    return await tx.fetchval(queries["feed_close"], tx.tenant_id, staff_id) is not None
