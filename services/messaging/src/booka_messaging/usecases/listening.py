"""Whether there was anybody to take receipts: who was away waits longer for those of that time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from booka_common.db import Database, load_queries
from booka_common.errors import is_transient

__all__ = ["Listening"]

_log = logging.getLogger(__name__)
_queries = load_queries("booka_messaging", "queries/listening.sql")

_AT_MOST_EVERY = 0.5


class Listening:
    """Says again and again that this replica is there, and knows since when any has been.

    A replica that ends leaves its receipts to the others; only if all are away nobody takes them, until a gateway repeats them.

    Args:
        gap: how long all may be away without mattering. A gateway repeats after as long again what nobody took.
    """

    def __init__(self, db: Database, now: Callable[[], datetime], *, gap: timedelta) -> None:
        self._db = db
        self._now = now
        self._gap = gap
        self._began = self._since = now()

    def since(self) -> datetime:
        """Receipts that gateways sent from then on were taken. As long as the database has not told: since this replica began."""
        return self._since

    async def say(self) -> None:
        """Say that somebody is there.

        Raises:
            Unavailable: the database is away.
        """
        async with self._db.system_tx(durable=False) as tx:
            self._since = await tx.fetchval(_queries["listening"], self._now(), self._began, self._gap)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """As long as the context is open, say so."""
        await self._try()
        task = asyncio.create_task(self._keep(), name="listening")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(max(self._gap.total_seconds() / 4, _AT_MOST_EVERY))
            await self._try()

    async def _try(self) -> None:
        try:
            await self.say()
        except Exception as error:
            if not is_transient(error):
                _log.exception("that this replica listens was not said")
