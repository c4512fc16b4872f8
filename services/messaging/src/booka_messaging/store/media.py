"""Media of messages: where their gateways keep them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = ["KeptMedium", "Voice", "find_medium", "set_heard_text", "voice_of"]

queries = load_queries("booka_messaging", "queries/media.sql")


@dataclass(frozen=True, slots=True)
class KeptMedium:
    """What a message says of its medium, if it has one, and whom to ask for it. `api_key` is sealed. `line_deleted`: nobody."""

    metadata: Mapping[str, Any]
    deleted_at: datetime | None
    channel_id: UUID
    gateway: str
    instance: str
    base_url: str
    api_key: bytes
    line_deleted: bool


async def find_medium(tx: Tx, message_id: UUID) -> KeptMedium | None:
    """The message and its line; None: no such message of this tenant."""
    row = await tx.fetchrow(queries["medium_find"], tx.tenant_id, message_id)
    return KeptMedium(**row) if row else None


@dataclass(frozen=True, slots=True)
class Voice:
    """A client's message whose turn waits for what is said in it. `erased`: the client is nobody now."""

    conversation_id: UUID
    contact_id: UUID
    turn: int
    kind: Any
    text: str
    sent_at: datetime
    received_at: datetime
    contact_name: str | None
    phone: str | None
    taken_back: bool
    erased: bool
    attended: bool


async def voice_of(tx: Tx, message_id: UUID, *, now: datetime) -> Voice | None:
    """The message, whose contact is not erased before this transaction ends; None: it has no turn."""
    row = await tx.fetchrow(queries["voice_heard"], tx.tenant_id, message_id, now)
    return Voice(**row) if row else None


async def set_heard_text(tx: Tx, message_id: UUID, text: str) -> None:
    """Note what is said in a message, if nothing was known of it."""
    await tx.execute(queries["voice_text"], tx.tenant_id, message_id, text)
