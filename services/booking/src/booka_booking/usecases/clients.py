"""Forgetting a client: what is personal goes, the salon's books stay."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from booka_booking.store import clients, merging, reservations
from booka_booking.store import waitlist as waiting
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.waitlist import leave
from booka_common import inbox, jobs
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.messaging import ContactErased
from booka_common.db import Database, Tx

__all__ = ["FORGET_CONTACT", "Ahead", "Erased", "answer_erased", "erase", "forget"]

FORGET_CONTACT = "forget_contact"

#: What a contact asked for just before they were erased may come later by as long as a queue was stuck.
_LATE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Erased:
    """Since when nothing personal is known of a client."""

    at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Ahead:
    """The salon expects the client until then, or keeps a start for them."""

    until: datetime


async def erase(tx: Tx, client_id: UUID, now: datetime) -> Erased | Ahead | None:
    """Forget a client who has no visits ahead; None: there is none of this id. Asked again, nothing changes.

    Locks in the order that everybody keeps to: reservations, then the client, and the client's row after that.
    """
    booked = await clients.lock_reservations(tx, client_id)
    known = await clients.get(tx, client_id, now)
    if known is not None and known["contact_id"] is not None:
        # A hold or an offer that is being made for this contact is either seen below or made for somebody new.
        await reservations.lock_calendars(tx, (), known["contact_id"])
    found = await clients.lock(tx, client_id)
    if found is None:
        return None
    if found.erased_at is not None:
        return Erased(found.erased_at, found.version)
    until = await clients.ahead_until(tx, client_id, now)
    if until is not None:
        return Ahead(until)
    before = await merging.merged(tx, found.contact_id) if found.contact_id else []
    return Erased(now, await clients.erase(tx, client_id, found.contact_id, (*booked, *before), now))


async def answer_erased(db: Database, envelope: Envelope[ContactErased], now: datetime) -> None:
    """The salon has erased a contact: they wait for nothing any more, and are forgotten as soon as can be."""
    erased = envelope.data
    occasion = Occasion.message(envelope, now, "salon")
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.contact_erased", envelope.id):
            return
        contact_ids = (erased.contact_id, *erased.merged_ids)
        entries = [entry for id in contact_ids for entry in await waiting.live(tx, contact_id=id)]
        await leave(tx, entries, occasion, by="salon")
        for contact_id in contact_ids:
            await _plan(tx, contact_id, now, occasion, now)


async def forget(tx: Tx, contact_id: UUID, erased_at: datetime, occasion: Occasion) -> None:
    """Forget the client whom an erased contact is; with visits ahead, once these are over.

    A visit stays as it was booked, because nobody has cancelled it: the salon expects somebody and has to know whom.
    A day after the contact was erased there is one more look, for what came late.
    """
    client_id = await clients.find(tx, await merging.resolve(tx, contact_id))
    outcome = await erase(tx, client_id, occasion.now) if client_id else None
    if isinstance(outcome, Ahead):
        await _plan(tx, contact_id, erased_at, occasion, outcome.until)
    elif occasion.now < erased_at + _LATE:
        await _plan(tx, contact_id, erased_at, occasion, erased_at + _LATE)


async def _plan(tx: Tx, contact_id: UUID, erased_at: datetime, occasion: Occasion, at: datetime) -> None:
    await jobs.put(
        tx,
        FORGET_CONTACT,
        {"contact_id": str(contact_id), "erased_at": erased_at.isoformat()},
        scheduled_at=at,
        correlation_id=occasion.correlation_id,
        unique_key=f"{contact_id}:{at.isoformat()}",
    )
