"""Channels: provisioning, secret rotation, and whether a line works, asked while somebody waits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from booka_common.db import Database, Tx
from booka_common.errors import Conflict, Unavailable
from booka_common.sealing import Sealer
from booka_messaging import store
from booka_messaging.domain.model import Alias
from booka_messaging.errors import UnknownChannel
from booka_messaging.providers.gateway import Connection, Gateway, Line, NotNow, Pairing, Refused, SendOutcome, Sent
from booka_messaging.providers.kind import Known, SharedApp
from booka_messaging.store import Channel, ChannelChange, Habits
from booka_messaging.store.outgoing import sent_by_software
from booka_messaging.usecases.directory import Directory, key_field, secret_field, token_field
from booka_messaging.usecases.linestate import line_changed
from booka_messaging.usecases.removing import remove
from booka_messaging.usecases.rounds import watch

__all__ = ["ChannelOrder", "Channels", "Tested", "api_key"]


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """A channel as it is to be. `base_url` has no trailing slash; credentials are in the clear.

    Attributes:
        secret: of its webhooks; None: those of the installation's own app at the gateway.
        verify_token: for the gateway's question whether the address is ours, if it asks; with a `secret` only.
    """

    gateway: str
    instance: str
    base_url: str
    api_key: str
    auth_mode: str
    secret: str | None
    active: bool
    verify_token: str | None = None
    habits: Habits = Habits()  # noqa: RUF009 - frozen

    def __repr__(self) -> str:
        return f"ChannelOrder({self.gateway}, {self.instance}, {self.base_url}, {self.auth_mode})"


@dataclass(frozen=True, slots=True)
class Tested:
    """Whether a line can send, and what came of a text if one was asked for and could be sent."""

    connection: Connection
    sent: SendOutcome | None


class Channels:
    """The channels of tenants, for those who run them.

    Args:
        directory: where webhooks find them; told of every change.
        gateways: by the name in `channels.gateway`.
        apps: the installation's own, by the name of their gateway.
    """

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        directory: Directory,
        gateways: Mapping[str, Gateway],
        *,
        apps: Mapping[str, SharedApp] | None = None,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._directory = directory
        self._gateways = gateways
        self._apps = Known[SharedApp]() if apps is None else apps

    async def put(self, tenant_id: UUID, channel_id: UUID, order: ChannelOrder, *, now: datetime) -> Channel:
        """Create or replace a channel; the previous secret, if there was one, ends at once.

        Raises:
            UnknownChannel: the id belongs to another tenant, or the channel was deleted.
            LineTaken: another channel has this line.
            Invalid, Unprocessable, Unavailable: see `SharedApp.prove`.
            NotConfigured: no encryption key.
        """
        sealed_key = self._sealer.seal(tenant_id, key_field(channel_id), order.api_key)
        secret = self._sealed(tenant_id, secret_field(channel_id), order.secret)
        verify_token = self._sealed(tenant_id, token_field(channel_id), order.verify_token)
        if order.secret is None and order.active:
            line = Line(order.base_url, order.instance, order.api_key)
            await self._apps[order.gateway].prove(self._gateways[order.gateway], line)
        async with self._db.tx(tenant_id) as tx:
            channel = await store.put_channel(
                tx,
                channel_id,
                gateway=order.gateway,
                instance=order.instance,
                base_url=order.base_url,
                api_key=sealed_key,
                auth_mode=order.auth_mode,
                secret=secret,
                verify_token=verify_token,
                active=order.active,
                habits=order.habits,
                now=now,
            )
            await watch(tx, channel, now=now)
        self._directory.forget(channel)
        return channel

    def _sealed(self, tenant_id: UUID, field: str, secret: str | None) -> bytes | None:
        return None if secret is None else self._sealer.seal(tenant_id, field, secret)

    async def change(self, tenant_id: UUID, channel_id: UUID, change: ChannelChange, *, now: datetime) -> Channel:
        """Change what is not a credential.

        Raises:
            UnknownChannel: none of this tenant.
            Invalid, Unprocessable, Unavailable: it is to be switched on, and see `SharedApp.prove`.
            LineTaken: it is to be switched on, and another channel has its line.
            Conflict: `line_changed`: it became another line while that was looked into.
            NotConfigured: as above.
        """
        before = await self.get(tenant_id, channel_id) if change.active else None
        if before is not None and before.secret is None and not before.active:
            await self._apps[before.gateway].prove(self._gateways[before.gateway], self._line(before))
        async with self._db.tx(tenant_id) as tx:
            channel = await store.set_channel(tx, channel_id, change, now=now)
            if channel is None:
                raise UnknownChannel
            if before is not None and _credentials(channel) != _credentials(before):
                raise Conflict("the channel was replaced meanwhile; ask again", code="line_changed")
            await watch(tx, channel, now=now)
        self._directory.forget(channel)
        return channel

    async def rotate(self, tx: Tx, channel: Channel, secret: str, *, keep: timedelta, now: datetime) -> Channel:
        """Make `secret` the current one; the one before it stays valid for `keep`.

        Raises:
            UnknownChannel: it has gone.
            Conflict: `shared_app`: its secrets are those of the installation.
            NotConfigured: no encryption key.
        """
        if channel.secret is None:
            raise Conflict(
                f"this line has no secret of its own: {self._apps[channel.gateway].secrets.variable} has those of the"
                " installation's own app",
                code="shared_app",
            )
        sealed = self._sealer.seal(channel.tenant_id, secret_field(channel.id), secret)
        rotated = await store.rotate_channel(tx, channel.id, secret=sealed, previous_until=now + keep, now=now)
        if rotated is None:
            raise UnknownChannel
        tx.then(lambda: self._directory.forget(rotated))
        return rotated

    async def delete(self, tx: Tx, channel_id: UUID, *, now: datetime) -> None:
        """Delete the tenant's channel; see `removing`.

        Raises:
            UnknownChannel: none of this tenant.
        """
        deleted = await remove(tx, channel_id, now=now)
        if deleted is None:
            raise UnknownChannel
        tx.then(lambda: self._directory.forget(deleted))

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

    async def connection(self, tenant_id: UUID, channel_id: UUID, *, now: datetime) -> Connection:
        """Ask the gateway whether the line works, and note what it says.

        Raises:
            UnknownChannel, NotConfigured: as above.
        """
        channel = await self.get(tenant_id, channel_id)
        return await self._ask(channel, now)

    async def _ask(self, channel: Channel, now: datetime) -> Connection:
        found = await self._gateways[channel.gateway].connection(self._line(channel))
        async with self._db.tx(channel.tenant_id) as tx:
            await line_changed(tx, channel.id, found.state, found.detail, now)
        return found

    async def test(self, tenant_id: UUID, channel_id: UUID, *, to: Alias | None, text: str, now: datetime) -> Tested:
        """Ask the gateway, and send a text to `to` if the line is open. The text is no message of any conversation.

        Raises:
            UnknownChannel, NotConfigured: as above.
        """
        channel = await self.get(tenant_id, channel_id)
        found = await self._ask(channel, now)
        if to is None or found.state != "open":
            return Tested(found, None)
        sent = await self._gateways[channel.gateway].send_text(self._line(channel), to, text)
        if isinstance(sent, Sent) and sent.provider_id is not None:
            async with self._db.tx(tenant_id) as tx:
                await sent_by_software(tx, channel.id, sent.provider_id, now=now)
        return Tested(found, sent)

    async def pairing(self, tenant_id: UUID, channel_id: UUID, *, number: str | None) -> Pairing:
        """How to tie a phone to the line now.

        Raises:
            UnknownChannel, NotConfigured: as above.
            Conflict: `no_pairing`: this gateway needs none; `line_refused`: it does not know the line or its key.
            Unavailable: it has nothing to show yet.
        """
        channel = await self.get(tenant_id, channel_id)
        match await self._gateways[channel.gateway].pairing(self._line(channel), number):
            case None:
                raise Conflict("lines of this gateway are not tied to a phone", code="no_pairing")
            case Refused(_, detail):
                raise Conflict(detail, code="line_refused")
            case NotNow(reason, _):
                raise Unavailable(reason, code="gateway_away")
            case Pairing() as pairing:
                return pairing

    def _line(self, channel: Channel) -> Line:
        key = api_key(channel.tenant_id, channel.id, channel.api_key, self._sealer)
        return Line(channel.base_url, channel.instance, key)


def _credentials(channel: Channel) -> tuple[str, str, bytes, bytes | None]:
    return channel.base_url, channel.instance, channel.api_key, channel.secret


def api_key(tenant_id: UUID, channel_id: UUID, sealed: bytes, sealer: Sealer) -> str:
    """The channel's key at its gateway.

    Raises:
        NotConfigured: no encryption key opens it.
    """
    return sealer.open(tenant_id, key_field(channel_id), sealed)
