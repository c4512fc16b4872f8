"""Messages that are edited or taken back afterwards, and changes that are told before their messages."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.messaging import MessageReceived
from booka_common.ids import new_id
from booka_common.testing import eventually
from booka_messaging.domain.model import Deleted, Edited
from booka_messaging.usecases import contacts
from booka_messaging.usecases.correcting import CORRECT, correct_later

MINUTE = timedelta(minutes=1)


async def text_of(line: Any, provider_id: str) -> dict[str, Any]:
    (row,) = await line.rows(
        "SELECT text, edited_at, deleted_at, metadata FROM messages WHERE tenant_id = $1 AND provider_id = $2",
        provider_id,
    )
    found: dict[str, Any] = row
    return found


async def test_an_edited_message_has_its_new_text_and_stays_answered(line: Any) -> None:
    await line.client("amanha as 3", id="M1")
    line.clock.advance(MINUTE)
    edited = Edited("edited", "M1", "amanhã às 4")
    assert [await line.take(edited) for _ in range(2)] == ["accepted", "ignored"]
    found = await text_of(line, "M1")
    assert (found["text"], found["edited_at"]) == ("amanhã às 4", line.clock())
    (heard,) = await line.told(MessageReceived)
    assert heard.text == "amanha as 3"


async def test_a_message_that_was_taken_back_stays_empty(line: Any) -> None:
    await line.client("o meu segredo", id="M1")
    line.clock.advance(MINUTE)
    assert [await line.take(Deleted("deleted", "M1")) for _ in range(2)] == ["accepted", "ignored"]
    assert await line.take(Edited("edited", "M1", "outro segredo")) == "ignored"
    assert await text_of(line, "M1") == {
        "text": "",
        "edited_at": None,
        "deleted_at": line.clock(),
        "metadata": {},
    }
    assert await line.client("o meu segredo", id="M1") == "duplicate"


async def look_again(line: Any) -> int:
    """Run the jobs for changes whose messages were not here, each with those that follow; how many there were."""
    done = 0
    while waiting := sorted(await line.jobs(CORRECT), key=lambda job: job.scheduled_at):
        job = waiting[0]
        line.clock.advance(max(job.scheduled_at - line.clock(), timedelta(0)))
        async with line.db.tx(line.tenant_id) as tx:
            await tx.execute("UPDATE jobs SET status = 'done' WHERE tenant_id = $1 AND id = $2", line.tenant_id, job.id)
            await correct_later(tx, job, now=line.clock())
        done += 1
    return done


@pytest.mark.parametrize("ours", [False, True])
async def test_changes_of_what_never_comes_and_of_other_lines_are_nothing(
    line: Any, line_of: Any, *, ours: bool
) -> None:
    other = await line_of(line.tenant_id if ours else new_id())
    await other.client("oi", id="M1")
    begun = line.clock()
    assert await line.take(Edited("edited", "M1", "x"), Deleted("deleted", "M1")) == "accepted"
    assert await look_again(line) == 12
    assert line.clock() - begun > timedelta(days=1)
    assert (await text_of(other, "M1"))["text"] == "oi"


EARLY = [
    ([Edited("edited", "M1", "amanhã às 4")], "amanhã às 4"),
    ([Edited("edited", "M1", "às 4"), Edited("edited", "M1", "às 5")], "às 5"),
    ([Deleted("deleted", "M1")], ""),
    ([Edited("edited", "M1", "às 4"), Deleted("deleted", "M1")], ""),
    ([Deleted("deleted", "M1"), Edited("edited", "M1", "às 4")], ""),
]


@pytest.mark.parametrize(("changes", "text"), EARLY)
async def test_a_change_that_is_told_before_its_message_is_made_once_that_is_here(
    line: Any, changes: list[Any], text: str
) -> None:
    for change in changes:
        assert await line.take(change) == "accepted"
        line.clock.advance(timedelta(seconds=1))
    await line.client("amanha as 3", id="M1")
    assert await look_again(line) == len(changes)
    assert (await text_of(line, "M1"))["text"] == text
    (heard,) = await line.told(MessageReceived)
    assert heard.text == "amanha as 3", "as if they had come in order"


async def test_the_last_change_stays_whichever_is_made_first(line: Any) -> None:
    for text in ("às 4", "às 5"):
        await line.take(Edited("edited", "M1", text))
        line.clock.advance(timedelta(seconds=1))
    await line.client("amanha as 3", id="M1")
    first, second = sorted(await line.jobs(CORRECT), key=lambda job: job.scheduled_at)
    async with line.db.tx(line.tenant_id) as tx:
        for job in (second, first):
            await correct_later(tx, job, now=line.clock())
    assert (await text_of(line, "M1"))["text"] == "às 5"
    line.clock.advance(MINUTE)
    await line.take(Edited("edited", "M1", "às 6"))
    async with line.db.tx(line.tenant_id) as tx:
        await correct_later(tx, second, now=line.clock())
    assert (await text_of(line, "M1"))["text"] == "às 6"


async def test_a_message_of_somebody_who_was_erased_gets_no_new_text(line: Any) -> None:
    await line.take(Edited("edited", "M1", "o meu segredo"))
    await line.client("oi", id="M1")
    await line.client("oi", id="M2")
    async with line.db.tx(line.tenant_id) as tx:
        await contacts.erase(tx, (await line.conversation())["contact_id"], line.clock())
    assert await line.take(Edited("edited", "M2", "o meu segredo")) == "ignored"
    await look_again(line)
    assert [(await text_of(line, id))["text"] for id in ("M1", "M2")] == ["", ""]


async def test_an_edit_waits_for_an_erasure_that_is_under_way(line: Any) -> None:
    await line.client("oi", id="M1")
    async with line.db.tx(line.tenant_id) as tx:
        await contacts.erase(tx, (await line.conversation())["contact_id"], line.clock())
        edit = asyncio.create_task(line.take(Edited("edited", "M1", "o meu segredo")))

        async def waits() -> bool:
            return bool(
                await tx.fetchval(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
                )
            )

        await eventually(waits)
    assert await edit == "ignored"
    assert (await text_of(line, "M1"))["text"] == ""
