"""Taking over and handing back from the console, and what becomes of it when contacts are merged."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.messaging import ConversationHandedBack, ConversationTakenOver, MessageReceived
from booka_common.ids import new_id
from booka_messaging import store
from booka_messaging.domain.model import Alias
from booka_messaging.errors import UnknownConversation
from booka_messaging.usecases import attending
from booka_messaging.usecases.attending import Attended

from .attended import LID, MINUTE, PN, TWO_HOURS, hand_back, is_attended, ours, run_due, take_over

# --- from the console


async def test_the_console_takes_over_and_hands_back(line: Any) -> None:
    await line.client()
    conversation_id = (await line.conversation())["id"]
    taken = await asyncio.gather(*(take_over(line, conversation_id) for _ in range(5)))
    assert set(taken) == {Attended("console", line.clock() + TWO_HOURS)}
    line.clock.advance(MINUTE)
    await line.types()
    conversation = await line.conversation()
    assert (conversation["attended_by"], conversation["attended_until"]) == ("console", line.clock() + TWO_HOURS)
    assert [event.by for event in await line.told(ConversationTakenOver)] == ["console"]
    assert sum(await asyncio.gather(*(hand_back(line, conversation_id) for _ in range(5)))) == 1
    assert len(await line.told(ConversationHandedBack)) == 1
    line.clock.advance(2 * TWO_HOURS)
    await run_due(line)
    assert len(await line.told(ConversationHandedBack)) == 1
    assert not await is_attended(line)


async def test_it_can_be_taken_over_again_at_once(line: Any) -> None:
    await line.client()
    conversation_id = (await line.conversation())["id"]
    for number in (1, 2, 3):
        await take_over(line, conversation_id)
        assert await is_attended(line)
        await hand_back(line, conversation_id)
        assert not await is_attended(line)
        assert len(await line.told(ConversationTakenOver)) == len(await line.told(ConversationHandedBack)) == number


async def test_nobody_takes_over_what_there_is_not(line: Any) -> None:
    await line.client()
    with pytest.raises(UnknownConversation):
        await take_over(line, new_id())
    with pytest.raises(UnknownConversation):
        await hand_back(line, new_id())
    async with line.db.tx(new_id()) as tx:
        with pytest.raises(UnknownConversation):
            await attending.take_over(tx, (await line.conversation())["id"], by="console", now=line.clock())


async def test_a_hand_back_and_a_message_at_once_leave_no_message_in_between(line: Any) -> None:
    """Each message is either attended, or Booka's: turns have no gap, and after the hand-back all are Booka's."""
    await line.client()
    conversation_id = (await line.conversation())["id"]
    for _ in range(4):
        await take_over(line, conversation_id)
        await asyncio.gather(line.client(), hand_back(line, conversation_id), line.client())
        assert not await is_attended(line)
    heard = await line.told(MessageReceived)
    assert [one.turn for one in heard] == list(range(1, len(heard) + 1))


# --- merged


@pytest.mark.parametrize("attended", ["older", "newer", "both"])
async def test_what_is_merged_stays_attended(line: Any, attended: str) -> None:
    """The talk goes on where somebody wrote last, and whoever attends to the other one attends to it."""
    await line.client("oi", LID)
    line.clock.advance(MINUTE)
    await line.client("oi", PN)
    older, newer = [
        row["id"] for row in await line.rows("SELECT id FROM conversations WHERE tenant_id = $1 ORDER BY active_at")
    ]
    if attended != "newer":
        await take_over(line, older)
    line.clock.advance(MINUTE)
    if attended != "older":
        await take_over(line, newer)
    line.clock.advance(MINUTE)
    await line.client("sou eu", LID, PN)
    conversation = await line.conversation()
    assert conversation["id"] == newer
    assert conversation["typed_at"] is None
    until = line.clock() + TWO_HOURS - (2 * MINUTE if attended == "older" else MINUTE)
    assert (conversation["attended_by"], conversation["attended_until"]) == ("console", until)
    assert (await line.told(MessageReceived))[-1].attended
    line.clock.advance(TWO_HOURS)
    for _ in range(2):
        await run_due(line)
    assert (await line.conversation())["attended_by"] is None
    assert [event.conversation_id for event in await line.told(ConversationHandedBack)] == [newer]


async def test_a_merged_conversation_is_taken_over_and_handed_back_where_the_talk_goes_on(line: Any) -> None:
    await line.client("oi", LID)
    first = (await line.conversation())["id"]
    line.clock.advance(MINUTE)
    await line.client("oi", PN)
    await line.client("sou eu", LID, PN)
    await take_over(line, first)
    assert await is_attended(line)
    (event,) = await line.told(ConversationTakenOver)
    assert event.conversation_id == (await line.conversation())["id"] != first
    assert await hand_back(line, first)
    assert not await is_attended(line)


async def test_a_reply_that_waits_when_its_conversation_is_merged_into_an_attended_one_does_not_go(line: Any) -> None:
    await line.client("oi", LID)
    message_id = await ours(line, "Temos 10:00")
    await line.rows("UPDATE messages SET attempted_at = NULL WHERE tenant_id = $1")
    line.clock.advance(MINUTE)
    await line.types("Olá", PN)
    await line.client("sou eu", LID, PN)
    key = (line.tenant_id, message_id)
    async with line.db.tx(line.tenant_id) as tx:
        found = await store.begin_sends(tx, [key], since=line.clock() - TWO_HOURS, now=line.clock())
    assert found[key].attended
    assert not found[key].begun


async def test_of_several_takeovers_the_one_that_lasts_longest_goes_on(line: Any) -> None:
    people = [PN, LID, Alias("bsuid", "PT.1234567890"), Alias("lid", "88001122334455")]
    for person in people:
        line.clock.advance(MINUTE)
        await line.client("oi", person)
    for number in (2, 0, 1):
        line.clock.advance(MINUTE)
        await line.types("Olá", people[number])
    until = line.clock() + TWO_HOURS
    line.clock.advance(MINUTE)
    await line.client("oi", people[3])
    line.clock.advance(MINUTE)
    await line.client("sou eu", *people)
    conversation = await line.conversation()
    assert (conversation["attended_by"], conversation["attended_until"]) == ("phone", until)


async def test_until_it_is_handed_back_outlasts_any_time(
    line_of: Callable[..., Awaitable[Any]], tenant_id: UUID
) -> None:
    line = await line_of(tenant_id, takeover_minutes=None)
    await line.client("oi", LID)
    await line.types("Olá", LID)
    line.clock.advance(MINUTE)
    await line.client("oi", PN)
    await line.rows("UPDATE channels SET takeover_minutes = 5 WHERE tenant_id = $1")
    newer = (await line.rows("SELECT id FROM conversations WHERE tenant_id = $1 ORDER BY active_at DESC"))[0]["id"]
    assert (await take_over(line, newer)).until == line.clock() + 5 * MINUTE
    await line.client("sou eu", LID, PN)
    conversation = await line.conversation()
    assert (conversation["id"], conversation["attended_until"]) == (newer, None)
    line.clock.advance(TWO_HOURS)
    await run_due(line)
    assert await is_attended(line)
