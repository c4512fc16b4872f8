"""Batches with clients who have just been merged do not wait for each other, however their conversations are spread over them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from booka_common.contracts.messaging import SendRequested
from booka_common.db import Database
from booka_common.testing import eventually
from booka_dialog import usecases
from booka_dialog.settings import SERVICE, Settings
from booka_dialog.usecases import Deps

from .left_behind import outbox
from .talking import Client
from .test_merged import became

pytestmark = pytest.mark.usefixtures("open_salon")


@pytest.fixture
async def replicas(deps: Deps, settings: Settings) -> AsyncIterator[list[Deps]]:
    """Two more processes of the service."""
    async with AsyncExitStack() as stack:
        yield [
            replace(deps, db=await stack.enter_async_context(Database(settings.database_url.get_secret_value(), SERVICE.name)))
            for _ in range(2)
        ]  # fmt: skip


async def blocked(deps: Deps, count: int) -> None:
    """Wait until so many sessions wait for others."""

    async def enough() -> bool:
        async with deps.db.system_tx() as tx:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
            return int(await tx.fetchval(waiting)) >= count

    await eventually(enough)


async def deadlocks(deps: Deps) -> int:
    """How many PostgreSQL has had to end, of sessions that are over."""
    async with deps.db.system_tx() as tx:
        return int(await tx.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))


async def test_two_batches_with_the_old_and_the_new_conversation_of_each_other(
    deps: Deps, replicas: list[Deps], client: Client
) -> None:
    first, number, second, other = (Client(client.tenant_id, client.house) for _ in range(4))
    for one in (first, number, second, other):
        await usecases.take_turn(deps, one.writes("hi"))
    await usecases.merge(deps, became(first, number))
    await usecases.merge(deps, became(second, other))
    before, said = await deadlocks(deps), len(await outbox(deps, client.tenant_id, SendRequested))
    batches: list[Any] = []
    async with AsyncExitStack() as stack:
        held = await stack.enter_async_context(deps.db.tx(client.tenant_id))
        await held.execute("LOCK TABLE salons IN ACCESS EXCLUSIVE MODE")
        # Each has locked the conversations of its turns by then, and not yet those in which they go on.
        for replica, people in zip(replicas, ((first, other), (number, second)), strict=True):
            turns = [one.writes("hello") for one in people]
            batches.append(asyncio.gather(*(usecases.take_turn(replica, turn) for turn in turns)))
            await blocked(deps, len(batches))
    await asyncio.gather(*batches)
    for replica in replicas:
        await replica.db.close()
    assert len(await outbox(deps, client.tenant_id, SendRequested)) == said + 4, "each is answered once"
    assert await deadlocks(deps) == before
