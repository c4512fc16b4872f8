"""From a request to send on the broker to the gateway's answer: alone, in bursts to one line and to a hundred, and lastingly."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle, islice
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson

from benchmarks.floor import Bare, PerTurn
from benchmarks.report import Result, percentile
from benchmarks.running import cpu_seconds, private_stack, processes
from benchmarks.wire import Gateway
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import SendRequested
from booka_common.ids import new_id
from booka_common.internal import SignedAuth
from booka_common.publisher import Outgoing, Publisher
from booka_stack.layout import Layout
from booka_stack.stack import Stack

__all__ = ["measure"]

_BURST = int(os.environ.get("BURST", "1000"))
_LASTING = int(os.environ.get("REQUESTS", "6000"))
_ROUNDS = int(os.environ.get("ROUNDS", "3"))
_ALONE = 200
_LINES = 100
#: Without it, the pace of a line would be all that is measured.
_UNPACED = 60_000
_DEFAULT_PACE = 1200
#: As many as messaging calls gateways at once.
_LANES = 16
_CHUNK = 200


@dataclass(frozen=True)
class _Talk:
    """A conversation to send to."""

    tenant_id: UUID
    conversation_id: UUID


@dataclass
class _Arrivals:
    """The gateway: when which text came, and that none came twice."""

    at: dict[str, float] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    _waiting: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    def answer(self, path: str, body: bytes, moment: float) -> tuple[int, bytes]:
        if not path.startswith("/message/sendText/"):
            return 200, b'{"instance":{"state":"open"}}'
        asked = orjson.loads(body)
        text = asked["text"]
        if text in self.at:
            self.twice.append(text)
        self.at[text] = moment
        waiting = self._waiting.pop(text, None)
        if waiting is not None:
            waiting.set_result(None)
        key = {"remoteJid": f"{asked['number']}@s.whatsapp.net", "fromMe": True, "id": f"3EB0{secrets.token_hex(9)}"}
        return 201, orjson.dumps({"key": key, "status": "PENDING", "messageTimestamp": int(time.time())})

    async def all_of(self, texts: Sequence[str]) -> list[float]:
        """Wait for all of them; the moment of each."""
        loop = asyncio.get_running_loop()
        missing = [text for text in texts if text not in self.at]
        self._waiting |= {text: loop.create_future() for text in missing}
        async with asyncio.timeout(120):
            await asyncio.gather(*(self._waiting[text] for text in missing))
        return [self.at[text] for text in texts]


@dataclass(frozen=True)
class _Run:
    """Seconds from the first request until each message arrived, in the order of arrival."""

    each: list[float]

    @property
    def rate(self) -> float:
        return len(self.each) / self.each[-1]


class _Sender:
    """Says on the broker what is to be sent, and waits until it is."""

    def __init__(self, publisher: Publisher, arrivals: _Arrivals) -> None:
        self._publisher = publisher
        self._arrivals = arrivals
        self._said = 0

    async def send(self, talks: Sequence[_Talk], count: int) -> _Run:
        """`count` requests at once, spread over `talks`."""
        wanted = [self._request(talk) for talk in islice(cycle(talks), count)]
        began = time.perf_counter()
        moments, _ = await asyncio.gather(
            self._arrivals.all_of([text for text, _ in wanted]), self._publish([outgoing for _, outgoing in wanted])
        )
        return _Run(sorted(moment - began for moment in moments))

    async def _publish(self, wanted: Sequence[Outgoing]) -> None:
        for start in range(0, len(wanted), _CHUNK):
            problems = await self._publisher.publish(wanted[start : start + _CHUNK])
            if any(problems):
                raise RuntimeError(f"the broker did not confirm: {next(filter(None, problems))}")

    def _request(self, talk: _Talk) -> tuple[str, Outgoing]:
        self._said += 1
        text = f"Your visit {self._said} is on Friday at 10:00. See you then!"
        asked = SendRequested(conversation_id=talk.conversation_id, text=text, purpose="reply")
        envelope = Envelope.of(asked, tenant_id=talk.tenant_id, now=datetime.now(UTC))
        body = envelope.model_dump_json().encode()
        return text, Outgoing(envelope.id, asked.key, envelope.correlation_id, body)


async def measure() -> list[Result]:
    """All of it with messaging alone, then the floors with nobody."""
    arrivals = _Arrivals()
    with private_stack(services=("messaging",)) as stack:
        async with Gateway(arrivals.answer) as gateway, _sender(stack, arrivals) as sender:
            admin = await asyncpg.connect(stack.database_url())
            try:
                one = await _line(stack.layout, admin, gateway.url, _UNPACED, _BURST)
                hundred = [
                    await _line(stack.layout, admin, gateway.url, _UNPACED, _BURST // _LINES) for _ in range(_LINES)
                ]
                many = [talk for talks in zip(*hundred, strict=True) for talk in talks]
                slow = await _line(stack.layout, admin, gateway.url, _DEFAULT_PACE, _BURST)
                await sender.send(many, _BURST)  # warm-up
                await admin.execute("ANALYZE")
                results = await _measured(stack, sender, one, many, slow)
            finally:
                await admin.close()
            if arrivals.twice:
                raise RuntimeError(f"{len(arrivals.twice)} messages came twice")
            for process in stack.processes():  # the floors have the machine to themselves
                process.stop()
            http = await _http_floor(gateway.url)
        broker = await _broker_floor(stack)
    lasting, *others = results
    bound = min(http, broker)
    return [
        Result.of(lasting.name, lasting.value, lasting.unit, floor=bound, note=lasting.note),
        Result.of("delivery.floor.http", http, "/s", note=f"a bare aiohttp client with {_LANES} lanes, same server"),
        Result.of("delivery.floor.broker", broker, "/s", note="bare aio-pika: published, confirmed, consumed"),
        *others,
    ]


async def _measured(
    stack: Stack, sender: _Sender, one: Sequence[_Talk], many: Sequence[_Talk], slow: Sequence[_Talk]
) -> list[Result]:
    alone = [(await sender.send([talk], 1)).each[0] for talk in islice(cycle(many), _ALONE)]
    bursts: dict[str, list[_Run]] = {"one_line": [], "hundred_lines": []}
    for _ in range(_ROUNDS):
        bursts["one_line"].append(await sender.send(one, _BURST))
        bursts["hundred_lines"].append(await sender.send(many, _BURST))
    pids = processes(stack)
    own, before = time.process_time(), cpu_seconds(pids.values())
    lasting = await sender.send(many, _LASTING)
    await asyncio.sleep(1)  # what follows the answers: records, events, their publication
    used = {
        name: cpu - before[pid]
        for (name, pid), cpu in zip(pids.items(), cpu_seconds(pids.values()).values(), strict=True)
    }
    client = time.process_time() - own
    paced = await sender.send(slow, 150)
    limit = _DEFAULT_PACE / 60
    return [
        Result.of("delivery.per_second", lasting.rate, "/s", note=f"{_LASTING} requests at once, a hundred lines"),
        *(
            Result.of(f"delivery.alone.p{share * 100:g}", percentile(alone, share) * 1000, "ms", note="one at a time")
            for share in (0.5, 0.99)
        ),
        *(
            Result.of(f"delivery.burst.{name}.{what}", value * 1000, "ms", note=f"{_BURST} at once")
            for name, runs in bursts.items()
            for what, value in (
                ("p50", median(percentile(run.each, 0.5) for run in runs)),
                ("last", median(run.each[-1] for run in runs)),
            )
        ),
        Result.of(
            "delivery.paced",
            paced.rate,
            "/s",
            floor=limit,
            note=f"150 answers at the default pace of {_DEFAULT_PACE} a minute, the floor; a share of it is for answers",
        ),
        Result.of(
            "delivery.cpu",
            sum(used.values()) / _LASTING * 1000,
            "s/1000",
            note=f"CPU seconds of 1000; benchmark and gateway {client / _LASTING * 1000:.2g} more",
        ),
        *(
            Result.of(f"delivery.cpu.{name}", used[name] / _LASTING * 1000, "s/1000")
            for name in ("messaging", "postgres", "rabbitmq")
        ),
    ]


@asynccontextmanager
async def _sender(stack: Stack, arrivals: _Arrivals) -> AsyncIterator[_Sender]:
    publisher = Publisher(stack.amqp_url, "benchmark")
    try:
        yield _Sender(publisher, arrivals)
    finally:
        await publisher.close()


async def _line(layout: Layout, admin: Any, gateway_url: str, pace: int, people: int) -> list[_Talk]:
    """A new salon with a line, and so many people who have written to it."""
    tenant_id, channel_id = new_id(), new_id()
    channel = {
        "gateway": "evolution",
        "instance": f"salon-{tenant_id.hex[-12:]}",
        "base_url": gateway_url,
        "api_key": layout.gateway_key,
        "auth": {"mode": "hmac", "secret": secrets.token_urlsafe(32)},
        "messages_per_minute": pace,
    }
    async with httpx.AsyncClient(auth=SignedAuth(layout.internal_secret, tenant_id), timeout=20) as http:
        answer = await http.put(f"{layout.url('messaging')}/v1/channels/{channel_id}", json=channel)
        answer.raise_for_status()
    rows = await admin.fetch(
        """WITH person AS (
               INSERT INTO messaging.contacts (tenant_id, id, created_at)
               SELECT $1, gen_random_uuid(), now() FROM generate_series(1, $3::integer) RETURNING id
           ), named AS (
               INSERT INTO messaging.contact_aliases (tenant_id, channel_id, kind, value, contact_id, created_at)
               SELECT $1, $2, 'pn', '3519' || lpad((row_number() OVER ())::text, 8, '0'), id, now() FROM person
           )
           INSERT INTO messaging.conversations (tenant_id, id, channel_id, contact_id, created_at, active_at, client_at)
           SELECT $1, gen_random_uuid(), $2, id, now(), now(), now() FROM person
           RETURNING id""",
        tenant_id,
        channel_id,
        people,
    )
    return [_Talk(tenant_id, row["id"]) for row in rows]


async def _http_floor(url: str) -> float:
    """Requests per second from a process that does nothing else."""
    count = _LASTING
    caller = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.caller",
        f"{url}/message/sendPresence/salon",
        str(count),
        str(_LANES),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await caller.communicate()
    if caller.returncode != 0:
        raise RuntimeError(f"the bare client ended with {caller.returncode}")
    return count / float(said)


async def _broker_floor(stack: Stack) -> float:
    """Messages per second that are published, confirmed, consumed and acknowledged."""
    once = PerTurn(synced=0, relaxed=0, published=1, delivered=1)
    async with Bare.open(stack.database_url(), stack.amqp_url, concurrency=50) as bare:
        await bare.run(once, turns=_LASTING // 10, concurrency=50)
        seconds, took = await bare.run(once, turns=_LASTING, concurrency=50)
    return len(seconds) / took
