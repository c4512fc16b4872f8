"""What could not be read is kept, without credentials, until a later version can read it."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.sealing import Sealer
from booka_messaging import store
from booka_messaging.domain.redaction import redact
from booka_messaging.errors import UnknownChannel
from booka_messaging.store import Channel, UnreadDelivery, UnreadRow
from booka_messaging.usecases.directory import key_field, secret_field, token_field

__all__ = ["MOST_KEPT", "MOST_OF_NOBODY", "Unread"]

_log = logging.getLogger(__name__)

#: Of one line. Beyond it the oldest goes: what is that old would not be answered any more.
MOST_KEPT = 500
#: Of those that are nobody's.
MOST_OF_NOBODY = 100


class Unread:
    """The webhooks of all lines that proved who they are and could not be read.

    Args:
        secrets: of the installation, which may be in any body, besides those of its line.
    """

    def __init__(self, db: Database, sealer: Sealer, secrets: Sequence[str]) -> None:
        self._db = db
        self._sealer = sealer
        self._secrets = tuple(secrets)

    async def keep(
        self, channel: Channel, body: bytes, *, path_event: str | None, error: str, now: datetime, most: int = MOST_KEPT
    ) -> None:
        """Keep `body` for `channel`; the same one again is only counted."""
        digest = hashlib.sha256(body + b"\0" + (path_event or "").encode()).digest()
        bare = redact(body, (*self._secrets, *self._secrets_of(channel)))
        async with self._db.tx(channel.tenant_id) as tx:
            await store.keep_unread(
                tx, new_id(), channel.id, digest=digest, body=bare, path_event=path_event, error=error[:500], now=now
            )
            lost = await store.trim_unread(tx, channel.id, most=most)
        _log.warning("a webhook of channel %s was kept unread: %s", channel.id, error)
        if lost:
            _log.error("%d webhooks of channel %s that nobody had read made room for others", lost, channel.id)

    async def keep_nobodys(
        self, channels: Iterable[Channel], body: bytes, *, error: str, now: datetime, most: int = MOST_OF_NOBODY
    ) -> None:
        """Keep `body`, of which nobody can tell whose it is, for who runs the installation: no salon may see it.

        Args:
            channels: those that it names, whose credentials may be in it.
        """
        secrets = (secret for channel in channels for secret in self._secrets_of(channel))
        bare = redact(body, (*self._secrets, *secrets))
        digest = hashlib.sha256(body).digest()
        async with self._db.system_tx() as tx:
            await store.keep_nobodys(tx, digest=digest, body=bare, error=error[:500], now=now, most=most)
        _log.error(
            "a webhook of an app of many salons, %d bytes, cannot be read and is kept as nobody's: %s",
            len(body),
            error,
        )

    def _secrets_of(self, channel: Channel) -> list[str]:
        sealed = (
            (key_field, channel.api_key),
            (secret_field, channel.secret),
            (secret_field, channel.previous_secret),
            (token_field, channel.verify_token),
        )
        return [
            self._sealer.open(channel.tenant_id, field(channel.id), value)
            for field, value in sealed
            if value is not None
        ]

    async def listed(
        self, tenant_id: UUID, channel_id: UUID, *, before: UUID | None, limit: int, also_read: bool
    ) -> Sequence[UnreadRow]:
        """What is kept of a line, newest first.

        Raises:
            UnknownChannel: none of this tenant.
        """
        async with self._db.tx(tenant_id) as tx:
            if await store.get_channel(tx, channel_id) is None:
                raise UnknownChannel
            return await store.list_unread(tx, channel_id, before=before, limit=limit, also_read=also_read)

    async def one(self, tenant_id: UUID, channel_id: UUID, id: UUID) -> UnreadDelivery | None:
        """One of them with its body."""
        async with self._db.tx(tenant_id) as tx:
            return await store.get_unread(tx, channel_id, id)

    async def waiting(self, channel: Channel, *, after: UUID | None, limit: int) -> Sequence[UnreadDelivery]:
        """Those that nobody has read yet, the oldest first."""
        async with self._db.tx(channel.tenant_id) as tx:
            return await store.open_unread(tx, channel.id, after=after, limit=limit)

    async def settle(self, channel: Channel, id: UUID, *, error: str | None, now: datetime) -> None:
        """It was read (no `error`), or still cannot be."""
        async with self._db.tx(channel.tenant_id) as tx:
            await store.settle_unread(tx, id, read_at=None if error else now, error=error)
