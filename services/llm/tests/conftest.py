"""llm's settings on a fresh database, a stand-in for the model over real HTTP, and the messages that llm hears."""

import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import openai  # noqa: F401 - takes seconds on a busy machine, and they would be those of the first call
import pytest

from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import Candidate, ContextGiven, InterpretationRequested
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.service import Service
from booka_llm.settings import SERVICE, Settings


def pytest_configure(config: pytest.Config) -> None:
    """aiormq leaves a coroutine unawaited when a connection and its event loop end together, as they do after a test."""
    for line in (
        "ignore:coroutine 'FutureStore.reject_all' was never awaited:RuntimeWarning",
        "ignore:Exception ignored in. <coroutine object FutureStore.reject_all:pytest.PytestUnraisableExceptionWarning",
    ):
        config.addinivalue_line("filterwarnings", line)


@dataclass
class Reply:
    """What the endpoint says. `content` None is a refusal; `usage` None leaves it out; `hang` answers only at the end."""

    content: str | None = '{"intent": "other"}'
    status: int = 200
    usage: dict[str, int] | None = field(default_factory=lambda: {"prompt_tokens": 300, "completion_tokens": 20})
    hang: bool = False
    raw: bytes | None = None

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": {"message": "the prompt was: secret words", "type": "server_error"}}).encode()
        refusal = None if self.content is not None else "I cannot do that."
        message = {"role": "assistant", "content": self.content, "refusal": refusal}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "stub", "choices": [choice]}
        return json.dumps(answer if self.usage is None else {**answer, "usage": self.usage}).encode()


class Endpoint:
    """An OpenAI-compatible endpoint on a free port. `replies` are used in order, then `otherwise`."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.otherwise = Reply()
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self._over = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                endpoint.requests.append({"path": self.path, **json.loads(self.rfile.read(length))})
                endpoint.keys.append(self.headers["authorization"])
                reply = endpoint.replies.popleft() if endpoint.replies else endpoint.otherwise
                if reply.hang:
                    endpoint._over.wait(20)
                    self.close_connection = True
                    return
                body = reply.body()
                self.send_response(reply.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def sent(self, number: int = -1) -> dict[str, Any]:
        """The JSON of a user message."""
        content: dict[str, Any] = json.loads(self.requests[number]["messages"][-1]["content"])
        return content

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Salon:
    """One salon, one conversation, and what is said in it."""

    def __init__(self, tenant_id: UUID, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.tenant_id = tenant_id
        self.now = now
        self.conversation_id = new_id()
        self.turn = 0
        self.services = (Candidate(id=new_id(), name="Corte feminino"), Candidate(id=new_id(), name="Manicure"))
        self.staff = (Candidate(id=new_id(), name="Lívia"),)

    def asks(self, text: str = "quero cortar o cabelo", **fields: Any) -> Envelope[InterpretationRequested]:
        values: dict[str, Any] = {
            "request_id": new_id(),
            "conversation_id": self.conversation_id,
            "text": text,
            "question": "service",
            "locale": "pt-BR",
            "zone": "America/Sao_Paulo",
            "asked_at": self.now(),
            "services": self.services,
            "staff": self.staff,
        }
        request = InterpretationRequested(**values | fields)
        return Envelope.of(request, tenant_id=self.tenant_id, now=self.now())

    def hears(self, text: str, *, at: datetime | None = None, **fields: Any) -> Envelope[ContextGiven]:
        self.turn += 1
        values: dict[str, Any] = {"conversation_id": self.conversation_id, "turn": self.turn, "text": text}
        return Envelope.of(ContextGiven(**values | fields), tenant_id=self.tenant_id, now=at or self.now())


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """The model."""
    running = Endpoint()
    yield running
    running.close()


@pytest.fixture
def reply() -> type[Reply]:
    """To make replies of the model: `endpoint.replies.append(reply(...))`."""
    return Reply


@pytest.fixture(scope="session")
def unconfigured(provision: Callable[[Service], dict[str, Any]]) -> Settings:
    """Settings without a model."""
    return Settings(**provision(SERVICE))


@pytest.fixture
def settings(unconfigured: Settings, endpoint: Endpoint, forget_jobs: Callable[[Service], None]) -> Settings:
    """Settings with the endpoint as the model; nobody else has anything to ask it."""
    forget_jobs(SERVICE)
    return Settings(**unconfigured.model_dump() | {"base_url": endpoint.url, "api_key": "sk-test"})


@pytest.fixture
async def db(unconfigured: Settings) -> AsyncIterator[Database]:
    async with Database(unconfigured.database_url.get_secret_value(), SERVICE.name, pool_size=12) as database:
        yield database


@pytest.fixture
def salon_of() -> type[Salon]:
    """To make salons: `salon_of(tenant_id)`."""
    return Salon


@pytest.fixture
def salon(tenant_id: UUID) -> Salon:
    return Salon(tenant_id)
