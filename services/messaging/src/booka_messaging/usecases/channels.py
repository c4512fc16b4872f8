"""Channels: provisioning, secret rotation, and the directory in which a webhook finds its channel."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from booka_common.db import Database
from booka_common.sealing import Sealer
from booka_common.signing import SecretSet
from booka_messaging import store
from booka_messaging.domain.verification import AuthMode
from booka_messaging.errors import UnknownChannel
from booka_messaging.store import Channel

__all__ = ["ChannelOrder", "Channels", "api_key", "webhook_secrets"]

_MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """A channel as it is to be. `base_url` has no trailing slash; `api_key` and `secret` are in the clear."""

    gateway: str
    instance: str
    base_url: str
    api_key: str
    auth_mode: AuthMode
    secret: str
    active: bool

    def __repr__(self) -> str:
        return f"ChannelOrder({self.gateway}, {self.instance}, {self.base_url}, {self.auth_mode})"


class Channels:
    """The channels of all tenants by endpoint id, remembered for a few seconds.

    Args:
        cache_seconds: how long another replica's change may go unnoticed here.
        monotonic: seconds on a clock that is never set.
    """

    def __init__(
        self, db: Database, sealer: Sealer, *, cache_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._cache_seconds = cache_seconds
        self._monotonic = monotonic
        self._cached: OrderedDict[UUID, tuple[float, Channel]] = OrderedDict()

    async def find(self, channel_id: UUID) -> Channel:
        """The active channel of this endpoint id, whoever owns it.

        Raises:
            UnknownChannel: there is none.
        """
        entry = self._cached.get(channel_id)
        if entry is not None and self._monotonic() < entry[0]:
            return entry[1]
        async with self._db.system_tx(durable=False) as tx:
            channel = await store.channel_by_id(tx, channel_id)
        if channel is None or not channel.active:
            self._cached.pop(channel_id, None)
            raise UnknownChannel
        self._cached[channel_id] = (self._monotonic() + self._cache_seconds, channel)
        self._cached.move_to_end(channel_id)
        if len(self._cached) > _MAX_CACHED:
            self._cached.popitem(last=False)
        return channel

    async def put(self, tenant_id: UUID, channel_id: UUID, order: ChannelOrder, *, now: datetime) -> Channel:
        """Create or replace a channel; the previous secret, if there was one, ends at once.

        Raises:
            UnknownChannel: the id belongs to another tenant.
            NotConfigured: no encryption key.
        """
        sealed_key = self._sealer.seal(tenant_id, _key_field(channel_id), order.api_key)
        sealed_secret = self._sealer.seal(tenant_id, _secret_field(channel_id), order.secret)
        async with self._db.tx(tenant_id) as tx:
            channel = await store.put_channel(
                tx,
                channel_id,
                gateway=order.gateway,
                instance=order.instance,
                base_url=order.base_url,
                api_key=sealed_key,
                auth_mode=order.auth_mode,
                secret=sealed_secret,
                active=order.active,
                now=now,
            )
        self._cached.pop(channel_id, None)
        return channel

    async def rotate(
        self, tenant_id: UUID, channel_id: UUID, secret: str, *, keep: timedelta, now: datetime
    ) -> Channel:
        """Make `secret` the current one; the one before it stays valid for `keep`.

        Raises:
            UnknownChannel: none of this tenant.
            NotConfigured: no encryption key.
        """
        sealed = self._sealer.seal(tenant_id, _secret_field(channel_id), secret)
        async with self._db.tx(tenant_id) as tx:
            channel = await store.rotate_channel(tx, channel_id, secret=sealed, previous_until=now + keep, now=now)
        if channel is None:
            raise UnknownChannel
        self._cached.pop(channel_id, None)
        return channel

    async def get(self, tenant_id: UUID, channel_id: UUID) -> Channel:
        """The tenant's channel.

        Raises:
            UnknownChannel: none of this tenant.
        """
        async with self._db.tx(tenant_id) as tx:
            channel = await store.get_channel(tx, channel_id)
        if channel is None:
            raise UnknownChannel
        return channel

    async def of_tenant(self, tenant_id: UUID) -> list[Channel]:
        """The tenant's channels, oldest first."""
        async with self._db.tx(tenant_id) as tx:
            return await store.list_channels(tx)


def webhook_secrets(channel: Channel, sealer: Sealer, now: datetime) -> SecretSet:
    """The secrets that the channel's webhooks may be made with now.

    Raises:
        NotConfigured: no encryption key opens them.
    """
    if channel.secret is None:
        return SecretSet(f"auth.secret of channel {channel.id}", ())
    field = _secret_field(channel.id)
    values = [sealer.open(channel.tenant_id, field, channel.secret)]
    if channel.previous_secret is not None and channel.previous_until is not None and now < channel.previous_until:
        values.append(sealer.open(channel.tenant_id, field, channel.previous_secret))
    return SecretSet(f"auth.secret of channel {channel.id}", tuple(values))


def api_key(tenant_id: UUID, channel_id: UUID, sealed: bytes, sealer: Sealer) -> str:
    """The channel's key at its gateway.

    Raises:
        NotConfigured: no encryption key opens it.
    """
    return sealer.open(tenant_id, _key_field(channel_id), sealed)


def _key_field(channel_id: UUID) -> str:
    return f"channel {channel_id} api_key"


def _secret_field(channel_id: UUID) -> str:
    return f"channel {channel_id} secret"
