"""A channel of a salon as the use cases see it."""

import json
from datetime import timedelta
from typing import Any

from booka_common.contracts import Message
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.jobs import Job
from booka_common.testing import FrozenClock, eventually
from booka_messaging.domain.model import Alias, ChatEvent, ChatMessage
from booka_messaging.store import Channel
from booka_messaging.usecases.receiving import Intake


class Line:
    """A channel of a salon as the use cases see it: what comes in on it, and what came of that."""

    def __init__(self, db: Database, channel: Channel, clock: FrozenClock) -> None:
        self.db = db
        self.channel = channel
        self.tenant_id = channel.tenant_id
        self.clock = clock

    def says(
        self, text: str = "oi", *aliases: Alias, author: Any = "client", age: timedelta = timedelta(0), id: str = ""
    ) -> ChatMessage:
        """A message that the client wrote, or that somebody at the salon typed, `age` ago."""
        sent_at = self.clock() - age
        people = aliases or (Alias("pn", "351912345678"),)
        return ChatMessage(author, id or new_id().hex, people, None, "text", text, None, sent_at, {"type": "text"})

    async def take(self, *events: ChatEvent) -> str:
        """Take events in, as a replica of its own."""
        intake = Intake(self.db, stale_after=timedelta(days=1))
        return await intake.receive(self.channel, events, now=self.clock())

    async def client(self, text: str = "oi", *aliases: Alias, **fields: Any) -> str:
        return await self.take(self.says(text, *aliases, **fields))

    async def types(self, text: str = "Olá", *aliases: Alias, **fields: Any) -> str:
        return await self.take(self.says(text, *aliases, author="salon", **fields))

    async def told(self, kind: type[Message]) -> list[Any]:
        """What the outbox holds of a kind, in order."""
        rows = await self.rows(
            "SELECT body FROM outbox WHERE tenant_id = $1 AND routing_key = $2 ORDER BY seq", kind.key
        )
        return [kind.model_validate(json.loads(row["body"])["data"]) for row in rows]

    async def rows(self, query: str, *args: Any) -> list[dict[str, Any]]:
        """The rows of a query whose $1 is the salon."""
        async with self.db.tx(self.tenant_id) as tx:
            return [dict(row) for row in await tx.fetch(query, self.tenant_id, *args)]

    async def conversation(self) -> dict[str, Any]:
        """The only one in which a talk goes on."""
        (row,) = await self.rows("SELECT * FROM conversations WHERE tenant_id = $1 AND merged_into IS NULL")
        return row

    async def jobs(self, kind: str) -> list[Job]:
        """Its jobs that wait, as a worker would get them."""
        rows = await self.rows(
            """SELECT id, tenant_id, type, payload, attempts, max_attempts, scheduled_at, correlation_id, traceparent
               FROM jobs WHERE tenant_id = $1 AND type = $2 AND status = 'ready' ORDER BY seq""",
            kind,
        )
        return [Job(**row, lease_token=new_id()) for row in rows]


async def blocked(db: Database, count: int) -> None:
    """Wait until so many sessions wait for others."""

    async def enough() -> bool:
        async with db.system_tx() as tx:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
            return int(await tx.fetchval(waiting)) >= count

    await eventually(enough)
