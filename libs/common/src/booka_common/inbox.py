"""The inbox: a message has its effect once, however often it is delivered."""

from collections.abc import Collection, Mapping
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = ["forget", "once", "once_all"]

_queries = load_queries("booka_common", "inbox.sql")


async def once(tx: Tx, consumer: str, message_id: UUID) -> bool:
    """Whether `consumer` sees `message_id` for the first time. Call it first, in the transaction of the effect.

    A concurrent delivery of the same message waits here until the first one has committed or rolled back.
    """
    return await tx.fetchval(_queries["inbox_once"], consumer, message_id, tx.tenant_id) is not None


async def once_all(tx: Tx, consumer: str, messages: Mapping[UUID, UUID]) -> set[UUID]:
    """Those of the messages that `consumer` sees for the first time, for work of several tenants that shares a transaction.

    Args:
        messages: id -> tenant.
    """
    rows = await tx.fetch(_queries["inbox_once_all"], consumer, list(messages), list(messages.values()))
    return {row["message_id"] for row in rows}


async def forget(tx: Tx, consumer: str, message_ids: Collection[UUID]) -> None:
    """Leave messages that were new to this transaction for another one."""
    await tx.execute(_queries["inbox_forget"], consumer, list(message_ids))
