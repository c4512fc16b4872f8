"""The inbox: a message has its effect once, however often it is delivered."""

from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = ["once"]

_queries = load_queries("booka_common", "inbox.sql")


async def once(tx: Tx, consumer: str, message_id: UUID) -> bool:
    """Whether `consumer` sees `message_id` for the first time. Call it first, in the transaction of the effect.

    A concurrent delivery of the same message waits here until the first one has committed or rolled back.
    """
    return await tx.fetchval(_queries["inbox_once"], consumer, message_id, tx.tenant_id) is not None
