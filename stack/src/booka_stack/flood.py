"""Very many messages of very many conversations, each answered by a script in dialog's place, and the judgement of it all.

Only messaging, the sandbox and the servers are needed. The script gives one answer to each message, so that of every
single one can be said whether it was taken once and answered once.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from uuid import UUID

import aio_pika
import asyncpg

from booka_common import topology
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import MessageReceived, SendRequested
from booka_common.ids import derived_id, new_id
from booka_common.publisher import Outgoing, Publisher
from booka_stack.phone import Sandbox
from booka_stack.stack import Stack
from booka_stack.wires import Gateway, control_path, wire

__all__ = ["Answerer", "Flood", "Line", "findings"]

#: Every Evolution names people in its own way.
_VERSIONS = ("2.3.7", "2.3.0", "2.4.0", "2.2.3", "2.3.6")
_BATCH = 200
_STATE = """
    SELECT (SELECT count(*) FROM messaging.messages WHERE direction = 'in') AS taken,
           (SELECT count(*) FROM messaging.messages WHERE direction = 'out') AS asked,
           (SELECT count(*) FROM messaging.outbox WHERE sent_at IS NULL) AS unsaid,
           (SELECT count(*) FROM messaging.jobs WHERE type = 'send_message' AND status = 'ready') AS ready,
           (SELECT count(*) FROM messaging.jobs WHERE type = 'send_message' AND status = 'running') AS running"""


@dataclass(frozen=True)
class Line:
    """One salon's line, and the numbers of those who write to it."""

    tenant_id: UUID
    gateway: Gateway
    instance: str
    numbers: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where the sandbox's control API has it."""
        return control_path(self.gateway, self.instance)


