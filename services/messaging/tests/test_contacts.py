"""People are exported whole, blocked without a trace to them, and forgotten whatever is under way at that moment."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts import Envelope
from booka_common.contracts.messaging import ContactErased, MessageFailed, MessageReceived, SendRequested
from booka_common.ids import new_id
from booka_common.testing import eventually
from booka_messaging.domain.model import Alias
from booka_messaging.errors import UnknownContact, UnknownConversation
from booka_messaging.usecases import attending, contacts
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.requesting import Requests

PN, LID = Alias("pn", "351912345678"), Alias("lid", "77001122334455")
MINUTE = timedelta(minutes=1)


async def erase(line: Any, contact_id: UUID) -> bool:
    async with line.db.tx(line.tenant_id) as tx:
        return await contacts.erase(tx, contact_id, line.clock())


async def block(line: Any, contact_id: UUID, *, blocked: bool = True) -> None:
    async with line.db.tx(line.tenant_id) as tx:
        await contacts.block(tx, contact_id, blocked=blocked, now=line.clock())


async def ask(line: Any, text: str = "Olá Maria") -> Envelope[SendRequested]:
    data = SendRequested(conversation_id=(await line.conversation())["id"], text=text, purpose="notice")
    request = Envelope.of(data, tenant_id=line.tenant_id, now=line.clock())
    await Requests(line.db, attempts=3).take(request, now=line.clock())
    return request


async def maria(line: Any) -> UUID:
    """Somebody who wrote under two names, which turned out to be one; returns the first contact, which was merged."""
    await line.client("sou a Maria", LID)
    first: UUID = (await line.conversation())["contact_id"]
    line.clock.advance(MINUTE)
    await line.client("outra vez a Maria", PN)
    await line.client("e ainda a Maria", LID, PN)
    await line.rows("UPDATE contacts SET name = 'Maria' WHERE tenant_id = $1")
    return first


async def everything(line: Any) -> str:
    """All that is stored of people and of what was said."""
    parts = []
    for table in ("contacts", "contact_aliases", "conversations", "messages", "unread_deliveries"):
        rows = await line.rows(f"SELECT * FROM {table} WHERE tenant_id = $1")  # noqa: S608
        parts += [str(value) for row in rows for name, value in row.items() if name != "provider_id"]
    return " ".join(parts)


# --- export


async def test_an_export_has_everything_also_of_who_they_were_before(line: Any) -> None:
    first = await maria(line)
    await ask(line)
    await line.rows(
        """INSERT INTO charges (tenant_id, channel_id, provider_id, category, model, billable, at)
           SELECT tenant_id, channel_id, provider_id, 'utility', 'PMP', true, received_at FROM messages
           WHERE tenant_id = $1 AND provider_id IS NOT NULL LIMIT 1"""
    )
    found = await contacts.export(line.db, line.tenant_id, first)
    assert found["contact"]["name"] == "Maria"
    assert found["contact"]["phone"] == "+351912345678"
    assert {row["value"] for row in found["aliases"]} == {PN.value, LID.value}
    assert len(found["conversations"]) == 2
    texts = [row["text"] for row in found["messages"]]
    assert texts == ["sou a Maria", "outra vez a Maria", "e ainda a Maria", "Olá Maria"]
    assert [row["category"] for row in found["charges"]] == ["utility"]
    assert await contacts.export(line.db, line.tenant_id, found["contact"]["id"]) == found


async def test_nobody_else_is_in_an_export(line: Any) -> None:
    await line.client("segredo", Alias("pn", "351910000001"))
    await line.client("oi", PN)
    (row,) = await line.rows("SELECT contact_id FROM contact_aliases WHERE tenant_id = $1 AND value = $2", PN.value)
    assert "segredo" not in str(await contacts.export(line.db, line.tenant_id, row["contact_id"]))
    with pytest.raises(UnknownContact):
        await contacts.export(line.db, new_id(), row["contact_id"])


# --- block


async def test_what_a_blocked_person_writes_is_stored_and_nothing_else(line: Any) -> None:
    await line.client("oi")
    contact_id = (await line.conversation())["contact_id"]
    for _ in range(2):
        await block(line, contact_id)
    assert await line.client("compre já") == "accepted"
    assert [one.text for one in await line.told(MessageReceived)] == ["oi"]
    rows = await line.rows("SELECT text, turn FROM messages WHERE tenant_id = $1 ORDER BY received_at, id")
    assert [(row["text"], row["turn"]) for row in rows] == [("oi", 1), ("compre já", None)]
    await block(line, contact_id, blocked=False)
    await line.client("desculpe")
    assert [one.turn for one in await line.told(MessageReceived)] == [1, 2]


async def test_a_blocked_person_among_others_of_one_batch_uses_up_no_turn(line: Any) -> None:
    await line.client("oi")
    await line.client("oi", LID)
    conversations = {
        row["id"]: row["contact_id"]
        for row in await line.rows("SELECT id, contact_id FROM conversations WHERE tenant_id = $1")
    }
    blocked, other = conversations.values()
    await block(line, blocked)
    intake = Intake(line.db, stale_after=timedelta(days=1))
    messages = [line.says(str(n), PN if n % 2 else LID) for n in range(10)]
    await asyncio.gather(*(intake.receive(line.channel, [one], now=line.clock()) for one in messages))
    heard = [one for one in await line.told(MessageReceived) if one.contact_id == other]
    assert sorted(one.turn for one in heard) == [1, 2, 3, 4, 5, 6]
    assert len([one for one in await line.told(MessageReceived) if one.contact_id == blocked]) == 1


async def test_a_merged_contact_is_blocked_as_who_they_are(line: Any) -> None:
    await block(line, await maria(line))
    await line.client("oi", LID)
    assert len(await line.told(MessageReceived)) == 3


async def test_nobody_is_blocked_who_is_not_there(line: Any) -> None:
    with pytest.raises(UnknownContact):
        await block(line, new_id())
    await line.client()
    contact_id = (await line.conversation())["contact_id"]
    await erase(line, contact_id)
    with pytest.raises(UnknownContact):
        await block(line, contact_id)


# --- erase


async def test_an_erased_person_is_forgotten_everywhere_and_still_counted(line: Any) -> None:
    first = await maria(line)
    await line.types("Olá Maria", PN)
    request = await ask(line)
    await line.rows(
        """INSERT INTO unread_deliveries (tenant_id, id, channel_id, digest, body, error, received_at)
           SELECT $1, $2, $3, decode('00', 'hex'), convert_to('{"remoteJid": "' || $4 || '@lid", "Maria"', 'UTF8'), 'e', $5""",
        new_id(),
        line.channel.id,
        LID.value,
        line.clock(),
    )
    assert "Maria" in await everything(line)
    assert await erase(line, first)
    left = await everything(line)
    for word in ("Maria", PN.value, LID.value, "remoteJid"):
        assert word not in left, word
    assert len(await line.rows("SELECT 1 FROM messages WHERE tenant_id = $1")) == 5
    (erased,) = await line.told(ContactErased)
    conversations = {row["id"] for row in await line.rows("SELECT id FROM conversations WHERE tenant_id = $1")}
    assert set(erased.conversation_ids) == conversations
    assert len(conversations) == 2
    assert erased.merged_ids == (first,), "booking may know them by the id that they had before"
    (failed,) = await line.told(MessageFailed)
    assert (failed.request_id, failed.code) == (request.id, "erased")
    assert [
        row["status"]
        for row in await line.rows("SELECT status FROM jobs WHERE tenant_id = $1 AND type = 'send_message'")
    ] == ["cancelled"]
    assert not await erase(line, first)
    assert len(await line.told(ContactErased)) == 1


async def test_whoever_writes_again_is_somebody_new(line: Any) -> None:
    await line.client("oi", id="M1")
    before = await line.conversation()
    await line.types()
    await erase(line, before["contact_id"])
    assert await line.client("oi", id="M1") == "duplicate", "what is delivered again is not taken in again"
    assert await line.client("oi") == "accepted"
    heard = (await line.told(MessageReceived))[-1]
    assert heard.conversation_id != before["id"]
    assert heard.contact_id != before["contact_id"]
    assert (heard.turn, heard.attended) == (1, False)


async def test_an_erased_conversation_is_not_taken_over(line: Any) -> None:
    await line.client()
    conversation = await line.conversation()
    await erase(line, conversation["contact_id"])
    with pytest.raises(UnknownConversation):
        async with line.db.tx(line.tenant_id) as tx:
            await attending.take_over(tx, conversation["id"], by="console", now=line.clock())


async def waiting(line: Any) -> bool:
    return bool(
        await line.rows(
            "SELECT $1::uuid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%take_messages%'"
        )
    )


async def test_a_message_that_waits_for_an_erasure_is_of_somebody_new(line: Any) -> None:
    await line.client("sou a Maria")
    before = await line.conversation()
    async with line.db.tx(line.tenant_id) as tx:
        await contacts.erase(tx, before["contact_id"], line.clock())
        late = asyncio.create_task(line.client("ainda a Maria"))
        await eventually(lambda: waiting(line))
    assert await late == "accepted"
    texts = await line.rows("SELECT conversation_id, text FROM messages WHERE tenant_id = $1 ORDER BY received_at, id")
    assert [row["text"] for row in texts] == ["", "ainda a Maria"]
    assert texts[1]["conversation_id"] != before["id"]


async def test_a_message_that_is_being_stored_is_erased_too(line: Any) -> None:
    await line.client("sou a Maria")
    before = await line.conversation()
    for _ in range(6):
        line.clock.advance(MINUTE)
        outcomes = await asyncio.gather(
            *(line.client("ainda a Maria") for _ in range(3)), erase(line, before["contact_id"])
        )
        assert outcomes[3]
        old = await line.rows(
            """SELECT m.text FROM messages AS m JOIN conversations AS v ON v.tenant_id = m.tenant_id AND v.id = m.conversation_id
               WHERE m.tenant_id = $1 AND v.erased_at IS NOT NULL"""
        )
        assert {row["text"] for row in old} == {""}
        await line.client("outra vez a Maria")
        (before,) = await line.rows(
            "SELECT * FROM conversations WHERE tenant_id = $1 AND erased_at IS NULL AND merged_into IS NULL"
        )
