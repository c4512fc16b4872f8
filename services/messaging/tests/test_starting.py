"""What is sent as soon as it is queued: begun in the transaction that queues it, in this process."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.envelope import Envelope
from booka_common.contracts.messaging import SendRequested
from booka_common.jobs import Job
from booka_messaging.domain.model import Alias
from booka_messaging.usecases.requesting import Requests

PN, LID = Alias("pn", "351912345678"), Alias("lid", "88001122334455")


class Starter:
    """A worker that has room, and keeps what it is to run."""

    lease = timedelta(seconds=30)

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def room(self, types: Collection[str]) -> int:
        assert set(types) == {"send_message"}
        return 16

    def start(self, jobs: Sequence[Job]) -> None:
        self.jobs += jobs


@pytest.fixture
def starter(line: Any) -> Starter:
    found = line.db.signals.starter = Starter()
    return found


async def ask(line: Any, conversation_id: UUID, text: str = "Olá!", position: int | None = None) -> None:
    data = SendRequested(conversation_id=conversation_id, text=text, purpose="reply", position=position)
    envelope = Envelope.of(data, tenant_id=line.tenant_id, now=line.clock())
    await Requests(line.db, attempts=3).take(envelope, now=line.clock())


async def sends(line: Any) -> list[tuple[str, str, bool]]:
    rows = await line.rows(
        """SELECT m.text, j.status, m.attempted_at IS NOT NULL AS attempted
           FROM jobs AS j JOIN messages AS m ON m.tenant_id = j.tenant_id AND m.id = (j.payload ->> 'message_id')::uuid
           WHERE j.tenant_id = $1 AND j.type = 'send_message' ORDER BY j.seq"""
    )
    return [(row["text"], row["status"], row["attempted"]) for row in rows]


async def test_a_reply_is_begun_in_the_transaction_that_queues_it(line: Any, starter: Starter) -> None:
    await line.client("oi", PN)
    await ask(line, (await line.conversation())["id"])
    (job,) = starter.jobs
    assert (job.given.text, job.given.begun, job.given.aliases) == ("Olá!", True, (PN,))
    assert (job.given.attempted_at, job.attempts) == (None, 1)  # of earlier attempts there is none
    assert await sends(line) == [("Olá!", "running", True)]


async def test_what_has_to_wait_for_another_message_is_not_begun(line: Any, starter: Starter) -> None:
    await line.client("oi", PN)
    conversation_id = (await line.conversation())["id"]
    await ask(line, conversation_id, "two", position=2)
    await ask(line, conversation_id, "one", position=1)
    await ask(line, conversation_id, "three", position=3)
    assert [job.given.text for job in starter.jobs] == ["one"]
    assert await sends(line) == [("two", "ready", False), ("one", "running", True), ("three", "ready", False)]


async def test_what_goes_on_in_another_conversation_is_left_to_the_claim(line: Any, starter: Starter) -> None:
    """Nobody has that other one's lane to themselves here."""
    await line.client("oi", LID)
    first = (await line.conversation())["id"]
    line.clock.advance(timedelta(minutes=1))
    await line.client("oi", PN)
    await line.client("sou eu", LID, PN)
    assert (await line.conversation())["id"] != first
    await ask(line, first)
    assert starter.jobs == []
    assert await sends(line) == [("Olá!", "ready", False)]