class Answerer:
    """Hears in dialog's place and asks for one answer to each message: `re: ` and its text, in the order of the turns."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url
        self._publisher = Publisher(amqp_url, "answerer")
        self._heard: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage] = asyncio.Queue()
        self._connection: aio_pika.abc.AbstractConnection | None = None
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Answerer":
        self._connection = await aio_pika.connect(self._url)
        channel = await self._connection.channel()
        await channel.set_qos(prefetch_count=2 * _BATCH)
        queue = await channel.get_queue(topology.subscription("dialog", MessageReceived).queue, ensure=False)
        await queue.consume(self._heard.put)
        self._work = asyncio.create_task(self._answer_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()
        await self._publisher.close()

    async def _answer_all(self) -> None:
        while True:
            batch = [await self._heard.get()]
            while len(batch) < _BATCH and not self._heard.empty():
                batch.append(self._heard.get_nowait())
            problems = await self._publisher.publish([_answer(message.body) for message in batch])
            for message, problem in zip(batch, problems, strict=True):
                await (message.ack() if problem is None else message.nack(requeue=True))


def _answer(body: bytes) -> Outgoing:
    heard = Envelope[MessageReceived].model_validate_json(body)
    data = heard.data
    wanted = SendRequested(
        conversation_id=data.conversation_id, text=f"re: {data.text}", purpose="reply", position=data.turn
    )
    # The same message brought again is the same request.
    asked = Envelope.of(
        wanted,
        tenant_id=heard.tenant_id,
        now=datetime.now(UTC),
        cause=heard,
        id=derived_id(data.message_id, "answer"),
    )
    return Outgoing(asked.id, wanted.key, asked.correlation_id, asked.model_dump_json().encode())


class Flood:
    """Conversations on several lines of both gateways.

    Args:
        seed: of everything that is left to chance; the same seed, the same flood.
    """

    def __init__(self, stack: Stack, sandbox: Sandbox, *, seed: int) -> None:
        self.stack = stack
        self.sandbox = sandbox
        self.dice = random.Random(seed)  # noqa: S311 - guards nothing
        self.lines: list[Line] = []
        self.said = 0

    async def open(self, gateways: Sequence[Gateway], *, conversations: int, **channel: Any) -> None:
        """A line for each of `gateways`, with so many conversations altogether.

        Args:
            channel: fields of `PUT /v1/channels/{id}`.
        """
        bases = [process.ready_url.removesuffix("/readyz") for process in self.stack.services["messaging"]]
        for index, gateway in enumerate(gateways):
            shape = {"version": _VERSIONS[index // 2 % len(_VERSIONS)]} if gateway == "evolution" else {}
            tenant_id = new_id()
            own_app = gateway == "cloud" and index % 4 == 1
            _, instance = await wire(
                self.stack.layout,
                tenant_id,
                f"Salon {index}",
                gateway=gateway,
                own_app=own_app,
                webhook_bases=bases,
                more=channel,
                **shape,
            )
            count = conversations // len(gateways) + (index < conversations % len(gateways))
            numbers = tuple(f"3519{index:02d}{number:06d}" for number in range(count))
            self.lines.append(Line(tenant_id, gateway, instance, numbers))

    async def pour(self, each: int, *, ahead: int, done: Callable[[int], None] = lambda sent: None) -> None:
        """Every conversation says `each` messages, at most `ahead` of all of them unanswered at any time.

        Args:
            done: told from time to time how many answers the gateways were sent so far.
        """
        turns = [(line, number) for line in self.lines for number in line.numbers] * each
        self.dice.shuffle(turns)
        counted: Counter[tuple[str, str]] = Counter()
        step = max(ahead // 4, 1)
        for start in range(0, len(turns), step):
            by_line: dict[str, list[dict[str, Any]]] = defaultdict(list)
            for line, number in turns[start : start + step]:
                counted[line.instance, number] += 1
                text = f"{counted[line.instance, number]} of {number} at {line.instance}"
                by_line[line.path].append({"number": number, "text": text})
            for path, messages in by_line.items():
                await self.sandbox.call("POST", f"{path}/messages", messages)
                self.said += len(messages)
            await self.answered(self.said - ahead, seconds=90, done=done)

    async def answered(self, count: int, *, seconds: float, done: Callable[[int], None] = lambda sent: None) -> None:
        """Wait until the gateways were sent `count` messages.

        Raises:
            AssertionError: they were not, for `seconds` without any progress.
        """
        loop = asyncio.get_running_loop()
        before, since = -1, loop.time()
        while (sent := await self.sent()) < count:
            done(sent)
            if sent > before:
                before, since = sent, loop.time()
            if loop.time() - since > seconds:
                state = await self.state()
                raise AssertionError(f"{sent} of {self.said} answered, and nothing more for {seconds:g} s: {state}")
            await asyncio.sleep(0.05)
        done(sent)

    async def state(self) -> dict[str, Any]:
        """How far everything is."""
        connection = await asyncpg.connect(self.stack.database_url())
        try:
            row = await connection.fetchrow(_STATE)
        finally:
            await connection.close()
        health = await self.sandbox.call("GET", "/_/health")
        return {**dict(row), "webhooks": health["webhooks_under_way"], "ledger": health["counts"]}

    async def sent(self) -> int:
        """How many messages the gateways were sent."""
        counts: dict[str, int] = (await self.sandbox.call("GET", "/_/health"))["counts"]
        return counts.get("message.sent", 0)


async def findings(flood: Flood, *, seconds: float) -> list[str]:
    """Everything that is wrong, once all is quiet: by the ledger, the tables and the queues."""
    connection = await asyncpg.connect(flood.stack.database_url())
    try:
        left = await _left(flood, seconds)
        return left or [
            *await _dead(flood, connection),
            *await _taken(flood, connection),
            *await _answered(flood, connection),
        ]
    finally:
        await connection.close()


async def _left(flood: Flood, seconds: float) -> list[str]:
    """What is still under way when the time is up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        await flood.sandbox.call("GET", "/_/idle", timeout=60)
        state = await flood.state()
        if not state["unsaid"] and not state["ready"] and not state["running"] and state["asked"] >= flood.said:
            return []
        if loop.time() > end:
            return [f"under way after {seconds:g} s: {state} of {flood.said}"]
        await asyncio.sleep(0.2)


