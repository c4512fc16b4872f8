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


async def follow(tx: Tx, before: Reservation, after: Reservation, occasion: Occasion, who: str) -> None:
    """A locked reservation has changed. One statement, unless it was an offer or somebody waits for the time it leaves."""
    outcome = outcome_of(before, after, by_client=who == "client")
    look = Look.after(before, after, occasion.now)
    if outcome is None and look is None:
        return
    entry_id, awaited = await store.end_offer(tx, after.id, outcome, look)
    if entry_id is not None and outcome is not None:
        await _offer_ended(tx, entry_id, outcome, ZoneInfo(before.zone), occasion)
    if look is not None and awaited:
        # What somebody has let go is for others.
        look = look if entry_id is None else look.besides_too(entry_id)
        await plan_look(tx, Planned(look, f"{after.id}:{after.version}"), occasion)


async def take_off(tx: Tx, entry: Entry, reason: Reason, occasion: Occasion) -> None:
    """Take an entry off the list, and say so; nothing if it is off already."""
    status: Literal["booked", "left", "over"] = "left" if reason == "asked" else reason
    if await store.put_status(tx, entry.id, status):
        said = WaitlistLeft(entry_id=entry.id, conversation_id=entry.conversation_id, reason=reason)
        await outbox.put(tx, occasion.say(said))


async def _offer_ended(tx: Tx, entry_id: UUID, outcome: Outcome, zone: ZoneInfo, occasion: Occasion) -> None:
    entry = await store.lock_entry(tx, entry_id)
    if entry is None:
        return
    match after_offer(entry, outcome, occasion.now, zone):
        case "booked" | "over" as reason:
            await take_off(tx, entry, reason, occasion)
        case "waiting":
            await store.put_status(tx, entry.id, "waiting")
