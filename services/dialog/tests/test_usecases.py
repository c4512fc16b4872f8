"""The use cases on a real PostgreSQL; what goes out is read from the outbox."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    CancellationQuoted,
    CancellationQuoteRequested,
    CancellationRequested,
    CatalogueChanged,
    HoldRequested,
    ReminderReady,
    ReservationConfirmed,
)
from booka_common.contracts.envelope import Message
from booka_common.contracts.llm import ContextGiven, InterpretationReady, InterpretationRequested, LlmSettingsChanged
from booka_common.contracts.messaging import SendRequested
from booka_common.db import Tx
from booka_common.ids import new_id
from booka_common.jobs import Job
from booka_common.testing import eventually
from booka_dialog import store, usecases
from booka_dialog.domain import ClientSaid
from booka_dialog.usecases import GAP, INTERPRETATION_TIMEOUT, QUOTE_TIMEOUT, Deps


async def outbox(deps: Deps, tenant_id: UUID, message: type[Message] | None = None) -> list[dict[str, Any]]:
    """The data of what the tenant's outbox holds, in order."""
    async with deps.db.tx(tenant_id) as tx:
        rows = await tx.fetch("SELECT routing_key, body FROM outbox WHERE tenant_id = $1 ORDER BY seq", tenant_id)
    return [orjson.loads(row["body"])["data"] for row in rows if message is None or row["routing_key"] == message.key]


async def said(deps: Deps, tenant_id: UUID) -> list[str]:
    return [data["text"] for data in await outbox(deps, tenant_id, SendRequested)]


async def jobs_of(deps: Deps, tenant_id: UUID, kind: str) -> list[Job]:
    async with deps.db.tx(tenant_id) as tx:
        rows = await tx.fetch(
            """SELECT id, tenant_id, type, payload, attempts, max_attempts, scheduled_at, correlation_id, traceparent
               FROM jobs WHERE tenant_id = $1 AND type = $2""",
            tenant_id,
            kind,
        )
    return [Job(**row, lease_token=new_id()) for row in rows]


@pytest.fixture
async def open_salon(deps: Deps, client: Any) -> None:
    await usecases.keep_catalogue(deps, client.says_service(client.house.catalogue))


@pytest.mark.usefixtures("open_salon")
async def test_a_turn_is_answered_once(deps: Deps, client: Any, tenant_id: UUID) -> None:
    hello = client.writes("hi")
    for _ in range(3):
        await usecases.take_turn(deps, hello)
    texts = await said(deps, tenant_id)
    assert len(texts) == 1
    assert texts[0].startswith("Hi! This is Studio Bela.")


@pytest.mark.usefixtures("open_salon")
async def test_the_same_turn_five_times_at_once(deps: Deps, client: Any, tenant_id: UUID) -> None:
    hello = client.writes("hi")
    await asyncio.gather(*(usecases.take_turn(deps, hello) for _ in range(5)))
    assert len(await said(deps, tenant_id)) == 1


@pytest.mark.usefixtures("open_salon")
async def test_replies_are_numbered_in_the_order_in_which_they_are_said(
    deps: Deps, client: Any, tenant_id: UUID
) -> None:
    for text in ("hi", "haircut", "with Ana"):
        await usecases.take_turn(deps, client.writes(text))
    assert [data["position"] for data in await outbox(deps, tenant_id, SendRequested)] == [1, 2, 3]


@pytest.mark.usefixtures("open_salon")
async def test_a_question_goes_out_with_its_choices_and_a_tap_comes_back_to_it(
    deps: Deps, client: Any, tenant_id: UUID
) -> None:
    await usecases.take_turn(deps, client.writes("hi"))
    (asked,) = await outbox(deps, tenant_id, SendRequested)
    assert [choice["id"] for choice in asked["choices"]["choices"]] == ["1:1", "1:2", "1:3"]
    await usecases.take_turn(deps, client.writes("Haircut", kind="choice", choice_id="1:1"))
    assert (await said(deps, tenant_id))[-1].startswith("Haircut: who would you like")
    await usecases.take_turn(deps, client.writes("whatever it was", kind="choice", choice_id="2:1"))
    stored = await usecases.get_session(deps, tenant_id, client.conversation_id)
    assert stored.session.state == "when"
    assert stored.session.wishes[0].staff_id == client.house.staff["Ana"]
    assert stored.session.shown_at == 3


