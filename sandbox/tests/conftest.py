"""A real sandbox on a free port, and a receiver of webhooks that answers as told."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from booka_sandbox.app import create_app
from booka_sandbox.serving import free_socket, serving
from booka_sandbox.settings import Settings


@dataclass
class Hook:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass
class Receiver:
    """Answers 200, or the statuses queued in `answers`."""

    url: str = ""
    answers: deque[int] = field(default_factory=deque)
    hooks: list[Hook] = field(default_factory=list)
    arrived: asyncio.Queue[Hook] = field(default_factory=asyncio.Queue)

    async def next(self) -> Hook:
        async with asyncio.timeout(10):
            return await self.arrived.get()

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/{path:path}", response_model=None)
        async def challenge(request: Request, path: str) -> Response:
            if request.query_params.get("hub.verify_token") != "the-verify-token":
                return Response(status_code=403)
            return Response(request.query_params["hub.challenge"])

        @app.post("/{path:path}")
        async def take(request: Request, path: str) -> Response:
            hook = Hook("/" + path, dict(request.headers), await request.body())
            self.hooks.append(hook)
            self.arrived.put_nowait(hook)
            return Response(status_code=self.answers.popleft() if self.answers else 200)

        return app


@dataclass
class Sandbox:
    url: str
    http: httpx.AsyncClient
    receiver: Receiver

    async def instance(self, name: str = "salon", **order: Any) -> dict[str, Any]:
        order.setdefault("webhook_url", f"{self.receiver.url}/evolution")
        answer = await self.http.put(f"/_/evolution/instances/{name}", json=order)
        assert answer.status_code == 200, answer.text
        described: dict[str, Any] = answer.json()
        return described

    async def say(self, text: str, number: str = "34600111222", name: str = "salon", **more: Any) -> dict[str, Any]:
        path = f"/_/evolution/instances/{name}/phones/{number}/messages"
        answer = await self.http.post(path, json={"text": text, **more})
        assert answer.status_code == 201, answer.text
        said: dict[str, Any] = answer.json()
        return said

    async def line(self, line_id: str = "106540", **order: Any) -> dict[str, Any]:
        order.setdefault("webhook_url", f"{self.receiver.url}/cloud")
        answer = await self.http.put(f"/_/cloud/lines/{line_id}", json=order)
        assert answer.status_code == 200, answer.text
        described: dict[str, Any] = answer.json()
        return described

    async def say_cloud(
        self, text: str, number: str = "34600111222", line: str = "106540", **more: Any
    ) -> dict[str, Any]:
        answer = await self.http.post(f"/_/cloud/lines/{line}/phones/{number}/messages", json={"text": text, **more})
        assert answer.status_code == 201, answer.text
        said: dict[str, Any] = answer.json()
        return said

    async def cloud(self, path: str, body: Any = None, token: str = "cloud-token") -> httpx.Response:  # noqa: S107
        """POST with a body, else GET; `path` after the version."""
        headers = {"authorization": f"Bearer {token}"}
        return await self.http.request(
            "GET" if body is None else "POST", f"/cloud/v23.0{path}", json=body, headers=headers
        )

    async def evolution(self, method: str, path: str, body: Any = None, key: str = "evolution-key") -> httpx.Response:
        return await self.http.request(method, f"/evolution{path}", json=body, headers={"apikey": key})

    async def wait(self, kind: str, **conditions: Any) -> dict[str, Any]:
        answer = await self.http.get("/_/wait", params={"kind": kind, "timeout": 10, **conditions})
        assert answer.status_code == 200, answer.text
        entry: dict[str, Any] = answer.json()
        return entry

    async def ledger(self, **conditions: Any) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = (await self.http.get("/_/ledger", params=conditions)).json()["entries"]
        return entries


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    receiver = Receiver()
    bound = free_socket()
    async with serving(receiver.app(), free_socket()) as receiver_url:
        receiver.url = receiver_url
        settings = Settings(
            port=bound.getsockname()[1],
            evolution_api_key="evolution-key",
            cloud_access_token="cloud-token",
            cloud_app_secret="app-secret",
            stripe_secret_key="sk_test_1",
            stripe_webhook_secret="whsec_1",
            stripe_webhook_url=f"{receiver_url}/stripe",
            openai_api_key="sk-1",
            retry_scale=0.001,
        )
        async with (
            serving(create_app(settings), bound) as url,
            httpx.AsyncClient(base_url=url, timeout=15) as http,
        ):
            yield Sandbox(url, http, receiver)
