"""A gateway over real HTTP, a channel of the test's own salon, and the webhooks that the gateway would send for it."""

import asyncio
import hashlib
import hmac
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from booka_common.contracts import Message
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.jobs import Job
from booka_common.service import Service
from booka_common.testing import FrozenClock, eventually, running, signed
from booka_messaging import store
from booka_messaging.app import create_app
from booka_messaging.domain.model import Alias, ChatEvent, ChatMessage
from booka_messaging.settings import SERVICE, Settings
from booka_messaging.store import Channel, Habits
from booka_messaging.usecases.receiving import Intake
from booka_sandbox.app import create_app as sandbox_app
from booka_sandbox.serving import free_socket
from booka_sandbox.serving import serving as sandbox_serving
from booka_sandbox.settings import Settings as SandboxSettings

SECRET = "the-salon's-webhook-secret-0123456789"


def pytest_configure(config: pytest.Config) -> None:
    """aiormq leaves a coroutine unawaited when a connection and its event loop end together, as they do after a test."""
    for line in (
        "ignore:coroutine 'FutureStore.reject_all' was never awaited:RuntimeWarning",
        "ignore:Exception ignored in. <coroutine object FutureStore.reject_all:pytest.PytestUnraisableExceptionWarning",
    ):
        config.addinivalue_line("filterwarnings", line)


@dataclass(frozen=True)
class Fault:
    """The next call goes wrong. `takes`: the message is in the store nevertheless. `status` None: no answer at all."""

    status: int | None = 500
    body: Any = None
    takes: bool = False


@dataclass
class GatewayStub:
    """What it was asked, what it has in its store, what is to go wrong next."""

    url: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    store_faults: deque[int] = field(default_factory=deque)
    pairing: dict[str, Any] | None = None
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _hold: asyncio.Event = field(default_factory=asyncio.Event)

    def texts(self) -> list[str]:
        return [record["message"]["conversation"] for record in self.sent]

    def take(self, number: str, text: str) -> dict[str, Any]:
        record = {
            "key": {
                "remoteJid": number if "@" in number else f"{number}@s.whatsapp.net",
                "fromMe": True,
                "id": f"OUT{next(self._ids)}-{id(self)}",
            },
            "message": {"conversation": text},
            "messageType": "conversation",
            "messageTimestamp": int(datetime.now(UTC).timestamp()),
            "status": "PENDING",
        }
        self.sent.append(record)
        return record

    async def send_text(self, request: Request) -> Response:
        body = await request.json()
        self.calls.append("sendText")
        self.keys.append(request.headers.get("apikey"))
        fault = self.faults.popleft() if self.faults else None
        if fault is None:
            return _json(self.take(body["number"], body["text"]), 201)
        if fault.takes:
            self.take(body["number"], body["text"])
        if fault.status is None:
            await self._hold.wait()
        return _json(fault.body, fault.status or 500)

    async def find_messages(self, request: Request) -> Response:
        body = await request.json()
        ours = "key" in body["where"]  # what we have sent; else it is a sweep
        self.calls.append("findMessages" if ours else "sweep")
        if ours and self.store_faults:
            return _json({}, self.store_faults.popleft())
        size, page = body["offset"], body["page"]
        newest_first = self.sent[::-1]
        records = newest_first[(page - 1) * size : page * size]
        pages = -(-len(self.sent) // size)
        return _json(
            {"messages": {"total": len(self.sent), "pages": pages, "currentPage": page, "records": records}}, 200
        )

    async def connection_state(self, instance: str) -> Response:
        return _json({"instance": {"instanceName": instance, "state": "open"}}, 200)

    async def graph(self, line: str) -> Response:
        return _json({"id": line, "verified_name": "Salon"}, 200)

    async def connect(self) -> Response:
        return _json({"error": "Not Found"}, 404) if self.pairing is None else _json(self.pairing, 200)


def _json(body: Any, status: int) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")


@asynccontextmanager
async def serving() -> AsyncIterator[GatewayStub]:
    """A stub on a free port of 127.0.0.1."""
    stub = GatewayStub()
    app = FastAPI()
    app.add_api_route("/message/sendText/{instance}", stub.send_text, methods=["POST"], response_model=None)
    app.add_api_route("/chat/findMessages/{instance}", stub.find_messages, methods=["POST"], response_model=None)
    app.add_api_route("/instance/connectionState/{instance}", stub.connection_state, response_model=None)
    app.add_api_route("/v23.0/{line}", stub.graph, response_model=None)
    app.add_api_route("/instance/connect/{instance}", stub.connect, response_model=None)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    started = asyncio.Event()

    async def serve() -> None:
        socket = config.bind_socket()
        stub.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        started.set()
        await server.serve(sockets=[socket])

    task = asyncio.create_task(serve())
    await started.wait()
    try:
        yield stub
    finally:
        stub._hold.set()
        server.should_exit = True
        await task


class Salon:
    """A salon with one channel at the stub, as its gateway and its clients see it."""

    def __init__(self, tenant_id: UUID, client: httpx.AsyncClient) -> None:
        self.tenant_id = tenant_id
        self.channel_id = new_id()
        self.instance = f"salon-{self.channel_id.hex[-8:]}"
        self.http = client
        self.auth = signed(tenant_id)
        self.secret = SECRET

    @property
    def path(self) -> str:
        return f"/webhooks/evolution/{self.channel_id}"

    def order(self, base_url: str, **changes: Any) -> dict[str, Any]:
        return {
            "gateway": "evolution",
            "instance": self.instance,
            "base_url": base_url,
            "api_key": "key-of-the-gateway",
            "auth": {"mode": "hmac", "secret": self.secret},
            **changes,
        }

    async def provision(self, base_url: str = "http://127.0.0.1:9", **changes: Any) -> dict[str, Any]:
        answer = await self.http.put(
            f"/v1/channels/{self.channel_id}", json=self.order(base_url, **changes), auth=self.auth
        )
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def text(self, text: str = "oi", **key: Any) -> dict[str, Any]:
        """The data of a text message; `key` overrides fields of its key."""
        return {
            "key": {"remoteJid": "5511987654321@s.whatsapp.net", "fromMe": False, "id": new_id().hex.upper(), **key},
            "pushName": "Bia",
            "message": {"conversation": text},
            "messageType": "conversation",
            "messageTimestamp": int(datetime.now(UTC).timestamp()),
        }

    def body(self, data: Any, event: str | None = "messages.upsert", **extra: Any) -> bytes:
        payload = {"event": event, "instance": self.instance, "data": data, "apikey": "live-token", **extra}
        return json.dumps(payload).encode()

    def sign(self, body: bytes, secret: str | None = None) -> dict[str, str]:
        digest = hmac.new((secret or self.secret).encode(), body, hashlib.sha256).hexdigest()
        return {"x-booka-signature": f"sha256={digest}", "content-type": "application/json"}

    async def deliver(self, data: Any, event: str | None = "messages.upsert", **extra: Any) -> httpx.Response:
        body = self.body(data, event, **extra)
        return await self.http.post(self.path, content=body, headers=self.sign(body))

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path, auth=self.auth)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def conversation(self) -> UUID:
        """The id of the conversation that was active last."""
        return UUID((await self.get("/v1/conversations"))["items"][0]["id"])

    async def messages(self) -> list[dict[str, Any]]:
        """All messages of that conversation, oldest first."""
        items = (await self.get(f"/v1/conversations/{await self.conversation()}/messages"))["items"]
        return list(reversed(items))


