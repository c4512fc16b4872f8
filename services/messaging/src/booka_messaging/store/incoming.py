"""What clients write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_messaging.domain.attending import Typed
from booka_messaging.domain.model import ChatMessage

__all__ = [
    "Incoming",
    "Settled",
    "Taken",
    "take_messages",
]

queries = load_queries("booka_messaging", "queries/incoming.sql")


@dataclass(frozen=True, slots=True)
class Settled:
    """Where a message belongs. `turn` is its number if it counts as one, else the last number given."""

    conversation_id: UUID
    contact_id: UUID
    turn: int
    name: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Incoming:
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


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an `Incoming`: at most one of `duplicate` and `stored`; neither and no `settled`: settle the contact.

    Attributes:
        counted: it has a turn.
        attended: a person of the salon answers in its conversation.
    """

    duplicate: bool
    stored: bool
    settled: Settled | None
    counted: bool = False
    attended: bool = False


async def take_messages(tx: Tx, batch: Sequence[Incoming]) -> list[Taken]:
    """Store messages of known contacts, of any tenants of `tx`; each message is in the batch once."""
    messages = [item.message for item in batch]
    aliases = [(number, alias) for number, message in enumerate(messages) for alias in message.aliases]
    rows = await tx.fetch(
        queries["messages_take"],
        list(range(len(batch))),
        [item.tenant_id for item in batch],
        [item.channel_id for item in batch],
        [message.provider_id for message in messages],
        [message.name for message in messages],
        [1 if item.counts else 0 for item in batch],
        [item.received_at for item in batch],
        [item.id for item in batch],
        [message.author for message in messages],
        [message.kind for message in messages],
        [message.text for message in messages],
        [message.choice_id for message in messages],
        [message.metadata for message in messages],
        [message.sent_at for message in messages],
        [number for number, _ in aliases],
        [alias.kind for _, alias in aliases],
        [alias.value for _, alias in aliases],
    )
    return [_taken(row) for row in rows]


def _taken(row: Any) -> Taken:
    if row["conversation_id"] is None:
        return Taken(row["duplicate"], row["stored"], None)
    return Taken(
        row["duplicate"],
        row["stored"],
        Settled(row["conversation_id"], row["contact_id"], row["turn"], row["name"], row["phone"]),
        row["counted"],
        row["attended"],
    )
