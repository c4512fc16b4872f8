"""A salon's lines to its gateway."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from booka_common.db import Tx, load_queries
from booka_messaging.domain.verification import AuthMode
from booka_messaging.errors import UnknownChannel

__all__ = [
    "Channel",
    "channel_by_id",
    "get_channel",
    "list_channels",
    "put_channel",
    "rotate_channel",
    "set_connection",
]

queries = load_queries("booka_messaging", "queries/channels.sql")


@dataclass(frozen=True, slots=True)
class Channel:
    """A salon's line to its clients. Credentials are sealed.

    Attributes:
        instance: the gateway's name of the line; for the Cloud API its phone number id.
        secret: what its webhooks are made with; None: the installation's own Meta app.
        verify_token: what Meta must say when it asks whether the address is ours; None without a Meta app of its own.
        takeover_minutes: how long Booka falls silent once a person of the salon types; None: until it is handed back.
        heard_at: of the last webhook, to the minute.
        swept_through: up to where the gateway's store was looked through for what was missed.
        silent_since: set once it was said that nothing comes from it any more.
    """

    id: UUID
    tenant_id: UUID
    gateway: str
    instance: str
    base_url: str
    api_key: bytes
    auth_mode: AuthMode
    secret: bytes | None
    previous_secret: bytes | None
    previous_until: datetime | None
    verify_token: bytes | None
    active: bool
    takeover_minutes: int | None
    messages_per_minute: int
    show_typing: bool
    transcribe: bool
    state: str | None
    state_reason: str | None
    state_at: datetime | None
    heard_at: datetime | None
    swept_through: datetime | None
    silent_since: datetime | None
    created_at: datetime
    updated_at: datetime


async def channel_by_id(tx: Tx, channel_id: UUID) -> Channel | None:
    """The channel of whichever tenant; `tx` is a system transaction."""
    row = await tx.fetchrow(queries["channel_by_id"], channel_id)
    return Channel(**row) if row else None


async def put_channel(
    tx: Tx,
    channel_id: UUID,
    *,
    gateway: str,
    instance: str,
    base_url: str,
    api_key: bytes,
    auth_mode: AuthMode,
    secret: bytes,
    active: bool,
    now: datetime,
) -> Channel:
    """Create or replace a channel.

    Raises:
        UnknownChannel: the id belongs to another tenant.
    """
    try:
        row: Any = await tx.fetchrow(
            queries["channel_put"],
            tx.tenant_id,
            channel_id,
            gateway,
            instance,
            base_url,
            api_key,
            auth_mode,
            secret,
            active,
            now,
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "channels_endpoint":
            raise UnknownChannel from None
        raise
    return Channel(**row)


async def rotate_channel(
    tx: Tx, channel_id: UUID, *, secret: bytes, previous_until: datetime, now: datetime
) -> Channel | None:
    """Put `secret` in front; the one before it stays valid until `previous_until`."""
    row = await tx.fetchrow(queries["channel_rotate"], tx.tenant_id, channel_id, secret, previous_until, now)
    return Channel(**row) if row else None


async def get_channel(tx: Tx, channel_id: UUID) -> Channel | None:
    """The tenant's channel."""
    row = await tx.fetchrow(queries["channel_get"], tx.tenant_id, channel_id)
    return Channel(**row) if row else None


async def list_channels(tx: Tx) -> list[Channel]:
    """The tenant's channels, oldest first. A salon has a handful."""
    return [Channel(**row) for row in await tx.fetch(queries["channel_list"], tx.tenant_id)]


async def set_connection(tx: Tx, channel_id: UUID, *, state: str, reason: str | None, now: datetime) -> None:
    """Note what the gateway says of its connection."""
    await tx.execute(queries["channel_connection"], tx.tenant_id, channel_id, state, reason, now)
