"""Whether there was anybody to take receipts: who was away waits longer for those of that time."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from booka_common.db import Database, load_queries
from booka_common.errors import is_transient

__all__ = ["GAP", "Listening"]

_log = logging.getLogger(__name__)
_queries = load_queries("booka_messaging", "queries/listening.sql")

#: How long nobody may be there without mattering: much less than anybody waits for a receipt, and more than it takes a slow
#: machine to come round to it.
GAP = timedelta(seconds=2)


class Listening:
    """Says again and again that this replica is there, and knows since when any has been.

    A replica that ends leaves its receipts to the others. Nobody takes them while all are away or the database is, and then a
    gateway repeats them, ever more seldom: several short absences put one off as much as one from the first to the last.
    """

    def __init__(self, db: Database, now: Callable[[], datetime]) -> None:
        self._db = db
        self._now = now
        self._since = self._said_at = now()

    def since(self) -> datetime:
        """What gateways reported from then on was taken. Now: nobody knows."""
        now = self._now()
        return now if self._said_at < now - GAP else self._since

    async def say(self) -> None:
        """Say that somebody is there.

        Raises:
            Unavailable: the database is away.
        """
        now = self._now()
        async with self._db.system_tx(durable=False) as tx:
            self._since = await tx.fetchval(_queries["listening"], now, GAP)
        self._said_at = now

    async def try_to_say(self) -> None:
        """The same, unless the database is away."""
        try:
            await self.say()
        except Exception as error:
            if not is_transient(error):
                _log.exception("that this replica listens was not said")

    async def keep(self) -> None:
        """Say so for ever."""
        while True:
            await asyncio.sleep(GAP.total_seconds() / 4)
            await self.try_to_say()
