"""Two conversations are with one client: the talk goes on in one of them, which knows what was known in either."""

from dataclasses import replace
from datetime import datetime

from booka_common import inbox
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.messaging import ContactMerged
from booka_common.db import Tx
from booka_dialog import store
from booka_dialog.domain import Session, joined
from booka_dialog.usecases.taking import Deps

__all__ = ["merge"]


async def merge(deps: Deps, envelope: Envelope[ContactMerged]) -> None:
    """Have conversations go on in others. Heard in any order and any number of times, such messages end the same."""
    async with deps.db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, f"dialog.{ContactMerged.key}", envelope.id):
            return
        await store.lock_merging(tx)  # from here on, where a talk goes on stays as it is
        pairs = [(one.merged_conversation_id, one.conversation_id) for one in envelope.data.conversations]
        involved = sorted(set(await store.resolve(tx, sorted({id for pair in pairs for id in pair}))))
        # Those that were merged before come first, as with everybody who has one of them in hand and waits for where it goes on.
        await store.lock(tx, *await store.merged_into(tx, involved))
        await store.lock(tx, *involved)
        for merged, stays in pairs:
            before, goes_on = await store.resolve(tx, [merged, stays])
            if before == goes_on:
                continue
            found = {
                one.conversation_id: one
                for one in await store.load_more(tx, [(envelope.tenant_id, before), (envelope.tenant_id, goes_on)])
            }
            session = found[goes_on].session or Session(conversation_id=goes_on)
            if goes_on == stays:  # else whose it is was said by a later message, which came first
                session = replace(session, contact_id=envelope.data.contact_id)
            await _join(tx, found[before], found[goes_on], session, deps.now())


async def _join(tx: Tx, other: store.Conversation, stays: store.Conversation, session: Session, now: datetime) -> None:
    """Have `stays`, whose session is `session`, know what `other` knew, and take in what comes for it."""
    if other.session is not None:
        session = joined(session, other.session)
    if not stays.forgotten:
        saved = store.Saved(
            tenant_id=stays.tenant_id, session=session, turns_taken=stays.turns_taken, said=stays.said, turns={}
        )
        await store.save(tx, [saved], now=now)
    await store.merge(tx, other.conversation_id, stays.conversation_id, now=now)
