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
    "Settled",
    "Taken",
    "lock_identity",
    "people",
    "put_person",
    "record_merge",
    "take_message",
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
        QUERIES["message_take"],
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
    await tx.execute(QUERIES["identity_lock"], channel_id)


async def people(tx: Tx, channel_id: UUID, aliases: Sequence[Alias]) -> list[Person]:
    """The contacts that `aliases` belong to."""
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    rows = await tx.fetch(QUERIES["people_by_alias"], tx.tenant_id, channel_id, kinds, values)
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
    await tx.execute(QUERIES["contact_put"], tenant_id, contact_id, name, phone, now)
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    await tx.execute(QUERIES["alias_add"], tenant_id, channel_id, contact_id, now, kinds, values)
    await tx.execute(QUERIES["conversation_open"], tenant_id, conversation_id, channel_id, contact_id, now)


async def record_merge(tx: Tx, decision: Merge) -> None:
    """Make the others part of the survivor."""
    survivor, others = decision.survivor, decision.others
    contacts = [person.contact_id for person in others]
    await tx.execute(QUERIES["merge_aliases"], tx.tenant_id, survivor.contact_id, contacts)
    conversations = [person.conversation_id for person in others if person.conversation_id]
    await tx.execute(
        QUERIES["merge_conversations"], tx.tenant_id, survivor.contact_id, survivor.conversation_id, conversations
    )
    await tx.execute(QUERIES["merge_contacts"], tx.tenant_id, survivor.contact_id, contacts)
