"""Typed functions over `queries.sql`; rows become the words of the domain here and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

import asyncpg

from booka_common.contracts.messaging import SendRequested
from booka_common.db import Tx, load_queries
from booka_messaging.domain.model import Alias, AliasKind, ChatMessage, Delivery, Merge, Person, Receipt, outranked
from booka_messaging.domain.verification import AuthMode
from booka_messaging.errors import UnknownChannel

__all__ = [
    "Channel",
    "ConversationRow",
    "MessageRow",
    "OutboundMessage",
    "Queued",
    "Settled",
    "Taken",
    "Touched",
    "begin_send",
    "channel_by_id",
    "conversation_exists",
    "conversations",
    "finish_send",
    "get_channel",
    "list_channels",
    "lock_identity",
    "messages",
    "ours_among",
    "overtake",
    "people",
    "put_channel",
    "put_person",
    "queue_send",
    "record_failure",
    "record_merge",
    "record_receipt",
    "release_held",
    "rotate_channel",
    "set_connection",
    "take_message",
]

_queries = load_queries("booka_messaging")


@dataclass(frozen=True, slots=True)
class Channel:
    """A salon's line to its clients. Credentials are sealed."""

    id: UUID
    tenant_id: UUID
    gateway: str
    instance: str
    base_url: str
    api_key: bytes
    auth_mode: AuthMode
    secret: bytes
    previous_secret: bytes | None
    previous_until: datetime | None
    active: bool
    state: str | None
    state_reason: str | None
    state_at: datetime | None
    created_at: datetime
    updated_at: datetime


async def channel_by_id(tx: Tx, channel_id: UUID) -> Channel | None:
    """The channel of whichever tenant; `tx` is a system transaction."""
    row = await tx.fetchrow(_queries["channel_by_id"], channel_id)
    return Channel(**row) if row else None