async def _dead(flood: Flood, connection: Any) -> list[str]:
    rows = await connection.fetch("SELECT type, last_error FROM messaging.jobs WHERE status = 'dead'")
    wrong = [f"dead job {row['type']}: {row['last_error']}" for row in rows[:5]]
    broker = await aio_pika.connect(flood.stack.amqp_url)
    async with broker:
        channel = await broker.channel()
        for queue in (
            topology.dead_letter_queue(topology.subscription("messaging", SendRequested).queue),
            topology.subscription("dialog", MessageReceived).queue,
        ):
            count = (await channel.declare_queue(queue, passive=True)).declaration_result.message_count
            wrong += [f"{count} messages in {queue}"] if count else []
    lost = await flood.sandbox.ledger("webhook.abandoned")
    return wrong + ([f"{len(lost)} webhooks abandoned, first {lost[0]}"] if lost else [])


async def _taken(flood: Flood, connection: Any) -> list[str]:
    """Every message is in its conversation once, and the turns have no gaps."""
    said = {
        (entry["instance"], entry["key_id"]): (entry["instance"], entry["number"], entry["text"])
        for entry in await flood.sandbox.ledger("message.said")
    }
    rows = await connection.fetch(
        "SELECT c.instance, m.provider_id, m.conversation_id, m.turn, m.text, m.status FROM messaging.messages AS m"
        " JOIN messaging.channels AS c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id WHERE m.direction = 'in'"
    )
    stored = Counter((row["instance"], row["provider_id"]) for row in rows)
    wrong = _difference("messages", Counter(said.keys()), stored)
    people: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    talks: dict[tuple[str, str], set[UUID]] = defaultdict(set)
    turns: dict[UUID, list[int]] = defaultdict(list)
    for row in rows:
        instance, number, text = said.get((row["instance"], row["provider_id"]), ("", "", ""))
        people[row["conversation_id"]].add((instance, number))
        talks[instance, number].add(row["conversation_id"])
        turns[row["conversation_id"]].append(row["turn"])
        if row["text"] != text:
            wrong.append(f"{row['provider_id']} is stored as {row['text']!r}, said was {text!r}")
    mixed = [known for known in people.values() if len(known) != 1] + [ids for ids in talks.values() if len(ids) != 1]
    wrong += [f"{len(mixed)} conversations are mixed up, first {mixed[0]}"] if mixed else []
    gaps = {talk: sorted(seen) for talk, seen in turns.items() if sorted(seen) != list(range(1, len(seen) + 1))}
    return wrong + ([f"{len(gaps)} conversations have gaps in their turns, {next(iter(gaps.items()))}"] if gaps else [])


async def _answered(flood: Flood, connection: Any) -> list[str]:
    """Every message has one answer: asked for once, known to be sent, and sent once by the gateway's own account."""
    said = await flood.sandbox.ledger("message.said")
    sent = await flood.sandbox.ledger("message.sent")
    expected = Counter((entry["instance"], entry["number"], f"re: {entry['text']}") for entry in said)
    wrong = _difference("answers", expected, Counter((e["instance"], e["number"], e["text"]) for e in sent))
    rows = await connection.fetch(
        "SELECT c.instance, m.provider_id, m.status FROM messaging.messages AS m"
        " JOIN messaging.channels AS c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id WHERE m.direction = 'out'"
    )
    wrong += _difference(
        "sends",
        Counter((entry["instance"], entry["key_id"]) for entry in sent),
        Counter((row["instance"], row["provider_id"]) for row in rows),
    )
    states = Counter(row["status"] for row in rows)
    return wrong + ([f"what was sent is {dict(states)}"] if set(states) != {"delivered"} else [])


def _difference(what: str, expected: Counter[Any], found: Counter[Any]) -> list[str]:
    lost, more = expected - found, found - expected
    wrong = [f"{lost.total()} {what} of {expected.total()} are missing, first {list(lost)[:3]}"] if lost else []
    return wrong + ([f"{more.total()} {what} too many, first {list(more.items())[:3]}"] if more else [])
