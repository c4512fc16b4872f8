"""What a change of a reservation means for the waiting list: an offer ends, or time becomes free."""

from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.reservation import Reservation
from booka_booking.domain.waitlist import Entry, Look, Outcome, after_offer, outcome_of
from booka_booking.store import waitlist as store
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.waitlist_jobs import Planned, plan_look
from booka_common import outbox
from booka_common.contracts.waitlist import WaitlistLeft
from booka_common.db import Tx

__all__ = ["follow", "take_off"]

Reason = Literal["booked", "asked", "over"]


async def follow(
    tx: Tx, before: Reservation, after: Reservation, occasion: Occasion, who: str, *, offer_id: UUID | None = None
) -> None:
    """A locked reservation has changed. One statement, unless it was an offer or somebody waits for the time it leaves.

    Args:
        offer_id: the offer whose place it took.
    """
    outcome: Outcome | None = "booked" if offer_id else outcome_of(before, after, by_client=who == "client")
    look = Look.after(before, after, occasion.now)
    if outcome is None and look is None:
        return
    booked_by = after.contact_id if after.status == "confirmed" else None
    ended = await store.end_offer(tx, offer_id or after.id, outcome, look, booked_by)
    served = await _served(tx, booked_by, before, after) if booked_by and ended.waits else {}
    # By id, in which order they are locked everywhere.
    for entry_id in sorted({*served, *filter(None, [ended.entry_id])}):
        if entry_id == ended.entry_id and outcome is not None:
            await _offer_ended(tx, entry_id, outcome, ZoneInfo(before.zone), occasion)
        else:
            await take_off(tx, served[entry_id], "booked", occasion)
    if look is not None and ended.awaited:
        # What somebody has let go is for others.
        look = look if ended.entry_id is None else look.besides_too(ended.entry_id)
        await plan_look(tx, Planned(look, f"{after.id}:{after.version}"), occasion)


async def take_off(tx: Tx, entry: Entry, reason: Reason, occasion: Occasion) -> None:
    """Take an entry off the list, and say so; nothing if it is off already."""
    status: Literal["booked", "left", "over"] = "left" if reason == "asked" else reason
    if await store.put_status(tx, entry.id, status):
        said = WaitlistLeft(entry_id=entry.id, conversation_id=entry.conversation_id, reason=reason)
        await outbox.put(tx, occasion.say(said))


async def _served(tx: Tx, contact_id: UUID, before: Reservation, after: Reservation) -> dict[UUID, Entry]:
    """What this contact waited for and has booked now. What is being offered for it ends by itself.

    Who had something there already, and waits for something better, may move it about.
    """
    zone = ZoneInfo(before.zone)
    return {
        entry.id: entry
        for entry in await store.live(tx, contact_id=contact_id)
        if entry.served_by(after, zone) and not (before.status == "confirmed" and entry.served_by(before, zone))
    }


async def _offer_ended(tx: Tx, entry_id: UUID, outcome: Outcome, zone: ZoneInfo, occasion: Occasion) -> None:
    entry = await store.lock_entry(tx, entry_id)
    if entry is None:
        return
    match after_offer(entry, outcome, occasion.now, zone):
        case "booked" | "over" as reason:
            await take_off(tx, entry, reason, occasion)
        case "waiting":
            await store.put_status(tx, entry.id, "waiting")
