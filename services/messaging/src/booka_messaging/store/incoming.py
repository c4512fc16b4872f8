"""What clients write."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from booka_common.contracts.messaging import MessageReceived
from booka_common.db import Database, Tx, as_json, load_queries
from booka_common.publisher import Outgoing
from booka_messaging.domain.attending import Typed
from booka_messaging.domain.model import ChatMessage

__all__ = [
    "Incoming",
    "Taken",
    "TakenMeanwhile",
    "messages_there",
    "take_and_tell",
    "take_messages",
]

queries = load_queries("booka_messaging", "queries/incoming.sql")


class TakenMeanwhile(Exception):
    """Somebody else has this id of the gateway's: another delivery of the same message, or an echo of it that is being stored."""

    @classmethod
    def instead_of(cls, error: asyncpg.UniqueViolationError) -> Exception:
        """What `error` means."""
        return cls() if error.constraint_name == "messages_provider" else error


class Incoming(NamedTuple):
    """A message to be stored as `id`.

    Attributes:
        counts: it gets the conversation's next turn, unless its author is blocked.
        typed: it was typed by a person of the salon, who takes the conversation over.
    """

    id: UUID
    tenant_id: UUID
    channel_id: UUID
    message: ChatMessage
    counts: bool
    received_at: datetime
    typed: Typed | None = None


class Taken(NamedTuple):
    """A message that was stored, and where it belongs.

    Attributes:
        turn: its number; None: it has none.
        attended: a person of the salon answers in its conversation.
    """

    conversation_id: UUID
    contact_id: UUID
    turn: int | None
    name: str | None
    phone: str | None
    attended: bool


async def take_and_tell(
    db: Database, batch: Sequence[Incoming], said: Sequence[Mapping[str, Any] | None], handed_off_for: timedelta
) -> dict[int, Outgoing | None]:
    """Store messages of known contacts, of any tenants, say of each what is to be said of it, and commit.

    Args:
        batch: one message of each person.
        said: the envelope of what is to be said of each, as far as it is known before the message is stored. It has its id.
        handed_off_for: see `outbox`.

    Returns:
        What was said of each that was stored, for who publishes it, by its place in `batch`. One that is there already, or whose
        author has to be settled first, was not.

    Raises:
        TakenMeanwhile: one of them is being stored by somebody else, so none of them was.
    """
    tenants = {item.tenant_id for item in batch}
    try:
        begun = [None if saying is None else _begun(saying) for saying in said]
        args = (_described(batch), begun, handed_off_for)
        rows = await db.shared_call(tenants, "take_messages", *args, wanted="item, rest")
    except asyncpg.UniqueViolationError as error:
        raise TakenMeanwhile.instead_of(error) from None
    told: dict[int, Outgoing | None] = {}
    for place, rest in rows:
        id, start = batch[place].id, begun[place]
        told[place] = None if rest is None or start is None else Outgoing(id, MessageReceived.key, id, start + rest)
    return told


async def take_messages(tx: Tx, batch: Sequence[Incoming]) -> dict[int, Taken]:
    """The same in `tx`, without saying anything: where each message belongs that was stored."""
    try:
        rows = await tx.fetch(queries["messages_take"], _described(batch))
    except asyncpg.UniqueViolationError as error:
        raise TakenMeanwhile.instead_of(error) from None
    return {place: Taken(*where) for place, *where in rows}


def _described(batch: Sequence[Incoming]) -> list[Mapping[str, Any]]:
    described: list[Mapping[str, Any]] = []
    for number, item in enumerate(batch):
        message = item.message
        (kind1, value1), *others = message.aliases
        (kind2, value2), *more = others or ((None, None),)
        row: dict[str, Any] = {
            "item": number,
            "tenant_id": item.tenant_id,
            "channel_id": item.channel_id,
            "kind1": kind1,
            "value1": value1,
            "kind2": kind2,
            "value2": value2,
            "name": message.name,
            "counts": 1 if item.counts else 0,
            "received_at": item.received_at,
            "id": item.id,
            "provider_id": message.provider_id,
            "author": message.author,
            "kind": message.kind,
            "text": message.text,
            "choice_id": message.choice_id,
            "metadata": message.metadata,
            "sent_at": message.sent_at,
        }
        if more:
            row |= {"kinds": [kind for kind, _ in more], "values": [value for _, value in more]}
        described.append(row)
    return described


def _begun(envelope: Mapping[str, Any]) -> bytes:
    """JSON up to the end of its last member, `data`, so that more can be added to that."""
    return as_json(envelope)[: -len("}}")]


async def messages_there(tx: Tx, batch: Sequence[Incoming]) -> set[UUID]:
    """The ids in `batch` of messages that are stored already, under whatever id of ours."""
    rows = await tx.fetch(
        queries["messages_there"],
        [item.id for item in batch],
        [item.tenant_id for item in batch],
        [item.channel_id for item in batch],
        [item.message.provider_id for item in batch],
    )
    return {row["id"] for row in rows}
