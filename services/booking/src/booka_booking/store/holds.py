"""Holds as they are written: what a hold hangs on and all of its rows, for many holds of several salons at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from booka_booking.domain.reservation import Reservation
from booka_common.db import Tx, load_queries

__all__ = ["Blocked", "NewHold", "Who", "Written", "insert", "lock_all", "queries", "wait_briefly"]

queries = load_queries("booka_booking", "queries/holds.sql")

#: What a hold needs is in somebody's hands for longer than one may wait for it.
Blocked = asyncpg.LockNotAvailableError


@dataclass(frozen=True, slots=True)
class Who:
    """Whose hold it is. `id` is given to a contact that is new to the salon; without a contact it is a known client, if any."""

    id: UUID | None
    name: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class NewHold:
    """A hold that has been decided on.

    Attributes:
        changes: of the catalogue that was decided on.
        most_holds: as many as the client may have; None: any number.
        who, why: for the history.
    """

    tenant_id: UUID
    it: Reservation
    client: Who
    changes: int
    most_holds: int | None
    who: str
    why: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a hold.

    Attributes:
        client_id: whose it is, once it is held; None: nobody's in particular.
        verdict: held; outdated: the catalogue has changed; duplicate: the request was granted as `duplicate_of` before; taken;
            lapsed: taken, and at least partly by a hold whose time is up.
    """

    verdict: Literal["held", "outdated", "duplicate", "too_many_holds", "taken", "lapsed"]
    duplicate_of: UUID | None
    client_id: UUID | None


async def wait_briefly(tx: Tx) -> None:
    """Begin a transaction that many depend on: where one alone would wait for seconds, it raises `Blocked`.

    Its statements go by keys, and planning `hold_insert` takes longer than a few holds: one plan does for all.
    """
    await tx.begin("SET LOCAL lock_timeout = '500ms'; SET LOCAL plan_cache_mode = 'force_generic_plan'")


async def lock_all(tx: Tx, holds: Sequence[NewHold]) -> set[UUID]:
    """Have the clients and requests of these holds, each of one claim, to oneself, as far as nobody else has them.

    Never waits, so the order in which many are taken does not matter. Of its calendar a hold keeps away whoever needs that
    to himself (`reservations.lock_calendars`), and no other hold: between those the constraint decides.

    Returns:
        The ids of those that may be written.
    """
    rows = await tx.fetch(
        queries["hold_lock"],
        [hold.it.id for hold in holds],
        [f"{hold.tenant_id}:contact:{hold.it.contact_id}" if hold.it.contact_id else None for hold in holds],
        [f"{hold.tenant_id}:request:{hold.it.request_id}" if hold.it.request_id else None for hold in holds],
        [f"{hold.tenant_id}:{hold.it.claims[0].calendar_id}" for hold in holds],
    )
    return {row["id"] for row in rows}


async def insert(tx: Tx, holds: Sequence[NewHold]) -> list[Written]:
    """Write new holds with their clients, or find out why not; of those nothing is written.

    Call it when their clients and requests are locked; no two of them are of one client or one request.
    """
    if not holds:
        return []
    rows = await tx.fetch(queries["hold_insert"], *_columns(holds))
    by_id: Mapping[UUID, Any] = {row[0]: row for row in rows}
    written = [Written(*by_id[hold.it.id][1:]) for hold in holds]
    partly = [
        hold
        for hold, one in zip(holds, written, strict=True)
        if one.verdict in ("taken", "lapsed") and len(hold.it.claims) > 1
    ]
    if partly:
        await tx.execute(
            queries["claims_take_back"], [hold.tenant_id for hold in partly], [hold.it.id for hold in partly]
        )
    return written


def _columns(holds: Sequence[NewHold]) -> list[tuple[object, ...]]:
    """The arguments of `hold_insert`: columns of the holds, then of their claims, then of their segments."""
    own = [
        (
            hold.tenant_id,
            hold.it.id,
            hold.changes,
            hold.most_holds,
            hold.now,
            hold.it.request_id,
            hold.it.conversation_id,
            hold.it.contact_id,
            hold.client.id,
            hold.client.name,
            hold.client.phone,
            hold.it.start,
            hold.it.end,
            hold.it.expires_at,
            hold.it.guest_name,
            hold.it.currency,
            hold.it.price_minor,
            hold.it.terms,
            hold.who,
            hold.why,
            f"{{{','.join(map(str, hold.it.staff_ids))}}}",
            len(hold.it.claims),
        )
        for hold in holds
    ]
    claims = [(hold.it.id, *claim) for hold in holds for claim in hold.it.claims]
    parts = [
        (
            hold.it.id,
            part.position,
            part.service_id,
            part.service_name,
            part.staff_id,
            part.staff_name,
            part.wanted_staff_id,
            part.resource_id,
            part.resource_name,
            part.start,
            part.end,
            part.price_minor,
        )
        for hold in holds
        for part in hold.it.segments
    ]
    return [*zip(*own, strict=True), *zip(*claims, strict=True), *zip(*parts, strict=True)]
