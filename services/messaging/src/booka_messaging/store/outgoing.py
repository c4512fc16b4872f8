"""What is said to clients, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from booka_common.contracts.messaging import SendRequested
from booka_common.db import Tx
from booka_messaging.domain.model import Alias, AliasKind, Delivery, Receipt, outranked
from booka_messaging.store.statements import QUERIES

__all__ = [
    "OutboundMessage",
    "Queued",
    "Touched",
    "begin_send",
    "finish_send",
    "ours_among",
    "overtake",
    "queue_send",
    "record_failure",
    "record_receipt",
    "release_held",
]


@dataclass(frozen=True, slots=True)
class Touched:
    """A message of ours whose state was raised."""

    id: UUID
    conversation_id: UUID
    request_id: UUID


async def record_receipt(tx: Tx, channel_id: UUID, receipt: Receipt, *, now: datetime) -> Touched | None:
    """Raise a message's state to the receipt's; None if more is known already, or it is no message of ours (yet)."""
    row = await tx.fetchrow(
        QUERIES["receipt_apply"],
        tx.tenant_id,
        channel_id,
        receipt.provider_id,
        receipt.status,
        outranked(receipt.status),
        now,
    )
    return Touched(**row) if row else None


@dataclass(frozen=True, slots=True)
class Queued:
    """An outgoing message that was stored.

    Attributes:
        conversation_id: where it goes.
        in_turn: what was to be said before it is known already.
        fills_gap: others were held back for it.
    """

    conversation_id: UUID
    in_turn: bool
    fills_gap: bool


async def queue_send(
    tx: Tx, message_id: UUID, request: SendRequested, *, request_id: UUID, now: datetime
) -> Queued | None:
    """Store an outgoing message; None if there is no such conversation or it is stored already."""
    row = await tx.fetchrow(
        QUERIES["send_queue"],
        tx.tenant_id,
        request.conversation_id,
        message_id,
        request.text,
        request_id,
        request.purpose,
        now,
        request.position,
    )
    return None if row is None else Queued(**row)


async def release_held(
    tx: Tx, conversation_id: UUID, position: int, *, job_type: str, lane: str, now: datetime
) -> None:
    """Let the jobs start that were held back for the request at `position`."""
    await tx.execute(QUERIES["send_release"], tx.tenant_id, conversation_id, job_type, lane, position, now)


async def overtake(tx: Tx, conversation_id: UUID, position: int) -> None:
    """Go on without what is missing before the request at `position`."""
    await tx.execute(QUERIES["send_overtakes"], tx.tenant_id, conversation_id, position)


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message on its way out, with everything the call needs. `aliases` are the client's, oldest first."""

    text: str
    request_id: UUID
    conversation_id: UUID
    attempted_at: datetime | None
    channel_id: UUID
    gateway: str
    instance: str
    base_url: str
    api_key: bytes
    active: bool
    aliases: tuple[Alias, ...]


async def begin_send(tx: Tx, message_id: UUID, *, now: datetime) -> OutboundMessage | None:
    """Mark an attempt and load what it needs; None if the message is not waiting to be sent."""
    row = await tx.fetchrow(QUERIES["send_begin"], tx.tenant_id, message_id, now)
    if row is None:
        return None
    fields: Mapping[str, Any] = dict(row)
    return OutboundMessage(**{**fields, "aliases": tuple(_alias(text) for text in fields["aliases"])})


def _alias(text: str) -> Alias:
    kind, _, value = text.partition(":")
    kinds: dict[str, AliasKind] = {name: name for name in get_args(AliasKind)}
    return Alias(kinds[kind], value)


async def finish_send(
    tx: Tx, message_id: UUID, *, channel_id: UUID, provider_id: str | None, sent_at: datetime
) -> Delivery:
    """The gateway has the message, under `provider_id`; return its state, which a fast receipt may have raised."""
    status: Delivery = await tx.fetchval(
        QUERIES["send_done"], tx.tenant_id, message_id, channel_id, provider_id, sent_at
    )
    return status


async def record_failure(tx: Tx, message_id: UUID, code: str) -> tuple[UUID, UUID] | None:
    """The message will not be sent; return its conversation and request, None if it was sent or failed before."""
    row = await tx.fetchrow(QUERIES["send_failed"], tx.tenant_id, message_id, code)
    return (row["conversation_id"], row["request_id"]) if row else None


async def ours_among(tx: Tx, channel_id: UUID, provider_ids: Sequence[str]) -> set[str]:
    """Which of `provider_ids` are recorded as sent by us."""
    rows = await tx.fetch(QUERIES["provider_ids_known"], tx.tenant_id, channel_id, list(provider_ids))
    return {row["provider_id"] for row in rows}
