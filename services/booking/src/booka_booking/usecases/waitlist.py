"""The waiting list: getting on it and off it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from booka_booking.domain.planning import Ask, Party, Refusal
from booka_booking.domain.waitlist import MOST_ENTRIES, Entry, Look, days_to_wait, not_replaceable
from booka_booking.store import clients, merging, reservations
from booka_booking.store import waitlist as store
from booka_booking.usecases.availability import load
from booka_booking.usecases.changes import cancel
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.waitlist_after import take_off
from booka_booking.usecases.waitlist_jobs import Planned, plan_end, plan_look
from booka_common import inbox, outbox
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.waitlist import WaitlistJoined, WaitlistLeaveRequested, WaitlistRefused, WaitlistRequested
from booka_common.db import Database, Tx
from booka_common.ids import new_id

__all__ = ["JoinRefusal", "Joined", "NotJoined", "answer", "answer_leave", "check", "end", "join", "leave"]

JoinRefusal = Literal[
    "unknown_service", "unknown_staff", "not_offered", "in_the_past", "too_many_entries", "salon_not_ready",
    "unknown_reservation", "already_over", "other_services",
]  # fmt: skip

#: Longer than any transaction lasts: whoever gave time up without having seen the new entry has committed by then.
_SETTLED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Joined:
    """They are on the list. `new` is False if this very request put them there before."""

    entry: Entry
    new: bool


@dataclass(frozen=True, slots=True)
class NotJoined:
    """They are not, and why."""

    code: JoinRefusal


async def answer(db: Database, envelope: Envelope[WaitlistRequested], now: datetime) -> None:
    """The client would like to be told when something becomes free."""
    asked = envelope.data
    occasion = Occasion.message(envelope, now, "client")
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.waitlist", envelope.id):
            return
        outcome = await join(tx, asked, occasion)
        if isinstance(outcome, NotJoined):
            refused = WaitlistRefused(
                request_id=asked.request_id, conversation_id=asked.conversation_id, code=outcome.code
            )
            await outbox.put(tx, occasion.say(refused))


async def join(tx: Tx, asked: WaitlistRequested, occasion: Occasion) -> Joined | NotJoined:
    """Put somebody on the list and say so. Who asks for what they wait for already is told of that entry.

    It takes over which visit is to be moved, if that is said only now: nobody is to end up with two visits.

    Takes the client's lock, so call it first in its transaction.
    """
    now = occasion.now
    await reservations.lock_client(tx, asked.contact_id, asked.request_id)
    found = await store.find_request(tx, asked.request_id)
    known = await store.get(tx, found) if found else None
    if known is not None:
        return Joined(known, new=False)
    loaded = await load(tx, Ask(asked.wants), now)
    if isinstance(loaded, str):
        return NotJoined(_code(loaded))
    profile = loaded[0].profile
    days = days_to_wait(profile, asked.first_day, asked.last_day, asked.from_minute, asked.until_minute, now)
    if isinstance(days, str):
        return NotJoined(days)
    hindered = await _not_replaceable(tx, asked, now)
    if hindered is not None:
        return NotJoined(hindered)
    entry = Entry(
        id=new_id(),
        request_id=asked.request_id,
        conversation_id=asked.conversation_id,
        contact_id=asked.contact_id,
        contact_name=asked.contact_name,
        phone=asked.phone,
        wants=asked.wants,
        first_day=days[0],
        last_day=days[1],
        from_minute=asked.from_minute,
        until_minute=asked.until_minute,
        created_at=now,
        replaces=asked.replaces,
    )
    live = await store.live(tx, contact_id=asked.contact_id)
    same = next((other for other in live if other.like(entry)), None)
    if same is None:
        if len(live) >= MOST_ENTRIES:
            return NotJoined("too_many_entries")
        # Whoever has left a name here is a client: listed, and forgotten when they ask for it.
        await clients.insert(
            tx,
            new_id(),
            contact_id=asked.contact_id,
            name=asked.contact_name,
            phone=asked.phone,
            notes=None,
            now=now,
        )
        await store.add(tx, entry)
        await plan_end(tx, entry, profile.zone, occasion)
        look = Look.at_days(entry.first_day, entry.last_day, profile.zone, only=entry.id)
        await plan_look(tx, Planned(look, f"{entry.id}:joined"), occasion, now + _SETTLED)
    elif asked.replaces not in (None, same.replaces):
        version = await store.put_replaces(tx, same.id, asked.replaces)
        same = replace(same, replaces=asked.replaces, version=version or same.version)
    entry = same or entry
    said = WaitlistJoined(
        entry_id=entry.id,
        request_id=asked.request_id,
        conversation_id=asked.conversation_id,
        first_day=entry.first_day,
        last_day=entry.last_day,
        replaces=entry.replaces,
    )
    await outbox.put(tx, occasion.say(said))
    return Joined(entry, new=same is None)


async def answer_leave(db: Database, envelope: Envelope[WaitlistLeaveRequested], now: datetime) -> None:
    """The client does not want to wait any more. What is over or not theirs is left as it is."""
    asked = envelope.data
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.waitlist_leave", envelope.id):
            return
        theirs = await store.live(tx, conversation_id=await merging.resolve(tx, asked.conversation_id))
        chosen = [entry for entry in theirs if asked.entry_id in (None, entry.id)]
        await leave(tx, chosen, Occasion.message(envelope, now, "client"), by="client")


async def leave(tx: Tx, entries: Sequence[Entry], occasion: Occasion, *, by: Party) -> None:
    """Take these off the list. What is being offered to them and was not agreed to is given up, for others to have."""
    offered = [await reservations.lock(tx, id) for id in await store.open_offers(tx, [entry.id for entry in entries])]
    for it in offered:
        # Whoever owes the deposit has agreed: that is a visit like any other.
        if it is not None and it.status == "held" and it.deposit_due_at is None:
            await cancel(tx, it, occasion, by=by, why="left_waiting_list")
    for entry in sorted(entries, key=lambda entry: entry.id):
        await take_off(tx, entry, "asked", occasion)


async def end(tx: Tx, entry_id: UUID, occasion: Occasion) -> None:
    """The last day of an entry is over, or was to be when this was planned. What is being offered ends by itself."""
    entry = await store.lock_entry(tx, entry_id)
    zone = await store.zone_of(tx)
    if entry is None or zone is None or entry.status != "waiting":
        return
    if entry.ends(zone) > occasion.now:
        await plan_end(tx, entry, zone, occasion)
    else:
        await take_off(tx, entry, "over", occasion)


async def check(tx: Tx, look: Look, occasion: Occasion) -> int:
    """Have everything looked at that is free on some days; return how many wait for one of them."""
    count = await store.count_live(tx, look.first_day, look.last_day)
    if count:
        await plan_look(tx, Planned(look, f"{new_id()}:check"), occasion)
    return count


async def _not_replaceable(
    tx: Tx, asked: WaitlistRequested, now: datetime
) -> Literal["unknown_reservation", "already_over", "other_services"] | None:
    """Why the visit that was named cannot be moved to what becomes free. Nothing is kept of this: it is looked at again."""
    if asked.replaces is None:
        return None
    it = await reservations.get(tx, asked.replaces)
    if it is None or not await merging.same(tx, it.contact_id, asked.contact_id):
        return "unknown_reservation"
    return not_replaceable(it, asked.wants, now)


def _code(code: Refusal) -> JoinRefusal:
    match code:
        case "unknown_service" | "unknown_staff" | "salon_not_ready" as same:
            return same
        case _:
            return "not_offered"
