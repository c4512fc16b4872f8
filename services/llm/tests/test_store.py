"""Every statement fits the schema; the day's budget holds under any concurrency; salons are kept apart."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from booka_common.db import Database, load_queries
from booka_common.ids import new_id
from booka_common.testing.statements import prepare
from booka_llm import store
from booka_llm.domain import OpenCall, TenantSettings, Used
from booka_llm.settings import Settings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)


async def test_every_query_prepares_on_the_migrated_schema(unconfigured: Settings) -> None:
    await prepare(unconfigured.database_url.get_secret_value(), "llm", load_queries("booka_llm").items())


@pytest.mark.parametrize("name", [name for name, _ in load_queries("booka_llm").items()])
def test_every_statement_names_its_tenant(name: str) -> None:
    statement = load_queries("booka_llm")[name]
    assert "tenant_id = $1" in statement or "(tenant_id, " in statement or "(id, tenant_id, " in statement


async def test_twenty_reservations_at_once_never_overshoot_the_budget(db: Database, tenant_id: UUID) -> None:
    async def one(tokens: int) -> int:
        async with db.tx(tenant_id) as tx:
            return tokens if await store.reserve(tx, DAY, tokens, 1000) else 0

    taken = await asyncio.gather(*(one(130 + number) for number in range(20)))
    async with db.tx(tenant_id) as tx:
        day = await store.tokens_of_day(tx, DAY)
    assert day.reserved == sum(taken) <= 1000
    assert sum(1 for tokens in taken if tokens) == 7


async def test_a_budget_smaller_than_one_call_allows_none(db: Database, tenant_id: UUID) -> None:
    async with db.tx(tenant_id) as tx:
        assert not await store.reserve(tx, DAY, 101, 100)
        assert not await store.reserve(tx, DAY, 1, 0)
        assert await store.reserve(tx, DAY, 100, 100)
        assert not await store.reserve(tx, DAY, 1, 100)
        assert await store.reserve(tx, DAY + timedelta(days=1), 100, 100)


async def test_a_call_is_settled_once_and_gives_back_what_it_did_not_use(db: Database, tenant_id: UUID) -> None:
    call = OpenCall(new_id(), new_id(), "m", DAY, 900)
    async with db.tx(tenant_id) as tx:
        await store.reserve(tx, DAY, 900, 1000)
        await store.start_call(tx, call, NOW)
        assert await store.open_calls(tx, call.request_id) == (call,)
        assert await store.finish_call(tx, call, "ok", Used(80, 20), cost=3, latency_ms=5)
        assert not await store.finish_call(tx, call, "lost", Used(900, 0), cost=9)
        assert await store.tokens_of_day(tx, DAY) == store.DayTokens(used=100, reserved=0)
        (row,) = await store.usage(tx, DAY, DAY)
        assert row == store.UsageRow(DAY, "m", 1, 1, 80, 20, 3)
        assert await store.open_calls(tx, call.request_id) == ()


async def test_only_the_last_messages_of_a_conversation_are_kept(db: Database, tenant_id: UUID, salon_of: Any) -> None:
    salon, other = salon_of(tenant_id), salon_of(tenant_id)
    async with db.tx(tenant_id) as tx:
        await store.save_settings(tx, TenantSettings(tenant_id, enabled=True, history_messages=3), NOW)
        await store.remember(tx, other.hears("x"), "anderswo")
        envelopes = [salon.hears(str(number)) for number in range(8)]
        for envelope in (*envelopes[4:], *envelopes[:4], *envelopes):  # late ones and repetitions, too
            await store.remember(tx, envelope, envelope.data.text)
        kept = await store.last_messages(tx, salon.conversation_id, since=NOW - timedelta(days=9), limit=20)
        assert [message.text for message in kept] == ["4", "5", "6", "7"]
        elsewhere = await store.last_messages(tx, other.conversation_id, since=NOW - timedelta(days=9), limit=20)
        assert [message.text for message in elsewhere] == ["anderswo"]


@pytest.mark.parametrize("settings", [{"enabled": False}, {"enabled": True, "history_messages": 0}, None])
async def test_nothing_is_kept_of_a_salon_that_does_not_want_it(
    db: Database, tenant_id: UUID, salon_of: Any, settings: dict[str, Any] | None
) -> None:
    salon = salon_of(tenant_id)
    async with db.tx(tenant_id) as tx:
        if settings is not None:
            await store.save_settings(tx, replace(TenantSettings(tenant_id), **settings), NOW)
        await store.remember(tx, salon.hears("x"), "x")
        assert not await tx.fetch("SELECT 1 FROM recent_messages WHERE tenant_id = $1", tenant_id)


async def test_another_salon_sees_nothing(db: Database, tenant_id: UUID, salon_of: Any) -> None:
    salon = salon_of(tenant_id)
    async with db.tx(tenant_id) as tx:
        await store.save_settings(tx, TenantSettings(tenant_id, enabled=True), NOW)
        await store.remember(tx, salon.hears("geheim"), "geheim")
        await store.reserve(tx, DAY, 10, 100)
        await store.start_call(tx, OpenCall(new_id(), new_id(), "m", DAY, 10), NOW)
    async with db.tx(new_id()) as tx:
        for table in ("tenant_settings", "recent_messages", "llm_calls", "daily_tokens"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608 - a fixed list
        assert await store.last_messages(tx, salon.conversation_id, since=NOW - timedelta(days=9), limit=9) == ()
        await store.forget_messages(tx)
    async with db.tx(tenant_id) as tx:
        assert len(await store.last_messages(tx, salon.conversation_id, since=NOW - timedelta(days=9), limit=9)) == 1


async def test_a_row_for_another_salon_cannot_be_written(db: Database, tenant_id: UUID, salon_of: Any) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tx(new_id()) as tx:
            await store.save_settings(tx, TenantSettings(tenant_id, enabled=True), NOW)
