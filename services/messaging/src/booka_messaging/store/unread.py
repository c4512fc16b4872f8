"""Webhooks that proved who they are and could not be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = [
    "UnreadDelivery",
    "UnreadRow",
    "forget_unread",
    "get_unread",
    "keep_nobodys",
    "keep_unread",
    "list_unread",
    "open_unread",
    "settle_unread",
    "trim_unread",
]

queries = load_queries("booka_messaging", "queries/unread.sql")


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """What a list tells of one. `deliveries`: how often the gateway brought it; `bytes`: of what was kept."""

    id: UUID
    path_event: str | None
    error: str
    deliveries: int
    bytes: int
    received_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnreadDelivery:
    """One with its body, from which credentials have been removed."""

    id: UUID
    body: bytes
    path_event: str | None
    error: str
    deliveries: int
    received_at: datetime
    read_at: datetime | None


async def keep_unread(
    tx: Tx,
    id: UUID,
    channel_id: UUID,
    *,
    digest: bytes,
    body: bytes,
    path_event: str | None,
    error: str,
    now: datetime,
) -> None:
    """Keep `body`, or count it if it is there already."""
    await tx.execute(queries["unread_put"], tx.tenant_id, id, channel_id, digest, body, path_event, error, now)


async def keep_nobodys(tx: Tx, *, digest: bytes, body: bytes, error: str, now: datetime, most: int) -> None:
    """Keep a `body` of which nobody knows whose it is, among at most `most`; or count it. In a transaction of the system."""
    await tx.execute(queries["unread_put_nobodys"], digest, body, error, now, most)


async def trim_unread(tx: Tx, channel_id: UUID, *, most: int) -> int:
    """Remove what is more than `most` of a line; return how many nobody had read."""
    rows = await tx.fetch(queries["unread_trim"], tx.tenant_id, channel_id, most)
    return sum(row["lost"] for row in rows)


async def list_unread(
    tx: Tx, channel_id: UUID, *, before: UUID | None, limit: int, also_read: bool
) -> Sequence[UnreadRow]:
    """Newest first."""
    rows = await tx.fetch(queries["unread_list"], tx.tenant_id, channel_id, before, also_read, limit)
    return [UnreadRow(**row) for row in rows]


async def get_unread(tx: Tx, channel_id: UUID, id: UUID) -> UnreadDelivery | None:
    """One of a line."""
    row = await tx.fetchrow(queries["unread_get"], tx.tenant_id, channel_id, id)
    return UnreadDelivery(**row) if row else None


async def open_unread(tx: Tx, channel_id: UUID, *, after: UUID | None, limit: int) -> Sequence[UnreadDelivery]:
    """Those that nobody has read yet, the oldest first."""
    rows = await tx.fetch(queries["unread_open"], tx.tenant_id, channel_id, after, limit)
    return [UnreadDelivery(**row) for row in rows]


async def settle_unread(tx: Tx, id: UUID, *, read_at: datetime | None, error: str | None = None) -> None:
    """Note that it was read, or why it still cannot be."""
    await tx.execute(queries["unread_settle"], tx.tenant_id, id, read_at, error)


async def forget_unread(tx: Tx, contact_id: UUID) -> int:
    """Remove whatever of the tenant holds a number or id of this contact, before these are forgotten themselves; how many."""
    return await tx.execute(queries["unread_forget"], tx.tenant_id, contact_id)
