"""Messages that a gateway took and reported as failed: for good, for a reason that passes, or because the line is down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI, Request

from booka_common.contracts.messaging import ChannelStateChanged, MessageFailed, MessageSent
from booka_common.db import Database
from booka_messaging.settings import Settings
from booka_sandbox.serving import free_socket, serving

from .desk import CLIENT, Desk, desk_at


@asynccontextmanager
async def hooks(posts: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Takes webhooks into `posts`."""
    app = FastAPI()

    @app.post("/")
    async def take(request: Request) -> None:
        posts.append(await request.json())

    async with serving(app, free_socket()) as url:
        yield url


@pytest.fixture
async def desk(outside: Any, settings: Settings, db: Database, tenant_id: UUID) -> AsyncIterator[Desk]:
    async with desk_at("cloud", outside.url, hooks, settings, db, tenant_id) as made:
        await made.client_writes()
        yield made


async def fails_with(desk: Desk, code: int) -> None:
    """What is accepted for the client's phone from now on is reported as failed; 0: no more."""
    await desk.control("PUT", f"{desk.path}/phones/{CLIENT}", {"fails_with": code})


async def tried(desk: Desk) -> int:
    return len((await desk.control("GET", f"/ledger?kind=message.failed&instance={desk.name}"))["entries"])


async def asked(desk: Desk) -> int:
    return len((await desk.control("GET", "/ledger?kind=fault"))["entries"])


@pytest.mark.parametrize(("code", "wait"), [(131000, 30), (131016, 30), (131056, 6), (131048, 900)])
async def test_what_failed_for_a_passing_reason_goes_once_more(desk: Desk, code: int, wait: int) -> None:
    await fails_with(desk, code)
    await desk.asks("Confirmado!")
    await desk.works()
    asked = desk.clock()
    await desk.hears(1)
    assert [message["status"] for message in await desk.messages()] == ["queued"]
    await fails_with(desk, 0)
    await desk.works()
    assert desk.clock() == asked + timedelta(seconds=wait)
    await desk.hears(1)
    assert await desk.sent() == ["Confirmado!"]
    (message,) = await desk.messages()
    assert (message["status"], message["failure"]) == ("delivered", None)
    assert await desk.told(MessageFailed) == []
    assert len(await desk.told(MessageSent)) == 1


async def test_but_not_for_ever(desk: Desk) -> None:
    await fails_with(desk, 131000)
    await desk.asks("Confirmado!")
    for _ in range(3):
        await desk.works()
        await desk.hears()
    assert await tried(desk) == 2
    assert [failed.code for failed in await desk.told(MessageFailed)] == ["refused_131000"]
    assert [message["status"] for message in await desk.messages()] == ["failed"]


async def test_what_will_never_arrive_is_not_tried_again(desk: Desk) -> None:
    await fails_with(desk, 131026)
    await desk.asks("Confirmado!")
    for _ in range(2):
        await desk.works()
        await desk.hears()
    assert await tried(desk) == 1
    assert [failed.code for failed in await desk.told(MessageFailed)] == ["recipient_unknown"]


async def test_it_goes_before_what_was_said_after_it(desk: Desk) -> None:
    await fails_with(desk, 131056)
    await desk.asks("um", position=1)
    await desk.works()
    await desk.hears(1)
    await fails_with(desk, 0)
    await desk.asks("dois", position=2)
    await desk.works()
    assert await desk.sent() == ["um", "dois"]


async def test_a_line_that_cannot_be_paid_for_stops_until_somebody_acts(desk: Desk) -> None:
    """Meta accepts what is sent and says so with each status."""
    await fails_with(desk, 131042)
    await desk.asks("Confirmado!")
    await desk.works()
    await desk.hears(1)
    (line,) = await desk.rows("SELECT blocked_until, blocked_reason FROM paces WHERE tenant_id = $1")
    assert line["blocked_until"] == desk.clock() + timedelta(minutes=10)
    assert line["blocked_reason"] == "the gateway reports line_131042"
    assert [news.state for news in await desk.told(ChannelStateChanged)] == ["refused"]
    await fails_with(desk, 0)
    await desk.works()
    await desk.hears()
    assert await desk.sent() == ["Confirmado!"]
    assert await desk.told(MessageFailed) == []


@pytest.mark.parametrize(("code", "minutes"), [(80007, 60), (130429, 20)])
async def test_a_rate_that_lasts_costs_no_message(desk: Desk, code: int, minutes: int) -> None:
    """Meta counts some of its limits by the hour; a dozen attempts are over before."""
    began = desk.clock()
    await desk.fails("error_before", code=code, times=200)
    await desk.asks("Confirmado!")
    await desk.works(within=timedelta(minutes=minutes))
    assert desk.clock() >= began + timedelta(minutes=minutes)
    assert [message["status"] for message in await desk.messages()] == ["queued"]
    assert 10 < await asked(desk) < 150
    await desk.control("DELETE", "/faults")
    await desk.works()
    assert await desk.sent() == ["Confirmado!"]
    assert await desk.told(MessageFailed) == []


async def test_but_no_longer_than_a_day(desk: Desk) -> None:
    await desk.fails("error_before", code=131048, times=1000)
    await desk.asks("Confirmado!")
    await desk.works(within=timedelta(hours=30))
    assert [failed.code for failed in await desk.told(MessageFailed)] == ["too_late"]
