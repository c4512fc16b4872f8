"""Who is who, whatever shows it: a message, the gateway's word, a receipt, or the answer to a send."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from booka_common import outbox
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import ContactMerged, ConversationMerged
from booka_common.db import Tx
from booka_common.ids import new_id
from booka_messaging import store
from booka_messaging.domain.identity import resolve
from booka_messaging.domain.model import Alias, Person, phone_of

__all__ = ["NotAlone", "settle", "sighted"]


class NotAlone(Exception):
    """Several people are one, and somebody else's conversations are in hand besides theirs."""


async def settle(
    tx: Tx,
    tenant_id: UUID,
    channel_id: UUID,
    aliases: Sequence[Alias],
    *,
    name: str | None = None,
    talks: bool,
    alone: bool = True,
    now: datetime,
) -> None:
    """Make `aliases`, which were seen together, those of one contact: found, merged from several, or new.

    It takes the line's identity lock. Whoever takes that and locks rows of conversations takes it first.

    Args:
        talks: they said something, or were told something, so they have a conversation.
        alone: `tx` is about nobody else. To merge locks conversations, which have one order for all of a transaction.

    Raises:
        NotAlone: they would have to be merged.
    """
    await store.lock_identity(tx, channel_id)
    known = await store.people(tx, tenant_id, channel_id, aliases)
    found = resolve(aliases, known)
    survivor = found.survivor
    if survivor is not None and found.absorbed:
        if not alone:
            raise NotAlone
        await _merge(tx, tenant_id, survivor, found.absorbed, now=now)
    newest = sorted(aliases, key=lambda alias: alias not in found.added)  # a new number takes the place of the old one
    people = (survivor, *found.absorbed) if survivor is not None else ()
    await store.put_person(
        tx,
        tenant_id,
        channel_id,
        survivor.contact_id if survivor is not None else new_id(),
        new_id() if talks else None,
        aliases,
        name=name or next((person.name for person in people if person.name), None),
        phone=phone_of(newest) or next((person.phone for person in people if person.phone), None),
        contested=found.contested,
        now=now,
    )


async def _merge(tx: Tx, tenant_id: UUID, survivor: Person, absorbed: Sequence[Person], *, now: datetime) -> None:
    """Make `absorbed` part of `survivor`, and tell those who know them by their ids."""
    theirs = await store.record_merge(tx, tenant_id, survivor, absorbed, now=now)
    goes_on = survivor.conversation_id
    said = [
        ContactMerged(
            contact_id=survivor.contact_id,
            merged_contact_id=contact_id,
            conversations=tuple(
                ConversationMerged(conversation_id=goes_on, merged_conversation_id=id)
                for id in conversation_ids
                if goes_on is not None
            ),
        )
        for contact_id, conversation_ids in theirs.items()
    ]
    await outbox.put(tx, *(Envelope.of(one, tenant_id=tenant_id, now=now) for one in said))


async def sighted(tx: Tx, tenant_id: UUID, channel_id: UUID, aliases: Sequence[Alias], *, now: datetime) -> bool:
    """Learn that `aliases` were seen together, where nobody said anything: in a receipt, the answer to a send, a notice.

    What is known already costs one statement and no lock, a single alias nothing. Call it before `tx` locks rows of
    conversations.

    Returns:
        Whether anything was learnt.
    """
    if len(set(aliases)) < 2:
        return False
    found = resolve(aliases, await store.people(tx, tenant_id, channel_id, aliases))
    if not found.added and not found.absorbed:
        return False
    await settle(tx, tenant_id, channel_id, aliases, talks=False, now=now)
    return True
