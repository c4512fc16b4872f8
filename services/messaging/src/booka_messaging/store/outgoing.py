"""What is said to clients, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from booka_common.contracts.messaging import SendRequested
from booka_common.db import Tx, load_queries
from booka_messaging.domain.model import Alias, AliasKind, Delivery, Receipt, outranked

__all__ = [
    "Accepted",
    "Asked",
    "OutboundMessage",
    "Queued",
    "Touched",
    "begin_sends",
    "finish_sends",
    "ours_among",
    "overtake",
    "queue_sends",
    "record_failure",
    "record_receipt",
    "release_held",
]

queries = load_queries("booka_messaging", "queries/outgoing.sql")


@dataclass(frozen=True, slots=True)
class Touched:
    """A message of ours whose state was raised."""

    id: UUID
    conversation_id: UUID
    request_id: UUID


async def record_receipt(tx: Tx, channel_id: UUID, receipt: Receipt, *, now: datetime) -> Touched | None:
    """Raise a message's state to the receipt's; None if more is known already, or it is no message of ours (yet)."""
    row = await tx.fetchrow(
        queries["receipt_apply"],
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to be stored as message `id`. `written_by`: a person of the salon, in the console; None: Booka."""

    id: UUID
    tenant_id: UUID
    request_id: UUID
    data: SendRequested
    written_by: str | None = None


async def queue_sends(tx: Tx, batch: Sequence[Asked], *, now: datetime) -> list[Queued | None]:
    """Store outgoing messages, one at most for a conversation; None where there is no such conversation or it is stored."""
    rows = await tx.fetch(
        queries["sends_queue"],
        [asked.tenant_id for asked in batch],
        [asked.data.conversation_id for asked in batch],
        [asked.id for asked in batch],
        [asked.data.text for asked in batch],
        [asked.request_id for asked in batch],
        [asked.data.purpose if asked.written_by is None else None for asked in batch],
        [asked.data.position for asked in batch],
        ["booka" if asked.written_by is None else "salon" for asked in batch],
        [asked.written_by for asked in batch],
        now,
    )
    queued = {row["id"]: Queued(row["conversation_id"], row["in_turn"], row["fills_gap"]) for row in rows}
    return [queued.get(asked.id) for asked in batch]


async def release_held(
    tx: Tx, tenant_id: UUID, conversation_id: UUID, position: int, *, job_type: str, lane: str, now: datetime
) -> None:
    """Let the jobs start that were held back for the request at `position`."""
    await tx.execute(queries["send_release"], tenant_id, conversation_id, job_type, lane, position, now)


async def overtake(tx: Tx, tenant_id: UUID, conversation_id: UUID, position: int) -> None:
    """Go on without what is missing before the request at `position`."""
    await tx.execute(queries["send_overtakes"], tenant_id, conversation_id, position)


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


async def begin_sends(
    tx: Tx, batch: Sequence[tuple[UUID, UUID]], *, now: datetime
) -> dict[tuple[UUID, UUID], OutboundMessage]:
    """Mark attempts and load what they need, by `(tenant_id, message_id)`; absent: the message is not waiting to be sent."""
    rows = await tx.fetch(
        queries["sends_begin"], [tenant_id for tenant_id, _ in batch], [message_id for _, message_id in batch], now
    )
    return {(row["tenant_id"], row["id"]): _outbound(row) for row in rows}


def _outbound(row: Any) -> OutboundMessage:
    fields: Mapping[str, Any] = {name: value for name, value in row.items() if name not in ("tenant_id", "id")}
    return OutboundMessage(**{**fields, "aliases": tuple(_alias(text) for text in fields["aliases"])})


def _alias(text: str) -> Alias:
    kind, _, value = text.partition(":")
    kinds: dict[str, AliasKind] = {name: name for name in get_args(AliasKind)}
    return Alias(kinds[kind], value)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway has a message, under `provider_id` if it said so."""

    tenant_id: UUID
    message_id: UUID
    channel_id: UUID
    provider_id: str | None
    sent_at: datetime


async def finish_sends(tx: Tx, batch: Sequence[Accepted]) -> list[Delivery]:
    """Record what gateways have; return each message's state, which a fast receipt may have raised."""
    rows = await tx.fetch(
        queries["sends_done"],
        [accepted.tenant_id for accepted in batch],
        [accepted.message_id for accepted in batch],
        [accepted.channel_id for accepted in batch],
        [accepted.provider_id for accepted in batch],
        [accepted.sent_at for accepted in batch],
    )
    states: dict[UUID, Delivery] = {row["id"]: row["status"] for row in rows}
    return [states[accepted.message_id] for accepted in batch]


async def record_failure(tx: Tx, message_id: UUID, code: str) -> tuple[UUID, UUID] | None:
    """The message will not be sent; return its conversation and request, None if it was sent or failed before."""
    row = await tx.fetchrow(queries["send_failed"], tx.tenant_id, message_id, code)
    return (row["conversation_id"], row["request_id"]) if row else None


async def ours_among(tx: Tx, channel_id: UUID, provider_ids: Sequence[str]) -> set[str]:
    """Which of `provider_ids` are recorded as sent by us."""
    rows = await tx.fetch(queries["provider_ids_known"], tx.tenant_id, channel_id, list(provider_ids))
    return {row["provider_id"] for row in rows}
