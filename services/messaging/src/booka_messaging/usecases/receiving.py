"""What comes in from a gateway: messages, receipts, the state of the connection."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, assert_never
from uuid import UUID

from booka_common import outbox
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import MessageReceived
from booka_common.db import Database, Tx
from booka_common.errors import Unavailable
from booka_common.ids import derived_id, new_id
from booka_messaging import store
from booka_messaging.domain.model import (
    ChatEvent,
    ChatMessage,
    ConnectionChanged,
    Ignored,
    Merge,
    Person,
    Receipt,
    merge,
    phone_of,
)
from booka_messaging.store import Channel, Settled
from booka_messaging.usecases.news import delivery_news

__all__ = ["Outcome", "receive"]

Outcome = Literal["accepted", "ignored", "duplicate", "stale"]


class _TakenMeanwhile(Exception):
    """A concurrent delivery of the same message was first."""


async def receive(
    db: Database, channel: Channel, events: Sequence[ChatEvent], *, stale_after: timedelta, now: datetime
) -> Outcome:
    """Take the events of one webhook, each in a transaction of its own; repeated, they change nothing.

    Returns:
        What came of the first event that was for us, else `ignored`.
    """
    outcomes = [await _one(db, channel, event, stale_after, now) for event in events]
    return next((outcome for outcome in outcomes if outcome != "ignored"), "ignored")


async def _one(db: Database, channel: Channel, event: ChatEvent, stale_after: timedelta, now: datetime) -> Outcome:
    match event:
        case ChatMessage():
            return await _message(db, channel, event, stale_after, now)
        case Receipt():
            return await _receipt(db, channel, event, now)
        case ConnectionChanged(state, reason):
            async with db.tx(channel.tenant_id) as tx:
                await store.set_connection(tx, channel.id, state=state, reason=reason, now=now)
            return "accepted"
        case Ignored():
            return "ignored"
        case _:
            assert_never(event)


async def _message(
    db: Database, channel: Channel, message: ChatMessage, stale_after: timedelta, now: datetime
) -> Outcome:
    """Store a message and say that it was received, unless the salon wrote it or it is too old to be answered."""
    stale = now - message.sent_at > stale_after
    answered = message.author == "client" and not stale
    message_id = new_id()
    try:
        async with db.tx(channel.tenant_id) as tx:
            settled = await _take(tx, channel.id, message_id, message, counts=answered, now=now)
            if settled is None:
                return "duplicate"
            if answered:
                await outbox.put(tx, _received(channel.tenant_id, message_id, message, settled, now))
    except _TakenMeanwhile:
        return "duplicate"
    return "stale" if stale else "accepted"


async def _take(
    tx: Tx, channel_id: UUID, message_id: UUID, message: ChatMessage, *, counts: bool, now: datetime
) -> Settled | None:
    """Store the message in its conversation; None if it is there already."""
    taken = await store.take_message(tx, channel_id, message_id, message, counts=counts, now=now)
    if taken.settled is None and not taken.duplicate:
        await _settle(tx, channel_id, message, now)
        taken = await store.take_message(tx, channel_id, message_id, message, counts=counts, now=now)
    if taken.duplicate:
        return None
    if taken.settled is None:
        raise Unavailable("the contact changed meanwhile", code="contact_changed")
    if not taken.stored:
        raise _TakenMeanwhile
    return taken.settled


async def _settle(tx: Tx, channel_id: UUID, message: ChatMessage, now: datetime) -> None:
    """Make all aliases of the message those of one contact that has a conversation: found, merged, or new."""
    await store.lock_identity(tx, channel_id)
    found = await store.people(tx, channel_id, message.aliases)
    if found:
        decision = merge(found)
        if decision.others:
            await store.record_merge(tx, decision)
    else:
        decision = Merge(Person(new_id(), None, None, None, None), ())
    known = (decision.survivor, *decision.others)
    await store.put_person(
        tx,
        channel_id,
        decision.survivor.contact_id,
        new_id(),
        message.aliases,
        name=message.name or next((person.name for person in known if person.name), None),
        phone=phone_of(message.aliases) or next((person.phone for person in known if person.phone), None),
        now=now,
    )


def _received(
    tenant_id: UUID, message_id: UUID, message: ChatMessage, settled: Settled, now: datetime
) -> Envelope[MessageReceived]:
    return Envelope.of(
        MessageReceived(
            message_id=message_id,
            conversation_id=settled.conversation_id,
            contact_id=settled.contact_id,
            turn=settled.turn,
            kind=message.kind,
            text=message.text,
            choice_id=message.choice_id,
            contact_name=settled.name,
            phone=settled.phone,
            sent_at=message.sent_at,
        ),
        tenant_id=tenant_id,
        now=now,
        id=derived_id(message_id, "received"),
    )


async def _receipt(db: Database, channel: Channel, receipt: Receipt, now: datetime) -> Outcome:
    """Raise a message's delivery state; receipts that come late or twice change nothing."""
    async with db.tx(channel.tenant_id) as tx:
        touched = await store.record_receipt(tx, channel.id, receipt, now=now)
        if touched is None:
            return "duplicate"
        if (data := delivery_news(receipt.status, touched)) is not None:
            await outbox.put(
                tx, Envelope.of(data, tenant_id=channel.tenant_id, now=now, id=derived_id(touched.id, receipt.status))
            )
    return "accepted"
