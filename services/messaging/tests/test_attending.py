"""A person of the salon answers, and Booka is silent: on a real database, whatever comes late, twice, at once or merged."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_common.contracts.messaging import ConversationHandedBack, ConversationTakenOver, MessageReceived
from booka_common.ids import new_id
from booka_messaging import store
from booka_messaging.domain.attending import Typed, is_fresh, typed
from booka_messaging.domain.model import Alias
from booka_messaging.errors import UnknownConversation
from booka_messaging.store import Accepted
from booka_messaging.usecases import attending
from booka_messaging.usecases.attending import HAND_BACK, Attended
from booka_messaging.usecases.receiving import Intake

TWO_HOURS = timedelta(minutes=120)
MINUTE = timedelta(minutes=1)
PN, LID = Alias("pn", "351912345678"), Alias("lid", "77001122334455")
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


async def take_over(line: Any, conversation_id: UUID) -> Attended:
    async with line.db.tx(line.tenant_id) as tx:
        return await attending.take_over(tx, conversation_id, by="console", now=line.clock())


async def hand_back(line: Any, conversation_id: UUID) -> bool:
    async with line.db.tx(line.tenant_id) as tx:
        return await attending.hand_back(tx, conversation_id, by="console", now=line.clock())


async def run_due(line: Any) -> None:
    """Run the `hand_back` jobs that are due, as the worker does."""
    for job in await line.jobs(HAND_BACK):
        if job.scheduled_at <= line.clock():
            async with line.db.tx(line.tenant_id) as tx:
                await tx.execute(
                    "UPDATE jobs SET status = 'done' WHERE tenant_id = $1 AND id = $2", line.tenant_id, job.id
                )
                await attending.hand_back_when_over(tx, job, now=line.clock())


async def is_attended(line: Any) -> bool:
    """What a message of the client would be told now."""
    await line.client("?")
    attended: bool = (await line.told(MessageReceived))[-1].attended
    return attended


# --- from the phone


async def test_whoever_types_on_the_phone_takes_over_once_and_for_a_time(line: Any) -> None:
    await line.client()
    assert await line.types() == "accepted"
    line.clock.advance(MINUTE)
    await line.types("mais")
    await line.client("obrigado")
    conversation = await line.conversation()
    assert (conversation["attended_by"], conversation["attended_until"]) == ("phone", line.clock() + TWO_HOURS)
    (event,) = await line.told(ConversationTakenOver)
    assert (event.conversation_id, event.by) == (conversation["id"], "phone")
    assert event.until == line.clock() + TWO_HOURS - MINUTE
    assert [(one.turn, one.attended) for one in await line.told(MessageReceived)] == [(1, False), (2, True)]
    assert conversation["client_at"] == line.clock()


async def test_it_ends_by_itself_at_its_last_end_and_not_before(line: Any) -> None:
    await line.client()
    await line.types()
    line.clock.advance(MINUTE)
    await line.types()
    line.clock.advance(TWO_HOURS - MINUTE)
    await run_due(line)
    assert await is_attended(line)
    assert await line.told(ConversationHandedBack) == []
    line.clock.advance(MINUTE)
    await run_due(line)
    assert not await is_attended(line)
    (event,) = await line.told(ConversationHandedBack)
    assert event.by == "time"
    assert await line.jobs(HAND_BACK) == []


async def test_its_time_is_over_even_if_no_worker_says_so(line: Any) -> None:
    await line.client()
    await line.types()
    line.clock.advance(TWO_HOURS)
    assert not await is_attended(line)
    await line.types()
    assert await is_attended(line)
    assert len(await line.told(ConversationTakenOver)) == 2


async def test_a_line_may_keep_it_until_it_is_handed_back(
    line_of: Callable[..., Awaitable[Any]], tenant_id: UUID
) -> None:
    line = await line_of(tenant_id, takeover_minutes=None)
    await line.client()
    await line.types()
    line.clock.advance(timedelta(days=300))
    await line.types()
    conversation = await line.conversation()
    assert (conversation["attended_by"], conversation["attended_until"]) == ("phone", None)
    assert await line.jobs(HAND_BACK) == []
    assert await is_attended(line)
    assert await hand_back(line, conversation["id"])
    assert not await is_attended(line)


async def test_lines_typed_at_once_are_one_takeover(line: Any) -> None:
    await line.client()
    await asyncio.gather(*(line.types(str(number)) for number in range(8)), *(line.client() for _ in range(4)))
    assert len(await line.told(ConversationTakenOver)) == 1
    assert len(await line.jobs(HAND_BACK)) == 1
    assert [one.turn for one in await line.told(MessageReceived)] == [1, 2, 3, 4, 5]
    assert await is_attended(line)


async def test_lines_of_one_webhook_are_one_takeover_and_the_client_in_between_is_attended(line: Any) -> None:
    await line.client()
    await line.take(line.says("1", author="salon"), line.says("?"), line.says("2", author="salon"), line.says("!"))
    assert len(await line.told(ConversationTakenOver)) == 1
    assert [one.attended for one in await line.told(MessageReceived)] == [False, True, True]


async def test_a_message_that_shares_a_batch_with_a_line_that_is_typed_is_attended(line: Any) -> None:
    await line.client()
    intake = Intake(line.db, stale_after=timedelta(days=1))
    both = [line.says("?"), line.says("Olá", author="salon"), line.says("!")]
    await asyncio.gather(*(intake.receive(line.channel, [one], now=line.clock()) for one in both))
    assert [one.attended for one in await line.told(MessageReceived)] == [False, True, True]


async def test_the_salon_may_write_first(line: Any) -> None:
    await line.types()
    assert len(await line.told(ConversationTakenOver)) == 1
    assert await is_attended(line)


async def test_a_line_delivered_again_takes_nothing_over_again(line: Any) -> None:
    await line.client()
    await line.types(id="T1")
    assert await hand_back(line, (await line.conversation())["id"])
    assert await line.types(id="T1") == "duplicate"
    assert not await is_attended(line)


# --- what comes late


async def test_history_takes_nothing_over(line: Any) -> None:
    await line.client()
    assert await line.types(age=timedelta(hours=25)) == "stale"
    assert await line.types(age=timedelta(hours=3)) == "accepted", "fresh, but its time is over"
    assert not await is_attended(line)
    assert await line.told(ConversationTakenOver) == []


async def test_what_was_said_before_the_line_was_ours_is_history(
    line_of: Callable[..., Awaitable[Any]], tenant_id: UUID
) -> None:
    line = await line_of(tenant_id, takeover_minutes=None)
    line.clock.advance(timedelta(days=-30))
    assert await line.client(age=2 * MINUTE) == "stale"
    assert await line.types(age=2 * MINUTE) == "stale"
    assert await line.told(ConversationTakenOver) == []
    assert await line.told(MessageReceived) == []
    assert await line.client(age=timedelta(seconds=59)) == "accepted", "clocks differ"
    assert await line.types(age=timedelta(seconds=59)) == "accepted"
    assert await is_attended(line)


async def test_a_late_line_counts_from_when_it_was_typed(line: Any) -> None:
    await line.client()
    await line.types(age=timedelta(minutes=100))
    assert (await line.conversation())["attended_until"] == line.clock() + timedelta(minutes=20)
    await line.types(age=timedelta(minutes=110))
    assert (await line.conversation())["attended_until"] == line.clock() + timedelta(minutes=20), "it ends no sooner"


async def test_a_line_from_before_the_hand_back_does_not_take_over_again(line: Any) -> None:
    await line.client()
    await line.types()
    line.clock.advance(MINUTE)
    assert await hand_back(line, (await line.conversation())["id"])
    line.clock.advance(MINUTE)
    await line.types(age=MINUTE + timedelta(seconds=2))
    assert not await is_attended(line)
    await line.types(age=MINUTE)
    assert await is_attended(line), "in the second of the hand-back, so perhaps after it"


async def test_what_was_answered_on_the_phone_before_it_came_here_is_attended(line: Any) -> None:
    """After an outage: somebody at the salon has seen what was written until they last typed, and nothing after it."""
    await line.client()
    intake = Intake(line.db, stale_after=timedelta(days=1))
    hour = timedelta(hours=1)
    missed = [
        line.says("3", age=5 * hour), line.says("4", author="salon", age=4 * hour), line.says("5", age=3 * hour),
        line.says("late", age=4 * hour + MINUTE),
    ]  # fmt: skip
    await asyncio.gather(*(intake.receive(line.channel, [one], now=line.clock()) for one in missed[:3]))
    await line.take(missed[3])
    heard = {one.text: one.attended for one in await line.told(MessageReceived)}
    assert heard == {"oi": False, "3": True, "5": False, "late": True}
    assert await line.told(ConversationTakenOver) == []
    assert not await is_attended(line)


# --- our own echoes


async def ours(line: Any, text: str) -> UUID:
    """A message of ours that is being sent: its outcome is not known yet."""
    message_id = new_id()
    await line.rows(
        """INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, kind, text, status,
               request_id, purpose, attempted_at, received_at)
           SELECT tenant_id, $2, channel_id, id, 'out', 'booka', 'text', $3, 'queued', $2, 'reply', $4, $4
           FROM conversations WHERE tenant_id = $1 AND merged_into IS NULL""",
        message_id,
        text,
        line.clock(),
    )
    return message_id


async def test_the_echo_of_what_is_being_sent_is_no_takeover(line: Any) -> None:
    await line.client()
    await ours(line, "Temos 10:00")
    await line.types("Temos 10:00")
    assert not await is_attended(line)
    await line.types("Sou eu, a Ana")
    assert await is_attended(line)


async def test_somebody_may_type_while_a_question_is_being_sent(line: Any) -> None:
    """Where a question goes out as buttons, or a text as a template, nothing that we send is echoed."""
    await line.client()
    message_id = await ours(line, "Quando?\n1. Hoje")
    await line.rows(
        "UPDATE messages SET choices = '{}', template = '{}' WHERE tenant_id = $1 AND id = $2 RETURNING id", message_id
    )
    await line.types("Sou eu, a Ana")
    assert await is_attended(line)


async def test_an_echo_that_was_taken_for_a_person_silences_booka_no_longer_than_until_that_is_known(line: Any) -> None:
    await line.client()
    message_id = await ours(line, "1. 10:00\n2. 11:00")
    await line.types("Escolha", id="OUT1")
    assert await is_attended(line)
    line.clock.advance(MINUTE)
    async with line.db.tx(line.tenant_id) as tx:
        await store.finish_sends(tx, [Accepted(line.tenant_id, message_id, line.channel.id, "OUT1", line.clock())])
    assert not await is_attended(line)
    line.clock.advance(TWO_HOURS)
    await run_due(line)
    assert (await line.conversation())["attended_by"] is None
    assert len(await line.told(ConversationHandedBack)) == 1


async def test_an_echo_ends_no_takeover_of_a_person(line: Any) -> None:
    await line.client()
    message_id = await ours(line, "1. 10:00\n2. 11:00")
    await line.types("Escolha", id="OUT1")
    await line.types("Sou eu, a Ana")
    async with line.db.tx(line.tenant_id) as tx:
        await store.finish_sends(tx, [Accepted(line.tenant_id, message_id, line.channel.id, "OUT1", line.clock())])
    assert await is_attended(line)


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


# --- the rules


@given(INSTANTS, INSTANTS, st.none() | st.timedeltas(MINUTE, timedelta(days=9)), st.booleans())
def test_a_takeover_lasts_no_longer_than_its_time_from_when_it_was_typed(
    sent_at: datetime, now: datetime, takeover: timedelta | None, fresh: bool
) -> None:
    found = typed(sent_at, now, takeover=takeover, fresh=fresh)
    if not fresh:
        assert found is None
    elif takeover is None:
        assert found == Typed(None)
    else:
        assert found is not None
        assert found.until is not None
        assert found.until <= now + takeover
        assert found.until <= sent_at + takeover


@given(INSTANTS, INSTANTS, st.timedeltas(MINUTE, timedelta(days=30)), INSTANTS)
def test_what_is_fresh_stays_so_until_it_is_too_old(
    sent_at: datetime, now: datetime, stale_after: timedelta, line_since: datetime
) -> None:
    rule: Any = {"stale_after": stale_after, "line_since": line_since}
    if is_fresh(sent_at, now, **rule):
        assert sent_at >= line_since - MINUTE
        assert not is_fresh(sent_at, sent_at + stale_after + MINUTE, **rule)
        assert is_fresh(sent_at, sent_at, **rule)
