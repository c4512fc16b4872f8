"""Every statement is valid on the migrated schema, and the store's own rules hold."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from booka_common.db import load_queries
from booka_common.ids import new_id
from booka_common.runtime import clean_up
from booka_common.testing.statements import prepare
from booka_dialog import store
from booka_dialog.domain import ClientSaid, Session
from booka_dialog.settings import SERVICE, Settings
from booka_dialog.usecases import Deps

QUERIES = load_queries("booka_dialog")


@pytest.mark.parametrize("name", [name for name, _ in QUERIES.items()])
async def test_every_statement_can_be_prepared(name: str, settings: Settings) -> None:
    await prepare(settings.database_url.get_secret_value(), "dialog", [(name, QUERIES[name])])


@pytest.mark.parametrize(
    "name", sorted({name for name, _ in QUERIES.items()} - {"turns_prune", "conversations_try_lock"})
)
def test_every_statement_names_the_tenant(name: str) -> None:
    """One tenant, or that of each row of a batch."""
    sql = QUERIES[name]
    assert "tenant_id = $1" in sql or "tenant_id = w.tenant_id" in sql or "(tenant_id, " in sql


def turn(number: int, text: str = "hi") -> store.Turn:
    return store.Turn(
        turn=number,
        message_id=new_id(),
        said=ClientSaid(text=text, contact_id=new_id(), contact_name="Ana", phone=None),
    )


def arrival(tenant_id: UUID, conversation_id: UUID, what: store.Turn | str = "dialog.test") -> store.Arrival:
    turn, consumer = (None, what) if isinstance(what, str) else (what, None)
    return store.Arrival(
        tenant_id=tenant_id,
        conversation_id=conversation_id,
        message_id=turn.message_id if turn else new_id(),
        consumer=consumer,
        turn=turn,
    )


def saved(tenant_id: UUID, conversation_id: UUID, **turns: store.Turn | None) -> store.Saved:
    numbered = {int(number[1:]): turn for number, turn in turns.items()}
    session = Session(conversation_id=conversation_id)
    return store.Saved(tenant_id=tenant_id, session=session, turns_taken=len(turns), said=1, turns=numbered)


async def test_a_turn_is_kept_until_it_is_taken_and_emptied_then(deps: Deps, tenant_id: UUID) -> None:
    conversation_id = new_id()
    waiting = turn(2)
    async with deps.db.tx(tenant_id) as tx:
        await store.save(tx, [saved(tenant_id, conversation_id, t1=None, t2=waiting)], now=deps.now())
        (found,) = await store.load_all(tx, [arrival(tenant_id, conversation_id, turn(1))])
        assert (found.pending, found.known) == ((waiting,), frozenset((1, 2)))
        await store.save(tx, [saved(tenant_id, conversation_id, t1=turn(1), t2=None)], now=deps.now())
    async with deps.db.tx(tenant_id) as tx:
        found = await store.load(tx, tenant_id, conversation_id)
        assert (found.pending, found.turns_taken, found.known) == ((), 2, frozenset())
        assert await tx.fetchval("SELECT count(payload) FROM turns WHERE conversation_id = $1", conversation_id) == 0


async def test_the_conversation_is_locked_by_the_one_who_answers(deps: Deps, tenant_id: UUID) -> None:
    """The other one waits for nobody: its turn is kept, its message is not claimed, and what is free goes on."""
    conversation_id, free = new_id(), new_id()
    second, message = turn(2), arrival(tenant_id, conversation_id)
    async with deps.db.tx(tenant_id) as tx:
        assert await store.arrive(tx, [arrival(tenant_id, conversation_id, turn(1))]) == ["fresh"]
        async with deps.db.tx(tenant_id) as other:
            arrivals = [arrival(tenant_id, conversation_id, second), message, arrival(tenant_id, free)]
            assert await store.arrive(other, arrivals) == ["busy", "busy", "fresh"]
        assert (await store.load(tx, tenant_id, conversation_id)).pending == (second,)
        assert await store.arrive(tx, [message]) == ["fresh"]
        assert await store.arrive(tx, [message]) == ["known"]


async def test_conversations_of_several_salons_are_taken_at_once(deps: Deps, tenant_id: UUID, make_house: Any) -> None:
    """With the same turns, and each with its own salon; what belongs to a salon outside the batch is not there."""
    stranger, outsider = new_id(), new_id()
    conversations = {tenant_id: new_id(), stranger: new_id(), outsider: new_id()}
    for tenant, locale in ((tenant_id, "pt-BR"), (stranger, "en-GB"), (outsider, "en-GB")):
        async with deps.db.tx(tenant) as tx:
            await store.put_catalogue(tx, make_house(locale).catalogue)
            await store.save(tx, [saved(tenant, conversations[tenant], t1=None)], now=deps.now())
    for _ in range(2):  # read, and remembered
        async with deps.db.shared_tx([tenant_id, stranger]) as tx:
            arrivals = [arrival(tenant, conversation, turn(1)) for tenant, conversation in conversations.items()]
            mine, theirs, nobodys = await store.load_all(tx, arrivals)
            assert (mine.salon and mine.salon.language, theirs.salon and theirs.salon.language) == ("pt", "en")
            assert mine.known == theirs.known == {1}
            assert (nobodys.salon, nobodys.session, nobodys.known) == (None, None, frozenset())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with deps.db.shared_tx([tenant_id, stranger]) as tx:
            await store.save(tx, [saved(outsider, conversations[outsider], t2=None)], now=deps.now())


async def test_only_a_newer_catalogue_counts(deps: Deps, tenant_id: UUID, make_house: Any) -> None:
    async with deps.db.tx(tenant_id) as tx:
        assert await store.put_llm_setting(tx, enabled=True, revision=1)
        assert not await store.put_llm_setting(tx, enabled=False, revision=1)
        assert (await store.load(tx, tenant_id, new_id())).salon is None
        assert await store.put_catalogue(tx, make_house("pt-BR", revision=2).catalogue)
        assert not await store.put_catalogue(tx, make_house("en-GB", revision=1).catalogue)
        found = await store.load(tx, tenant_id, new_id())
        assert found.salon is not None
        assert found.salon.language == "pt"
        assert found.llm_enabled
        assert (await store.load(tx, tenant_id, new_id())).salon is found.salon, "remembered"
        assert await store.put_catalogue(tx, make_house("en-GB", revision=3).catalogue)
        newer = await store.load(tx, tenant_id, new_id())
        assert newer.salon is not None
        assert newer.salon.language == "en"


async def test_another_tenant_sees_nothing(deps: Deps, tenant_id: UUID) -> None:
    conversation_id = new_id()
    async with deps.db.tx(tenant_id) as tx:
        await store.save(tx, [saved(tenant_id, conversation_id)], now=deps.now())
    async with deps.db.tx(new_id()) as tx:
        assert await store.get_session(tx, conversation_id) is None
        assert await tx.fetchval("SELECT count(*) FROM sessions WHERE conversation_id = $1", conversation_id) == 0


async def test_turns_that_were_taken_long_ago_are_removed(deps: Deps, tenant_id: UUID) -> None:
    conversation_id = new_id()
    async with deps.db.tx(tenant_id) as tx:
        await store.save(tx, [saved(tenant_id, conversation_id, t1=None, t2=None, t3=turn(3))], now=deps.now())
        await tx.execute(
            "UPDATE turns SET arrived_at = now() - interval '31 days' WHERE tenant_id = $1 AND turn <> 2", tenant_id
        )
    await clean_up(deps.db, SERVICE)
    async with deps.db.tx(tenant_id) as tx:
        left = await tx.fetch("SELECT turn FROM turns WHERE tenant_id = $1 ORDER BY turn", tenant_id)
    assert [row["turn"] for row in left] == [2, 3]  # one is young, the other still waits
