"""Holds as they are written: what a hold hangs on and all of its rows, for many holds of several salons at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import asyncpg

from booka_booking.domain.reservation import Reservation, Segment
from booka_common.db import Database, Tx, load_queries
from booka_common.publisher import Outgoing

__all__ = ["Blocked", "Following", "NewHold", "Who", "Written", "insert", "queries", "write_together"]

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
class Following:
    """What is written with a hold.

    Attributes:
        key, message_id: what makes it happen once, if anything does: an `Idempotency-Key`, or a message.
        answer, body: columns of `idempotency_keys` for the key. The client is in the `body` by the id that he gets if he is new.
    """

    said: Outgoing
    traceparent: str | None
    key: str | None = None
    message_id: UUID | None = None
    answer: Mapping[str, object] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a hold.

    Attributes:
        client_id: whose it is, once it is held; None: nobody's in particular.
        verdict: held; outdated: the catalogue has changed; duplicate: the request was granted as `duplicate_of` before; taken;
            lapsed: taken, and at least partly by a hold whose time is up. Of those that are written together also alone:
            somebody else has its client, its request or its calendar to himself; in_progress: somebody else has its key;
            done: what has this key, or is this message, was done before.
    """

    verdict: Literal[
        "held", "outdated", "duplicate", "too_many_holds", "taken", "lapsed", "alone", "in_progress", "done"
    ]
    duplicate_of: UUID | None
    client_id: UUID | None


_ALONE = Written("alone", None, None)


async def write_together(
    db: Database, holds: Sequence[NewHold], following: Sequence[Following], handed_off_for: timedelta
) -> list[Written]:
    """Write holds of one claim each with all that follows from them, by one commit, or find out why not.

    Args:
        handed_off_for: how long what is said is left to this process to publish.

    Raises:
        Blocked: a claim that one of them needs has been in somebody's hands for half a second.
    """
    keys = [one.key for one in following]
    keyed = any(keys)
    rows = await db.shared_call(
        {hold.tenant_id for hold in holds},
        "hold_together",
        *_keys(holds),
        keys if keyed else None,
        [one.message_id for one in following],
        [one.said.body for one in following],
        [one.body for one in following] if keyed else None,
        handed_off_for,
        *_rows(holds, following),
    )
    by_id = {row[0]: Written(*row[1:]) for row in rows}
    return [by_id.get(hold.it.id, _ALONE) for hold in holds]


async def insert(tx: Tx, holds: Sequence[NewHold]) -> list[Written]:
    """Write new holds with their clients, or find out why not; of those nothing is written.

    Call it when their clients and requests are locked; no two of them are of one client or one request.
    """
    if not holds:
        return []
    rows = await tx.fetch(queries["hold_insert"], *_keys(holds), *_rows(holds))
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


def _keys(holds: Sequence[NewHold]) -> tuple[list[UUID | None], ...]:
    """What holds go by, which is looked up before they are read: hold, tenant, contact, request and first calendar."""
    return (
        [hold.it.id for hold in holds],
        [hold.tenant_id for hold in holds],
        [hold.it.contact_id for hold in holds],
        [hold.it.request_id for hold in holds],
        [hold.it.claims[0].calendar_id for hold in holds],
    )


def _rows(
    holds: Sequence[NewHold], following: Sequence[Following] | None = None
) -> tuple[list[dict[str, object]], ...]:
    """The rest of the holds, with their first claim, their only segment and what follows from them; all other claims; and the
    segments of those that have several.

    As JSON: arrays of so many columns took asyncpg a quarter of all that Python does for a hold. PostgreSQL pays for
    each object and for each of its fields.
    """
    own = [_own(hold) for hold in holds]
    for row, follows in zip(own, following or (), strict=following is not None):
        row["said_id"] = follows.said.id
        row["correlation_id"] = follows.said.correlation_id
        if follows.traceparent is not None:
            row["traceparent"] = follows.traceparent
        if follows.answer:
            row.update(follows.answer)
    more: list[dict[str, object]] = [
        {"id": hold.it.id, "calendar_id": calendar_id, "busy_from": busy_from, "busy_until": busy_until}
        for hold in holds
        for calendar_id, busy_from, busy_until in hold.it.claims[1:]
    ]
    parts: list[dict[str, object]] = [
        {
            "id": hold.it.id,
            "position": part.position,
            **_part(part),
            "starts_at": part.start,
            "ends_at": part.end,
            "price_minor": part.price_minor,
        }
        for hold in holds
        if len(hold.it.segments) > 1
        for part in hold.it.segments
    ]
    return own, more, parts


def _own(hold: NewHold) -> dict[str, object]:
    it, client = hold.it, hold.client
    _, busy_from, busy_until = it.claims[0]
    # What most holds do not have is left out.
    seldom = {
        "most_holds": hold.most_holds,
        "conversation_id": it.conversation_id,
        "client_id": client.id,
        "contact_name": client.name,
        "phone": client.phone,
        "guest_name": it.guest_name,
    }
    return {
        "changes": hold.changes,
        "now": hold.now,
        "starts_at": it.start,
        "ends_at": it.end,
        "expires_at": it.expires_at,
        "currency": it.currency,
        "price_minor": it.price_minor,
        "terms": it.terms,
        "who": hold.who,
        "why": hold.why,
        "claims": len(it.claims),
        "busy_from": busy_from,
        "busy_until": busy_until,
        **(_part(it.segments[0]) if len(it.segments) == 1 else {"staff_ids": it.staff_ids}),
        **{name: value for name, value in seldom.items() if value is not None},
    }


def _part(part: Segment) -> dict[str, object]:
    """What is done by whom."""
    row: dict[str, object] = {
        "service_id": part.service_id,
        "service_name": part.service_name,
        "staff_id": part.staff_id,
        "staff_name": part.staff_name,
    }
    if part.wanted_staff_id is not None:
        row["wanted_staff_id"] = part.wanted_staff_id
    if part.resource_id is not None:
        row |= {"resource_id": part.resource_id, "resource_name": part.resource_name}
    return row