@pytest.fixture(scope="session")
def settings(provision: Callable[[Service], dict[str, Any]]) -> Settings:
    return Settings(**provision(SERVICE), send_recheck_seconds=0.05)


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    async with Database(settings.database_url.get_secret_value(), SERVICE.name) as database:
        yield database


@asynccontextmanager
async def started_app(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The service running and connected to its broker.

    To stop it while it still connects would leave the broker's client reconnecting for ever.
    """
    async with running(create_app(settings)) as client:

        async def connected() -> bool:
            return bool((await client.get("/readyz")).json()["rabbitmq"])

        await eventually(connected)
        yield client


@pytest.fixture
def started(
    forget_jobs: Callable[[Service], None],
) -> Callable[[Settings], AbstractAsyncContextManager[httpx.AsyncClient]]:
    """`async with started(settings) as client`; it has nothing to do for other tests' salons."""
    forget_jobs(SERVICE)
    return started_app


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayStub]:
    async with serving() as stub:
        yield stub


@pytest.fixture
def fault() -> type[Fault]:
    return Fault


@pytest.fixture
def salon_of() -> type[Salon]:
    """To make one: `salon_of(tenant_id, client)`."""
    return Salon


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


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def line_of(db: Database, clock: FrozenClock) -> Callable[..., Awaitable[Line]]:
    """To make one: `await line_of(tenant_id, takeover_minutes=None)`. It has been the salon's for 30 days."""

    async def make(tenant_id: UUID, **habits: Any) -> Line:
        async with db.tx(tenant_id) as tx:
            channel = await store.put_channel(
                tx, new_id(), gateway="evolution", instance="salon", base_url="http://127.0.0.1:9", api_key=b"sealed",
                auth_mode="hmac", secret=b"sealed", active=True, habits=Habits(**habits), now=clock() - timedelta(days=30),
            )  # fmt: skip
        return Line(db, channel, clock)

    return make


@pytest.fixture
async def line(line_of: Callable[..., Awaitable[Line]], tenant_id: UUID) -> Line:
    return await line_of(tenant_id)


#: Of the instances in the sandbox.
KEY = "the-key-of-the-line-0123456789"


@dataclass
class Outside:
    """The sandbox, and one instance in it."""

    url: str
    http: httpx.AsyncClient
    name: str

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/_{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def is_now(self, state: str) -> None:
        await self.control("PUT", f"/evolution/instances/{self.name}", {"state": state})

    async def loses(self, text: str, ago: float = 0, number: str = "351912345678", **more: Any) -> str:
        """Somebody writes, and no webhook tells of it; `ago` in seconds."""
        order = {"text": text, "copies": 0, "timestamp": int(datetime.now(UTC).timestamp() - ago), **more}
        path = f"/evolution/instances/{self.name}/phones/{number}/messages"
        return str((await self.control("POST", path, order))["id"])

    async def fails(self, operation: str, **order: Any) -> None:
        fault = {"provider": "evolution", "operation": operation, "kind": "error_before", "status": 500, **order}
        await self.control("POST", "/faults", fault)


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    bound = free_socket()
    app = sandbox_app(SandboxSettings(port=bound.getsockname()[1], retry_scale=0.001))
    async with sandbox_serving(app, bound) as url, httpx.AsyncClient(base_url=url, timeout=15) as http:
        found = Outside(url, http, f"salon-{new_id().hex[-8:]}")
        await found.control("PUT", f"/evolution/instances/{found.name}", {"token": KEY, "own_number": "351210000000"})
        yield found
