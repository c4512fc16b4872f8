"""When nothing is to be said: a person of the salon answers, or the client's data was erased."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from booka_common.contracts.booking import ReminderReady
from booka_common.contracts.messaging import ContactErased, SendRequested
from booka_common.ids import new_id
from booka_dialog import usecases
from booka_dialog.domain import Session
from booka_dialog.usecases import Deps


async def said(deps: Deps, tenant_id: UUID) -> list[str]:
    async with deps.db.tx(tenant_id) as tx:
        rows = await tx.fetch(
            "SELECT body FROM outbox WHERE tenant_id = $1 AND routing_key = $2 ORDER BY seq",
            tenant_id,
            SendRequested.key,
        )
    return [orjson.loads(row["body"])["data"]["text"] for row in rows]


@pytest.fixture(autouse=True)
async def open_salon(deps: Deps, client: Any) -> None:
    await usecases.keep_catalogue(deps, client.says_service(client.house.catalogue))


def erased(client: Any) -> Any:
    return client.says_service(
        ContactErased(contact_id=client.contact_id, conversation_ids=(client.conversation_id, new_id()))
    )


async def test_an_attended_turn_is_taken_and_the_session_stays_where_it_was(
    deps: Deps, client: Any, tenant_id: UUID
) -> None:
    await usecases.take_turn(deps, client.writes("haircut"))
    before = await usecases.get_session(deps, tenant_id, client.conversation_id)
    for text in ("actually a manicure", "with Ana on friday"):
        await usecases.take_turn(deps, client.writes(text, attended=True))
    after = await usecases.get_session(deps, tenant_id, client.conversation_id)
    assert after.session == before.session
    assert after.turns_taken == 3
    assert len(await said(deps, tenant_id)) == 1
    await usecases.take_turn(deps, client.writes("Ana"))
    assert "When would you like" in (await said(deps, tenant_id))[1]


async def test_attended_turns_of_somebody_new_are_not_answered_later(deps: Deps, client: Any, tenant_id: UUID) -> None:
    attended = client.writes("hi", attended=True)
    for _ in range(2):
        await usecases.take_turn(deps, attended)
    assert await said(deps, tenant_id) == []
    await usecases.take_turn(deps, client.writes("manicure"))
    (text,) = await said(deps, tenant_id)
    assert "When would you like" in text
    async with deps.db.tx(tenant_id) as tx:
        left = await tx.fetchval("SELECT count(*) FROM turns WHERE tenant_id = $1 AND payload IS NOT NULL", tenant_id)
    assert left == 0


async def test_what_waited_with_attended_turns_is_answered_alone(deps: Deps, client: Any, tenant_id: UUID) -> None:
    first = client.writes("haircut")
    await usecases.take_turn(deps, client.writes("never mind, a manicure", attended=True))
    await usecases.take_turn(deps, first)
    (text,) = await said(deps, tenant_id)
    assert "Haircut: who would you like" in text
    assert "Manicure" not in text


async def test_an_erased_client_is_forgotten(deps: Deps, client: Any, tenant_id: UUID) -> None:
    await usecases.take_turn(deps, client.writes("haircut with Ana"))
    await usecases.take_turn(deps, client.writes("my name is Maria Secreta", turn=4))
    for _ in range(2):
        await usecases.forget(deps, erased(client))
    stored = await usecases.get_session(deps, tenant_id, client.conversation_id)
    assert stored.session == Session(conversation_id=client.conversation_id)
    async with deps.db.tx(tenant_id) as tx:
        assert (
            await tx.fetchval("SELECT count(*) FROM turns WHERE tenant_id = $1 AND payload IS NOT NULL", tenant_id) == 0
        )
        whole = await tx.fetchval("SELECT string_agg(state::text, '') FROM sessions WHERE tenant_id = $1", tenant_id)
    assert "Secreta" not in whole


async def test_nothing_is_said_to_an_erased_client_any_more(deps: Deps, client: Any, tenant_id: UUID) -> None:
    """What was under way when the client was erased comes in late."""
    late = client.writes("haircut, I am Maria Secreta")
    await usecases.forget(deps, erased(client))
    await usecases.take_turn(deps, late)
    visit = client.house.visit(deps.now() + timedelta(days=1))
    reminder = ReminderReady(
        reminder_id=new_id(), reservation_id=new_id(), conversation_id=client.conversation_id, visit=visit
    )
    await usecases.take_answer(deps, client.says_service(reminder), client.conversation_id, reminder)
    assert await said(deps, tenant_id) == []
    stored = await usecases.get_session(deps, tenant_id, client.conversation_id)
    assert stored.session == Session(conversation_id=client.conversation_id)
