"""The HTTP API: signed, of one salon, and with refusals that say what is wrong."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import eventually, running, signed
from booka_llm import store
from booka_llm.app import create_app
from booka_llm.domain import OpenCall, Used, budget_day
from booka_llm.settings import Settings


@pytest.fixture
async def client(unconfigured: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running(create_app(unconfigured)) as client:

        async def consuming() -> bool:
            return bool((await client.get("/readyz")).json()["rabbitmq"])

        await eventually(consuming)
        yield client


async def test_settings_are_read_and_replaced(client: httpx.AsyncClient, tenant_id: UUID) -> None:
    auth = signed(tenant_id)
    fresh = (await client.get("/v1/settings", auth=auth)).json()
    assert fresh == {
        "enabled": False,
        "preferred_llm_model": None,
        "llm_token_rate": 0,
        "daily_token_budget": 100_000,
        "history_messages": 6,
        "revision": 0,
        "model": "gpt-4.1-mini",
        "configured": False,
    }
    wanted = {"enabled": True, "preferred_llm_model": "gpt-x", "llm_token_rate": 600, "history_messages": 3}
    saved = (await client.put("/v1/settings", json=wanted, auth=auth)).json()
    assert saved == {**fresh, **wanted, "revision": 1, "model": "gpt-x"}
    assert (await client.get("/v1/settings", auth=auth)).json() == saved
    assert (await client.get("/v1/settings", auth=signed(new_id()))).json() == fresh


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"enabled": True, "model": "x"},
        {"enabled": True, "preferred_llm_model": "a b"},
        {"enabled": True, "llm_token_rate": -1},
        {"enabled": True, "history_messages": 21},
    ],
)
async def test_settings_that_make_no_sense_are_refused(
    client: httpx.AsyncClient, tenant_id: UUID, body: dict[str, Any]
) -> None:
    answer = await client.put("/v1/settings", json=body, auth=signed(tenant_id))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_usage_by_day_and_model_and_the_calls_behind_it(
    client: httpx.AsyncClient, db: Database, tenant_id: UUID
) -> None:
    now = datetime.now(UTC)
    day = budget_day(now)
    async with db.tx(tenant_id) as tx:
        for number, model in enumerate(("a", "a", "b")):
            call = OpenCall(new_id(), new_id(), model, day - timedelta(days=number // 2), 500)
            await store.reserve(tx, call.day, 500, 100_000)
            await store.start_call(tx, call, now)
            await store.finish_call(tx, call, "ok" if number else "failed", Used(100, 10), cost=7, latency_ms=3)
        await store.reserve(tx, day, 40, 100_000)
    auth = signed(tenant_id)
    usage = (await client.get("/v1/usage", auth=auth)).json()
    assert usage["today"] == {"daily_token_budget": 100_000, "used": 220, "reserved": 40}
    assert [(item["day"], item["model"], item["calls"], item["answered"]) for item in usage["items"]] == [
        (day.isoformat(), "a", 2, 1),
        ((day - timedelta(days=1)).isoformat(), "b", 1, 1),
    ]
    assert usage["items"][0]["cost"] == 14
    first = (await client.get("/v1/calls?limit=2", auth=auth)).json()
    rest = (await client.get(f"/v1/calls?limit=2&before={first['next']}", auth=auth)).json()
    assert [call["model"] for call in first["items"] + rest["items"]] == ["b", "a", "a"]
    assert rest["next"] is None
    stranger = signed(new_id())
    assert (await client.get("/v1/usage", auth=stranger)).json()["items"] == []
    assert (await client.get("/v1/calls", auth=stranger)).json()["items"] == []


@pytest.mark.parametrize(
    "period", ["first=2026-03-02&last=2026-03-01", "first=2020-01-01&last=2026-03-01", "last=0001-01-01"]
)
async def test_a_period_that_makes_no_sense_is_refused(client: httpx.AsyncClient, tenant_id: UUID, period: str) -> None:
    answer = await client.get(f"/v1/usage?{period}", auth=signed(tenant_id))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_period")


async def test_nothing_without_a_signature(client: httpx.AsyncClient) -> None:
    for method, path in (("GET", "/v1/settings"), ("PUT", "/v1/settings"), ("GET", "/v1/usage"), ("GET", "/v1/calls")):
        assert (await client.request(method, path, json={})).status_code == 401, path
