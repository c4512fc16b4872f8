"""People, as somebody at the salon looks after them: what is known of them, silence, and forgetting."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from booka_common import jobs, outbox
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import ContactErased, MessageFailed
from booka_common.db import Database, Tx
from booka_common.ids import derived_id
from booka_common.jobs import Job
from booka_messaging import store
from booka_messaging.domain.attending import REPEATED_FOR
from booka_messaging.errors import UnknownContact
from booka_messaging.store.contacts import (
    Contact,
    Dropped,
    block_contact,
    contact_rows,
    drop_queued,
    erase_contact,
    erase_conversations,
    erase_ids,
    erase_texts,
    get_contact,
    lines_of,
)

__all__ = ["FORGET_IDS", "block", "erase", "export", "forget_ids"]

#: The job that ends an erasure.
FORGET_IDS = "forget_ids"
#: So long the ids of what was said tell a repetition from somebody new, then its age does. A day more, because clocks differ.
_IDS_KEPT = REPEATED_FOR + timedelta(days=1)
_ERASED = "erased"


async def export(db: Database, tenant_id: UUID, contact_id: UUID) -> dict[str, Any]:
    """Everything that is known of a person: `contact`, `aliases`, `conversations`, `messages`, `charges`, oldest first.

    Rows have all their columns, as ids, texts, numbers and instants. A contact that was merged stands for the one it became.

    Raises:
        UnknownContact: the tenant has none of this id.
    """
    async with db.tx(tenant_id) as tx:
        contact = await _contact(tx, contact_id)
        rows = await contact_rows(tx, contact.id)
    return {"contact": {name: getattr(contact, name) for name in Contact.__slots__}, **rows}


async def block(tx: Tx, contact_id: UUID, *, blocked: bool, now: datetime) -> None:
    """Take no notice of a person from now on, or do so again. What a blocked one writes is stored and not answered.

    Raises:
        UnknownContact: the tenant has none of this id, or it was erased.
    """
    if not await block_contact(tx, contact_id, blocked=blocked, now=now):
        raise UnknownContact


async def erase(tx: Tx, contact_id: UUID, now: datetime) -> bool:
    """Forget a person: names, numbers, ids and everything that was said.

    Rows stay to be counted, for nine days with the providers' ids of messages. What waits to be sent to them is not sent. If
    they write again, they are somebody new. `tx` must not hold the lock of a conversation yet. Repeated, it changes nothing.

    Returns:
        False if they were erased before.

    Raises:
        UnknownContact: the tenant has none of this id.
    """
    contact = await _locked(tx, contact_id)
    if contact.erased_at is not None:
        return False
    conversation_ids = await erase_conversations(tx, contact.id, now=now)
    dropped = await drop_queued(tx, conversation_ids, _ERASED, now=now)
    await erase_texts(tx, conversation_ids)
    await store.forget_unread(tx, contact.id)
    merged_ids = await erase_contact(tx, contact.id, now=now)
    await jobs.put(
        tx,
        FORGET_IDS,
        {"conversation_ids": [str(id) for id in conversation_ids]},
        scheduled_at=now + _IDS_KEPT,
        correlation_id=contact.id,
        unique_key=str(contact.id),
    )
    tenant_id = tx.tenant_id
    if tenant_id is None:
        raise ValueError("a contact is erased in a transaction of its salon")
    erased = ContactErased(
        contact_id=contact.id, conversation_ids=tuple(conversation_ids), merged_ids=tuple(merged_ids)
    )
    await outbox.put(
        tx,
        Envelope.of(erased, tenant_id=tenant_id, now=now, id=derived_id(contact.id, "erased")),
        *(
            Envelope.of(_failed(one), tenant_id=tenant_id, now=now, id=derived_id(one.id, "failed"))
            for one in dropped
            if one.author == "booka"
        ),
    )
    return True


async def forget_ids(tx: Tx, job: Job) -> None:
    """Forget the ids that were kept when a person was erased."""
    await erase_ids(tx, [UUID(id) for id in job.payload["conversation_ids"]])


async def _contact(tx: Tx, contact_id: UUID) -> Contact:
    contact = await get_contact(tx, contact_id)
    if contact is None:
        raise UnknownContact
    return contact


async def _locked(tx: Tx, contact_id: UUID) -> Contact:
    """The person, once nobody else can become part of them or find them under an alias that is not known yet."""
    contact = await _contact(tx, contact_id)
    locked: set[UUID] = set()
    while missing := [line for line in await lines_of(tx, contact.id) if line not in locked]:
        for line in missing:
            await store.lock_identity(tx, line)
            locked.add(line)
        contact = await _contact(tx, contact_id)
    return contact


def _failed(message: Dropped) -> MessageFailed:
    return MessageFailed(
        message_id=message.id,
        conversation_id=message.conversation_id,
        request_id=message.request_id,
        code=_ERASED,
        detail="the client's data was erased before it was sent",
    )
