"""Reservations and the time they take up, as rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from booka_booking.domain.diary import Spans
from booka_booking.domain.policy import Client, Terms
from booka_booking.domain.reservation import Claim, Reservation, Segment
from booka_booking.domain.times import Interval
from booka_common.db import Tx, load_queries

__all__ = [
    "Reached", "Taken", "busy", "busy_spans", "client_of", "count_holds", "get", "get_many", "granted", "list_history",
    "list_keys", "lock", "lock_calendars", "lock_client", "lock_overdue", "put_outside_hours", "queries", "reach", "save",
    "save_seated",
]  # fmt: skip

queries = load_queries("booka_booking", "queries/reservations.sql")


_NESTED = frozenset({"terms", "segments", "claims", "outside_hours"})


@dataclass(frozen=True, slots=True)
class Taken:
    """Time of a person or a resource that a reservation takes up, buffers included."""

    calendar_id: UUID
    span: Interval
    reservation_id: UUID
    held_until: datetime | None

    def lapsed(self, now: datetime) -> bool:
        """Whether it is a hold whose time is up, so that the start may be given to somebody else."""
        return self.held_until is not None and self.held_until <= now


@dataclass(frozen=True, slots=True)
class Reached:
    """How a client is reached: by a contact, and in the conversation in which they booked last. None: they are not."""

    contact_id: UUID | None
    conversation_id: UUID | None


async def lock_client(
    tx: Tx, contact_id: UUID | None, request_id: UUID | None = None, client_id: UUID | None = None
) -> None:
    """Have a client's holds, and the answer to a request, to oneself until the transaction ends. Before `lock_calendars`.

    Who has a contact goes by that; `client_id` is for others.
    """
    names = [f"{tx.tenant_id}:contact:{contact_id}"] if contact_id else []
    names += [f"{tx.tenant_id}:client:{client_id}"] if client_id and not contact_id else []
    names += [f"{tx.tenant_id}:request:{request_id}"] if request_id else []
    await tx.lock(names)


async def lock_calendars(tx: Tx, calendar_ids: Iterable[UUID], contact_id: UUID | None = None) -> None:
    """Have these calendars, and this client's number of holds, to oneself until the transaction ends.

    Only a hold that has no choice takes time of a calendar without this; under it, it may still find a place taken.
    Lock order everywhere: a reservation's row, then the client, then calendars by id. Under a calendar's lock nobody waits
    for a row again (`lock_overdue` skips), so there is no circle.
    """
    names = [f"{tx.tenant_id}:contact:{contact_id}"] if contact_id else []
    await tx.lock([*names, *sorted(f"{tx.tenant_id}:{calendar_id}" for calendar_id in calendar_ids)])


async def busy(tx: Tx, calendar_ids: Iterable[UUID], window: Interval, *, besides: UUID | None = None) -> list[Taken]:
    """What is taken of these calendars in `window`, without what the reservation `besides` takes."""
    rows = await tx.fetch(queries["busy"], tx.tenant_id, list(calendar_ids), window.start, window.end, besides)
    return [_taken(row) for row in rows]


async def busy_spans(
    tx: Tx, calendar_ids: Iterable[UUID], window: Interval, now: datetime, *, besides: UUID | None = None
) -> dict[UUID, Spans]:
    """When each of these calendars is taken in `window`, by anything but `besides` and holds whose time is up."""
    rows = await tx.fetch(
        queries["busy_spans"], tx.tenant_id, list(calendar_ids), window.start, window.end, besides, now
    )
    return {row[0]: Spans(row[1], row[2]) for row in rows}


async def reach(tx: Tx, client_id: UUID) -> Reached | None:
    """How a client is reached; None: the salon has no such client."""
    row = await tx.fetchrow(queries["client_reached"], tx.tenant_id, client_id)
    return Reached(*row) if row else None


async def count_holds(tx: Tx, client_id: UUID, now: datetime) -> int:
    """How many starts are kept for a client. What somebody is offered from the waiting list has a contact."""
    count: int = await tx.fetchval(queries["client_holds"], tx.tenant_id, client_id, now)
    return count


async def put_outside_hours(tx: Tx, it: Reservation) -> None:
    """Write what of the hours a new hold goes against, if anything."""
    if it.outside_hours:
        await tx.execute(queries["reservation_outside_hours"], tx.tenant_id, it.id, list(it.outside_hours))


async def client_of(tx: Tx, contact_id: UUID | None, client_id: UUID | None = None) -> Client:
    """What is known of a contact or, without one, of a client; nothing of somebody new."""
    if contact_id is None and client_id is None:
        return Client()
    row = await tx.fetchrow(queries["client_of"], tx.tenant_id, contact_id, None if contact_id else client_id)
    return Client(row["completed"], row["last_staff_id"]) if row else Client()


async def lock(tx: Tx, reservation_id: UUID) -> Reservation | None:
    """Read a reservation and keep it to oneself until the transaction ends."""
    # Two statements: after a wait, the first one's snapshot would show segments as they were before it.
    if await tx.fetchval(queries["reservation_lock"], tx.tenant_id, reservation_id) is None:
        return None
    return await get(tx, reservation_id)


async def lock_overdue(tx: Tx, reservation_ids: Iterable[UUID], now: datetime) -> list[Reservation]:
    """Those of the holds whose time is up and whose fate nobody else is deciding; locked."""
    rows = await tx.fetch(queries["reservations_lock_overdue"], tx.tenant_id, list(reservation_ids), now)
    return await get_many(tx, [row["id"] for row in rows]) if rows else []


async def get(tx: Tx, reservation_id: UUID) -> Reservation | None:
    """Read a reservation."""
    found = await get_many(tx, [reservation_id])
    return found[0] if found else None


async def get_many(tx: Tx, reservation_ids: Sequence[UUID]) -> list[Reservation]:
    """Read reservations, by start."""
    rows = await tx.fetch(queries["reservations_get"], tx.tenant_id, list(reservation_ids))
    return [
        Reservation(
            **{name: row[name] for name in row.keys() if name not in _NESTED},  # noqa: SIM118 - a Record
            terms=Terms(**row["terms"]),
            segments=tuple(Segment(*segment) for segment in row["segments"]),
            claims=tuple(Claim(*claim) for claim in row["claims"]),
            outside_hours=tuple(row["outside_hours"]),
        )
        for row in rows
    ]


async def granted(tx: Tx, request_ids: Sequence[UUID]) -> dict[UUID | None, Reservation]:
    """By request, the reservations that requests were granted."""
    rows = await tx.fetch(queries["reservations_by_request"], tx.tenant_id, request_ids) if request_ids else ()
    found = await get_many(tx, [row["id"] for row in rows]) if rows else []
    return {it.request_id: it for it in found}


async def list_keys(
    tx: Tx,
    window: Interval,
    *,
    status: str | None,
    staff_id: UUID | None = None,
    client_id: UUID | None = None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[tuple[datetime, UUID]]:
    """Start and id of a page of the reservations that start in `window`; of one person, of one client, or of both."""
    at, id = after or (None, None)
    query = "reservations_page"
    of: tuple[UUID | None, ...] = ()
    if client_id:
        query, of = "reservations_page_of_client", (client_id, staff_id)
    elif staff_id:
        query, of = "reservations_page_of_staff", (staff_id,)
    rows = await tx.fetch(queries[query], tx.tenant_id, window.start, window.end, status, at, id, limit, *of)
    return [(row["starts_at"], row["id"]) for row in rows]


async def list_history(tx: Tx, reservation_id: UUID) -> list[dict[str, Any]]:
    """What became of a reservation, oldest first."""
    return [dict(row) for row in await tx.fetch(queries["history_list"], tx.tenant_id, reservation_id)]


async def save(tx: Tx, before: Reservation, after: Reservation, *, who: str, why: str, now: datetime) -> None:
    """Write what a decision made of a locked reservation, with its history.

    Raises:
        RuntimeError: it was not locked, and somebody else changed it.
    """
    saved = await tx.fetchval(
        queries["reservation_save"],
        tx.tenant_id,
        after.id,
        before.version,
        after.status,
        after.version,
        after.start,
        after.end,
        after.guest_name,
        after.expires_at,
        after.deposit_due_at,
        after.transaction_id,
        after.paid_minor,
        after.moves,
        after.seated,
        after.held_until,
        now,
        who,
        why,
        list(after.staff_ids),
        list(after.outside_hours),
        after.conversation_id,
    )
    if not saved:
        raise RuntimeError(f"reservation {after.id} is not at version {before.version} any more")


async def save_seated(tx: Tx, before: Reservation, after: Reservation, *, who: str, why: str, now: datetime) -> bool:
    """Like `save`, taking up time anew; False, and nothing written, if the constraint says that it is taken.

    Call it under `lock_calendars`: without it, two of these at once could wait for each other.
    """
    try:
        async with tx.savepoint():
            if (after.segments, after.claims) != (before.segments, before.claims):
                await _move(tx, after)
            await save(tx, before, after, who=who, why=why, now=now)
    except asyncpg.ExclusionViolationError:
        return False
    return True


async def _move(tx: Tx, it: Reservation) -> None:
    parts, claims = it.segments, it.claims
    await tx.execute(queries["claims_drop"], tx.tenant_id, it.id)
    await tx.execute(
        queries["segments_move"],
        tx.tenant_id,
        it.id,
        [part.position for part in parts],
        [part.staff_id for part in parts],
        [part.staff_name for part in parts],
        [part.wanted_staff_id for part in parts],
        [part.resource_id for part in parts],
        [part.resource_name for part in parts],
        [part.start for part in parts],
        [part.end for part in parts],
    )
    await tx.execute(
        queries["claims_put"],
        tx.tenant_id,
        it.id,
        it.held_until,
        [claim.calendar_id for claim in claims],
        [claim.busy_from for claim in claims],
        [claim.busy_until for claim in claims],
    )


def _taken(row: Any) -> Taken:
    calendar_id, busy_from, busy_until, reservation_id, held_until = row
    return Taken(calendar_id, Interval(busy_from, busy_until), reservation_id, held_until)