@pytest.mark.usefixtures("open_salon")
async def test_what_is_said_long_after_the_client_wrote_names_its_template(
    deps: Deps, client: Any, tenant_id: UUID, now: Any
) -> None:
    reminder = ReminderReady(
        reminder_id=new_id(),
        reservation_id=new_id(),
        conversation_id=client.conversation_id,
        visit=client.house.visit(now),
    )
    await usecases.take_answer(deps, client.says_service(reminder), client.conversation_id, reminder)
    (told,) = await outbox(deps, tenant_id, SendRequested)
    assert told["template"]["name"] == "visit_reminder"
    assert told["choices"] is None


async def test_a_salon_without_a_catalogue(deps: Deps, client: Any, tenant_id: UUID) -> None:
    await usecases.take_turn(deps, client.writes("hi"))
    assert "not open yet" in (await said(deps, tenant_id))[0]


@pytest.mark.usefixtures("open_salon")
async def test_what_was_kept_before_a_crash_is_answered_by_the_next_delivery(
    deps: Deps, client: Any, tenant_id: UUID
) -> None:
    hello = client.writes("hi")
    async with deps.db.tx(tenant_id) as busy:
        await store.lock(busy, client.conversation_id)
        async with deps.db.tx(tenant_id) as tx:  # the first transaction of a delivery that died before its second one
            data = hello.data
            turn = store.Turn(turn=1, message_id=hello.id, said=ClientSaid(text=data.text, contact_id=data.contact_id))
            arrival = store.Arrival(
                tenant_id=tenant_id, conversation_id=data.conversation_id, message_id=hello.id, turn=turn
            )
            assert await store.arrive(tx, [arrival]) == ["busy"]
    assert await said(deps, tenant_id) == []
    await usecases.take_turn(deps, hello)
    assert len(await said(deps, tenant_id)) == 1


@pytest.mark.usefixtures("open_salon")
async def test_what_has_piled_up_is_answered_once(deps: Deps, client: Any, tenant_id: UUID) -> None:
    """While somebody holds the conversation, messages pile up; whoever comes next answers them all."""
    texts = ["hi", "haircut", "with Ana", "on friday", "no, saturday"]
    turns = [client.writes(text) for text in texts]
    await usecases.keep_llm_setting(deps, client.says_service(LlmSettingsChanged(revision=1, enabled=True)))
    ready = asyncio.Event()
    go_on = asyncio.Event()

    async def busy() -> None:
        async with deps.db.tx(tenant_id) as tx:
            await store.lock(tx, client.conversation_id)
            ready.set()
            await go_on.wait()

    holder = asyncio.create_task(busy())
    await ready.wait()
    waiting = [asyncio.create_task(usecases.take_turn(deps, turn)) for turn in turns]

    async def all_kept() -> bool:
        async with deps.db.tx(tenant_id) as tx:
            return bool(await tx.fetchval("SELECT count(*) FROM turns WHERE tenant_id = $1", tenant_id) == len(turns))

    await eventually(all_kept)
    go_on.set()
    await asyncio.gather(holder, *waiting)
    requests = await outbox(deps, tenant_id, AvailabilityRequested)
    assert [request["earliest"] for request in requests] == ["2026-11-28T03:00:00Z"]
    assert await said(deps, tenant_id) in ([], ["Hi! This is Studio Bela. You can book your visit right here."])
    stored = await usecases.get_session(deps, tenant_id, client.conversation_id)
    assert stored.turns_taken == 5
    given = await outbox(deps, tenant_id, ContextGiven)  # the model is given each of them, whoever took it
    assert sorted((data["turn"], data["text"]) for data in given) == list(enumerate(texts, 1))


