"""A gateway over real HTTP that does as a test says: what it answers, what it has in its store, what goes wrong next."""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request, Response

from booka_sandbox.serving import free_socket, serving


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
async def gateway_stub() -> AsyncIterator[GatewayStub]:
    """A stub on a free port of 127.0.0.1."""
    stub = GatewayStub()
    app = FastAPI()
    app.add_api_route("/message/sendText/{instance}", stub.send_text, methods=["POST"], response_model=None)
    app.add_api_route("/chat/findMessages/{instance}", stub.find_messages, methods=["POST"], response_model=None)
    app.add_api_route("/instance/connectionState/{instance}", stub.connection_state, response_model=None)
    for version in ("v23.0", "v24.0"):
        app.add_api_route(f"/{version}/{{line}}", stub.graph, response_model=None)
    app.add_api_route("/instance/connect/{instance}", stub.connect, response_model=None)
    async with serving(app, free_socket()) as url:
        stub.url = url
        try:
            yield stub
        finally:
            stub._hold.set()
