"""Conversations and their messages, for operators."""

from collections.abc import Sequence
from uuid import UUID

from booka_common.db import Database
from booka_messaging import store
from booka_messaging.errors import UnknownConversation
from booka_messaging.store import ConversationRow, MessageRow

__all__ = ["conversations", "messages"]


async def conversations(db: Database, tenant_id: UUID, *, before: UUID | None, limit: int) -> Sequence[ConversationRow]:
    """The tenant's conversations, the last active first."""
    async with db.tx(tenant_id) as tx:
        return await store.conversations(tx, before=before, limit=limit)


async def messages(
    db: Database, tenant_id: UUID, conversation_id: UUID, *, before: UUID | None, limit: int
) -> Sequence[MessageRow]:
    """The messages of one conversation, newest first.

    Raises:
        UnknownConversation: none of this tenant.
    """
    async with db.tx(tenant_id) as tx:
        if not await store.conversation_exists(tx, conversation_id):
            raise UnknownConversation(conversation_id)
        return await store.messages(tx, conversation_id, before=before, limit=limit)