@pytest.mark.usefixtures("open_salon")
async def test_a_missing_turn_is_waited_for(deps: Deps, client: Any, tenant_id: UUID) -> None:
    first, second, third = (client.writes(text) for text in ("hi", "manicure", "haircut"))
    await usecases.take_turn(deps, first)
    await usecases.take_turn(deps, third)
    assert len(await said(deps, tenant_id)) == 1
    (gap,) = await jobs_of(deps, tenant_id, GAP)
    assert gap.scheduled_at == deps.now() + timedelta(seconds=5)
    await usecases.take_turn(deps, second)
    texts = await said(deps, tenant_id)
    assert len(texts) == 2
    assert texts[1].startswith("Haircut: who would you like")
    async with deps.db.tx(tenant_id) as tx:
        await usecases.take_gap(deps, tx, gap)
    assert len(await said(deps, tenant_id)) == 2


@pytest.mark.usefixtures("open_salon")
async def test_a_turn_that_stays_missing_does_not_stop_the_conversation(
    deps: Deps, client: Any, tenant_id: UUID
) -> None:
    late = client.writes("manicure", turn=1)
    await usecases.take_turn(deps, client.writes("hi", turn=2))
    assert await said(deps, tenant_id) == []
    (gap,) = await jobs_of(deps, tenant_id, GAP)
    async with deps.db.tx(tenant_id) as tx:
        await usecases.take_gap(deps, tx, gap)
    assert len(await said(deps, tenant_id)) == 1
    await usecases.take_turn(deps, late)
    assert "When would you like" in (await said(deps, tenant_id))[1]


@pytest.mark.usefixtures("open_salon")
async def test_an_answer_counts_once(deps: Deps, client: Any, tenant_id: UUID) -> None:
    await usecases.take_turn(deps, client.writes("haircut with Ana on friday"))
    (request,) = await outbox(deps, tenant_id, AvailabilityRequested)
    slot = client.house.slot(deps.now() + timedelta(days=2))
    found = AvailabilityFound(
        request_id=UUID(request["request_id"]), conversation_id=client.conversation_id, exact=True, slots=(slot,)
    )
    envelope = client.says_service(found)
    await asyncio.gather(*(usecases.take_answer(deps, envelope, client.conversation_id, found) for _ in range(5)))
    assert len(await said(deps, tenant_id)) == 1
    await usecases.take_turn(deps, client.writes("1"))
    (hold,) = await outbox(deps, tenant_id, HoldRequested)
    assert hold["contact_id"] == str(client.contact_id)


@pytest.mark.usefixtures("open_salon")
async def test_a_reminder_delivered_five_times_is_said_once(deps: Deps, client: Any, tenant_id: UUID) -> None:
    """Nothing in the session would stop a second one; and it must not use up a position either."""
    await usecases.take_turn(deps, client.writes("hi"))
    visit = client.house.visit(deps.now() + timedelta(days=1))
    ready = ReminderReady(
        reminder_id=new_id(), reservation_id=new_id(), conversation_id=client.conversation_id, visit=visit
    )
    envelope = client.says_service(ready)
    await asyncio.gather(*(usecases.take_answer(deps, envelope, client.conversation_id, ready) for _ in range(5)))
    await usecases.take_turn(deps, client.writes("haircut"))
    sent = await outbox(deps, tenant_id, SendRequested)
    assert [data["position"] for data in sent] == [1, 2, 3]
    assert sum("Reminder" in data["text"] for data in sent) == 1


async def test_an_answer_about_no_conversation_is_nobodys(deps: Deps, client: Any, tenant_id: UUID) -> None:
    found = AvailabilityFound(request_id=new_id(), conversation_id=client.conversation_id, exact=True, slots=())
    await usecases.take_answer(deps, client.says_service(found), None, found)
    assert await outbox(deps, tenant_id) == []


