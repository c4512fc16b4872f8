"""The directory in which a webhook finds its channel, and the secrets with which it may have been made."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from booka_common.db import Database
from booka_common.sealing import Sealer
from booka_common.signing import SecretSet
from booka_messaging import store
from booka_messaging.errors import UnknownChannel
from booka_messaging.store import Channel

__all__ = ["Directory", "Found", "key_field", "secret_field", "token_field"]

_MAX_REMEMBERED = 10_000
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Found:
    """An active channel with its webhook secrets opened: without them nothing that it is sent can be believed."""

    channel: Channel
    current: SecretSet
    both: SecretSet

    def secrets(self, now: datetime) -> SecretSet:
        """Those that hold now: the current one, and the one before it during a rotation."""
        until = self.channel.previous_until
        return self.both if until is not None and now < until else self.current


class Directory:
    """The channels of all tenants by endpoint id, and by line for those that share an app, remembered for a few seconds.

    Args:
        seconds: how long another replica's change may go unnoticed here.
        monotonic: seconds on a clock that is never set.
    """

    def __init__(
        self, db: Database, sealer: Sealer, *, seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._by_id: _Remembered[UUID, Found] = _Remembered(self._load, seconds, monotonic)
        self._by_line: _Remembered[tuple[str, str], Channel | None] = _Remembered(self._load_line, seconds, monotonic)

    async def find(self, channel_id: UUID) -> Found:
        """The active channel of this endpoint id, whoever owns it.

        Raises:
            UnknownChannel: there is none.
            NotConfigured: no encryption key opens its secrets.
        """
        return await self._by_id.get(channel_id)

    def known(self, channel_id: UUID) -> Found | None:
        """The same, if it is remembered."""
        return self._by_id.known(channel_id)

    async def lines(self, gateway: str, line_ids: Collection[str]) -> Mapping[str, Channel]:
        """The channels of these lines, as far as the installation's own app at that gateway serves them.

        One that is not active says no more than that somebody knows the line: who, is not proven, and several may.
        """
        asked = list(line_ids)
        found = await asyncio.gather(*(self._by_line.get((gateway, line_id)) for line_id in asked))
        return {line_id: channel for line_id, channel in zip(asked, found, strict=True) if channel is not None}

    async def kind_in_use(self, gateway: str, channel_id: UUID | None) -> bool:
        """Whether a line is of that kind of gateway: this one, or, if None is named, any of the installation's own app there."""
        async with self._db.system_tx(durable=False) as tx:
            if channel_id is None:
                return await store.has_shared_line(tx, gateway)
            channel = await store.channel_by_id(tx, channel_id)
        return channel is not None and channel.gateway == gateway

    def forget(self, channel: Channel) -> None:
        """It has changed."""
        self._by_id.forget(channel.id)
        self._by_line.forget((channel.gateway, channel.instance))

    async def _load(self, channel_id: UUID) -> Found:
        async with self._db.system_tx(durable=False) as tx:
            channel = await store.channel_by_id(tx, channel_id)
        if channel is None or not channel.active:
            raise UnknownChannel
        named, field = f"auth.secret of channel {channel.id}", secret_field(channel.id)
        sealed = [one for one in (channel.secret, channel.previous_secret) if one is not None]
        opened = tuple(self._sealer.open(channel.tenant_id, field, one) for one in sealed)
        return Found(channel, SecretSet(named, opened[:1]), SecretSet(named, opened))

    async def _load_line(self, line: tuple[str, str]) -> Channel | None:
        gateway, line_id = line
        async with self._db.system_tx(durable=False) as tx:
            channels = await store.channels_by_line(tx, gateway, [line_id])
        return channels[0] if channels else None


class _Remembered(Generic[_Key, _Value]):
    """What was loaded by key, for a while. Those who ask for the same thing at the same time share one look."""

    def __init__(
        self, load: Callable[[_Key], Awaitable[_Value]], seconds: float, monotonic: Callable[[], float]
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._monotonic = monotonic
        self._kept: OrderedDict[_Key, tuple[float, _Value]] = OrderedDict()
        self._loading: dict[_Key, asyncio.Task[_Value]] = {}

    def known(self, key: _Key) -> _Value | None:
        kept = self._kept.get(key)
        return kept[1] if kept is not None and self._monotonic() < kept[0] else None

    async def get(self, key: _Key) -> _Value:
        kept = self._kept.get(key)
        if kept is not None and self._monotonic() < kept[0]:
            return kept[1]
        self._kept.pop(key, None)
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._fill(key))
        # One who goes away does not take the look from the others.
        return await asyncio.shield(task)

    async def _fill(self, key: _Key) -> _Value:
        task = asyncio.current_task()
        try:
            value = await self._load(key)
            if self._loading.get(key) is task:  # else it was forgotten while it was loaded
                self._kept[key] = (self._monotonic() + self._seconds, value)
                self._kept.move_to_end(key)
                while len(self._kept) > _MAX_REMEMBERED:
                    self._kept.popitem(last=False)
        finally:
            if self._loading.get(key) is task:
                del self._loading[key]
        return value

    def forget(self, key: _Key) -> None:
        self._kept.pop(key, None)
        self._loading.pop(key, None)


def key_field(channel_id: UUID) -> str:
    """What a channel's key at its gateway is sealed as."""
    return f"channel {channel_id} api_key"


def secret_field(channel_id: UUID) -> str:
    """What a channel's webhook secret is sealed as."""
    return f"channel {channel_id} secret"


def token_field(channel_id: UUID) -> str:
    """What a channel's verify token is sealed as."""
    return f"channel {channel_id} verify_token"
