"""People, as somebody at the salon looks after them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = [
    "Contact",
    "Dropped",
    "block_contact",
    "contact_rows",
    "drop_queued",
    "erase_contact",
    "erase_conversations",
    "erase_ids",
    "erase_texts",
    "get_contact",
    "lines_of",
]

queries = load_queries("booka_messaging", "queries/contacts.sql")


@dataclass(frozen=True, slots=True)
class Contact:
    """A person. `contested`: they have two ids of a kind of which people have one, so they are perhaps two."""

    id: UUID
    name: str | None
    phone: str | None
    blocked_at: datetime | None
    erased_at: datetime | None
    contested: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Dropped:
    """A queued message that will not be sent."""

    id: UUID
    conversation_id: UUID
    request_id: UUID
    author: str


async def get_contact(tx: Tx, contact_id: UUID) -> Contact | None:
    """The person whom `contact_id` stands for, who may have another id by now."""
    row = await tx.fetchrow(queries["contact_get"], tx.tenant_id, contact_id)
    return Contact(**row) if row else None


async def block_contact(tx: Tx, contact_id: UUID, *, blocked: bool, now: datetime) -> bool:
    """Block somebody, or let them in again; False if there is nobody."""
    return await tx.fetchval(queries["contact_block"], tx.tenant_id, contact_id, blocked, now) is not None


async def lines_of(tx: Tx, contact_id: UUID) -> list[UUID]:
    """The channels on which somebody is known, in the order in which their identities are locked."""
    return [row["channel_id"] for row in await tx.fetch(queries["contact_lines"], tx.tenant_id, contact_id)]


async def contact_rows(tx: Tx, contact_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """`aliases`, `conversations`, `messages` and `charges` of a person, oldest first, with all their columns."""
    aliases = await tx.fetch(queries["contact_aliases"], tx.tenant_id, contact_id)
    conversations = await tx.fetch(queries["contact_conversations"], tx.tenant_id, contact_id)
    ids = [row["id"] for row in conversations]
    messages = await tx.fetch(queries["contact_messages"], tx.tenant_id, ids)
    charges = await tx.fetch(queries["contact_charges"], tx.tenant_id, ids)
    return {
        "aliases": [dict(row) for row in aliases],
        "conversations": [dict(row) for row in conversations],
        "messages": [dict(row) for row in messages],
        "charges": [dict(row) for row in charges],
    }


async def erase_conversations(tx: Tx, contact_id: UUID, *, now: datetime) -> list[UUID]:
    """Close a person's conversations for good, and wait for what is being stored in them."""
    rows = await tx.fetch(queries["erase_conversations"], tx.tenant_id, contact_id, now)
    return sorted(row["id"] for row in rows)


async def drop_queued(tx: Tx, conversation_ids: Sequence[UUID], code: str, *, now: datetime) -> list[Dropped]:
    """Let what waits to be sent in these conversations fail with `code`."""
    rows = await tx.fetch(queries["erase_queued"], tx.tenant_id, list(conversation_ids), code, now)
    return [Dropped(**row) for row in rows]


async def erase_texts(tx: Tx, conversation_ids: Sequence[UUID]) -> None:
    """Empty what was said in these conversations, whoever said it."""
    await tx.execute(queries["erase_messages"], tx.tenant_id, list(conversation_ids))


async def erase_ids(tx: Tx, conversation_ids: Sequence[UUID]) -> None:
    """Forget by which ids the provider knows the messages of these conversations."""
    await tx.execute(queries["erase_ids"], tx.tenant_id, list(conversation_ids))


async def erase_contact(tx: Tx, contact_id: UUID, *, now: datetime) -> list[UUID]:
    """Forget who a person is; return the ids of the contacts that had become this one."""
    rows = await tx.fetch(queries["erase_contact"], tx.tenant_id, contact_id, now)
    return sorted(row["id"] for row in rows if row["id"] != contact_id)
