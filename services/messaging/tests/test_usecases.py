"""The use cases on a real database: who is who, turns without gaps, one effect however often and however concurrently."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts import Envelope
from booka_common.contracts.messaging import MessageReceived, SendRequested
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.sealing import Sealer
from booka_messaging import store
from booka_messaging.domain.model import Alias, ChatMessage, ConnectionChanged, Receipt
from booka_messaging.errors import UnknownConversation
from booka_messaging.settings import Settings
from booka_messaging.store import Accepted, Asked, Channel
from booka_messaging.store.reading import Filters
from booka_messaging.usecases import reading
from booka_messaging.usecases.channels import ChannelOrder, Channels
from booka_messaging.usecases.directory import Directory
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.requesting import Requests
from booka_messaging.usecases.telling import received, to_be_said

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PN, LID = Alias("pn", "351912345678"), Alias("lid", "77001122334455")


def order() -> ChannelOrder:
    """A line that no other channel has."""
    instance = f"salon-{new_id()}"
    return ChannelOrder("evolution", instance, "http://127.0.0.1:9", "gateway-key", "hmac", "s" * 40, active=True)


@pytest.fixture
def sealer(settings: Settings) -> Sealer:
    return settings.sealer()


@pytest.fixture
def channels(db: Database, sealer: Sealer) -> Channels:
    return Channels(db, sealer, Directory(db, sealer, seconds=60), {})


@pytest.fixture
async def channel(channels: Channels, tenant_id: UUID) -> Channel:
    return await channels.put(tenant_id, new_id(), order(), now=NOW - 30 * DAY)


def said(
    provider_id: str,
    *aliases: Alias,
    text: str = "oi",
    author: Any = "client",
    name: str | None = "Rui",
    age: timedelta = DAY * 0,
) -> ChatMessage:
    return ChatMessage(
        author, provider_id, aliases or (PN,), name, "text", text, None, NOW - age, {"type": "conversation"}
    )


async def take(db: Database, channel: Channel, *events: Any) -> str:
    """As a replica of its own: what it takes shares no transaction with others."""
    return await Intake(db, stale_after=DAY).receive(channel, events, now=NOW)


async def request_send(db: Database, ask: Envelope[SendRequested]) -> None:
    """As a replica of its own."""
    await Requests(db, attempts=3).take(ask, now=NOW)


async def announced(db: Database, tenant_id: UUID) -> list[MessageReceived]:
    """What the outbox holds for the broker, in order."""
    async with db.tx(tenant_id) as tx:
        rows = await tx.fetch(
            "SELECT body FROM outbox WHERE tenant_id = $1 AND routing_key = $2 ORDER BY seq",
            tenant_id,
            MessageReceived.key,
        )
    return [Envelope[MessageReceived].model_validate_json(row["body"]).data for row in rows]


async def only_conversation(db: Database, tenant_id: UUID) -> Any:
    (row,), _ = await reading.conversations(db, tenant_id, Filters(), words=None, walk=None, limit=10, now=NOW)
    return row.conversation


async def messages_of(db: Database, tenant_id: UUID, conversation_id: UUID) -> Any:
    """Newest first."""
    page = await reading.messages(db, tenant_id, conversation_id, before=None, limit=10, now=NOW)
    return page.messages


async def test_turns_are_numbered_without_gaps(db: Database, channel: Channel, tenant_id: UUID) -> None:
    for number in range(1, 4):
        assert await take(db, channel, said(f"M{number}", text=str(number))) == "accepted"
        assert await take(db, channel, said("M1")) == "duplicate"
    assert [(message.turn, message.text) for message in await announced(db, tenant_id)] == [
        (1, "1"),
        (2, "2"),
        (3, "3"),
    ]
    assert len({message.conversation_id for message in await announced(db, tenant_id)}) == 1


@pytest.mark.parametrize("known", [False, True])
async def test_five_concurrent_deliveries_of_each_message_have_one_effect(
    db: Database, channel: Channel, tenant_id: UUID, *, known: bool
) -> None:
    if known:
        await take(db, channel, said("M0"))
    outcomes = await asyncio.gather(*(take(db, channel, said(f"M{n % 6 + 1}")) for n in range(30)))
    assert sorted(outcomes) == ["accepted"] * 6 + ["duplicate"] * 24
    messages = await announced(db, tenant_id)
    expected = 7 if known else 6
    assert [message.turn for message in messages] == list(range(1, expected + 1))
    assert (await only_conversation(db, tenant_id)).turns == expected
    async with db.tx(tenant_id) as tx:
        assert await tx.fetchval("SELECT count(*) FROM messages WHERE tenant_id = $1", tenant_id) == expected
        assert await tx.fetchval("SELECT count(*) FROM contacts WHERE tenant_id = $1", tenant_id) == 1


async def test_many_clients_at_once(db: Database, channel: Channel, tenant_id: UUID) -> None:
    people = [Alias("pn", f"35191000{number:04}") for number in range(12)]
    ids = count()
    await asyncio.gather(*(take(db, channel, said(f"M{next(ids)}", person)) for person in people * 3))
    turns: dict[UUID, list[int]] = {}
    for message in await announced(db, tenant_id):
        turns.setdefault(message.conversation_id, []).append(message.turn)
    assert list(turns.values()) == [[1, 2, 3]] * 12


async def test_a_second_alias_belongs_to_the_same_person(db: Database, channel: Channel, tenant_id: UUID) -> None:
    await take(db, channel, said("M1", LID))
    await take(db, channel, said("M2", LID, PN))
    await take(db, channel, said("M3", PN, name="Rui Melo"))
    first, second, third = await announced(db, tenant_id)
    assert first.conversation_id == second.conversation_id == third.conversation_id
    assert (first.phone, second.phone) == (None, "+351912345678")
    assert (third.turn, third.contact_name) == (3, "Rui Melo")


async def test_two_contacts_that_turn_out_to_be_one_are_merged(db: Database, channel: Channel, tenant_id: UUID) -> None:
    await take(db, channel, said("M1", LID, name="Rui"))
    later = NOW + timedelta(minutes=1)
    await Intake(db, stale_after=DAY).receive(channel, [said("M2", PN, name=None)], now=later)
    by_lid, by_pn = await announced(db, tenant_id)
    assert by_lid.conversation_id != by_pn.conversation_id
    outcomes = await asyncio.gather(*(take(db, channel, said("M3", LID, PN, name=None)) for _ in range(5)))
    assert sorted(outcomes) == ["accepted"] + ["duplicate"] * 4
    merged = (await announced(db, tenant_id))[2]
    assert (merged.conversation_id, merged.contact_id) == (by_pn.conversation_id, by_pn.contact_id), "who wrote last"
    assert (merged.turn, merged.contact_name, merged.phone) == (2, "Rui", "+351912345678")
    await take(db, channel, said("M4", LID, name=None))
    assert (await announced(db, tenant_id))[3].turn == 3
    rows = await messages_of(db, tenant_id, by_pn.conversation_id)
    assert [row.provider_id for row in rows] == ["M4", "M3", "M2", "M1"]
    assert (await only_conversation(db, tenant_id)).id == by_pn.conversation_id

    ask = Envelope.of(
        SendRequested(conversation_id=by_lid.conversation_id, text="Olá", purpose="notice"),
        tenant_id=tenant_id,
        now=NOW,
    )
    await request_send(db, ask)
    rows = (await messages_of(db, tenant_id, by_pn.conversation_id))[:1]
    assert rows[0].text == "Olá"
    async with db.tx(tenant_id) as tx:
        (outbound,) = (await store.begin_sends(tx, [(tenant_id, rows[0].id)], since=NOW - DAY, now=NOW)).values()
    assert outbound.conversation_id == by_pn.conversation_id
    assert set(outbound.aliases) == {PN, LID}


async def test_what_the_salon_writes_is_kept_and_not_answered(db: Database, channel: Channel, tenant_id: UUID) -> None:
    assert await take(db, channel, said("M1", author="salon", name=None, text="Olá Rui")) == "accepted"
    assert await announced(db, tenant_id) == []
    await take(db, channel, said("M2"))
    conversation = await only_conversation(db, tenant_id)
    assert (conversation.turns, conversation.name) == (1, "Rui")
    rows = await messages_of(db, tenant_id, conversation.id)
    assert [(row.author, row.direction, row.turn) for row in rows] == [("client", "in", 1), ("salon", "out", None)]


async def test_old_messages_after_a_reconnection_are_kept_and_not_answered(
    db: Database, channel: Channel, tenant_id: UUID
) -> None:
    assert await take(db, channel, said("M1", age=DAY + timedelta(seconds=1))) == "stale"
    assert await take(db, channel, said("M2", age=DAY)) == "accepted"
    assert [message.turn for message in await announced(db, tenant_id)] == [1]
    rows = await messages_of(db, tenant_id, (await only_conversation(db, tenant_id)).id)
    assert {row.provider_id for row in rows} == {"M1", "M2"}


async def test_a_failure_on_the_way_leaves_nothing_behind(db: Database, channel: Channel, tenant_id: UUID) -> None:
    broken = ChatMessage("client", "M1", (PN,), None, "text", "nul \x00 byte", None, NOW, {})
    with pytest.raises(Exception, match=r"0x00|u0000"):
        await take(db, channel, broken)
    async with db.tx(tenant_id) as tx:
        for table in ("contacts", "conversations", "messages", "outbox"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant_id) == 0  # noqa: S608


async def test_a_request_is_queued_once_and_only_for_this_tenants_conversations(
    db: Database, channel: Channel, tenant_id: UUID
) -> None:
    await take(db, channel, said("M1"))
    conversation = await only_conversation(db, tenant_id)
    data = SendRequested(conversation_id=conversation.id, text="Olá", purpose="reply")
    ask = Envelope.of(data, tenant_id=tenant_id, now=NOW)
    await asyncio.gather(*(request_send(db, ask) for _ in range(5)))
    async with db.tx(tenant_id) as tx:
        jobs = await tx.fetch("SELECT lane, unique_key FROM jobs WHERE tenant_id = $1 AND lane IS NOT NULL", tenant_id)
    assert [(job["lane"], job["unique_key"]) for job in jobs] == [(str(conversation.id), str(ask.id))]
    async with db.tx(tenant_id) as tx:
        await tx.execute("DELETE FROM inbox WHERE tenant_id = $1", tenant_id)
    await request_send(db, ask)
    assert len(await messages_of(db, tenant_id, conversation.id)) == 2
    with pytest.raises(UnknownConversation):
        await request_send(db, Envelope.of(data, tenant_id=new_id(), now=NOW))


@pytest.mark.parametrize("receipt_first", [False, True])
@pytest.mark.parametrize("written_by", [None, "Ana"])
async def test_a_receipt_may_overtake_the_answer_to_the_send(
    db: Database, channel: Channel, tenant_id: UUID, *, receipt_first: bool, written_by: str | None
) -> None:
    await take(db, channel, said("M1"))
    conversation = await only_conversation(db, tenant_id)
    message_id, receipt = new_id(), Receipt("OUT1", "delivered")
    async with db.tx(tenant_id) as tx:
        request = SendRequested(conversation_id=conversation.id, text="Olá", purpose="reply")
        await store.queue_sends(tx, [Asked(message_id, tenant_id, new_id(), request, written_by)], now=NOW)
    if receipt_first:
        assert await take(db, channel, receipt) == "duplicate", "nobody's message yet"
        # An echo of ours, as some versions send it, came in before our own record.
        await take(db, channel, said("OUT1", author="salon", name=None, text="Olá"))
    async with db.tx(tenant_id) as tx:
        states = await store.finish_sends(tx, [Accepted(tenant_id, message_id, channel.id, "OUT1", NOW)])
    assert states == ["delivered" if receipt_first else "sent"]
    if not receipt_first:
        assert await take(db, channel, receipt) == "accepted"
        await take(db, channel, said("OUT1", author="salon", name=None, text="Olá"))
    assert await take(db, channel, Receipt("OUT1", "sent")) == "duplicate"
    assert await take(db, channel, Receipt("OUT1", "read")) == "accepted"
    rows = await messages_of(db, tenant_id, conversation.id)
    author = "salon" if written_by else "booka"
    assert [(row.author, row.status) for row in rows] == [(author, "read"), ("client", "received")]


async def test_the_gateways_connection_is_noted(
    db: Database, channel: Channel, channels: Channels, tenant_id: UUID
) -> None:
    await take(db, channel, ConnectionChanged("close", "401"))
    seen = await channels.get(tenant_id, channel.id)
    assert (seen.state, seen.state_reason, seen.state_at) == ("close", "401", NOW)


async def test_salons_share_a_batch_and_nothing_else(db: Database, channels: Channels) -> None:
    tenants = [new_id() for _ in range(4)]
    lines = [await channels.put(tenant, new_id(), order(), now=NOW) for tenant in tenants]
    intake = Intake(db, stale_after=DAY)
    broken = ChatMessage("client", "BAD", (PN,), None, "text", "nul \x00 byte", None, NOW, {})
    # Everybody writes from the same number, with the same ids: what keeps them apart is the salon alone.
    deliveries = [(line, said(f"M{number}", text=str(number))) for number in range(3) for line in lines]
    deliveries += [(lines[0], broken), (lines[1], said("M1", text="1")), (lines[2], said("M2", text="2"))]
    outcomes = await asyncio.gather(
        *(intake.receive(line, [message], now=NOW) for line, message in deliveries), return_exceptions=True
    )
    assert sorted(map(str, outcomes))[:12] == ["accepted"] * 12
    assert len([one for one in outcomes if isinstance(one, Exception)]) == 1, "the one that cannot be stored"
    assert outcomes.count("duplicate") == 2
    conversations = set()
    for tenant in tenants:
        heard = await announced(db, tenant)
        assert sorted(message.turn for message in heard) == [1, 2, 3]
        assert {message.text for message in heard} == {"0", "1", "2"}
        conversations |= {message.conversation_id for message in heard}
    assert len(conversations) == len(tenants)


async def test_requests_of_several_salons_share_a_batch_and_keep_their_order(db: Database, channels: Channels) -> None:
    tenants = [new_id() for _ in range(3)]
    asked = []
    for tenant in tenants:
        line = await channels.put(tenant, new_id(), order(), now=NOW)
        await take(db, line, said("M1"))
        conversation = await only_conversation(db, tenant)
        asked += [
            Envelope.of(
                SendRequested(conversation_id=conversation.id, text=f"{position}", purpose="reply", position=position),
                tenant_id=tenant,
                now=NOW,
            )
            for position in (1, 2, 3)
        ]
    stray = Envelope.of(asked[0].data, tenant_id=tenants[1], now=NOW)
    requests = Requests(db, attempts=3)
    outcomes = await asyncio.gather(
        *(requests.take(ask, now=NOW) for ask in [*asked, stray, *asked]), return_exceptions=True
    )
    assert [type(one) for one in outcomes if one is not None] == [UnknownConversation]
    for tenant in tenants:
        async with db.tx(tenant) as tx:
            rows = await tx.fetch(
                """SELECT j.lane_order, j.scheduled_at, m.text FROM jobs AS j
                   JOIN messages AS m ON m.tenant_id = $1 AND m.id = (j.payload ->> 'message_id')::uuid
                   WHERE j.tenant_id = $1 ORDER BY j.lane_order""",
                tenant,
            )
        assert [(row["lane_order"], row["text"]) for row in rows] == [(1, "1"), (2, "2"), (3, "3")]
        assert {row["scheduled_at"] for row in rows} == {NOW}, "none was held back"


async def test_what_the_database_says_of_a_message_is_what_the_contract_says(db: Database, channel: Channel) -> None:
    """Alone, a message is said by the statement that stores it; with another one of the same person, by Python."""
    odd = 'ol\u00e1 "Ana"\\ \n \U0001f600 }}'
    await take(db, channel, said("M0", name='Rui "o" \\ Melo'))
    for text in (odd, ""):
        message = said(f"M{text}", text=text, name='Rui "o" \\ Melo')
        incoming = store.Incoming(new_id(), channel.tenant_id, channel.id, message, counts=True, received_at=NOW)
        saying = to_be_said(incoming, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        (told,) = (await store.take_and_tell(db, [incoming], [saying], DAY)).values()
        assert told is not None
        async with db.tx(channel.tenant_id) as tx:
            (row,) = await tx.fetch(
                """SELECT m.conversation_id, v.contact_id, m.turn, c.name, c.phone, false AS attended
                   FROM messages AS m JOIN conversations AS v ON v.id = m.conversation_id
                   JOIN contacts AS c ON c.id = v.contact_id
                   WHERE m.tenant_id = $1 AND m.id = $2""",
                channel.tenant_id,
                incoming.id,
            )
        taken = store.Taken(*row)
        assert taken.turn is not None
        whole = received(incoming, taken.turn, taken, saying["traceparent"], attended=False)
        assert Envelope[MessageReceived].model_validate_json(told.body) == whole
        assert json.loads(told.body).keys() == whole.model_dump().keys()
        assert json.loads(told.body)["data"].keys() == whole.data.model_dump().keys()
        assert (told.id, told.correlation_id, told.routing_key) == (whole.id, whole.id, MessageReceived.key)
        assert (taken.name, taken.phone) == ('Rui "o" \\ Melo', "+351912345678")


async def test_messages_of_one_person_that_wait_together_are_told_last_first(
    db: Database, channel: Channel, tenant_id: UUID
) -> None:
    intake = Intake(db, stale_after=DAY)
    await take(db, channel, said("M0"))
    texts = ["1", "2", "3"]
    await asyncio.gather(*(intake.receive(channel, [said(f"M{text}", text=text)], now=NOW) for text in texts))
    told = [(message.turn, message.text) for message in await announced(db, tenant_id)]
    assert told[1:] == [(4, "3"), (3, "2"), (2, "1")]


async def test_a_batch_is_one_transaction(db: Database, channels: Channels) -> None:
    lines = [await channels.put(new_id(), new_id(), order(), now=NOW) for _ in range(4)]
    for line in lines:
        await take(db, line, said("M0"))
    intake = Intake(db, stale_after=DAY)
    await asyncio.gather(*(intake.receive(line, [said("M1")], now=NOW) for line in lines))
    made = set()
    for line in lines:
        async with db.tx(line.tenant_id) as tx:
            made |= {row["xmin"] for row in await tx.fetch("SELECT xmin::text FROM messages WHERE provider_id = 'M1'")}
            made |= {row["xmin"] for row in await tx.fetch("SELECT xmin::text FROM outbox ORDER BY seq DESC LIMIT 1")}
    assert len(made) == 1


async def test_a_batch_reaches_the_tables_of_its_salons_only(db: Database, channels: Channels) -> None:
    tenants = [new_id() for _ in range(3)]
    for tenant in tenants:
        await take(db, await channels.put(tenant, new_id(), order(), now=NOW), said("M1"))
    async with db.shared_tx(tenants[:2]) as tx:
        for table in ("channels", "contacts", "contact_aliases", "conversations", "messages"):
            seen = await tx.fetch(f"SELECT DISTINCT tenant_id FROM {table}")  # noqa: S608
            assert {row["tenant_id"] for row in seen} == set(tenants[:2]), table
