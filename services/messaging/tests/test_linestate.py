"""A line's state is said when it changes, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from booka_common.db import Database
from booka_common.ids import new_id
from booka_messaging import store
from booka_messaging.usecases.linestate import line_changed

from .lines import Line

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def channel_id(line: Line) -> UUID:
    return line.channel.id


async def said(db: Database, tenant_id: UUID) -> list[dict[str, Any]]:
    async with db.tx(tenant_id) as tx:
        rows = await tx.fetch(
            "SELECT body FROM outbox WHERE tenant_id = $1 AND routing_key = 'messaging.channel.state-changed.v1' ORDER BY seq",
            tenant_id,
        )
    return [orjson.loads(row["body"])["data"] for row in rows]


async def test_only_a_change_is_said(db: Database, tenant_id: UUID, channel_id: UUID) -> None:
    states = [
        ("open", None),
        ("open", None),
        ("away", "no answer"),
        ("away", "still none"),
        ("flying", "?"),
        ("open", None),
    ]
    for minute, (state, detail) in enumerate(states):
        async with db.tx(tenant_id) as tx:
            await line_changed(tx, channel_id, state, detail, NOW + timedelta(minutes=minute))
    assert [(data["before"], data["state"], data["detail"]) for data in await said(db, tenant_id)] == [
        (None, "open", ""),
        ("open", "away", "no answer"),
        ("away", "open", ""),
    ]


async def test_the_reason_is_kept_up_to_date_and_the_moment_is_that_of_the_change(
    db: Database, tenant_id: UUID, channel_id: UUID
) -> None:
    for minute, detail in enumerate(("no answer", "still none")):
        async with db.tx(tenant_id) as tx:
            await line_changed(tx, channel_id, "away", detail, NOW + timedelta(minutes=minute))
    async with db.tx(tenant_id) as tx:
        channel = await store.get_channel(tx, channel_id)
    assert channel is not None
    assert (channel.state, channel.state_reason, channel.state_at) == ("away", "still none", NOW)


async def test_a_reason_is_cut_to_what_anybody_reads(db: Database, tenant_id: UUID, channel_id: UUID) -> None:
    async with db.tx(tenant_id) as tx:
        await line_changed(tx, channel_id, "away", "é" * 9000, NOW)
        channel = await store.get_channel(tx, channel_id)
    assert channel is not None
    assert channel.state_reason == (await said(db, tenant_id))[0]["detail"] == "é" * 500


async def test_those_who_find_out_at_the_same_time_say_it_once(db: Database, tenant_id: UUID, channel_id: UUID) -> None:
    async def tell() -> bool:
        async with db.tx(tenant_id) as tx:
            return await line_changed(tx, channel_id, "close", "401", NOW)

    assert sorted(await asyncio.gather(*(tell() for _ in range(5)))) == [False, False, False, False, True]
    assert len(await said(db, tenant_id)) == 1


async def test_another_salons_line_is_out_of_reach(db: Database, tenant_id: UUID, channel_id: UUID) -> None:
    async with db.tx(new_id()) as tx:
        assert not await line_changed(tx, channel_id, "close", None, NOW)
    assert await said(db, tenant_id) == []
