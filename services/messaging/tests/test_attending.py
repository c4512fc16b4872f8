"""A person of the salon answers, and Booka is silent: on a real database, whatever comes late, twice, at once or merged."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from booka_common.contracts.messaging import ConversationHandedBack, ConversationTakenOver, MessageReceived
from booka_messaging import store
from booka_messaging.domain.attending import Typed, is_fresh, typed
from booka_messaging.store import Accepted
from booka_messaging.usecases.attending import HAND_BACK
from booka_messaging.usecases.receiving import Intake

from .attended import MINUTE, TWO_HOURS, hand_back, is_attended, ours, run_due

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


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


async def test_the_echo_of_what_is_being_sent_is_no_takeover(line: Any) -> None:
    await line.client()
    await ours(line, "Temos 10:00")
    await line.types("Temos 10:00")
    assert not await is_attended(line)
    await line.types("Sou eu, a Ana")
    assert await is_attended(line)


async def test_somebody_may_type_what_booka_once_said_and_nobody_knows_whether_it_went_out(line: Any) -> None:
    await line.client()
    await ours(line, "Temos 10:00")
    line.clock.advance(timedelta(days=4))
    await line.types("Temos 10:00")
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