@pytest.mark.usefixtures("open_salon")
async def test_the_model_and_its_timeout(deps: Deps, client: Any, tenant_id: UUID) -> None:
    setting = client.says_service(LlmSettingsChanged(revision=1, enabled=True))
    await usecases.keep_llm_setting(deps, setting)
    await usecases.take_turn(deps, client.writes("haircut"))
    await usecases.take_turn(deps, client.writes("the lady with the red glasses"))
    (request,) = await outbox(deps, tenant_id, InterpretationRequested)
    (timeout,) = await jobs_of(deps, tenant_id, INTERPRETATION_TIMEOUT)
    assert timeout.scheduled_at == deps.now() + timedelta(seconds=8)
    assert len(await said(deps, tenant_id)) == 1
    async with deps.db.tx(tenant_id) as tx:
        await usecases.take_timeout(deps, tx, timeout)
    assert "3. Anyone" in (await said(deps, tenant_id))[1]
    late = InterpretationReady(
        request_id=UUID(request["request_id"]),
        conversation_id=client.conversation_id,
        intent="book",
        staff_id=client.house.staff["Bia"],
    )
    await usecases.take_answer(deps, client.says_service(late), client.conversation_id, late)
    assert len(await said(deps, tenant_id)) == 2


@pytest.mark.usefixtures("open_salon")
async def test_the_model_is_given_each_turn_once_while_it_is_on(deps: Deps, client: Any, tenant_id: UUID) -> None:
    await usecases.take_turn(deps, client.writes("hi"))
    await usecases.keep_llm_setting(deps, client.says_service(LlmSettingsChanged(revision=1, enabled=True)))
    haircut, nobody = client.writes("haircut"), client.writes(" ", kind="image")
    await asyncio.gather(*(usecases.take_turn(deps, turn) for turn in [haircut, nobody] * 5))
    attended = client.writes("with Ana", attended=True)
    await usecases.take_turn(deps, attended)
    await usecases.keep_llm_setting(deps, client.says_service(LlmSettingsChanged(revision=2, enabled=False)))
    await usecases.take_turn(deps, client.writes("tomorrow"))
    given = await outbox(deps, tenant_id, ContextGiven)
    assert [(data["turn"], data["text"]) for data in given] == [(2, "haircut"), (4, "with Ana")]


@pytest.mark.usefixtures("open_salon")
async def test_the_terms_of_a_visit_and_their_timeout(deps: Deps, client: Any, tenant_id: UUID) -> None:
    """Terms that do not come in time are done without; when they come after all, they change nothing any more."""
    on = {"reservation_id": new_id(), "conversation_id": client.conversation_id}
    confirmed = ReservationConfirmed(**on, version=2, visit=client.house.visit(deps.now() + timedelta(days=1)))
    await usecases.take_turn(deps, client.writes("hi"))
    await usecases.take_answer(deps, client.says_service(confirmed), client.conversation_id, confirmed)
    await usecases.take_turn(deps, client.writes("restart"))
    for text in ("cancel", "cancel"):  # the first one ends the booking that was begun
        await usecases.take_turn(deps, client.writes(text))
    (request,) = await outbox(deps, tenant_id, CancellationQuoteRequested)
    (timeout,) = await jobs_of(deps, tenant_id, QUOTE_TIMEOUT)
    assert timeout.scheduled_at == deps.now() + timedelta(seconds=5)
    for _ in range(2):
        async with deps.db.tx(tenant_id) as tx:
            await usecases.take_quote_timeout(deps, tx, timeout)
    assert sum("Shall I cancel this visit?" in text for text in await said(deps, tenant_id)) == 1
    late = CancellationQuoted(
        **on, request_id=UUID(request["request_id"]), quoted_at=deps.now(), cancellable=True, movable=False
    )
    await usecases.take_answer(deps, client.says_service(late), client.conversation_id, late)
    assert sum("Shall I cancel this visit?" in text for text in await said(deps, tenant_id)) == 1
    await usecases.take_turn(deps, client.writes("yes"))
    (cancelled,) = await outbox(deps, tenant_id, CancellationRequested)
    assert (cancelled["reservation_id"], cancelled["quoted_at"]) == (str(on["reservation_id"]), None)


