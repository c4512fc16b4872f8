"""What dialog asks of others and waits for: the model, its context, and the terms of a visit."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.booking import (
    CancellationQuoted,
    CancellationQuoteRequested,
    CancellationRequested,
    ReservationConfirmed,
)
from booka_common.contracts.llm import ContextGiven, InterpretationReady, InterpretationRequested, LlmSettingsChanged
from booka_common.ids import new_id
from booka_dialog import usecases
from booka_dialog.usecases import INTERPRETATION_TIMEOUT, QUOTE_TIMEOUT, Deps

from .left_behind import jobs_of, outbox, said


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
