"""Two contacts turn out to be one person: it is said, once, in the transaction that makes them one."""

from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.messaging import ContactMerged, MessageReceived
from booka_messaging.domain.model import Alias, Linked
from booka_messaging.usecases.identifying import sighted

PN, LID, OTHER = Alias("pn", "351912345678"), Alias("lid", "77001122334455"), Alias("bsuid", "PT.1234567890")
MINUTE = timedelta(minutes=1)


async def wrote(line: Any, *aliases: Alias) -> MessageReceived:
    """Somebody writes; what is said of that."""
    await line.client("oi", *aliases)
    line.clock.advance(MINUTE)
    said: MessageReceived = (await line.told(MessageReceived))[-1]
    return said


async def test_it_is_said_once_who_became_whom(line: Any) -> None:
    by_lid = await wrote(line, LID)
    by_number = await wrote(line, PN)
    assert await line.told(ContactMerged) == []
    both = line.says("sou eu", LID, PN)
    for _ in range(2):
        await line.take(both)
    (said,) = await line.told(ContactMerged)
    assert (said.contact_id, said.merged_contact_id) == (by_number.contact_id, by_lid.contact_id)
    (pair,) = said.conversations
    assert (pair.conversation_id, pair.merged_conversation_id) == (by_number.conversation_id, by_lid.conversation_id)


async def test_of_a_chain_all_conversations_are_named(line: Any) -> None:
    first, second = await wrote(line, LID), await wrote(line, PN)
    await line.take(Linked("system", (LID, PN)))
    third = await wrote(line, OTHER)
    await line.take(Linked("system", (PN, OTHER)))
    one, two = await line.told(ContactMerged)
    assert (one.contact_id, one.merged_contact_id) == (second.contact_id, first.contact_id)
    assert (two.contact_id, two.merged_contact_id) == (third.contact_id, second.contact_id)
    assert {pair.merged_conversation_id for pair in two.conversations} == {
        first.conversation_id,
        second.conversation_id,
    }
    assert {pair.conversation_id for pair in two.conversations} == {third.conversation_id}


async def test_several_at_once_are_said_one_by_one_each_with_its_own(line: Any) -> None:
    people = {(one := await wrote(line, alias)).contact_id: one.conversation_id for alias in (LID, PN, OTHER)}
    await line.take(Linked("system", (LID, PN, OTHER)))
    said = await line.told(ContactMerged)
    (stays,) = {one.contact_id for one in said}
    assert {one.merged_contact_id: one.conversations[0].merged_conversation_id for one in said} == {
        contact: conversation for contact, conversation in people.items() if contact != stays
    }


async def test_what_is_undone_is_not_said(line: Any) -> None:
    await wrote(line, LID)
    await wrote(line, PN)
    with pytest.raises(ZeroDivisionError):
        async with line.db.tx(line.tenant_id) as tx:
            await sighted(tx, line.tenant_id, line.channel.id, (LID, PN), now=line.clock())
            raise ZeroDivisionError
    assert await line.told(ContactMerged) == []
    assert len(await line.rows("SELECT 1 FROM contacts WHERE tenant_id = $1 AND merged_into IS NULL")) == 2


async def test_another_id_of_somebody_known_merges_nobody(line: Any) -> None:
    await wrote(line, LID)
    await wrote(line, LID, PN)
    assert await line.told(ContactMerged) == []