@pytest.mark.usefixtures("open_salon")
async def test_a_failure_leaves_the_turn_for_the_next_delivery(deps: Deps, client: Any, tenant_id: UUID) -> None:
    """An exception after the step undoes the answer and the turn alike, so that the repeated delivery does both."""
    hello = client.writes("hi")

    def broken_clock() -> Any:
        raise RuntimeError("no time")

    with pytest.raises(RuntimeError):
        await usecases.take_turn(replace(deps, now=broken_clock), hello)
    await usecases.take_turn(deps, hello)
    assert len(await said(deps, tenant_id)) == 1


@pytest.mark.usefixtures("open_salon")
async def test_turns_and_answers_of_many_conversations_share_few_round_trips(
    deps: Deps, client: Any, tenant_id: UUID
) -> None:
    """Statements: lock and claim, load, save, outbox. BEGIN and COMMIT come on top. Each is answered for itself."""
    others = [
        replace(client, tenant_id=tenant, conversation_id=new_id()) for tenant in (tenant_id, tenant_id, new_id())
    ]
    found = AvailabilityFound(
        request_id=new_id(), conversation_id=client.conversation_id, exact=True, slots=()
    )  # nobody asked
    counted = Counted(deps)
    await asyncio.gather(
        usecases.take_answer(counted.deps, client.says_service(found), client.conversation_id, found),
        *(
            usecases.take_turn(counted.deps, one.writes(text))
            for one in (client, *others)
            for text in ("hi", "haircut")
        ),
    )
    assert counted.statements == 4
    texts = await said(deps, tenant_id)
    assert len(texts) == 3
    assert all("Haircut: who would you like" in text for text in texts)
    (closed,) = await said(deps, others[2].tenant_id)
    assert "not open yet" in closed
    stored = await usecases.get_session(deps, others[2].tenant_id, others[2].conversation_id)
    assert stored.turns_taken == 2


@pytest.mark.usefixtures("open_salon")
async def test_one_that_cannot_be_taken_harms_no_other(deps: Deps, client: Any, tenant_id: UUID) -> None:
    """PostgreSQL has no U+0000; what comes with it in a batch is answered all the same."""
    other = replace(client, conversation_id=new_id())
    results = await asyncio.gather(
        usecases.take_turn(deps, client.writes("hi", choice_id="\x00", turn=2)),
        usecases.take_turn(deps, other.writes("hi", turn=1)),
        return_exceptions=True,
    )
    assert isinstance(results[0], Exception)
    assert results[1] is None
    assert len(await said(deps, tenant_id)) == 1


class Counted:
    """Counts the statements of the transactions of `deps`."""

    def __init__(self, deps: Deps) -> None:
        self.statements = 0
        self.deps = replace(deps, db=_CountingDatabase(deps.db, self))  # type: ignore[arg-type]


class _CountingDatabase:
    def __init__(self, db: Any, count: Counted) -> None:
        self._db, self._count = db, count

    def shared_tx(self, tenants: Any) -> Any:
        return _CountingContext(self._db.shared_tx(tenants), self._count)


class _CountingContext:
    def __init__(self, context: Any, count: Counted) -> None:
        self._context, self._count = context, count

    async def __aenter__(self) -> Any:
        return _CountingTx(await self._context.__aenter__(), self._count)

    async def __aexit__(self, *error: Any) -> Any:
        return await self._context.__aexit__(*error)


class _CountingTx:
    def __init__(self, tx: Tx, count: Counted) -> None:
        self._tx, self._count = tx, count

    def __getattr__(self, name: str) -> Any:
        if name in {"fetch", "fetchrow", "fetchval", "execute"}:
            self._count.statements += 1
        return getattr(self._tx, name)


def test_the_catalogue_goes_through_json_unharmed(house: Any) -> None:
    assert CatalogueChanged.model_validate(house.catalogue.model_dump(mode="json")) == house.catalogue
