"""Conversations, messages and people as somebody at the salon sees them, while others go on writing."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.messaging import SendRequested
from booka_common.ids import new_id
from booka_messaging import store
from booka_messaging.domain.model import Alias, Receipt
from booka_messaging.errors import UnknownContact, UnknownConversation, UnknownMessage
from booka_messaging.store import Accepted, Asked, Incoming
from booka_messaging.store.reading import Filters
from booka_messaging.usecases import attending, contacts, reading
from booka_messaging.usecases.reading import News, Seen, Shown, Walk
from booka_messaging.usecases.receiving import Intake

MINUTE = timedelta(minutes=1)
EVERYTHING = Filters()


def number(n: int) -> Alias:
    return Alias("pn", f"55119876543{n:02}")


async def page(
    line: Any, filters: Filters = EVERYTHING, *, words: str | None = None, walk: Walk | None = None, limit: int = 50
) -> tuple[list[Shown], Walk | None]:
    return await reading.conversations(
        line.db, line.tenant_id, filters, words=words, walk=walk, limit=limit, now=line.clock()
    )


async def listed(line: Any, **filters: Any) -> list[str]:
    """The last texts of the conversations, in their order."""
    words = filters.pop("words", None)
    rows, _ = await page(line, Filters(**filters), words=words)
    return [one.conversation.last.text if one.conversation.last else "" for one in rows]


async def says(line: Any, n: int, text: str, **fields: Any) -> None:
    """Somebody writes, a minute after what was before."""
    line.clock.advance(MINUTE)
    await line.client(text, number(n), **fields)


async def answer(line: Any, text: str = "Olá", *, status: str | None = None, author: str | None = None) -> UUID:
    """Something is sent in the conversation that was active last."""
    (first, *_), _ = await page(line, limit=1)
    message_id = new_id()
    data = SendRequested(conversation_id=first.conversation.id, text=text, purpose="reply")
    async with line.db.tx(line.tenant_id) as tx:
        await store.queue_sends(tx, [Asked(message_id, line.tenant_id, new_id(), data, author)], now=line.clock())
        if status:
            done = Accepted(line.tenant_id, message_id, line.channel.id, message_id.hex, line.clock())
            await store.finish_sends(tx, [done])
    if status:
        await line.take(Receipt(message_id.hex, status))  # type: ignore[arg-type]
    return message_id


async def test_the_last_active_comes_first_with_what_was_said_last(line: Any) -> None:
    for n, text in enumerate(("um", "dois", "três")):
        await says(line, n, text)
    assert await listed(line) == ["três", "dois", "um"]
    await says(line, 0, "x" * 500)
    (first, *_), _ = await page(line)
    talk = first.conversation
    assert (talk.last.text, talk.last.author, talk.last.status) == ("x" * 160, "client", "received")
    assert (talk.phone, talk.unanswered, talk.turns, talk.gateway) == ("+5511987654300", 2, 2, "evolution")
    assert (talk.active_at, talk.client_at) == (line.clock(), line.clock())
    # A reminder to everybody would stir the whole list: what Booka says leaves it in its order.
    await answer(line, "Até amanhã")
    assert await listed(line) == ["Até amanhã", "três", "dois"]


async def test_unanswered_is_what_nothing_that_arrived_came_after(line: Any) -> None:
    await says(line, 0, "um")
    await says(line, 1, "dois")
    await says(line, 1, "três")
    rows, _ = await page(line)
    assert [one.conversation.unanswered for one in rows] == [2, 1]
    await answer(line)
    assert await listed(line, unanswered=True) == ["um"]
    assert await listed(line, unanswered=False) == ["Olá"]
    await says(line, 1, "quatro")
    await answer(line, status="failed")
    rows, _ = await page(line)
    assert [one.conversation.unanswered for one in rows] == [1, 1], "a reply that failed answered nothing"
    assert len(await listed(line, unanswered=True)) == 2
    await answer(line, status="read")
    assert await listed(line, unanswered=True) == ["um"]


async def test_filters(line: Any, line_of: Callable[..., Awaitable[Any]]) -> None:
    start = line.clock()
    for n, text in enumerate(("um", "dois", "três")):
        await says(line, n, text)
    other = await line_of(line.tenant_id)
    await other.client("outra linha", number(0))
    assert await listed(line, channel_id=line.channel.id) == ["três", "dois", "um"]
    assert await listed(line, channel_id=other.channel.id) == ["outra linha"]
    assert await listed(line, channel_id=new_id()) == []
    assert await listed(line, since=start + 2 * MINUTE, until=start + 3 * MINUTE) == ["dois"]
    (_, _, second, third), _ = await page(line)
    async with line.db.tx(line.tenant_id) as tx:
        await contacts.block(tx, second.conversation.contact_id, blocked=True, now=line.clock())
        await attending.take_over(tx, third.conversation.id, by="console", now=line.clock())
    assert await listed(line, blocked=True) == ["dois"]
    assert len(await listed(line, blocked=False)) == 3
    assert await listed(line, attended=True) == ["um"]
    assert await listed(line, attended=False, channel_id=line.channel.id) == ["três", "dois"]
    line.clock.advance(timedelta(hours=3))
    assert await listed(line, attended=True) == [], "its time is over"


async def test_looking_for_names_numbers_and_words(line: Any) -> None:
    await says(line, 1, "Queria uma coloração")
    await says(line, 2, "bom dia")
    await line.rows(
        "UPDATE contacts SET name = 'Conceição' WHERE tenant_id = $1 AND phone = '+5511987654302' RETURNING id"
    )
    await says(line, 3, "100% sim_ talvez\\")
    assert await listed(line, words="COLORACAO") == ["Queria uma coloração"]
    assert await listed(line, words="conceicao") == ["bom dia"]
    assert await listed(line, words="Conceição") == ["bom dia"]
    for spelling in ("(11) 98765-4301", "+55 11 98765 4301", "011987654301", "11 8765-4301", "4301"):
        assert await listed(line, words=spelling) == ["Queria uma coloração"], spelling
    for literal in ("100%", "sim_", "z\\"):
        assert await listed(line, words=literal) == ["100% sim_ talvez\\"], literal
    for nothing in ("1%0", "s_m", "nada", "99999"):
        assert await listed(line, words=nothing) == [], nothing
    await says(line, 1, "x" * 100 + " uma Coloração na sexta")
    await says(line, 1, "obrigada")
    (found,), _ = await page(line, words="coloração")
    assert found.conversation.last.text == "obrigada"
    assert found.match is not None
    assert found.match.snippet == "…" + "x" * 35 + " uma Coloração na sexta", "the newest that has it"
    (by_name,), _ = await page(line, words="conce")
    assert by_name.match is None


async def test_who_was_merged_is_found_where_the_talk_goes_on(line: Any) -> None:
    lid = Alias("lid", "77001122334455")
    await line.client("a palavra", lid)
    line.clock.advance(MINUTE)
    await line.client("oi", number(1))
    before, _ = await page(line)
    assert len(before) == 2
    await line.client("sou eu", lid, number(1))
    (only,), _ = await page(line, words="palavra")
    assert only.match is not None
    assert only.match.snippet == "a palavra"
    assert [one.conversation.id for one in (await page(line))[0]] == [only.conversation.id]
    people = await reading.contacts(line.db, line.tenant_id, words=None, blocked=None, before=None, limit=9)
    assert [one.id for one in people] == [only.conversation.contact_id]
    gone = next(one.conversation for one in before if one.conversation.id != only.conversation.id)
    person = await reading.contact(line.db, line.tenant_id, gone.contact_id)
    assert person.id == only.conversation.contact_id
    assert set(person.aliases) == {"lid:77001122334455", "pn:5511987654301"}
    assert person.conversations == [only.conversation.id]
    found = await messages(line, only.conversation.id)
    assert [message.text for message in found.messages] == ["sou eu", "oi", "a palavra"]
    one = await reading.message(line.db, line.tenant_id, found.messages[-1].id)
    assert one.conversation_id == only.conversation.id


async def test_nobody_sees_another_salons(line: Any) -> None:
    await says(line, 1, "segredo")
    (mine,), _ = await page(line)
    (said,) = (await messages(line, mine.conversation.id)).messages
    stranger, now = new_id(), line.clock()
    for words in (None, "segredo", "4301"):
        found, walk = await reading.conversations(
            line.db, stranger, EVERYTHING, words=words, walk=None, limit=10, now=now
        )
        assert (found, walk) == ([], None)
        assert await reading.contacts(line.db, stranger, words=words, blocked=None, before=None, limit=10) == []
    with pytest.raises(UnknownConversation):
        await reading.conversation(line.db, stranger, mine.conversation.id)
    with pytest.raises(UnknownConversation):
        await reading.messages(line.db, stranger, mine.conversation.id, before=None, limit=10, now=now)
    with pytest.raises(UnknownConversation):
        await reading.news(line.db, stranger, mine.conversation.id, Seen(UUID(int=0), ()), limit=10, now=now)
    with pytest.raises(UnknownMessage):
        await reading.message(line.db, stranger, said.id)
    with pytest.raises(UnknownContact):
        await reading.contact(line.db, stranger, mine.conversation.contact_id)


async def test_people_come_newest_first_in_pages(line: Any) -> None:
    for n in range(5):
        await says(line, n, "oi")
    seen: list[UUID] = []
    while rows := await reading.contacts(
        line.db, line.tenant_id, words=None, blocked=None, before=seen[-1] if seen else None, limit=2
    ):
        seen += [row.id for row in rows]
        await says(line, 10 + len(seen), "mais")  # whoever is new comes before the first page
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)
    (one,) = await reading.contacts(line.db, line.tenant_id, words="98765-4302", blocked=None, before=None, limit=9)
    assert one.phone == "+5511987654302"
    async with line.db.tx(line.tenant_id) as tx:
        await contacts.block(tx, one.id, blocked=True, now=line.clock())
    blocked = await reading.contacts(line.db, line.tenant_id, words=None, blocked=True, before=None, limit=9)
    assert [row.id for row in blocked] == [one.id]


@pytest.mark.parametrize("seed", range(12))
async def test_whoever_turns_pages_sees_everybody_once(line: Any, seed: int) -> None:
    """However much is written meanwhile, by whomever, and though some of it is committed late."""
    dice = random.Random(seed)
    known = dice.randrange(5, 30)
    for n in range(known):
        line.clock.advance(timedelta(seconds=dice.choice([0, 1, 4, 60])))
        await line.client(f"a {n}", number(n))
    at_the_start = {one.conversation.id for one in (await page(line, limit=200))[0]}
    fresh = iter(range(known, 99))

    async def write(late: timedelta) -> None:
        who = number(next(fresh) if dice.random() < 0.3 else dice.randrange(known))
        message = line.says("mais", who, author=dice.choice(["client", "client", "salon"]))
        intake = Intake(line.db, stale_after=timedelta(days=1))
        await intake.receive(line.channel, [message], now=line.clock() - late)

    seen: list[UUID] = []
    walk: Walk | None = None
    while True:
        late = [timedelta(seconds=dice.choice([0, 1, 9]) if walk else 0) for _ in range(dice.randrange(4))]
        writing = [asyncio.create_task(write(one)) for one in late]
        rows, walk = await page(line, walk=walk, limit=dice.randrange(1, 6))
        await asyncio.gather(*writing)
        seen += [one.conversation.id for one in rows]
        if walk is None:
            break
        if dice.random() < 0.5:
            line.clock.advance(timedelta(seconds=dice.choice([1, 20])))
        for _ in range(dice.randrange(4)):
            await write(
                timedelta(seconds=dice.choice([0, 1, 9])) if line.clock() - walk.until < MINUTE / 6 else MINUTE * 0
            )
    assert len(seen) == len(set(seen)), "somebody came twice"
    assert at_the_start <= set(seen), "somebody was lost"


async def messages(line: Any, conversation_id: UUID, before: UUID | None = None, limit: int = 50) -> News:
    return await reading.messages(
        line.db, line.tenant_id, conversation_id, before=before, limit=limit, now=datetime.now(UTC)
    )


@pytest.mark.parametrize("seed", range(8))
async def test_whoever_waits_for_news_gets_each_message_once(line: Any, seed: int) -> None:
    """Ids are made before the commit, so a message may come to stand before one that was shown already."""
    dice = random.Random(seed)
    await line.client("primeira")
    conversation_id = (await line.conversation())["id"]
    begun = await messages(line, conversation_id, limit=3)
    got, seen = [message.id for message in begun.messages], begun.seen
    made = [new_id() for _ in range(40)]
    waiting = [id for n in range(0, 40, 5) for id in dice.sample(made[n : n + 5], 5)]
    while True:
        for _ in range(min(dice.randrange(5), len(waiting))):
            message = line.says("mais")
            incoming = Incoming(
                waiting.pop(0), line.tenant_id, line.channel.id, message, counts=True, received_at=line.clock()
            )
            async with line.db.tx(line.tenant_id) as tx:
                assert await store.take_messages(tx, [incoming])
        limit, now = dice.randrange(1, 5), datetime.now(UTC)
        news = await reading.news(line.db, line.tenant_id, conversation_id, seen, limit=limit, now=now)
        got += [message.id for message in news.messages]
        seen = news.seen
        if not waiting and not news.more:
            break
    assert len(got) == len(set(got)), "something came twice"
    assert set(got) >= set(made), "something was lost"


async def test_older_messages_in_pages_and_what_comes_after_the_newest(line: Any) -> None:
    for n in range(7):
        await line.client(f"{n}")
    conversation_id = (await line.conversation())["id"]
    first = await messages(line, conversation_id, limit=3)
    second = await messages(line, conversation_id, before=first.messages[-1].id, limit=3)
    third = await messages(line, conversation_id, before=second.messages[-1].id, limit=3)
    assert [m.text for p in (first, second, third) for m in p.messages] == list("6543210")
    assert [p.more for p in (first, second, third)] == [True, True, False]
    now = datetime.now(UTC)
    nothing = await reading.news(line.db, line.tenant_id, conversation_id, first.seen, limit=9, now=now)
    assert nothing.messages == [], "what is older is no news"
    await line.client("nova")
    news = await reading.news(line.db, line.tenant_id, conversation_id, nothing.seen, limit=9, now=now)
    assert [m.text for m in news.messages] == ["nova"]
