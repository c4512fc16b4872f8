"""What comes for a line of an app that salons share while the line is switched off.

The gateway tells one address of all lines, and switches it off for all if it is refused for long; so it is answered 200, and held
here. Whose it is is not known: anybody may write a line down, and only who switches one on has proven that it is theirs.
"""

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime

from booka_common.db import Database
from booka_common.ids import new_id
from booka_messaging.domain.redaction import redact
from booka_messaging.store import Channel
from booka_messaging.store.held import HeldDelivery, drop_held, held_of, put_held

__all__ = ["MOST_HELD", "Held"]

_log = logging.getLogger(__name__)

#: Of one line. Beyond it the oldest goes: what is that old would not be answered any more.
MOST_HELD = 500


class Held:
    """What is held, by line.

    Args:
        secrets: of the installation, none of which is stored.
    """

    def __init__(self, db: Database, secrets: Sequence[str]) -> None:
        self._db = db
        self._secrets = tuple(secrets)

    async def hold(self, gateway: str, line: str, body: bytes, *, now: datetime, most: int = MOST_HELD) -> None:
        """Hold `body`, which is about no other line; the same one again is held once."""
        digest = hashlib.sha256(body).digest()
        async with self._db.system_tx() as tx:
            lost = await put_held(
                tx, new_id(), gateway, line, digest=digest, body=redact(body, self._secrets), now=now, most=most
            )
        if lost:
            _log.error(
                "%d webhooks for line %s of %s, which is switched off, made room for others", lost, line, gateway
            )

    async def waiting(self, channel: Channel, *, limit: int) -> list[HeldDelivery]:
        """What is held for the line of a channel, the oldest first; nothing unless it uses that line at this moment."""
        async with self._db.system_tx(durable=False) as tx:
            return await held_of(tx, channel.gateway, channel.instance, of=channel.id, limit=limit)

    async def drop(self, channel: Channel, held: HeldDelivery) -> None:
        """It was taken in."""
        async with self._db.system_tx() as tx:
            await drop_held(tx, channel.gateway, channel.instance, held.id)
