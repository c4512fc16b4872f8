"""A line of the installation's own Meta app is a salon's once Meta says so, and nobody else's word counts."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.ids import new_id
from booka_common.testing import signed
from booka_messaging.settings import Settings
from booka_sandbox.serving import free_socket, serving

KEY = "EAA-token-of-the-line"


class Graph:
    """Answers every question about a line with `status`, as ASGI; `asked`: which lines with which tokens."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        self.asked.append((scope["path"], headers.get(b"authorization", b"").decode()))
        body = json.dumps({"id": scope["path"].rpartition("/")[2]}).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})


class Claim:
    """A salon that says a line is theirs."""

    def __init__(self, http: httpx.AsyncClient, tenant_id: UUID, graph_url: str) -> None:
        self.http, self.auth, self.id = http, signed(tenant_id), new_id()
        self.line = str(self.id.int)[-15:]
        self.base_url = f"{graph_url}/v23.0"

    async def put(self, **changes: Any) -> httpx.Response:
        order = {"gateway": "cloud", "instance": self.line, "base_url": self.base_url, "api_key": KEY, "auth": None}
        return await self.http.put(f"/v1/channels/{self.id}", json={**order, **changes}, auth=self.auth)

    async def patch(self, **changes: Any) -> httpx.Response:
        return await self.http.patch(f"/v1/channels/{self.id}", json=changes, auth=self.auth)


def said(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


@pytest.fixture
async def world(settings: Settings, started: Any, tenant_id: UUID) -> Any:
    meta, liar = Graph(403), Graph(200)
    sockets = free_socket(), free_socket()
    urls = [f"http://127.0.0.1:{socket.getsockname()[1]}" for socket in sockets]
    async with (
        serving(meta, sockets[0]),
        serving(liar, sockets[1]),
        started(settings.model_copy(update={"cloud_graph_url": urls[0]})) as http,
    ):
        yield Claim(http, tenant_id, urls[0]), meta, liar, urls[1]


async def test_only_meta_is_asked(world: Any) -> None:
    claim, meta, liar, elsewhere = world
    for base_url in (f"{elsewhere}/v23.0", f"{claim.base_url[:-6]}/x/v23.0"):
        assert said(await claim.put(base_url=base_url)) == (400, "bad_base_url")
    assert (meta.asked, liar.asked) == ([], [])
    assert said(await claim.put()) == (422, "line_refused")
    assert meta.asked == [(f"/v23.0/{claim.line}", f"Bearer {KEY}")]
    meta.status = 200
    assert (await claim.put()).status_code == 200


async def test_switching_it_on_asks_as_well(world: Any) -> None:
    claim, meta, liar, elsewhere = world
    assert (await claim.put(active=False)).status_code == 200
    assert said(await claim.patch(active=True)) == (422, "line_refused")
    assert (await claim.patch(show_typing=True)).json()["active"] is False
    assert (await claim.put(active=False, base_url=f"{elsewhere}/v23.0")).status_code == 200
    assert said(await claim.patch(active=True)) == (400, "bad_base_url")
    assert liar.asked == []
    assert (await claim.put(active=False)).status_code == 200
    meta.status = 200
    assert (await claim.patch(active=True)).json()["active"] is True
