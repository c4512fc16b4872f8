"""Holds as they are written: what a hold hangs on and all of its rows, for many holds of several salons at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from uuid import UUID

import asyncpg

from booka_booking.domain.reservation import Reservation, Segment
from booka_common.db import Database, Tx, as_json, load_queries
from booka_common.publisher import Outgoing

__all__ = ["Blocked", "Following", "NewHold", "Who", "Written", "as_row", "insert", "queries", "write_together"]

queries = load_queries("booka_booking", "queries/holds.sql")

#: What a hold needs is in somebody's hands for longer than one may wait for it.
Blocked = asyncpg.LockNotAvailableError


class Who(NamedTuple):
    """Whose hold it is. `id` is given to a contact that is new to the salon; without a contact it is a known client, if any."""

    id: UUID | None
    name: str | None
    phone: str | None


class NewHold(NamedTuple):
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


class Following(NamedTuple):
    """What is written with a hold.

    Attributes:
        key, message_id: what makes it happen once, if anything does: an `Idempotency-Key`, or a message.
        answer, body: columns of `idempotency_keys` for the key. The client is in the `body` by the id that he gets if he is new.
    """

    said: Outgoing
    traceparent: str | None
    key: str | None = None
    message_id: UUID | None = None
    answer: Mapping[str, object] = MappingProxyType({})
    body: bytes | None = None


class Written(NamedTuple):
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
_PART = ("service_id", "service_name", "staff_id", "staff_name", "wanted_staff_id", "resource_id", "resource_name")
_NOBODY = (None,) * len(_PART)
_NOTHING = (None,) * 11


async def write_together(
    db: Database, holds: Sequence[NewHold], following: Sequence[Following], handed_off_for: timedelta
) -> list[Written]:
    """Write holds of one claim each with all that follows from them, by one commit, or find out why not.

    Args:
        handed_off_for: how long what is said is left to this process to publish.

    Raises:
        Blocked: a claim that one of them needs has been in somebody's hands for half a second.
    """
    rows = await db.shared_call(
        {hold.tenant_id for hold in holds},
        "hold_together",
        [as_row(hold, follows) for hold, follows in zip(holds, following, strict=True)],
        _parts(holds),
        handed_off_for,
    )
    by_id = {row[0]: Written(*row[1:]) for row in rows}
    return [by_id.get(hold.it.id, _ALONE) for hold in holds]


async def insert(tx: Tx, holds: Sequence[NewHold]) -> list[Written]:
    """Write new holds with their clients, or find out why not; of those nothing is written.

    Call it when their clients and requests are locked; no two of them are of one client or one request.
    """
    if not holds:
        return []
    rows = await tx.fetch(queries["hold_insert"], [as_row(hold) for hold in holds], _more_claims(holds), _parts(holds))
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


def as_row(hold: NewHold, follows: Following | None = None) -> tuple[object, ...]:
    """As `new_hold`, see migrations/0005_holds_together.sql: with its first claim, and with its segment if it has only one."""
    it, client = hold.it, hold.client
    alone = it.segments[0] if len(it.segments) == 1 else None
    return (
        it.id,
        hold.tenant_id,
        it.contact_id,
        it.request_id,
        it.conversation_id,
        client.id,
        client.name,
        client.phone,
        it.guest_name,
        hold.changes,
        hold.most_holds,
        hold.now,
        it.start,
        it.end,
        it.expires_at,
        it.currency,
        it.price_minor,
        as_json(it.terms).decode(),
        hold.who,
        hold.why,
        None if alone else it.staff_ids,
        len(it.claims),
        *it.claims[0],
        *(_part(alone) if alone else _NOBODY),
        *(_follows(follows) if follows else _NOTHING),
    )


def _part(part: Segment) -> tuple[object, ...]:
    """What is done by whom."""
    return (
        part.service_id,
        part.service_name,
        part.staff_id,
        part.staff_name,
        part.wanted_staff_id,
        part.resource_id,
        part.resource_name,
    )


def _follows(it: Following) -> tuple[object, ...]:
    said, answer = it.said, it.answer
    return (
        said.id,
        said.correlation_id,
        said.body,
        it.traceparent,
        it.message_id,
        it.key,
        answer.get("request"),
        answer.get("payload_hash"),
        answer.get("status"),
        as_json(answer["headers"]).decode() if answer else None,
        it.body,
    )


def _more_claims(holds: Sequence[NewHold]) -> list[dict[str, object]] | None:
    """All claims but the first."""
    return [
        {"id": hold.it.id, "calendar_id": calendar_id, "busy_from": busy_from, "busy_until": busy_until}
        for hold in holds
        for calendar_id, busy_from, busy_until in hold.it.claims[1:]
    ] or None


def _parts(holds: Sequence[NewHold]) -> list[dict[str, object]] | None:
    """The segments of those that have several."""
    return [
        {
            "id": hold.it.id,
            "position": part.position,
            **dict(zip(_PART, _part(part), strict=True)),
            "starts_at": part.start,
            "ends_at": part.end,
            "price_minor": part.price_minor,
        }
        for hold in holds
        if len(hold.it.segments) > 1
        for part in hold.it.segments
    ] or None