async def put_channel(
    tx: Tx,
    channel_id: UUID,
    *,
    gateway: str,
    instance: str,
    base_url: str,
    api_key: bytes,
    auth_mode: AuthMode,
    secret: bytes,
    active: bool,
    now: datetime,
) -> Channel:
    """Create or replace a channel.

    Raises:
        UnknownChannel: the id belongs to another tenant.
    """
    try:
        row: Any = await tx.fetchrow(
            _queries["channel_put"],
            tx.tenant_id,
            channel_id,
            gateway,
            instance,
            base_url,
            api_key,
            auth_mode,
            secret,
            active,
            now,
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "channels_endpoint":
            raise UnknownChannel from None
        raise
    return Channel(**row)


async def rotate_channel(
    tx: Tx, channel_id: UUID, *, secret: bytes, previous_until: datetime, now: datetime
) -> Channel | None:
    """Put `secret` in front; the one before it stays valid until `previous_until`."""
    row = await tx.fetchrow(_queries["channel_rotate"], tx.tenant_id, channel_id, secret, previous_until, now)
    return Channel(**row) if row else None


async def get_channel(tx: Tx, channel_id: UUID) -> Channel | None:
    """The tenant's channel."""
    row = await tx.fetchrow(_queries["channel_get"], tx.tenant_id, channel_id)
    return Channel(**row) if row else None


async def list_channels(tx: Tx) -> list[Channel]:
    """The tenant's channels, oldest first. A salon has a handful."""
    return [Channel(**row) for row in await tx.fetch(_queries["channel_list"], tx.tenant_id)]


async def set_connection(tx: Tx, channel_id: UUID, *, state: str, reason: str | None, now: datetime) -> None:
    """Note what the gateway says of its connection."""
    await tx.execute(_queries["channel_connection"], tx.tenant_id, channel_id, state, reason, now)


@dataclass(frozen=True, slots=True)
class Settled:
    """Where a message belongs. `turn` is its number if it counts as one, else the last number given."""

    conversation_id: UUID
    contact_id: UUID
    turn: int
    name: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What `take_message` did: at most one of `duplicate` and `stored`; neither and no `settled`: settle the contact."""

    duplicate: bool
    stored: bool
    settled: Settled | None


async def take_message(
    tx: Tx, channel_id: UUID, message_id: UUID, message: ChatMessage, *, counts: bool, now: datetime
) -> Taken:
    """Store `message` of a known contact; `counts` gives it the conversation's next turn."""
    incoming = message.author == "client"
    row: Any = await tx.fetchrow(
        _queries["message_take"],
        tx.tenant_id,
        channel_id,
        message.provider_id,
        [alias.kind for alias in message.aliases],
        [alias.value for alias in message.aliases],
        message.name,
        1 if counts else 0,
        now,
        message_id,
        "in" if incoming else "out",
        message.author,
        message.kind,
        message.text,
        message.choice_id,
        message.metadata,
        "received" if incoming else "sent",
        message.sent_at,
    )
    settled = None
    if row["conversation_id"] is not None:
        settled = Settled(row["conversation_id"], row["contact_id"], row["turn"], row["name"], row["phone"])
    return Taken(row["duplicate"], row["stored"], settled)


async def lock_identity(tx: Tx, channel_id: UUID) -> None:
    """Wait until nobody else settles who is who on this channel."""
    await tx.execute(_queries["identity_lock"], channel_id)


async def people(tx: Tx, channel_id: UUID, aliases: Sequence[Alias]) -> list[Person]:
    """The contacts that `aliases` belong to."""
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    rows = await tx.fetch(_queries["people_by_alias"], tx.tenant_id, channel_id, kinds, values)
    return [Person(**row) for row in rows]


async def put_person(
    tx: Tx,
    channel_id: UUID,
    contact_id: UUID,
    conversation_id: UUID,
    aliases: Sequence[Alias],
    *,
    name: str | None,
    phone: str | None,
    now: datetime,
) -> None:
    """Create or update a contact, add the aliases that are new, and open its conversation if there is none."""
    tenant_id = tx.tenant_id
    await tx.execute(_queries["contact_put"], tenant_id, contact_id, name, phone, now)
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    await tx.execute(_queries["alias_add"], tenant_id, channel_id, contact_id, now, kinds, values)
    await tx.execute(_queries["conversation_open"], tenant_id, conversation_id, channel_id, contact_id, now)


async def record_merge(tx: Tx, decision: Merge) -> None:
    """Make the others part of the survivor."""
    survivor, others = decision.survivor, decision.others
    contacts = [person.contact_id for person in others]
    await tx.execute(_queries["merge_aliases"], tx.tenant_id, survivor.contact_id, contacts)
    conversations = [person.conversation_id for person in others if person.conversation_id]
    await tx.execute(
        _queries["merge_conversations"], tx.tenant_id, survivor.contact_id, survivor.conversation_id, conversations
    )
    await tx.execute(_queries["merge_contacts"], tx.tenant_id, survivor.contact_id, contacts)


@dataclass(frozen=True, slots=True)
class Touched:
    """A message of ours whose state was raised."""

    id: UUID
    conversation_id: UUID
    request_id: UUID


async def record_receipt(tx: Tx, channel_id: UUID, receipt: Receipt, *, now: datetime) -> Touched | None:
    """Raise a message's state to the receipt's; None if more is known already, or it is no message of ours (yet)."""
    row = await tx.fetchrow(
        _queries["receipt_apply"],
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
        _queries["send_queue"],
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
    await tx.execute(_queries["send_release"], tx.tenant_id, conversation_id, job_type, lane, position, now)


async def overtake(tx: Tx, conversation_id: UUID, position: int) -> None:
    """Go on without what is missing before the request at `position`."""
    await tx.execute(_queries["send_overtakes"], tx.tenant_id, conversation_id, position)


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
    row = await tx.fetchrow(_queries["send_begin"], tx.tenant_id, message_id, now)
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
        _queries["send_done"], tx.tenant_id, message_id, channel_id, provider_id, sent_at
    )
    return status


async def record_failure(tx: Tx, message_id: UUID, code: str) -> tuple[UUID, UUID] | None:
    """The message will not be sent; return its conversation and request, None if it was sent or failed before."""
    row = await tx.fetchrow(_queries["send_failed"], tx.tenant_id, message_id, code)
    return (row["conversation_id"], row["request_id"]) if row else None


async def ours_among(tx: Tx, channel_id: UUID, provider_ids: Sequence[str]) -> set[str]:
    """Which of `provider_ids` are recorded as sent by us."""
    rows = await tx.fetch(_queries["provider_ids_known"], tx.tenant_id, channel_id, list(provider_ids))
    return {row["provider_id"] for row in rows}


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation in a list."""

    id: UUID
    channel_id: UUID
    contact_id: UUID
    name: str | None
    phone: str | None
    turns: int
    active_at: datetime
    created_at: datetime


async def conversations(tx: Tx, *, before: UUID | None, limit: int) -> list[ConversationRow]:
    """The conversations, the last active first, after `before` in that order."""
    rows = await tx.fetch(_queries["conversation_list"], tx.tenant_id, before, limit)
    return [ConversationRow(**row) for row in rows]


async def conversation_exists(tx: Tx, conversation_id: UUID) -> bool:
    """Whether the tenant has this conversation."""
    return await tx.fetchrow(_queries["conversation_get"], tx.tenant_id, conversation_id) is not None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message in a list."""

    id: UUID
    direction: str
    author: str
    kind: str
    text: str
    choice_id: str | None
    status: str
    turn: int | None
    purpose: str | None
    failure: str | None
    provider_id: str | None
    request_id: UUID | None
    metadata: Mapping[str, Any]
    sent_at: datetime | None
    received_at: datetime


async def messages(tx: Tx, conversation_id: UUID, *, before: UUID | None, limit: int) -> list[MessageRow]:
    """The messages of a conversation, newest first, older than `before`."""
    rows = await tx.fetch(_queries["message_list"], tx.tenant_id, conversation_id, before, limit)
    return [MessageRow(**row) for row in rows]
