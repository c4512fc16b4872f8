"""A gateway that Booka has never heard of is one file and one entry in the registry: from its order to its receipts."""

import hashlib
import hmac
import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from booka_common.contracts import Envelope
from booka_common.contracts.messaging import MessageDelivered, MessageReceived, MessageSent, SendRequested
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.service import system_clock
from booka_common.testing import Tap, eventually, publish, signed
from booka_messaging.domain.model import ChatEvent
from booka_messaging.providers.kind import Kind
from booka_messaging.providers.registry import kinds_of_gateways
from booka_messaging.settings import Settings
from booka_sandbox.serving import free_socket, serving

from .salon import Salon, code
from .third_gateway import PigeonKind

SECRET, KEY = "the-seal-of-the-loft-0123456789", "the-key-of-the-loft"
CLIENT = "351912345678"


@dataclass
class Loft:
    """The pigeon post over real HTTP, and the salon whose loft it has."""

    http: httpx.AsyncClient
    tenant_id: UUID
    url: str = ""
    flown: list[dict[str, Any]] = field(default_factory=list)
    id: UUID = field(default_factory=new_id)
    _rings: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def name(self) -> str:
        return f"loft-{self.id.hex[-8:]}"

    @property
    def auth(self) -> httpx.Auth:
        return signed(self.tenant_id)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/lofts/{loft}")
        def look(loft: str, request: Request) -> Response:
            known = loft == self.name and request.headers["authorization"] == f"Loft {KEY}"
            return Response(status_code=200 if known else 401)

        @app.post("/lofts/{loft}/birds", status_code=201)
        async def fly(loft: str, request: Request) -> dict[str, str]:
            assert request.headers["authorization"] == f"Loft {KEY}"
            self.flown.append(await request.json())
            return {"ring": self.ring()}

        return app

    def ring(self) -> str:
        return f"{self.name}-{next(self._rings)}"

    async def order(self, **changes: Any) -> httpx.Response:
        order = {
            "gateway": "pigeon",
            "instance": self.name,
            "base_url": self.url,
            "api_key": KEY,
            "auth": {"secret": SECRET},
        }
        return await self.http.put(f"/v1/channels/{self.id}", json={**order, **changes}, auth=self.auth)

    def brings(self, note: Any) -> dict[str, Any]:
        return {"ring": self.ring(), "from": CLIENT, "name": "Rui", "note": note, "at": int(system_clock().timestamp())}

    async def tells(
        self, *birds: Mapping[str, Any], secret: str = SECRET, at: float | None = None, **changes: Any
    ) -> httpx.Response:
        """Its webhook."""
        body = json.dumps({"loft": self.name, "birds": birds, **changes}).encode()
        stamp = str(int(system_clock().timestamp() if at is None else at))
        seal = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"x-seal-time": stamp, "x-seal": seal}
        return await self.http.post(f"/webhooks/pigeon/{self.id}", content=body, headers=headers)

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path, auth=self.auth)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def unread(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(f"/v1/channels/{self.id}/unread"))["items"]
        return found


@pytest.fixture
def kinds(settings: Settings) -> tuple[Kind, ...]:
    return (*kinds_of_gateways(settings), PigeonKind())


@asynccontextmanager
async def loft_at(http: httpx.AsyncClient, tenant_id: UUID) -> AsyncIterator[Loft]:
    loft = Loft(http, tenant_id)
    async with serving(loft.app(), free_socket()) as url:
        loft.url = url
        answer = await loft.order()
        assert answer.status_code == 200, answer.text
        yield loft


@pytest.fixture
async def loft(settings: Settings, started: Any, kinds: Any, tenant_id: UUID) -> AsyncIterator[Loft]:
    async with started(settings, kinds) as http, loft_at(http, tenant_id) as found:
        yield found


@pytest.fixture
def tapped(settings: Settings) -> AbstractAsyncContextManager[Tap]:
    return Tap(settings.amqp_url.get_secret_value())


async def test_a_line_of_it_is_ordered_shown_and_tried(loft: Loft) -> None:
    view = await loft.get(f"/v1/channels/{loft.id}")
    assert (view["gateway"], view["instance"], view["auth_mode"], view["own_app"]) == (
        "pigeon", loft.name, "seal", False,
    )  # fmt: skip
    assert view["webhook_path"] == f"/webhooks/pigeon/{loft.id}"
    assert (await loft.get(f"/v1/channels/{loft.id}/connection"))["state"] == "open"
    assert (await loft.order(instance="No Loft")).status_code == 422
    assert code(await loft.order(auth={"secret": "short"})) == (400, "weak_secret")
    assert code(await loft.order(base_url="http://user:word@127.0.0.1")) == (400, "bad_base_url")
    assert (await loft.order(gateway="owl")).status_code == 422
    other = Loft(loft.http, new_id(), loft.url)
    assert code(await other.order(instance=loft.name)) == (409, "line_taken")


