"""Conversations and messages as they are listed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = [
    "ConversationRow",
    "MessageRow",
    "conversation_exists",
    "conversations",
    "messages",
]

queries = load_queries("booka_messaging", "queries/reading.sql")


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
    rows = await tx.fetch(queries["conversation_list"], tx.tenant_id, before, limit)
    return [ConversationRow(**row) for row in rows]


async def conversation_exists(tx: Tx, conversation_id: UUID) -> bool:
    """Whether the tenant has this conversation."""
    return await tx.fetchrow(queries["conversation_get"], tx.tenant_id, conversation_id) is not None


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
    rows = await tx.fetch(queries["message_list"], tx.tenant_id, conversation_id, before, limit)
    return [MessageRow(**row) for row in rows]
