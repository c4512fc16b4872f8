"""Who has agreed to something and hears nothing, because booking is away, is told once that it takes longer."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    CancellationRequested,
    ConfirmationRefused,
    ConfirmationRequested,
    HoldRequested,
    ReservationConfirmed,
)
from booka_common.contracts.messaging import ContactErased, SendRequested
from booka_common.ids import new_id
from booka_common.jobs import Job
from booka_dialog import usecases
from booka_dialog.domain import AnswerOverdue
from booka_dialog.usecases import ANSWER_OVERDUE, Deps

LONGER = "That is taking longer than usual"


@pytest.fixture(autouse=True)
async def open_salon(deps: Deps, client: Any) -> None:
    await usecases.keep_catalogue(deps, client.says_service(client.house.catalogue))


class Desk:
    """A client at a salon whose booking answers only what a test has it answer."""

    def __init__(self, deps: Deps, client: Any) -> None:
        self.deps, self.client = deps, client

    async def rows(self, query: str, *args: Any) -> list[Any]:
        async with self.deps.db.tx(self.client.tenant_id) as tx:
            return list(await tx.fetch(query, self.client.tenant_id, *args))

    async def out(self, kind: Any) -> list[Any]:
        rows = await self.rows(
            "SELECT body FROM outbox WHERE tenant_id = $1 AND routing_key = $2 ORDER BY seq", kind.key
        )
        return [kind.model_validate(orjson.loads(row["body"])["data"]) for row in rows]

    async def texts(self) -> list[str]:
        return [one.text for one in await self.out(SendRequested)]

    async def overdue(self) -> list[Job]:
        rows = await self.rows(
            """SELECT id, tenant_id, type, payload, attempts, max_attempts, scheduled_at, correlation_id, traceparent
               FROM jobs WHERE tenant_id = $1 AND type = $2 ORDER BY seq""",
            ANSWER_OVERDUE,
        )
        return [Job(**row, lease_token=new_id()) for row in rows]

    async def is_due(self, job: Job) -> None:
        async with self.deps.db.tx(self.client.tenant_id) as tx:
            await usecases.take_overdue(self.deps, tx, job)

    async def writes(self, *texts: str) -> None:
        for text in texts:
            await usecases.take_turn(self.deps, self.client.writes(text))

    async def hears(self, answer: Any) -> None:
        await usecases.take_answer(self.deps, self.client.says_service(answer), self.client.conversation_id, answer)

    async def agrees(self) -> UUID:
        """Up to the yes to the summary; the reservation's id."""
        await self.writes("haircut with Ana on friday")
        asked = (await self.out(AvailabilityRequested))[-1]
        slot = self.client.house.slot(self.deps.now() + timedelta(days=2))
        on = {"request_id": asked.request_id, "conversation_id": self.client.conversation_id}
        await self.hears(AvailabilityFound(**on, exact=True, slots=(slot,)))
        await self.writes("1")
        held = self.client.house.held((await self.out(HoldRequested))[-1])
        await self.hears(held)
        await self.writes("Maria Silva", "yes")
        assert await self.out(ConfirmationRequested)
        reservation_id: UUID = held.reservation_id
        return reservation_id


@pytest.fixture
def desk(deps: Deps, client: Any) -> Desk:
    return Desk(deps, client)


async def test_who_said_yes_is_told_once_that_it_takes_longer_and_what_came_of_it(desk: Desk) -> None:
    reservation_id = await desk.agrees()
    (job,) = await desk.overdue()
    assert job.scheduled_at == desk.deps.now() + timedelta(seconds=30)
    before = await desk.texts()
    await desk.is_due(job)
    (told,) = (await desk.texts())[len(before) :]
    assert told.startswith(LONGER)
    refused = ConfirmationRefused(
        reservation_id=reservation_id, conversation_id=desk.client.conversation_id, code="hold_expired",
        alternatives=(desk.client.house.slot(desk.deps.now() + timedelta(days=3)),),
    )  # fmt: skip
    await desk.hears(refused)
    after = (await desk.texts())[len(before) + 1 :]
    assert len(after) == 1, "the answer comes when it comes"
    assert "1." in after[0]
    assert len(await desk.overdue()) == 1


async def test_who_was_answered_in_time_hears_nothing_more(desk: Desk) -> None:
    reservation_id = await desk.agrees()
    await desk.hears(
        ReservationConfirmed(
            reservation_id=reservation_id, conversation_id=desk.client.conversation_id, version=2,
            visit=desk.client.house.visit(desk.deps.now() + timedelta(days=2)),
        )
    )  # fmt: skip
    before = await desk.texts()
    for job in await desk.overdue():
        await desk.is_due(job)
    assert await desk.texts() == before


async def test_who_gave_it_up_meanwhile_is_told_of_that_wait_only(desk: Desk, clock_forward: Any) -> None:
    await desk.agrees()
    clock_forward(timedelta(seconds=10))
    await desk.writes("cancel")
    assert await desk.out(CancellationRequested)
    yes, no = await desk.overdue()
    assert no.scheduled_at - yes.scheduled_at == timedelta(seconds=10)
    before = await desk.texts()
    await desk.is_due(yes)
    assert await desk.texts() == before
    await desk.is_due(no)
    assert (await desk.texts())[-1].startswith(LONGER)


async def test_looking_for_times_and_keeping_one_puts_no_job(desk: Desk) -> None:
    await desk.writes("haircut with Ana on friday")
    assert await desk.out(AvailabilityRequested)
    assert await desk.overdue() == []


async def test_who_was_forgotten_is_told_nothing(desk: Desk) -> None:
    await desk.agrees()
    before = await desk.texts()
    erased = ContactErased(contact_id=new_id(), conversation_ids=(desk.client.conversation_id,))
    await usecases.forget(desk.deps, desk.client.says_service(erased))
    for job in await desk.overdue():
        await desk.is_due(job)
    assert await desk.texts() == before


@pytest.fixture
def clock_forward(deps: Deps) -> Any:
    clock: Any = deps.now
    return clock.advance


def test_a_move_that_takes_longer(talk: Any) -> None:
    talk.at_done()
    talk.says("move it to saturday")
    talk.knows(state="moving", pending=None, waiting_since=talk.now)
    assert talk.take(AnswerOverdue(talk.now - timedelta(seconds=1))) == ""
    assert talk.take(AnswerOverdue(talk.now)).startswith(LONGER)


def test_in_portuguese(conversa: Any) -> None:
    conversa.says("oi")
    conversa.knows(state="cancelling", pending=None, waiting_since=conversa.now)
    assert conversa.take(AnswerOverdue(conversa.now)).startswith("Está demorando mais que o normal")
