"""Lines are looked after, and what was missed is taken in, over real HTTP against the sandbox's Evolution API."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from booka_common.contracts.messaging import (
    ChannelFellSilent,
    ChannelStateChanged,
    MessageReceived,
)
from booka_common.jobs import Done
from booka_common.testing import Tap
from booka_messaging.settings import Settings
from booka_messaging.store.channels import set_heard
from booka_messaging.store.watching import put_watch
from booka_messaging.usecases.linestate import line_changed
from booka_messaging.usecases.rounds import WATCH
from booka_messaging.usecases.watching import Lines

from .outside import KEY
from .watched import EVERY, SILENT, Watched

# --- states and silence


async def test_a_lines_state_is_said_when_it_changes(watched: Watched, outside: Any) -> None:
    for state in ("open", "open", "close", "close", "open"):
        await outside.is_now(state)
        await watched.look()
    await outside.fails("connectionState", times=2)
    await watched.look()
    await watched.look()
    said = [(told.before, told.state) for told in await watched.told(ChannelStateChanged)]
    assert said == [(None, "open"), ("open", "close"), ("close", "open"), ("open", "away")]


async def test_what_a_webhook_said_meanwhile_is_newer(watched: Watched, outside: Any) -> None:
    asked = datetime.now(UTC)
    async with watched.db.tx(watched.tenant_id) as tx:
        await line_changed(tx, watched.channel_id, "close", "401", asked + timedelta(seconds=1))
    await watched.look(asked)
    assert (await watched.channel()).state == "close"
    await watched.look(asked + timedelta(seconds=2))
    assert (await watched.channel()).state == "open"


async def test_a_line_that_falls_silent_is_told_once_for_each_silence(watched: Watched, outside: Any) -> None:
    start = datetime.now(UTC)
    heard, later = start, timedelta(minutes=1)
    for _ in range(2):
        async with watched.db.tx(watched.tenant_id) as tx:
            await set_heard(tx, watched.channel_id, now=heard)
        await watched.look(heard + SILENT)
        assert (await watched.channel()).silent_since is None
        await watched.look(heard + SILENT + later)
        assert (await watched.channel()).silent_since == heard + SILENT + later
        await watched.look(heard + 2 * SILENT)
        assert (await watched.channel()).silent_since == heard + SILENT + later
        heard += 3 * SILENT
    said = [told.last_heard_at for told in await watched.told(ChannelFellSilent)]
    assert said == [start, start + 3 * SILENT]


async def test_a_line_that_does_not_work_is_not_silent_too(watched: Watched, outside: Any) -> None:
    await outside.is_now("close")
    await watched.look(datetime.now(UTC) + 5 * SILENT)
    assert await watched.told(ChannelFellSilent) == []


# --- the job that never ends


async def test_a_line_has_one_watch_whoever_asks_for_it(watched: Watched, outside: Any) -> None:
    now = datetime.now(UTC)

    async def ask(seconds: int) -> None:
        async with watched.db.tx(watched.tenant_id) as tx:
            await put_watch(tx, watched.tenant_id, watched.channel_id, at=now + timedelta(seconds=seconds))

    await asyncio.gather(*(ask(seconds) for seconds in (3, 1, 2, 5, 4)))
    (job,) = await watched.jobs(WATCH)
    assert job["scheduled_at"] == now + timedelta(seconds=1)


async def test_a_watch_ends_with_its_line_and_starts_again_with_it(watched: Watched, outside: Any) -> None:
    lines = Lines(watched.db, watched.registry, lambda: datetime.now(UTC), known=["evolution", "cloud"])
    await lines.look()
    assert [job["status"] for job in await watched.jobs(WATCH)] == ["ready"]
    for status in ("done", "dead", "cancelled"):
        await watched.put(outside, active=False)
        assert await watched.look() == Done()
        await watched.rows("UPDATE jobs SET status = $2 WHERE tenant_id = $1 RETURNING id", status)
        await lines.look()
        assert [job["status"] for job in await watched.jobs(WATCH)] == [status]
        await watched.put(outside, active=True)
        await lines.look()
        assert [job["status"] for job in await watched.jobs(WATCH)] == ["ready"]


async def test_at_the_start_lines_are_looked_at_soon_and_not_later_than_planned(watched: Watched, outside: Any) -> None:
    now = datetime.now(UTC)
    lines = Lines(watched.db, watched.registry, lambda: now, known=["evolution", "cloud"])
    async with watched.db.tx(watched.tenant_id) as tx:
        await put_watch(tx, watched.tenant_id, watched.channel_id, at=now + EVERY)
    await lines.look()
    assert (await watched.jobs(WATCH))[0]["scheduled_at"] == now + EVERY
    await lines.look(at_start=True)
    assert (await watched.jobs(WATCH))[0]["scheduled_at"] <= now + timedelta(seconds=20)


async def test_lines_are_counted_by_state(watched: Watched, outside: Any) -> None:
    lines = Lines(watched.db, watched.registry, lambda: datetime.now(UTC), known=["evolution", "cloud"])

    def count(state: str) -> float:
        return watched.registry.get_sample_value("booka_messaging_lines", {"state": state}) or 0

    await lines.look()
    unknown, close = count("unknown"), count("close")
    await outside.is_now("close")
    await watched.look()
    await lines.look()
    assert (count("unknown"), count("close")) == (unknown - 1, close + 1)
    silent = watched.registry.get_sample_value("booka_messaging_silent_lines") or 0
    await watched.rows("UPDATE channels SET silent_since = now() WHERE tenant_id = $1 RETURNING id")
    await lines.look()
    assert watched.registry.get_sample_value("booka_messaging_silent_lines") == silent + 1


# --- all of it


def _says(text: str, told: MessageReceived) -> bool:
    return told.text == text


async def test_the_service_finds_what_it_missed_and_goes_on_looking(
    settings: Settings, started: Any, salon_of: Any, outside: Any, tenant_id: UUID
) -> None:
    fast = settings.model_copy(update={"watch_seconds": 0.3, "sweep_grace_seconds": 0.0})
    async with started(fast) as client, Tap(fast.amqp_url.get_secret_value()) as tap:
        salon = salon_of(tenant_id, client)
        salon.instance = outside.name
        await salon.provision(f"{outside.url}/evolution", api_key=KEY)
        await tap.next(ChannelStateChanged, tenant_id=tenant_id, where=lambda told: told.state == "open")
        for text in ("primeira", "segunda"):
            await outside.loses(text)
            await tap.next(MessageReceived, tenant_id=tenant_id, where=partial(_says, text))
        await outside.is_now("close")
        await tap.next(ChannelStateChanged, tenant_id=tenant_id, where=lambda told: told.state == "close")
        lines = (await client.get("/metrics")).text
        assert "booka_messaging_missed_messages_total" in lines
        # The broker may get one twice, under the same id.
        assert len({told.id for told in tap.seen(MessageReceived, tenant_id=tenant_id)}) == 2
