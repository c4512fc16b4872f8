"""Asking Evolution's store for what was missed: long stretches, lists that grow meanwhile, versions that do not heed times."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from booka_messaging.providers.evolution import Evolution
from booka_messaging.providers.gateway import Line, Missed

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START = NOW - timedelta(hours=2)
OWN = "351210000000@s.whatsapp.net"


def said(
    number: int, seconds: int, *, chat: str = "351912345678@s.whatsapp.net", from_me: bool = False
) -> dict[str, Any]:
    """A record of the store, so many seconds after the start."""
    return {
        "key": {"remoteJid": chat, "fromMe": from_me, "id": f"3A{number:06}"},
        "pushName": "Rui",
        "message": {"conversation": f"text {number}"},
        "messageType": "conversation",
        "messageTimestamp": int(START.timestamp()) + seconds,
    }


@dataclass
class Store:
    """Evolution's answers to `findMessages`, newest first."""

    records: list[dict[str, Any]] = field(default_factory=list)
    heeds_times: bool = True
    asked: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)
    """One of these comes in after every answer."""

    async def find(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        times = body["where"]["messageTimestamp"]
        first, last = (datetime.fromisoformat(times[name]).timestamp() for name in ("gte", "lte"))
        found = [
            one for one in self.records if not self.heeds_times or int(first) <= one["messageTimestamp"] <= int(last)
        ]
        found.sort(key=lambda one: -(one.get("messageTimestamp") or 0))
        size, page = body["offset"], body["page"]
        if self.late:
            self.records.append(self.late.pop())
        told = {"total": len(found), "pages": -(-len(found) // size), "currentPage": page}
        return web.json_response({"messages": {**told, "records": found[(page - 1) * size : page * size]}})

    async def instances(self, request: web.Request) -> web.Response:
        return web.json_response([{"name": request.query["instanceName"], "ownerJid": OWN}])


@asynccontextmanager
async def asking(store: Store) -> AsyncIterator[tuple[Evolution, Line]]:
    app = web.Application()
    app.router.add_post("/chat/findMessages/{instance}", store.find)
    app.router.add_get("/instance/fetchInstances", store.instances)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    await web.SockSite(runner, bound).start()
    seconds = timedelta(seconds=5)
    try:
        async with Evolution(connect=seconds, total=seconds, connections=4) as evolution:
            yield evolution, Line(f"http://127.0.0.1:{bound.getsockname()[1]}", "salon", "key")
    finally:
        await runner.cleanup()


async def everything(evolution: Evolution, line: Line) -> tuple[list[str], list[Missed]]:
    """What all runs find, each going on where the one before it stopped, and the runs."""
    runs: list[Missed] = []
    start = START
    while not runs or not runs[-1].complete:
        runs.append(await evolution.received_between(line, start, NOW))
        assert runs[-1].through > start
        start = runs[-1].through
    return [message.provider_id for run in runs for message in run.messages], runs


async def test_a_long_stretch_is_read_in_pieces_from_the_oldest_on() -> None:
    store = Store([said(number, number * 3) for number in range(2300)])
    async with asking(store) as (evolution, line):
        found, runs = await everything(evolution, line)
    assert list(dict.fromkeys(found)) == [f"3A{number:06}" for number in range(2300)]
    assert len(runs) > 3
    assert max(len(run.messages) for run in runs) <= 500


async def test_a_quiet_line_costs_one_question() -> None:
    store = Store([said(1, 60)])
    async with asking(store) as (evolution, line):
        found, _ = await everything(evolution, line)
    assert found == ["3A000001"]
    assert [body["page"] for body in store.asked] == [1]


async def test_what_comes_in_while_the_list_is_read_hides_nothing() -> None:
    store = Store([said(number, number * 10) for number in range(400)])
    store.late = [said(1000 + number, 7100) for number in range(40)]
    async with asking(store) as (evolution, line):
        found, _ = await everything(evolution, line)
    assert {f"3A{number:06}" for number in range(400)} <= set(found)


async def test_a_second_in_which_very_much_was_said_stops_nothing() -> None:
    store = Store([*(said(number, 100) for number in range(900)), said(5000, 4000)])
    async with asking(store) as (evolution, line):
        found, _ = await everything(evolution, line)
    assert len(set(found)) == 901


async def test_a_version_that_does_not_heed_times_is_read_back_to_the_start() -> None:
    store = Store([said(number, (number - 3000) * 10) for number in range(3700)], heeds_times=False)
    async with asking(store) as (evolution, line):
        found, runs = await everything(evolution, line)
    assert len(runs) == 1
    assert found == [f"3A{number:06}" for number in range(3000, 3700)]
    assert len(store.asked) <= 9


async def test_what_the_salon_writes_to_itself_and_what_nobody_says_is_left_out() -> None:
    records = [
        said(1, 10, chat=OWN, from_me=True),
        said(2, 20, from_me=True),
        said(3, 30, chat="1203630@g.us"),
        said(4, 40) | {"message": {"reactionMessage": {"text": "👍"}}, "messageType": "reactionMessage"},
        {"key": "damaged"},
        said(5, 50) | {"messageTimestamp": None},
    ]
    async with asking(Store(records, heeds_times=False)) as (evolution, line):
        found, _ = await everything(evolution, line)
    assert found == ["3A000002", "3A000005"]
