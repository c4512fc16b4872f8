"""Two contacts are one person: their clients become one, with everything that either has booked or waits for."""

from datetime import datetime, timedelta
from uuid import UUID

from booka_booking.store import merging
from booka_booking.store import waitlist as waiting
from booka_booking.usecases.occasion import Occasion
from booka_common import inbox, jobs
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.messaging import ContactMerged
from booka_common.db import Database, Tx

__all__ = ["GATHER_CONTACT", "answer", "gather"]

GATHER_CONTACT = "gather_contact"

#: What was asked for under the old ids comes within moments; or, if a queue was stuck, much later.
_LATE = (timedelta(minutes=1), timedelta(days=1))


async def answer(db: Database, envelope: Envelope[ContactMerged], now: datetime) -> None:
    """Two contacts turned out to be one. Heard in any order and any number of times, such messages end the same."""
    said = envelope.data
    occasion = Occasion.message(envelope, now, "salon")
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.contact_merged", envelope.id):
            return
        await waiting.lock(tx)
        await merging.merge_id(tx, said.merged_contact_id, said.contact_id)
        for one in said.conversations:
            await merging.merge_id(tx, one.merged_conversation_id, one.conversation_id)
        await gather(tx, said.contact_id)
        for late in _LATE:
            await jobs.put(
                tx,
                GATHER_CONTACT,
                {"contact_id": str(said.contact_id)},
                scheduled_at=now + late,
                correlation_id=occasion.correlation_id,
                unique_key=f"{envelope.id}:{late.total_seconds():.0f}",
            )


async def gather(tx: Tx, contact_id: UUID) -> None:
    """Bring together what there is under any id of a contact; repeated, it does nothing.

    The lock of the waiting list comes first, as everywhere: nothing is being offered meanwhile, and of several merges in a
    salon one goes after the other.
    """
    await waiting.lock(tx)
    stays = await merging.resolve(tx, contact_id)
    before = await merging.merged(tx, stays)
    clients = await merging.lock_clients(tx, [stays, *before])
    if not before:
        return
    # The client of the contact that stays goes on, if there is one.
    ranked = [client_id for client_id, contact in sorted(clients, key=lambda client: client[1] != stays)]
    renamed = [contact for _, contact in clients if contact != stays]
    await merging.gather(tx, stays, before, ranked[0] if ranked and renamed else None, ranked[1:])
