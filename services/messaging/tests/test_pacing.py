"""When lines send: never more than their rate, nobody waits behind reminders, and a conversation keeps its order."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_common.contracts import Envelope
from booka_common.contracts.messaging import SendRequested
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import FrozenClock
from booka_messaging import store
from booka_messaging.domain.circuit import Circuit, after_failure, after_probe
from booka_messaging.domain.model import Alias
from booka_messaging.domain.pacing import CATCH_UP, LATE, OTHERS_SHARE, REPLIES_SHARE
from booka_messaging.store.paces import pace_sends
from booka_messaging.usecases.requesting import Requests

DAY = timedelta(days=1)
Lines = Callable[..., Awaitable[Any]]


class Clients:
    """Conversations of one line, what is asked to be said in them, and a worker that sends as fast as it may."""

    def __init__(self, line: Any, conversations: list[UUID]) -> None:
        self.line, self.conversations = line, conversations
        self.clock: FrozenClock = line.clock
        self.requests = Requests(line.db, attempts=12)
        self.sent: list[tuple[Any, str | None, UUID]] = []  # when, purpose, message
        self.asked: dict[UUID, int] = {}

    async def ask(self, place: int, purpose: Any = "reply", position: int | None = None) -> UUID:
        """Ask for something to be said to one of them; return the request."""
        data = SendRequested(conversation_id=self.conversations[place], text="…", purpose=purpose, position=position)
        asked = Envelope.of(data, tenant_id=self.line.tenant_id, now=self.clock())
        await self.requests.take(asked, now=self.clock())
        return asked.id

    async def due(self) -> list[dict[str, Any]]:
        """Jobs that may run now, the first of each lane."""
        found: list[dict[str, Any]] = await self.line.rows(
            """SELECT id, (payload ->> 'message_id')::uuid AS message_id FROM jobs AS j
               WHERE tenant_id = $1 AND status = 'ready' AND lane IS NOT NULL AND scheduled_at <= $2
                 AND NOT EXISTS (SELECT FROM jobs AS e WHERE e.tenant_id = j.tenant_id AND e.lane = j.lane
                     AND e.status = 'ready' AND (e.lane_order, e.seq) < (j.lane_order, j.seq))
               ORDER BY scheduled_at, seq""",
            self.clock(),
        )
        return found

    async def work(self) -> None:
        """Send all that may go now."""
        while jobs := await self.due():
            for job in jobs:
                key = (self.line.tenant_id, job["message_id"])
                async with self.line.db.tx(self.line.tenant_id) as tx:
                    found = (await store.begin_sends(tx, [key], since=self.clock() - DAY, now=self.clock()))[key]
                    status, at = "done", self.clock()
                    if not found.begun:
                        at = (await pace_sends(tx, [key], now=at))[job["message_id"]]
                        status = "ready"
                    else:
                        self.sent.append((at, found.purpose, job["message_id"]))
                        accepted = store.Accepted(*key, found.channel_id, new_id().hex, at)
                        await store.finish_sends(tx, [accepted])
                    await tx.execute(
                        "UPDATE jobs SET status = $3, scheduled_at = $4 WHERE tenant_id = $1 AND id = $2",
                        self.line.tenant_id, job["id"], status, at,
                    )  # fmt: skip

    async def next_due(self) -> Any:
        (row,) = await self.line.rows(
            "SELECT min(scheduled_at) AS at FROM jobs WHERE tenant_id = $1 AND status = 'ready' AND lane IS NOT NULL "
            "AND scheduled_at > $2",
            self.clock(),
        )
        return row["at"]

    async def work_it_off(self) -> None:
        await self.work()
        while (at := await self.next_due()) is not None:
            self.clock.advance(at - self.clock())
            await self.work()


@pytest.fixture
async def clients(line_of: Lines, db: Database, tenant_id: UUID) -> Callable[..., Awaitable[Clients]]:
    """`await clients(5, messages_per_minute=60)`."""

    async def make(count: int, **habits: Any) -> Clients:
        line = await line_of(tenant_id, **habits)
        for number in range(count):
            await line.client("oi", Alias("pn", f"35191234{number:04}"))
        rows = await line.rows("SELECT id FROM conversations WHERE tenant_id = $1 ORDER BY id")
        return Clients(line, [row["id"] for row in rows])

    return make


def within_rate(moments: list[Any], per_second: float, spare: timedelta) -> None:
    """In no window are there more than its length allows, and what may be caught up."""
    for first in range(len(moments)):
        for last in range(first, len(moments)):
            window = (moments[last] - moments[first] + spare).total_seconds()
            assert last - first + 1 <= per_second * window + 1.001, (first, last, window)


@pytest.mark.parametrize("seed", range(8))
async def test_never_more_than_the_rate_whatever_is_asked_for_and_however_late_the_worker(
    clients: Callable[..., Awaitable[Clients]], seed: int
) -> None:
    """Requests at any time, in batches, of both streams, and a worker that pauses now and then, once for long."""
    chance = random.Random(seed)
    rate = chance.choice([60, 120, 600])
    crowd = await clients(6, messages_per_minute=rate)
    asked = 0
    for _ in range(12):
        for _ in range(chance.randrange(5)):
            await crowd.ask(chance.randrange(6), chance.choice(["reply", "notice", "reminder"]))
            asked += 1
        crowd.clock.advance(timedelta(seconds=chance.choice([0, 0.01, 0.3, 2, 20])))
        if chance.random() < 0.7:
            await crowd.work()
    await crowd.work_it_off()
    assert len(crowd.sent) == asked
    per_second = rate / 60
    spare = CATCH_UP + LATE
    within_rate([at for at, purpose, _ in crowd.sent if purpose != "reminder"], per_second * REPLIES_SHARE, spare)
    within_rate([at for at, purpose, _ in crowd.sent if purpose == "reminder"], per_second * OTHERS_SHARE, spare)


async def test_a_punctual_worker_keeps_to_the_rate_itself(clients: Callable[..., Awaitable[Clients]]) -> None:
    crowd = await clients(10, messages_per_minute=240)
    for number in range(20):
        await crowd.ask(number % 10)
    await crowd.work_it_off()
    moments = [at for at, _, _ in crowd.sent]
    within_rate(moments, 240 / 60 * REPLIES_SHARE, CATCH_UP)
    assert (moments[-1] - moments[0]).total_seconds() <= 20 / (240 / 60 * REPLIES_SHARE), "and no slower"


async def test_a_flood_of_reminders_does_not_delay_an_answer(clients: Callable[..., Awaitable[Clients]]) -> None:
    crowd = await clients(12, messages_per_minute=60)
    for number in range(60):
        await crowd.ask(number % 10, "reminder")
    await crowd.ask(11)
    (row,) = await crowd.line.rows("SELECT paced_at FROM messages WHERE tenant_id = $1 AND purpose = 'reply'")
    assert row["paced_at"] == crowd.clock()
    await crowd.work()
    assert [purpose for _, purpose, _ in crowd.sent if purpose == "reply"] == ["reply"]


async def test_an_answer_takes_along_what_has_to_come_before_it(clients: Callable[..., Awaitable[Clients]]) -> None:
    """Reminders wait for minutes; then one of those clients writes. Their order stays, and the answer comes soon."""
    crowd = await clients(10, messages_per_minute=60)
    for number in range(40):
        await crowd.ask(number % 10, "reminder", position=number // 10 + 1)
    await crowd.work()
    asked = await crowd.ask(9, position=5)
    began = crowd.clock()
    await crowd.work_it_off()
    rows = await crowd.line.rows(
        "SELECT id, request_id, purpose, conversation_id FROM messages WHERE tenant_id = $1 AND direction = 'out'"
    )
    by_id = {row["id"]: row for row in rows}
    theirs = [
        (at, by_id[message])
        for at, _, message in crowd.sent
        if by_id[message]["conversation_id"] == crowd.conversations[9]
    ]
    assert [row["purpose"] for _, row in theirs] == ["reminder"] * 4 + ["reply"]
    assert theirs[-1][1]["request_id"] == asked
    assert theirs[-1][0] - began <= timedelta(seconds=5 / REPLIES_SHARE + 1)
    within_rate([at for at, _, _ in crowd.sent], 1.0, CATCH_UP + LATE)


async def test_lines_do_not_wait_for_each_other(line_of: Lines, tenant_id: UUID) -> None:
    slow, quick = await line_of(tenant_id, messages_per_minute=1), await line_of(tenant_id, messages_per_minute=600)
    for line in (slow, quick):
        await line.client()
    rows = await slow.rows("SELECT id, channel_id FROM conversations WHERE tenant_id = $1")
    of = {row["channel_id"]: row["id"] for row in rows}
    requests = Requests(slow.db, attempts=3)
    for _ in range(3):
        for line in (slow, quick):
            data = SendRequested(conversation_id=of[line.channel.id], text="…", purpose="reply")
            await requests.take(Envelope.of(data, tenant_id=tenant_id, now=slow.clock()), now=slow.clock())
    moments = await slow.rows(
        "SELECT channel_id, paced_at FROM messages WHERE tenant_id = $1 AND direction = 'out' ORDER BY id"
    )
    waits = {line.channel.id: [] for line in (slow, quick)}
    for row in moments:
        waits[row["channel_id"]].append((row["paced_at"] - slow.clock()).total_seconds())
    assert waits[slow.channel.id] == [0, 79, 159]
    assert max(waits[quick.channel.id]) == 0


NOW = FrozenClock()()
STEPS = st.lists(
    st.tuples(st.sampled_from(["failed", "down", "worked", "probe", "no probe"]), st.integers(0, 1200)), max_size=60
)


@given(STEPS)
def test_a_circuit_never_stays_open_for_longer_than_ten_minutes_and_closes_only_by_a_send(steps: list[Any]) -> None:
    circuit, now = Circuit(), NOW
    for what, seconds in steps:
        now += timedelta(seconds=seconds)
        opened = circuit.blocked_until
        match what:
            case "failed" | "down":
                circuit = after_failure(circuit, now, down=what == "down")
                if opened is not None:
                    assert circuit.blocked_until == opened, "what was under way counts no more"
            case "worked":
                circuit = Circuit()
            case _ if opened is not None and now >= opened:
                circuit = after_probe(circuit, now, works=what == "probe")
                assert not circuit.works
        if circuit.blocked_until is not None:
            assert circuit.blocked_until - now <= timedelta(minutes=10)


def test_a_circuit_opens_for_longer_each_time_until_a_send_works() -> None:
    circuit, now, waits = Circuit(), NOW, []
    for _ in range(4):
        circuit = after_failure(circuit, now, down=False)
        assert circuit.blocked_until is None
    for _ in range(8):
        circuit = after_failure(circuit, now, down=False)
        assert circuit.blocked_until is not None
        waits.append((circuit.blocked_until - now).total_seconds())
        now = circuit.blocked_until
        circuit = after_probe(circuit, now, works=True)
    assert waits == [30, 60, 120, 240, 480, 600, 600, 600]