async def test_its_orders_and_webhooks_are_documented(loft: Loft) -> None:
    document = (await loft.http.get("/openapi.json")).json()
    hook = document["paths"]["/webhooks/pigeon/{channel}"]
    assert list(hook) == ["post"], "it asks no question"
    assert hook["post"]["requestBody"]["content"]["application/json"]["example"] == PigeonKind.example
    assert not {"/webhooks/pigeon", "/webhooks/pigeon/{channel}/{event}"} & set(document["paths"])
    ordered = document["paths"]["/v1/channels/{channel_id}"]["put"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert {"$ref": "#/components/schemas/PigeonPut"} in ordered["oneOf"]
    for method, path in (("GET", f"/webhooks/pigeon/{loft.id}"), ("PUT", f"/webhooks/pigeon/{loft.id}")):
        assert (await loft.http.request(method, path)).headers["allow"] == "POST"
    for path in ("/webhooks/pigeon", f"/webhooks/pigeon/{loft.id}/upsert", f"/webhooks/owl/{loft.id}"):
        assert (await loft.http.post(path, content=b"{}")).status_code == 404


async def test_what_it_brings_is_said_and_what_is_asked_for_flies(
    loft: Loft, tapped: Tap, settings: Settings, tenant_id: UUID
) -> None:
    async with tapped as tap:
        bird = loft.brings("quero cortar o cabelo")
        assert (await loft.tells(bird)).json() == {"outcome": "accepted"}
        assert (await loft.tells(bird)).json() == {"outcome": "duplicate"}
        heard = (await tap.next(MessageReceived, tenant_id=tenant_id)).data
        assert (heard.turn, heard.text, heard.contact_name, heard.phone) == (
            1, "quero cortar o cabelo", "Rui", f"+{CLIENT}",
        )  # fmt: skip

        data = SendRequested(conversation_id=heard.conversation_id, text="Qual serviço?", purpose="reply")
        asked = Envelope.of(data, tenant_id=tenant_id, now=system_clock())
        await publish(settings.amqp_url.get_secret_value(), asked, asked)
        sent = (await tap.next(MessageSent, tenant_id=tenant_id)).data
        assert sent.request_id == asked.id
        assert [(one["to"], one["note"]) for one in loft.flown] == [(CLIENT, "Qual serviço?")]

        home = {"ring": f"{loft.name}-2", "came": "home", "label": loft.flown[0]["label"]}
        assert (await loft.tells(home)).json() == {"outcome": "accepted"}
        delivered = (await tap.next(MessageDelivered, tenant_id=tenant_id)).data
        assert (delivered.message_id, delivered.status) == (sent.message_id, "delivered")


async def test_a_wrong_proof_or_another_loft_is_refused(loft: Loft) -> None:
    bird = loft.brings("oi")
    assert code(await loft.tells(bird, secret="another-seal-0123456789-abcdef")) == (401, "bad_signature")
    assert code(await loft.tells(bird, at=system_clock().timestamp() - 3600)) == (401, "stale_timestamp")
    assert code(await loft.http.post(f"/webhooks/pigeon/{loft.id}", json={})) == (401, "bad_signature")
    assert code(await loft.tells(bird, loft="loft-of-others")) == (404, "unknown_channel")
    # Its own address only: that of another gateway would have another proof.
    assert code(await loft.http.post(f"/webhooks/evolution/{loft.id}", json={})) == (404, "unknown_channel")
    assert (await loft.get("/v1/conversations"))["items"] == []
    answer = await loft.http.post(
        f"/v1/channels/{loft.id}/rotate-secret",
        json={"secret": "n" * 24}, auth=loft.auth, headers={"idempotency-key": str(new_id())},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    for secret in (SECRET, "n" * 24):
        assert (await loft.tells(loft.brings("oi"), secret=secret)).json() == {"outcome": "accepted"}


class Dazzled(PigeonKind):
    """An earlier version, whose parser fails at what it has not seen before."""

    def events(self, payload: Mapping[str, Any], *rest: Any) -> tuple[ChatEvent, ...]:
        raise LookupError("no such bird")


async def test_what_cannot_be_read_is_kept_and_read_by_a_later_version(
    settings: Settings, started: Any, tapped: Tap, tenant_id: UUID
) -> None:
    shipped = kinds_of_gateways(settings)
    async with tapped as tap, started(settings, (*shipped, Dazzled())) as http, loft_at(http, tenant_id) as loft:
        assert (await loft.tells(loft.brings("oi"))).json() == {"outcome": "kept"}
        (kept,) = await loft.unread()
        assert kept["error"] == "the parser failed: LookupError"
        async with started(settings, (*shipped, PigeonKind())) as later:
            loft.http = later
            assert (await loft.tells({"note": "of nobody"})).json() == {"outcome": "kept"}
            path = f"/v1/channels/{loft.id}/unread/replay"
            told = (await later.post(path, json={}, auth=loft.auth)).json()
            assert [one["outcome"] for one in told["items"]] == ["accepted", "kept"]
            assert (await tap.next(MessageReceived, tenant_id=tenant_id)).data.text == "oi"
            assert [one["error"] for one in await loft.unread()] == [told["items"][1]["error"]]


async def test_a_version_that_does_not_know_it_refuses_its_lines_and_serves_the_others(
    settings: Settings, started: Any, kinds: Any, tapped: Tap, tenant_id: UUID
) -> None:
    """As after a rollback."""
    async with tapped as tap, started(settings, kinds) as http, loft_at(http, tenant_id) as loft:
        await loft.tells(loft.brings("oi"))
        heard = (await tap.next(MessageReceived, tenant_id=tenant_id)).data
        async with started(settings) as before:
            loft.http, salon = before, Salon(tenant_id, before)
            await salon.provision()
            listed = (await loft.get("/v1/channels"))["items"]
            assert sorted(one["gateway"] for one in listed) == ["evolution", "pigeon"]
            assert code(await loft.tells(loft.brings("oi"))) == (503, "unknown_gateway"), "it is to repeat that"
            for path in ("", "pigeon", f"pigeon/{new_id()}", "pigeon/no-loft", f"owl/{loft.id}"):
                assert (await before.post(f"/webhooks/{path}", content=b"{}")).status_code == 404, path
            for path in ("connection", "pairing"):
                answer = await before.get(f"/v1/channels/{loft.id}/{path}", auth=loft.auth)
                assert code(answer) == (503, "unknown_gateway")
                assert answer.json()["gateway"] == "pigeon"
            written = await before.post(
                f"/v1/conversations/{heard.conversation_id}/messages",
                json={"text": "olá", "written_by": "Ana"}, auth=loft.auth, headers={"idempotency-key": str(new_id())},
            )  # fmt: skip
            assert code(written) == (503, "unknown_gateway")
            assert (await salon.deliver(salon.text("olá"))).json() == {"outcome": "accepted"}
            assert (await tap.next(MessageReceived, tenant_id=tenant_id, after=1)).data.text == "olá"


async def test_what_is_to_be_sent_by_it_waits_for_a_version_that_knows_it(
    settings: Settings, started: Any, kinds: Any, tapped: Tap, tenant_id: UUID, db: Database
) -> None:
    async def refused() -> bool:
        sends = "SELECT last_error FROM jobs WHERE tenant_id = $1 AND type = 'send_message' AND status = 'ready' AND attempts = 0"
        async with db.tx(tenant_id) as tx:
            return any("'pigeon'" in (row["last_error"] or "") for row in await tx.fetch(sends, tenant_id))

    async def alarmed(http: httpx.AsyncClient) -> bool:
        metrics = (await http.get("/metrics")).text
        lines = re.search(r'booka_messaging_lines\{state="unsupported"\} (\S+)', metrics)
        return lines is not None and float(lines[1]) > 0

    async def hasten() -> None:
        """It looks once a minute whether somebody knows the gateway."""
        async with db.tx(tenant_id) as tx:
            tried = "SELECT 1 FROM messages WHERE tenant_id = $1 AND attempted_at IS NOT NULL"
            assert await tx.fetch(tried, tenant_id) == [], "nothing was tried"
            due = "UPDATE jobs SET scheduled_at = now() WHERE tenant_id = $1 AND type = 'send_message'"
            await tx.execute(due, tenant_id)

    async with AsyncExitStack() as stack:
        tap = await stack.enter_async_context(tapped)
        async with started(settings, kinds) as http:
            loft = await stack.enter_async_context(loft_at(http, tenant_id))
            await loft.tells(loft.brings("oi"))
            heard = (await tap.next(MessageReceived, tenant_id=tenant_id)).data
        async with started(settings) as before:
            data = SendRequested(conversation_id=heard.conversation_id, text="Qual serviço?", purpose="reply")
            asked = Envelope.of(data, tenant_id=tenant_id, now=system_clock())
            await publish(settings.amqp_url.get_secret_value(), asked)
            await eventually(refused)
            await eventually(lambda: alarmed(before))
        assert loft.flown == []
        await hasten()
        async with started(settings, kinds):
            await tap.next(MessageSent, tenant_id=tenant_id)
        assert [one["note"] for one in loft.flown] == ["Qual serviço?"]


async def test_each_kind_reads_its_own_example(kinds: Any) -> None:
    assert [kind.name for kind in kinds] == ["evolution", "cloud", "pigeon"]
    for kind in kinds:
        assert kind.modes
        assert all(kind.min_secret_bytes(mode) >= 24 for mode in kind.modes)
        instance = kind.example.get("instance") or kind.example.get("loft") or kind.lines_of(kind.example)[0]
        (message,) = kind.events(kind.example, instance, None, system_clock())
        assert message.text == "olá"
