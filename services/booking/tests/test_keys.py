"""No change of booking happens without a key: every route that changes something, as the OpenAPI document lists them."""

import re
from collections.abc import AsyncGenerator

import httpx

from booka_common.ids import new_id
from booka_common.testing import FrozenClock, signed

from .salon import Salon

#: A dead job is replayed once, without a key: see libs/common.
_WITHOUT = {("POST", "/v1/jobs/{job_id}/replay")}


class Keyless(httpx.Auth):
    """Signs as `auth` does, and takes the key away again, which is no part of what is signed."""

    requires_request_body = True

    def __init__(self, auth: httpx.Auth) -> None:
        self._auth = auth

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        async for ready in self._auth.async_auth_flow(request):
            del ready.headers["Idempotency-Key"]
            yield ready


async def test_no_change_without_a_key(app: httpx.AsyncClient, salon: Salon, clock: FrozenClock) -> None:
    auth = Keyless(signed(salon.tenant_id, clock))
    paths = (await app.get("/openapi.json")).json()["paths"]
    changes = {(method.upper(), path) for path, found in paths.items() for method in found} - _WITHOUT
    asked = 0
    for method, path in sorted(changes):
        if method == "GET":
            continue
        answer = await app.request(method, re.sub(r"\{\w+\}", lambda _: str(new_id()), path), json={}, auth=auth)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing"), (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        asked += 1
    assert asked >= 29
