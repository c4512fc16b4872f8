"""A line of a salon at the sandbox, with what looks after it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry

from booka_common.db import Database
from booka_common.errors import Unavailable
from booka_common.ids import new_id
from booka_common.jobs import Job
from booka_messaging import store
from booka_messaging.providers.cloud import Cloud
from booka_messaging.providers.evolution import Evolution
from booka_messaging.providers.gateway import Gateway
from booka_messaging.settings import Settings
from booka_messaging.store import Channel
from booka_messaging.usecases.directory import key_field
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.rounds import WATCH
from booka_messaging.usecases.sweeping import Sweeps
from booka_messaging.usecases.watching import Watching

from .outside import KEY
from .taking import taking_in

EVERY, SILENT = timedelta(minutes=5), timedelta(hours=12)


class Hurried(Intake):
    """Fails before its n-th message, as a service that is killed there."""

    def __init__(self, db: Database, fails_before: int) -> None:
        super().__init__(db, stale_after=timedelta(days=1))
        self.left = fails_before

    async def receive(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise Unavailable("the database is away")
        return await super().receive(*args, **kwargs)


class Watched:
    """A line of a salon at the sandbox, with what looks after it."""

    def __init__(self, db: Database, settings: Settings, evolution: Evolution, cloud: Cloud, tenant_id: UUID) -> None:
        self.db = db
        self.settings = settings
        self.gateways: dict[str, Gateway] = {"evolution": evolution, "cloud": cloud}
        self.tenant_id = tenant_id
        self.channel_id = new_id()
        self.registry = CollectorRegistry()
        intake = Intake(db, stale_after=timedelta(days=1))
        self.deliveries = taking_in(db, settings, intake)
        self.sweeps = self.sweeping(intake)
        self.watching = self.watching_with(self.sweeps)

    def sweeping(self, intake: Intake, grace: timedelta = timedelta(0)) -> Sweeps:
        registry = CollectorRegistry()
        return Sweeps(self.db, self.settings.sealer(), self.gateways, intake, registry, grace=grace)

    def watching_with(self, sweeps: Sweeps) -> Watching:
        sealer = self.settings.sealer()
        return Watching(self.db, sealer, self.gateways, sweeps, self.deliveries, every=EVERY, silent_after=SILENT)

    async def put(self, outside: Any, *, active: bool = True, gateway: str = "evolution") -> Channel:
        key = self.settings.sealer().seal(self.tenant_id, key_field(self.channel_id), KEY)
        async with self.db.tx(self.tenant_id) as tx:
            return await store.put_channel(
                tx, self.channel_id, gateway=gateway, instance=outside.name, base_url=f"{outside.url}/evolution",
                api_key=key, auth_mode="hmac", secret=b"sealed", active=active, now=datetime.now(UTC) - timedelta(days=30),
            )  # fmt: skip

    async def channel(self) -> Channel:
        async with self.db.tx(self.tenant_id) as tx:
            found = await store.get_channel(tx, self.channel_id)
        assert found is not None
        return found

    def job(self, kind: str, **payload: str) -> Job:
        facts = {"channel_id": str(self.channel_id), **payload}
        return Job(new_id(), self.tenant_id, kind, facts, 1, 10, datetime.now(UTC), new_id(), None, new_id())

    async def look(self, now: datetime | None = None) -> Any:
        return await self.watching.run(self.job(WATCH), now or datetime.now(UTC))

    async def rows(self, query: str, *args: Any) -> list[dict[str, Any]]:
        async with self.db.tx(self.tenant_id) as tx:
            return [dict(row) for row in await tx.fetch(query, self.tenant_id, *args)]

    async def messages(self) -> list[tuple[str, str, int | None]]:
        """Author, text and turn of all messages as they were sent."""
        rows = await self.rows("SELECT author, text, turn FROM messages WHERE tenant_id = $1 ORDER BY sent_at, id")
        return [(row["author"], row["text"], row["turn"]) for row in rows]

    async def told(self, kind: Any) -> list[Any]:
        rows = await self.rows(
            "SELECT body FROM outbox WHERE tenant_id = $1 AND routing_key = $2 ORDER BY seq", kind.key
        )
        return [kind.model_validate(json.loads(row["body"])["data"]) for row in rows]

    async def jobs(self, kind: str) -> list[dict[str, Any]]:
        return await self.rows(
            "SELECT status, payload, scheduled_at FROM jobs WHERE tenant_id = $1 AND type = $2 ORDER BY seq", kind
        )
