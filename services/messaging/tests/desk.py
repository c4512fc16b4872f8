"""A salon's line at the sandbox, its requests to send, and a worker whose clock a test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI, Request

from booka_common.contracts import Envelope, Message
from booka_common.contracts.messaging import Choices, SendRequested, TemplateUse
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.jobs import Dead, Done, Job, Outcome, Postponed, RetryIn
from booka_common.testing import FrozenClock, eventually
from booka_messaging import store
from booka_messaging.domain import cloud as cloud_parser
from booka_messaging.domain import evolution as evolution_parser
from booka_messaging.domain.model import Alias, ChatEvent, ChatMessage
from booka_messaging.providers.cloud import Cloud
from booka_messaging.providers.evolution import Evolution
from booka_messaging.providers.gateway import Gateway
from booka_messaging.settings import Settings
from booka_messaging.store import Channel, Habits
from booka_messaging.usecases.endings import give_up, record_sent
from booka_messaging.usecases.receipts import Receipts
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.requesting import Requests
from booka_messaging.usecases.sending import Sending
from booka_sandbox.serving import free_socket, serving

from .outside import CLIENT, KEY

__all__ = ["RECHECK", "Desk", "DeskOf", "desk_at"]

RECHECK = timedelta(seconds=5)
_CALL = timedelta(seconds=2)
_ATTEMPTS = 12


@dataclass
class Desk:
    """One line. `posts`: what its gateway has told so far, and how much of that was taken in."""

    db: Database
    http: httpx.AsyncClient
    kind: str
    name: str
    channel: Channel
    sending: Sending
    intake: Intake
    clock: FrozenClock
    start: Callable[..., Sending]
    posts: list[dict[str, Any]] = field(default_factory=list)
    taken: int = 0

    @property
    def tenant_id(self) -> UUID:
        return self.channel.tenant_id

    # --- the outside

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/_{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def settle(self, **order: Any) -> None:
        """Change the line at its gateway."""
        await self.control("PUT", f"{self.path}", order)

    @property
    def path(self) -> str:
        return f"/cloud/lines/{self.name}" if self.kind == "cloud" else f"/evolution/instances/{self.name}"

    async def fails(self, kind: str, **order: Any) -> None:
        """The next sends go wrong."""
        operation = "messages.send" if self.kind == "cloud" else "sendText"
        await self.control("POST", "/faults", {"provider": self.kind, "operation": operation, "kind": kind, **order})

    async def sent(self) -> list[str]:
        """The texts that the client's phone got from us, or the kinds of what is no text."""
        entries = (await self.control("GET", f"/ledger?kind=message.sent&instance={self.name}"))["entries"]
        return [entry["text"] for entry in entries]

    async def phone(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.control("GET", f"{self.path}/phones/{CLIENT}/messages")
        return [one for one in found if one["side"] == "salon"]

    async def client_writes(self, text: str = "oi") -> None:
        """The client writes, and messaging takes it in."""
        await self.control("POST", f"{self.path}/phones/{CLIENT}/messages", {"text": text})
        await self.hears()

    async def client_known(self, *, ago: timedelta = timedelta(0)) -> None:
        """Messaging knows the client, though the gateway does not know that they ever wrote."""
        message = ChatMessage(
            "client", new_id().hex, (Alias("pn", CLIENT),), "Rui", "text", "oi", None, self.clock() - ago, {}
        )
        await self.intake.receive(self.channel, [message], now=self.clock())

    async def hears(self, count: int | None = None) -> list[ChatEvent]:
        """Take in what the gateway has told since, at least `count` webhooks."""
        await self.control("GET", "/idle?timeout=10")

        async def enough() -> bool:
            return count is None or len(self.posts) >= self.taken + count

        await eventually(enough)
        new, self.taken = self.posts[self.taken :], len(self.posts)
        events = [event for post in new for event in self._read(post)]
        for event in events:
            await self.intake.receive(self.channel, [event], now=self.clock())
        return events

    def _read(self, post: dict[str, Any]) -> Sequence[ChatEvent]:
        now = datetime.now(UTC)
        return cloud_parser.read_for(post, self.name, now) if self.kind == "cloud" else evolution_parser.read(post, now)

    # --- requests and jobs

    async def asks(
        self,
        text: str = "Olá!",
        *,
        purpose: Any = "reply",
        position: int | None = None,
        choices: Choices | None = None,
        template: TemplateUse | None = None,
    ) -> Envelope[SendRequested]:
        """Somebody asks for something to be said to the client."""
        (row,) = await self.rows("SELECT id FROM conversations WHERE tenant_id = $1 AND merged_into IS NULL")
        data = SendRequested(
            conversation_id=row["id"], text=text, purpose=purpose, position=position, choices=choices, template=template
        )
        asked = Envelope.of(data, tenant_id=self.tenant_id, now=self.clock())
        await Requests(self.db, attempts=_ATTEMPTS).take(asked, now=self.clock())
        return asked

    async def step(self) -> Outcome | None:
        """Run the next due job as the worker would; None: nothing is due."""
        rows = await self.rows(
            """SELECT id, tenant_id, type, payload, attempts, max_attempts, scheduled_at, correlation_id, traceparent
               FROM jobs AS j
               WHERE tenant_id = $1 AND type = 'send_message' AND status = 'ready' AND scheduled_at <= $2
                 AND NOT EXISTS (SELECT FROM jobs AS e WHERE e.tenant_id = j.tenant_id AND e.lane = j.lane
                     AND e.status = 'ready' AND (e.lane_order, e.seq) < (j.lane_order, j.seq))
               ORDER BY scheduled_at, seq LIMIT 1""",
            self.clock(),
        )
        if not rows:
            return None
        job = Job(**{**rows[0], "attempts": rows[0]["attempts"] + 1}, lease_token=new_id())
        outcome = await self.sending.run(job, self.clock())
        if isinstance(outcome, RetryIn) and job.attempts >= job.max_attempts:
            reason = outcome.reason
            outcome = Dead(reason, lambda tx: give_up(tx, job, reason, now=self.clock()))
        await self._end(job, outcome)
        return outcome

    async def _end(self, job: Job, outcome: Outcome) -> None:
        status, attempts, at = "ready", job.attempts, self.clock()
        async with self.db.tx(self.tenant_id) as tx:
            match outcome:
                case Done(record, result):
                    status = "done"
                    if result is not None:
                        await record_sent(tx, [result])
                case Dead(_, record):
                    status = "dead"
                case RetryIn(_, delay, record):
                    at += delay if delay is not None else timedelta(seconds=1)
                case Postponed(_, until, record):
                    at, attempts = until, job.attempts - 1
            if record is not None:
                await record(tx)
            await tx.execute(
                "UPDATE jobs SET status = $3, attempts = $4, scheduled_at = $5 WHERE tenant_id = $1 AND id = $2",
                self.tenant_id, job.id, status, attempts, at,
            )  # fmt: skip

    def restarts(self, listening_since: Callable[[], datetime] | None = None) -> None:
        """A new process takes over. None: nobody has listened before it."""
        self.sending = self.start(listening_since)

    async def works(self, within: timedelta = timedelta(minutes=30)) -> list[Outcome]:
        """Run what comes due, the clock going on to the next job, until nothing is left to do."""
        outcomes: list[Outcome] = []
        end = self.clock() + within
        while self.clock() <= end:
            outcome = await self.step()
            if outcome is not None:
                outcomes.append(outcome)
                continue
            rows = await self.rows(
                """SELECT min(scheduled_at) AS at FROM jobs
                   WHERE tenant_id = $1 AND type = 'send_message' AND status = 'ready' AND scheduled_at > $2""",
                self.clock(),
            )
            if rows[0]["at"] is None:
                break
            self.clock.advance(rows[0]["at"] - self.clock())
        return outcomes

    # --- what came of it

    async def rows(self, query: str, *args: Any) -> list[dict[str, Any]]:
        async with self.db.tx(self.tenant_id) as tx:
            return [dict(row) for row in await tx.fetch(query, self.tenant_id, *args)]

    async def messages(self) -> list[dict[str, Any]]:
        """Ours, in the order in which they were asked for."""
        return await self.rows("SELECT * FROM messages WHERE tenant_id = $1 AND direction = 'out' ORDER BY id")

    async def told(self, kind: type[Message]) -> list[Any]:
        """What the outbox holds of a kind, in order."""
        rows = await self.rows(
            "SELECT convert_from(body, 'UTF8')::json -> 'data' AS data FROM outbox WHERE tenant_id = $1 AND routing_key = $2 "
            "ORDER BY seq",
            kind.key,
        )
        return [kind.model_validate(row["data"]) for row in rows]


#: `await desk_of("cloud", show_typing=True)`: a line of its own with a desk.
DeskOf = Callable[..., Any]


def _hooks(posts: list[dict[str, Any]]) -> FastAPI:
    """Takes webhooks into `posts`."""
    app = FastAPI()

    @app.post("/")
    async def take(request: Request) -> None:
        posts.append(await request.json())

    return app


@asynccontextmanager
async def desk_at(
    kind: str, sandbox_url: str, settings: Settings, db: Database, tenant_id: UUID, **habits: Any
) -> AsyncIterator[Desk]:
    """A line of its own at the sandbox."""
    clock, posts = FrozenClock(datetime.now(UTC)), list[dict[str, Any]]()
    channel_id = new_id()
    name = str(channel_id.int)[-15:]
    sealed = settings.sealer().seal(tenant_id, f"channel {channel_id} api_key", KEY)
    base = {"evolution": f"{sandbox_url}/evolution", "cloud": f"{sandbox_url}/cloud/v23.0"}[kind]
    async with AsyncExitStack() as stack:
        async with db.tx(tenant_id) as tx:
            channel = await store.put_channel(
                tx, channel_id, gateway=kind, instance=name, base_url=base, api_key=sealed, auth_mode="hmac", secret=b"sealed",
                active=True, habits=Habits(**{"messages_per_minute": 60_000, **habits}), now=clock() - timedelta(days=30),
            )  # fmt: skip
        evolution = await stack.enter_async_context(Evolution(connect=_CALL, total=_CALL, connections=8))
        cloud = await stack.enter_async_context(Cloud(connect=_CALL, total=_CALL, connections=8))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=sandbox_url, timeout=15))
        gateways: dict[str, Gateway] = {"evolution": evolution, "cloud": cloud}

        def start(listening_since: Callable[[], datetime] | None = None) -> Sending:
            began = clock()
            since = listening_since or (lambda: began)
            return Sending(db, settings.sealer(), gateways, recheck=RECHECK, listening_since=since)

        intake = Intake(db, stale_after=timedelta(days=1), receipts=Receipts(db, attempts=_ATTEMPTS))
        desk = Desk(db, http, kind, name, channel, start(), intake, clock, start, posts)
        url = await stack.enter_async_context(serving(_hooks(posts), free_socket()))
        own = {"own_number": "351210000000", "webhook_url": url}
        await desk.settle(**own, **({"token": KEY} if kind == "evolution" else {"access_token": KEY}))
        yield desk
        await asyncio.sleep(0)
