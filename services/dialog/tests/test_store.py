"""Every statement is valid on the migrated schema, and the store's own rules hold."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from booka_common.db import load_queries
from booka_common.ids import new_id
from booka_dialog import store
from booka_dialog.domain import ClientSaid, Session
from booka_dialog.settings import Settings
from booka_dialog.usecases import Deps

QUERIES = load_queries("booka_dialog")


@pytest.mark.parametrize("name", [name for name, _ in QUERIES.items()])
async def test_every_statement_can_be_prepared(name: str, settings: Settings) -> None:
    connection = await asyncpg.connect(
        settings.database_url.get_secret_value(), server_settings={"search_path": "dialog, public"}
    )
    try:
        await connection.prepare(QUERIES[name])
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "name", [name for name, sql in QUERIES.items() if "lock" not in name and "relaxed" not in name]
)
def test_every_statement_names_the_tenant(name: str) -> None:
    sql = QUERIES[name]
    assert "tenant_id = $1" in sql or ("(tenant_id" in sql and "VALUES ($1" in sql)


def turn(number: int, text: str = "hi") -> store.Turn:
    return store.Turn(
        turn=number,
        message_id=new_id(),
        said=ClientSaid(text=text, contact_id=new_id(), contact_name="Ana", phone=None),
    )


async def test_a_turn_is_kept_once_and_emptied_when_taken(deps: Deps, tenant_id: UUID) -> None:
    conversation_id = new_id()
    first = turn(1)
    async with deps.db.tx(tenant_id) as tx:
        assert await store.arrived(tx, conversation_id, first)
        assert await store.arrived(tx, conversation_id, turn(1, "again"))
        assert (await store.load(tx, conversation_id)).pending == (first,)
        session = Session(conversation_id=conversation_id)
        await store.save(tx, session, turns_taken=1, said=1, taken=[1], now=deps.now())
    async with deps.db.tx(tenant_id) as tx:
        await store.arrived(tx, conversation_id, turn(1))
        found = await store.load(tx, conversation_id)
        assert (found.pending, found.turns_taken, found.session) == ((), 1, session)
        assert await tx.fetchval("SELECT payload FROM turns WHERE conversation_id = $1", conversation_id) is None


async def test_the_conversation_is_locked_by_the_one_who_answers(deps: Deps, tenant_id: UUID) -> None:
    conversation_id = new_id()
    async with deps.db.tx(tenant_id) as tx:
        assert await store.arrived(tx, conversation_id, turn(1))
        async with deps.db.tx(tenant_id) as other:
            assert not await store.arrived(other, conversation_id, turn(2))
            assert await other.fetchval("SHOW synchronous_commit") == "off"
        assert len((await store.load(tx, conversation_id)).pending) == 2


async def test_only_a_newer_catalogue_counts(deps: Deps, tenant_id: UUID, make_house: Any) -> None:
    async with deps.db.tx(tenant_id) as tx:
        assert await store.put_llm_setting(tx, enabled=True, revision=1)
        assert not await store.put_llm_setting(tx, enabled=False, revision=1)
        assert (await store.load(tx, new_id())).salon is None
        assert await store.put_catalogue(tx, make_house("pt-BR", revision=2).catalogue)
        assert not await store.put_catalogue(tx, make_house("en-GB", revision=1).catalogue)
        found = await store.load(tx, new_id())
        assert found.salon is not None
        assert found.salon.language == "pt"
        assert found.llm_enabled


async def test_another_tenant_sees_nothing(deps: Deps, tenant_id: UUID) -> None:
    conversation_id = new_id()
    async with deps.db.tx(tenant_id) as tx:
        await store.save(tx, Session(conversation_id=conversation_id), turns_taken=0, said=0, taken=[], now=deps.now())
    async with deps.db.tx(new_id()) as tx:
        assert await store.get_session(tx, conversation_id) is None
        assert await tx.fetchval("SELECT count(*) FROM sessions WHERE conversation_id = $1", conversation_id) == 0
