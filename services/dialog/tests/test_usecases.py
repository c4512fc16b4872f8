"""The use cases on a real PostgreSQL; what goes out is read from the outbox."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    CatalogueChanged,
    HoldRequested,
    ReminderReady,
)
from booka_common.contracts.llm import ContextGiven, LlmSettingsChanged
from booka_common.contracts.messaging import SendRequested
from booka_common.ids import new_id
from booka_common.testing import eventually
from booka_dialog import store, usecases
from booka_dialog.domain import ClientSaid
from booka_dialog.usecases import GAP, Deps

from .left_behind import jobs_of, outbox, said


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
async def test_a_failure_leaves_the_turn_for_the_next_delivery(deps: Deps, client: Any, tenant_id: UUID) -> None:
    """An exception after the step undoes the answer and the turn alike, so that the repeated delivery does both."""
    hello = client.writes("hi")

    def broken_clock() -> Any:
        raise RuntimeError("no time")

    with pytest.raises(RuntimeError):
        await usecases.take_turn(replace(deps, now=broken_clock), hello)
    await usecases.take_turn(deps, hello)
    assert len(await said(deps, tenant_id)) == 1


def test_the_catalogue_goes_through_json_unharmed(house: Any) -> None:
    assert CatalogueChanged.model_validate(house.catalogue.model_dump(mode="json")) == house.catalogue
