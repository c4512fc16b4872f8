"""Who is who on a real database: the same people, in whatever order and however concurrently it becomes known."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.messaging import MessageReceived
from booka_common.errors import is_transient
from booka_common.ids import new_id
from booka_messaging.domain.identity import contested, correlated, people_of
from booka_messaging.domain.model import Alias, ChatMessage, Ignored, Linked, Receipt
from booka_messaging.usecases.identifying import sighted
from booka_messaging.usecases.receiving import Intake

PN, LID = Alias("pn", "351912345678"), Alias("lid", "77001122334455")
NINE, EIGHT = Alias("pn", "5511987654321"), Alias("pn", "551187654321")
MINUTE = timedelta(minutes=1)


async def partition(line: Any) -> frozenset[frozenset[Alias]]:
    people: dict[UUID, set[Alias]] = {}
    for row in await line.rows("SELECT contact_id, kind, value FROM contact_aliases WHERE tenant_id = $1"):
        people.setdefault(row["contact_id"], set()).add(Alias(row["kind"], row["value"]))
    return frozenset(frozenset(aliases) for aliases in people.values())


def random_sightings(random: Random) -> list[Any]:
    """Messages, notices and receipts of a few people, of whom several ids are seen, each alone or with others."""
    pool = [
        *(Alias("pn", f"3519100000{number:02}") for number in range(4)),
        *(Alias("lid", f"770011223344{number:02}") for number in range(4)),
        *(Alias("bsuid", f"PT.12345678{number:02}") for number in range(3)),
    ]
    sightings: list[Any] = []
    for _ in range(random.randint(4, 16)):
        together = tuple(random.sample(pool, random.choice((1, 1, 2, 2, 3))))
        kind = random.random()
        if len(together) > 1 and kind < 0.2:
            sightings.append(Linked("system", together))
        elif len(together) > 1 and kind < 0.4:
            sightings.append(Receipt(new_id().hex, "delivered", aliases=together))
        else:
            sightings.append(together)
    return sightings


@pytest.mark.parametrize("seed", range(8))
async def test_any_order_and_any_concurrency_give_the_same_people(line: Any, seed: int) -> None:
    random = Random(seed)
    seen = random_sightings(random)
    events = [
        one
        if isinstance(one, Linked | Receipt)
        else line.says("oi", *one, age=timedelta(seconds=random.randint(0, 600)))
        for one in seen
    ]
    deliveries = [*events, *random.sample(events, len(events) // 2)]
    random.shuffle(deliveries)
    replicas = [Intake(line.db, stale_after=timedelta(days=1)) for _ in range(3)]

    async def deliver(replica: Intake, event: Any) -> None:
        while True:  # a gateway repeats what was not taken
            try:
                await replica.receive(line.channel, [event], now=line.clock())
            except Exception as error:
                if not is_transient(error):
                    raise
            else:
                return

    await asyncio.gather(*(deliver(random.choice(replicas), event) for event in deliveries))
    expected = people_of([one.aliases if isinstance(one, Linked | Receipt) else one for one in seen])
    assert await partition(line) == expected
    await assert_consistent(line, {event.provider_id for event in events if isinstance(event, ChatMessage)})


async def assert_consistent(line: Any, provider_ids: set[str]) -> None:
    """One talk with everybody, no turn missing or given twice, and everything leads to where it goes on."""
    contacts = {row["id"]: row for row in await line.rows("SELECT * FROM contacts WHERE tenant_id = $1")}
    conversations = {row["id"]: row for row in await line.rows("SELECT * FROM conversations WHERE tenant_id = $1")}
    messages = await line.rows("SELECT * FROM messages WHERE tenant_id = $1")
    aliases = await line.rows("SELECT * FROM contact_aliases WHERE tenant_id = $1")
    assert {message["provider_id"] for message in messages} == provider_ids
    assert len(messages) == len(provider_ids)
    for contact in contacts.values():
        if contact["merged_into"] is not None:
            assert contacts[contact["merged_into"]]["merged_into"] is None
        theirs = {Alias(row["kind"], row["value"]) for row in aliases if row["contact_id"] == contact["id"]}
        assert bool(theirs) == (contact["merged_into"] is None)
        if theirs:
            assert contact["contested"] == contested(theirs)
    live = [one for one in conversations.values() if one["merged_into"] is None]
    assert len({one["contact_id"] for one in live}) == len(live)
    for conversation in conversations.values():
        assert contacts[conversation["contact_id"]]["merged_into"] is None
        if conversation["merged_into"] is not None:
            goes_on_in = conversations[conversation["merged_into"]]
            assert (goes_on_in["merged_into"], goes_on_in["contact_id"]) == (None, conversation["contact_id"])
        turns = sorted(one["turn"] for one in messages if one["conversation_id"] == conversation["id"])
        assert turns == list(range(1, conversation["turns"] + 1))
    heard = [(one.conversation_id, one.turn) for one in await line.told(MessageReceived)]
    assert sorted(heard) == sorted((one["conversation_id"], one["turn"]) for one in messages)


async def learn(line: Any, *aliases: Alias) -> bool:
    async with line.db.tx(line.tenant_id) as tx:
        learnt: bool = await sighted(tx, line.tenant_id, line.channel.id, aliases, now=line.clock())
        return learnt


async def test_what_the_gateway_says_before_anybody_wrote_is_remembered(line: Any) -> None:
    assert await line.take(Linked("system", (PN, LID))) == "accepted"
    assert await line.take(Linked("system", (PN, LID))) == "ignored"
    assert await line.rows("SELECT 1 FROM conversations WHERE tenant_id = $1") == []
    await line.client("oi", PN)
    await line.client("oi", LID)
    assert [one.turn for one in await line.told(MessageReceived)] == [1, 2]
    assert (await line.conversation())["turns"] == 2


async def test_the_answer_to_a_send_joins_two_spellings(line: Any) -> None:
    await line.client("oi", NINE)
    line.clock.advance(MINUTE)
    await line.client("oi", EIGHT)
    assert len(await line.rows("SELECT 1 FROM conversations WHERE tenant_id = $1 AND merged_into IS NULL")) == 2
    assert await learn(line, *correlated(NINE, [EIGHT]))
    assert not await learn(line, *correlated(NINE, [EIGHT]))
    await line.client("oi", NINE)
    assert (await line.conversation())["turns"] == 2
    (contact,) = await line.rows("SELECT phone, contested FROM contacts WHERE tenant_id = $1 AND merged_into IS NULL")
    assert contact == {"phone": "+5511987654321", "contested": False}


async def test_one_alias_alone_says_nothing(line: Any) -> None:
    assert not await learn(line, PN)
    assert not await learn(line, PN, PN)
    assert await line.rows("SELECT 1 FROM contacts WHERE tenant_id = $1") == []


async def test_who_has_two_of_what_people_have_one_of_is_marked(line: Any) -> None:
    other = Alias("lid", "88001122334455")
    await line.client("oi", PN, LID)
    await line.client("oi", PN, other)
    (contact,) = await line.rows("SELECT contested FROM contacts WHERE tenant_id = $1")
    assert contact["contested"]


async def test_a_new_number_takes_the_place_of_the_old_one(line: Any) -> None:
    old, new = Alias("pn", "351912345678"), Alias("pn", "351912345699")
    await line.client("oi", new)
    await line.client("oi", old, LID)
    line.clock.advance(MINUTE)
    await line.rows("DELETE FROM contact_aliases WHERE tenant_id = $1 AND value = $2", new.value)
    assert await line.take(Linked("system", (old, new))) == "accepted"
    (contact,) = await line.rows(
        "SELECT phone FROM contacts AS c WHERE tenant_id = $1 AND EXISTS (SELECT FROM contact_aliases WHERE contact_id = c.id)"
    )
    assert contact["phone"] == "+351912345699"


async def test_who_was_blocked_stays_so_under_another_name(line: Any) -> None:
    await line.client("oi", LID)
    await line.rows("UPDATE contacts SET blocked_at = created_at WHERE tenant_id = $1")
    line.clock.advance(MINUTE)
    await line.client("oi", PN)
    await line.client("sou eu", LID, PN)
    assert len(await line.told(MessageReceived)) == 2
    (contact,) = await line.rows("SELECT blocked_at FROM contacts WHERE tenant_id = $1 AND merged_into IS NULL")
    assert contact["blocked_at"] is not None


@pytest.mark.parametrize("reason", ["group", "broadcast", "reaction", "protocol", "silent"])
async def test_what_is_ignored_on_purpose_leaves_nothing(line: Any, reason: str) -> None:
    assert await line.take(Ignored(reason)) == "ignored"
    for table in ("contacts", "conversations", "messages", "outbox"):
        assert await line.rows(f"SELECT 1 FROM {table} WHERE tenant_id = $1") == []  # noqa: S608
