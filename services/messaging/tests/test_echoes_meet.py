"""An echo of ours is stored as a person's words at the very moment at which it becomes known that we sent it.

Whoever comes second waits for the first one: nobody is taken for somebody who types, whichever that was.
"""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from booka_common.db import Tx
from booka_common.ids import new_id
from booka_messaging import store
from booka_messaging.domain.model import ChatMessage, Echoed
from booka_messaging.store import Accepted, Incoming
from booka_messaging.usecases.receipts import Receipts

from .attended import LID, MINUTE, PN, is_attended, ours
from .lines import Line, blocked

TEXT = "Até amanhã às 10:00"


def accepted(line: Line, message_id: UUID) -> Accepted:
    return Accepted(line.tenant_id, message_id, line.channel.id, "OUT1", line.clock())


async def finish(line: Line, message_id: UUID) -> None:
    """The gateway has answered, as a worker writes it: once more if it met somebody."""
    async with line.db.tx(line.tenant_id) as tx:
        await store.finish_sends(tx, [accepted(line, message_id)])


async def take(tx: Tx, line: Line, echo: ChatMessage) -> None:
    """The echo is being taken in, as something that a person typed."""
    incoming = Incoming(new_id(), line.tenant_id, line.channel.id, echo, counts=False, received_at=line.clock())
    assert await store.take_messages(tx, [incoming])


async def shown(line: Line) -> bool:
    """The gateway shows what was sent through it."""
    return await Receipts(line.db).echo(
        line.channel, Echoed("echo", "OUT1", (PN,), TEXT, line.clock()), now=line.clock()
    )


async def stored(line: Line) -> list[tuple[str, str | None]]:
    rows = await line.rows("SELECT author, provider_id FROM messages WHERE tenant_id = $1 AND direction = 'out'")
    return sorted((row["author"], row["provider_id"]) for row in rows)


async def test_an_echo_that_comes_while_the_answer_is_written_is_no_message(line: Any) -> None:
    await line.client()
    message_id = await ours(line, TEXT)
    async with line.db.tx(line.tenant_id) as tx:
        await store.finish_sends(tx, [accepted(line, message_id)])
        echo = asyncio.create_task(line.types(TEXT, id="OUT1"))
        await blocked(line.db, 1)
    assert await echo == "duplicate"
    assert await stored(line) == [("booka", "OUT1")]
    assert not await is_attended(line)


async def test_an_answer_that_comes_while_its_echo_is_stored_forgets_it(line: Any) -> None:
    await line.client()
    message_id = await ours(line, TEXT)
    echo = line.says(TEXT, author="salon", id="OUT1")
    async with line.db.tx(line.tenant_id) as tx:
        await take(tx, line, echo)
        answer = asyncio.create_task(finish(line, message_id))
        await blocked(line.db, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await answer
    await finish(line, message_id)
    assert await stored(line) == [("booka", "OUT1")]
    assert not await is_attended(line)


async def test_a_gateway_that_shows_it_while_its_echo_is_stored_is_believed(line: Any) -> None:
    await line.client()
    await ours(line, TEXT)
    async with line.db.tx(line.tenant_id) as tx:
        await take(tx, line, line.says(TEXT, author="salon", id="OUT1"))
        showing = asyncio.create_task(shown(line))
        await blocked(line.db, 1)
    assert await showing
    assert await stored(line) == [("booka", "OUT1")]


async def test_what_the_gateway_shows_later_ends_the_takeover_that_an_echo_began(line: Any) -> None:
    await line.client()
    message_id = await ours(line, TEXT)
    await line.rows("UPDATE messages SET attempted_at = NULL WHERE tenant_id = $1 AND id = $2 RETURNING id", message_id)
    await line.types(TEXT, id="OUT1")
    assert await is_attended(line)
    await line.rows(
        "UPDATE messages SET attempted_at = $3 WHERE tenant_id = $1 AND id = $2 RETURNING id", message_id, line.clock()
    )
    line.clock.advance(MINUTE)
    assert await shown(line)
    assert await stored(line) == [("booka", "OUT1")]
    assert not await is_attended(line)
    assert (await line.conversation())["typed_at"] is None


async def test_whoever_types_while_an_echo_is_being_forgotten_goes_on_answering(line: Any) -> None:
    await line.client()
    message_id = await ours(line, TEXT)
    await line.rows("UPDATE messages SET attempted_at = NULL WHERE tenant_id = $1 AND id = $2 RETURNING id", message_id)
    await line.types(TEXT, id="OUT1")
    async with line.db.tx(line.tenant_id) as tx:
        await take(tx, line, line.says("Sou eu, a Ana", author="salon"))
        answer = asyncio.create_task(finish(line, message_id))
        await blocked(line.db, 1)
    await answer
    assert [author for author, _ in await stored(line)] == ["booka", "salon"]
    assert await is_attended(line)


async def test_whoever_types_where_the_talk_goes_on_goes_on_answering(line: Any) -> None:
    """The echo is in a conversation that was merged into another one since, where a person then typed."""
    await line.client("oi", LID)
    message_id = await ours(line, TEXT)
    await line.rows("UPDATE messages SET attempted_at = NULL WHERE tenant_id = $1 AND id = $2 RETURNING id", message_id)
    await line.types(TEXT, LID, id="OUT1")
    await line.client("sou a mesma", PN)
    await line.client("sou a mesma", PN, LID)
    line.clock.advance(MINUTE)
    await line.types("Sou eu, a Ana", PN)
    await finish(line, message_id)
    assert await is_attended(line)
    assert (await line.conversation())["typed_at"] is not None
