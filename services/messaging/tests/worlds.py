"""Each kind of gateway as its contract needs to handle it, at the sandbox."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
from fastapi import FastAPI, Request

from booka_common.testing import eventually
from booka_messaging.domain import cloud as cloud_parser
from booka_messaging.domain import evolution as evolution_parser
from booka_messaging.domain.model import Alias, ChatEvent
from booka_messaging.providers.cloud import Cloud
from booka_messaging.providers.evolution import Evolution
from booka_messaging.providers.gateway import (
    Gateway,
    Line,
)
from booka_messaging.providers.media import MediaLimits
from booka_sandbox.app import create_app
from booka_sandbox.serving import free_socket, serving
from booka_sandbox.settings import Settings

from .outside import CLIENT, KEY

TO = Alias("pn", CLIENT)
NAME = "209000111"
LONG, SHORT = timedelta(seconds=10), timedelta(seconds=0.3)


class Sandbox:
    """The outside world, and the webhooks that it would have delivered."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self.http = http
        self.delivered: list[dict[str, Any]] = []

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/_{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def ledger(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = (await self.control("GET", f"/ledger?kind={kind}"))["entries"]
        return entries

    async def fails(self, kind: str, **order: Any) -> None:
        await self.control("POST", "/faults", {"kind": kind, **order})

    def receiver(self) -> FastAPI:
        """Takes every webhook."""
        app = FastAPI()

        @app.post("/")
        async def take(request: Request) -> None:
            self.delivered.append(await request.json())

        return app


#: Where sends are made to fail, and which orders mean "never", "later" and "nobody knows".
FAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "evolution": {
        "where": {"provider": "evolution", "operation": "sendText"},
        "never": {"status": 413},
        "later": {"status": 429},
        "unknown": {"status": 502},
    },
    "cloud": {
        "where": {"provider": "cloud", "operation": "messages.send"},
        "never": {"code": 131009},
        "later": {"code": 130429},
        "unknown": {"code": 131000},
    },
}


class World(Protocol):
    """One kind of gateway as the contract needs to handle it."""

    gateway: Gateway
    line: Line

    @property
    def provider(self) -> str: ...

    def impatient(self) -> AbstractAsyncContextManager[Gateway]: ...
    def of_little_memory(self, most: int) -> AbstractAsyncContextManager[Gateway]: ...
    async def say(self, text: str, **more: Any) -> dict[str, Any]: ...
    async def unreachable(self) -> None: ...
    async def offline(self) -> None: ...
    def read(self, payload: dict[str, Any]) -> tuple[ChatEvent, ...]: ...


@dataclass
class EvolutionWorld:
    sandbox: Sandbox
    gateway: Gateway
    line: Line
    provider: str = "evolution"

    def impatient(self) -> AbstractAsyncContextManager[Gateway]:
        return Evolution(connect=LONG, total=SHORT, connections=1)

    def of_little_memory(self, most: int) -> AbstractAsyncContextManager[Gateway]:
        return Evolution(connect=LONG, total=LONG, connections=1, media=MediaLimits(max_bytes=most))

    async def say(self, text: str, **more: Any) -> dict[str, Any]:
        path = f"/evolution/instances/{NAME}/phones/{CLIENT}/messages"
        said: dict[str, Any] = await self.sandbox.control("POST", path, {"text": text, **more})
        return said

    async def unreachable(self) -> None:
        await self.sandbox.control("PUT", f"/evolution/instances/{NAME}/phones/{CLIENT}", {"exists": False})

    async def offline(self) -> None:
        await self.sandbox.control("PUT", f"/evolution/instances/{NAME}", {"state": "close"})

    def read(self, payload: dict[str, Any]) -> tuple[ChatEvent, ...]:
        return evolution_parser.read(payload, datetime.now(UTC))


@dataclass
class CloudWorld:
    sandbox: Sandbox
    gateway: Gateway
    line: Line
    provider: str = "cloud"

    def impatient(self) -> AbstractAsyncContextManager[Gateway]:
        return Cloud(connect=LONG, total=SHORT, connections=1)

    def of_little_memory(self, most: int) -> AbstractAsyncContextManager[Gateway]:
        return Cloud(connect=LONG, total=LONG, connections=1, media=MediaLimits(max_bytes=most))

    async def say(self, text: str, **more: Any) -> dict[str, Any]:
        path = f"/cloud/lines/{NAME}/phones/{CLIENT}/messages"
        said: dict[str, Any] = await self.sandbox.control("POST", path, {"text": text, **more})
        return said

    async def unreachable(self) -> None:
        await self.sandbox.fails("error_before", provider="cloud", operation="messages.send", code=131026)

    async def offline(self) -> None:
        await self.sandbox.control("PUT", f"/cloud/lines/{NAME}", {"token_expired": True})

    def read(self, payload: dict[str, Any]) -> tuple[ChatEvent, ...]:
        return cloud_parser.read_for(payload, NAME, datetime.now(UTC))


async def events(sandbox: Sandbox, world: World, count: int) -> list[ChatEvent]:
    """The events of all webhooks so far, once there are `count`."""

    async def enough() -> list[ChatEvent] | None:
        told = [event for payload in sandbox.delivered for event in world.read(payload)]
        return told if len(told) >= count else None

    found = await eventually(enough)
    assert found is not None
    return found


@asynccontextmanager
async def sandbox_at_work() -> AsyncIterator[Sandbox]:
    bound = free_socket()
    settings = Settings(evolution_api_key="global", retry_scale=0.001, port=bound.getsockname()[1])
    async with serving(create_app(settings), bound) as url, httpx.AsyncClient(base_url=url, timeout=15) as http:
        yield Sandbox(url, http)


@asynccontextmanager
async def world_of(provider: str, sandbox: Sandbox) -> AsyncIterator[World]:
    """A line at that provider, whose webhooks the sandbox's receiver takes."""
    async with serving(sandbox.receiver(), free_socket()) as hooks:
        if provider == "evolution":
            order = {"webhook_url": hooks, "token": KEY, "own_number": "351210000000"}
            await sandbox.control("PUT", f"/evolution/instances/{NAME}", order)
            async with Evolution(connect=LONG, total=LONG, connections=4) as evolution:
                yield EvolutionWorld(sandbox, evolution, Line(f"{sandbox.url}/evolution", NAME, KEY))
        else:
            order = {"webhook_url": hooks, "access_token": KEY, "own_number": "351210000000"}
            await sandbox.control("PUT", f"/cloud/lines/{NAME}", order)
            async with Cloud(connect=LONG, total=LONG, connections=4) as cloud:
                yield CloudWorld(sandbox, cloud, Line(f"{sandbox.url}/cloud/v23.0", NAME, KEY))


@asynccontextmanager
async def strict_meta(sandbox: Sandbox) -> AsyncIterator[CloudWorld]:
    """A line of the Cloud API that refuses at once what is said outside the window."""
    await sandbox.control("PUT", f"/cloud/lines/{NAME}", {"access_token": KEY, "window": "error"})
    async with Cloud(connect=LONG, total=LONG, connections=4) as gateway:
        yield CloudWorld(sandbox, gateway, Line(f"{sandbox.url}/cloud/v23.0", NAME, KEY))
