"""What clients write, and who they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx
from booka_messaging.domain.model import Alias, ChatMessage, Merge, Person
from booka_messaging.store.statements import QUERIES

__all__ = [
    "Incoming",
    "Settled",
    "Taken",
    "lock_identity",
    "people",
    "put_person",
    "record_merge",
    "take_messages",
]


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
    """A message to be stored as `id`; `counts` gives it the conversation's next turn."""

    id: UUID
    tenant_id: UUID
    channel_id: UUID
    message: ChatMessage
    counts: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an `Incoming`: at most one of `duplicate` and `stored`; neither and no `settled`: settle the contact."""

    duplicate: bool
    stored: bool
    settled: Settled | None


async def take_messages(tx: Tx, batch: Sequence[Incoming]) -> list[Taken]:
    """Store messages of known contacts, of any tenants of `tx`; each message is in the batch once."""
    messages = [item.message for item in batch]
    aliases = [(number, alias) for number, message in enumerate(messages) for alias in message.aliases]
    rows = await tx.fetch(
        QUERIES["messages_take"],
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
    settled = None
    if row["conversation_id"] is not None:
        settled = Settled(row["conversation_id"], row["contact_id"], row["turn"], row["name"], row["phone"])
    return Taken(row["duplicate"], row["stored"], settled)


async def lock_identity(tx: Tx, channel_id: UUID) -> None:
    """Wait until nobody else settles who is who on this channel."""
    await tx.execute(QUERIES["identity_lock"], channel_id)


async def people(tx: Tx, tenant_id: UUID, channel_id: UUID, aliases: Sequence[Alias]) -> list[Person]:
    """The contacts that `aliases` belong to."""
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    rows = await tx.fetch(QUERIES["people_by_alias"], tenant_id, channel_id, kinds, values)
    return [Person(**row) for row in rows]


async def put_person(
    tx: Tx,
    tenant_id: UUID,
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
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    await tx.execute(
        QUERIES["person_put"], tenant_id, contact_id, name, phone, now, channel_id, kinds, values, conversation_id
    )


async def record_merge(tx: Tx, tenant_id: UUID, decision: Merge) -> None:
    """Make the others part of the survivor."""
    survivor, others = decision.survivor, decision.others
    contacts = [person.contact_id for person in others]
    await tx.execute(QUERIES["merge_aliases"], tenant_id, survivor.contact_id, contacts)
    conversations = [person.conversation_id for person in others if person.conversation_id]
    await tx.execute(
        QUERIES["merge_conversations"], tenant_id, survivor.contact_id, survivor.conversation_id, conversations
    )
    await tx.execute(QUERIES["merge_contacts"], tenant_id, survivor.contact_id, contacts)
