"""A salon's lines to its gateway."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from booka_common.db import Tx, load_queries
from booka_messaging.errors import LineTaken, UnknownChannel

__all__ = [
    "Channel",
    "ChannelChange",
    "Habits",
    "channel_by_id",
    "channels_by_line",
    "delete_channel",
    "deleted_line",
    "forget_key",
    "get_channel",
    "has_shared_line",
    "list_channels",
    "put_channel",
    "rotate_channel",
    "set_channel",
    "set_heard",
]

queries = load_queries("booka_messaging", "queries/channels.sql")

#: One channel in use for each line; of one with an app of its own, for each line of a salon.
_LINES = frozenset({"channels_cloud_line", "channels_line", "channels_shared_line"})


@dataclass(frozen=True, slots=True)
class Channel:
    """A salon's line to its clients, not one that was deleted. Credentials are sealed.

    Attributes:
        instance: the gateway's name of the line; for the Cloud API its phone number id.
        auth_mode: one of the `modes` of its kind of gateway.
        secret: what its webhooks are made with; None: the installation's own app at the gateway.
        verify_token: what the gateway must say when it asks whether the address is ours, if it asks.
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
    auth_mode: str
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


@dataclass(frozen=True, slots=True)
class Habits:
    """How Booka behaves on a line; see the attributes of `Channel`. `messages_per_minute`: what is sent on it at most."""

    takeover_minutes: int | None = 120
    messages_per_minute: int = 1200
    show_typing: bool = False
    transcribe: bool = False


@dataclass(frozen=True, slots=True)
class ChannelChange:
    """What is to be different; None: it stays. `takeover_minutes` may become None, so it says `same`."""

    active: bool | None = None
    takeover_minutes: int | Literal["same"] | None = "same"
    messages_per_minute: int | None = None
    show_typing: bool | None = None
    transcribe: bool | None = None


async def channel_by_id(tx: Tx, channel_id: UUID) -> Channel | None:
    """The channel of whichever tenant; `tx` is a system transaction."""
    row = await tx.fetchrow(queries["channel_by_id"], channel_id)
    return Channel(**row) if row else None


async def channels_by_line(tx: Tx, gateway: str, line_ids: Sequence[str]) -> list[Channel]:
    """The channels of these lines that the installation's own app at that gateway serves; `tx` is a system transaction.

    One at most of each line is in use, and comes before those that are not.
    """
    return [Channel(**row) for row in await tx.fetch(queries["channels_by_line"], gateway, list(line_ids))]


async def has_shared_line(tx: Tx, gateway: str) -> bool:
    """Whether the installation's own app at that gateway serves any line; `tx` is a system transaction."""
    return bool(await tx.fetchval(queries["shared_line_exists"], gateway))


async def put_channel(
    tx: Tx,
    channel_id: UUID,
    *,
    gateway: str,
    instance: str,
    base_url: str,
    api_key: bytes,
    auth_mode: str,
    secret: bytes | None,
    verify_token: bytes | None = None,
    active: bool,
    habits: Habits = Habits(),
    now: datetime,
) -> Channel:
    """Create or replace a channel.

    Raises:
        UnknownChannel: the id belongs to another tenant, or the channel was deleted.
        LineTaken: another channel has this line.
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
            verify_token,
            active,
            habits.takeover_minutes,
            habits.messages_per_minute,
            habits.show_typing,
            habits.transcribe,
            now,
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "channels_endpoint":
            raise UnknownChannel from None
        if error.constraint_name in _LINES:
            raise LineTaken from None
        raise
    if row is None:
        raise UnknownChannel
    return Channel(**row)


async def set_channel(tx: Tx, channel_id: UUID, change: ChannelChange, *, now: datetime) -> Channel | None:
    """Change what is not a credential; None: there is no such channel.

    Raises:
        LineTaken: it is to be switched on, and another channel has its line meanwhile.
    """
    takes_over = change.takeover_minutes != "same"
    try:
        row = await tx.fetchrow(
            queries["channel_set"],
            tx.tenant_id,
            channel_id,
            change.active,
            takes_over,
            change.takeover_minutes if takes_over else None,
            change.messages_per_minute,
            change.show_typing,
            change.transcribe,
            now,
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name in _LINES:
            raise LineTaken from None
        raise
    return Channel(**row) if row else None


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


async def delete_channel(tx: Tx, channel_id: UUID, *, now: datetime) -> Channel | None:
    """Delete a channel; return it as it was. Nothing but `deleted_line` finds it afterwards, and what belongs to it."""
    row = await tx.fetchrow(queries["channel_delete"], tx.tenant_id, channel_id, now)
    return Channel(**row) if row else None


@dataclass(frozen=True, slots=True)
class DeletedLine:
    """Where a deleted channel's gateway is. `api_key` is sealed."""

    gateway: str
    instance: str
    base_url: str
    api_key: bytes


async def deleted_line(tx: Tx, channel_id: UUID) -> DeletedLine | None:
    """The line of a channel that was deleted, until its key is forgotten."""
    row = await tx.fetchrow(queries["channel_deleted_line"], tx.tenant_id, channel_id)
    return DeletedLine(**row) if row else None


async def forget_key(tx: Tx, channel_id: UUID) -> None:
    """Forget the gateway's key of a channel that was deleted."""
    await tx.execute(queries["channel_forget_key"], tx.tenant_id, channel_id)


async def set_heard(tx: Tx, channel_id: UUID, *, now: datetime) -> None:
    """Note that the gateway has called; the line is not silent."""
    await tx.execute(queries["channel_heard"], tx.tenant_id, channel_id, now)
