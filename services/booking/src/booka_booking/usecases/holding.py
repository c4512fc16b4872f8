"""Holds that wait at the same time share a transaction, whichever salons they are for (ADR 21).

A hold is decided on before it waits, and only written with the others; the constraint says who was first. Whoever was not
first is told so from another transaction, so that nobody looks for other starts while somebody waits for these.
"""

import asyncio
from collections.abc import Hashable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Literal
from uuid import UUID
from weakref import WeakValueDictionary

from booka_booking.domain.diary import Seating
from booka_booking.domain.planning import Ask
from booka_booking.domain.policy import Client
from booka_booking.domain.reservation import Reservation
from booka_booking.errors import UnknownClient
from booka_booking.store import holds as store
from booka_booking.store import reservations, salons
from booka_booking.store.holds import Following, NewHold, Written
from booka_booking.store.salons import Known
from booka_booking.usecases import holds, tickets
from booka_booking.usecases.confirmations import confirm
from booka_booking.usecases.holds import Possible
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.refusing import Asked, Refused, refuse
from booka_booking.usecases.saying import said_of
from booka_booking.usecases.tickets import AlreadyHeard, Heard, Ticket
from booka_booking.usecases.wishes import Held, Missed, NotHeld, Wish
from booka_common import outbox
from booka_common.batching import Batcher
from booka_common.contracts.booking import HoldRequested
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database, Tx

__all__ = ["Holds"]

#: Batches under way at once: while one is written, the next can be decided on. Those of one salon are one after the other.
_LANES = 2
#: Batches of refusals under way at once. Those who are told the same are in one, so that it is found out once.
_REFUSING = 4

#: Salons that are read at once. All who wait for the same one share a look at it that began after they asked.
_READING = 4

#: How writing ended: granted; on a salon that is not so any more; not granted; or it has to be looked at anew, alone or not.
_Verdict = Held | Missed | Literal["outdated", "taken", "alone", "again"]


class _Wanted:
    """A hold for whoever asked.

    Attributes:
        place: the same for those who want the same time of somebody.
    """

    __slots__ = ("_hold", "_it", "asked", "place")

    def __init__(self, asked: Asked, it: Possible, place: Hashable, hold: NewHold | None) -> None:
        self.asked = asked
        self.place = place
        self._it = it
        self._hold = hold

    @property
    def hold(self) -> NewHold:
        """As it is to be written. If there is no choice, it may have been left open until now."""
        if self._hold is None:
            self._hold = holds.decide(self._it, self._it.first, Client(), self.asked.wish, self.asked.occasion)
        return self._hold


class Holds:
    """Keeps starts for clients, says so, and plans the end of each hold."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._writing: list[Batcher[_Wanted, _Verdict]] = [
            Batcher(self._write, key=_owner, patient=True) for _ in range(_LANES)
        ]
        self._refusing = [Batcher(partial(refuse, db)) for _ in range(_REFUSING)]
        self._reading = [Batcher(self._read_all) for _ in range(_READING)]
        self._waited_for: set[Hashable] = set()
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def answer(self, envelope: Envelope[HoldRequested], now: datetime) -> None:
        """The client has picked a start."""
        asked = envelope.data
        wish = Wish(
            Ask(asked.wants),
            asked.start,
            request_id=asked.request_id,
            conversation_id=asked.conversation_id,
            contact_id=asked.contact_id,
            contact_name=asked.contact_name,
            phone=asked.phone,
            guest_name=asked.guest_name,
        )
        occasion = Occasion.message(envelope, now, "client")
        with suppress(AlreadyHeard):
            await self.hold(wish, occasion, Heard(envelope, occasion))

    async def hold(self, wish: Wish, occasion: Occasion, ticket: Ticket | None = None) -> Held | NotHeld:
        """Keep the start for the client; or find out why not, and what else is free.

        Raises:
            UnknownClient: the salon has no client `wish.client_id`.
            Exception: what `ticket` has against it.
        """
        asked = Asked(wish, occasion, ticket)
        known = salons.recall(self._db.memories, occasion.tenant_id) or await self._read(occasion)
        while True:
            outcome: Held | NotHeld | Missed | None = await self._keep(asked, known)
            if isinstance(outcome, Missed):
                refused = Refused(asked, outcome, known)
                outcome = await self._refusing[hash(refused.alike) % _REFUSING].do(refused)
            if outcome is not None:
                return outcome
            known = await self._read(occasion)

    async def _read(self, occasion: Occasion) -> Known | None:
        """The salon as it is now. It is a dozen statements, and whoever storms one that is new to us asks for it at once."""
        return await self._reading[occasion.tenant_id.int % _READING].do(occasion)

    async def _read_all(self, batch: Sequence[Occasion]) -> list[Known | None]:
        found: dict[UUID, Known | None] = {}
        for occasion in batch:
            if occasion.tenant_id not in found:
                async with self._db.tx(occasion.tenant_id) as tx:
                    found[occasion.tenant_id] = await salons.read(tx, occasion.now)
        return [found[occasion.tenant_id] for occasion in batch]

    async def _keep(self, asked: Asked, known: Known | None) -> Held | Missed | None:
        """None: the salon is not as `known` any more."""
        wish, occasion = asked.wish, asked.occasion
        if wish.alone:
            return await self._keep_alone(asked)
        it = holds.possible(known, wish, occasion.now) if known else Missed("salon_not_ready")
        if isinstance(it, Missed):
            return it
        while True:
            wanted = self._sole(asked, it) if it.sole else await self._look(asked, it)
            if not isinstance(wanted, _Wanted):
                return wanted if isinstance(wanted, Missed) else await self._keep_in_turn(asked)
            self._waited_for.add(wanted.place)
            try:
                verdict = await self._writing[occasion.tenant_id.int % _LANES].do(wanted)
            finally:
                self._waited_for.discard(wanted.place)
            match verdict:
                case "taken" if it.sole:
                    return Missed("slot_taken", it.plan)
                case "taken" | "again":
                    continue  # somebody else was quicker: is there another one who is free?
                case "outdated":
                    return None
                case "alone":
                    return await self._keep_alone(asked)
                case Held() | Missed() as outcome:
                    return outcome

    def _sole(self, asked: Asked, it: Possible) -> _Wanted | None:
        """The only hold that it can be; None if it must have calendars to itself."""
        # Plans are remembered: whoever asks for the same has the same one.
        place = id(it.plan), asked.wish.start
        if place in self._waited_for:
            # Behind somebody who tries, it will most likely not even be tried (ADR 33): then it need not be decided on.
            return _Wanted(asked, it, place, None)
        hold = _decided(asked, it, it.first, Client())
        return _Wanted(asked, it, place, hold) if hold else None

    async def _look(self, asked: Asked, it: Possible) -> _Wanted | Missed | None:
        """The hold of whoever is free; None if it must have calendars to itself."""
        wish, occasion = asked.wish, asked.occasion
        async with self._db.tx(occasion.tenant_id) as tx:
            seating, client, taken = await holds.look(tx, it, wish, occasion.now)
        if seating is None:
            return Missed("slot_taken", it.plan)
        hold = _decided(asked, it, seating, client)
        if hold is None or holds.lapsed_in_the_way(hold.it.claims, taken, occasion.now):
            return None
        # Numbers: to hash one of those is a tenth of hashing a UUID.
        calendar_id, busy_from, busy_until = hold.it.claims[0]
        return _Wanted(asked, it, (occasion.tenant_id.int, calendar_id.int, busy_from, busy_until), hold)

    async def _keep_in_turn(self, asked: Asked) -> Held | Missed:
        """Alone, and one of a salon after the other.

        All of them take about the same calendars. Whoever waits for those in the database has a connection and little time.
        """
        turn = self._turns.setdefault(asked.occasion.tenant_id, asyncio.Lock())
        async with turn:
            return await self._keep_alone(asked)

    async def _keep_alone(self, asked: Asked) -> Held | Missed:
        """In a transaction of its own, which waits for whoever is in the way."""
        wish, occasion = asked.wish, asked.occasion
        async with self._db.tx(occasion.tenant_id) as tx:
            known = True
            if wish.client_id and not wish.contact_id:
                reached = await reservations.reach(tx, wish.client_id)
                known, wish = reached is not None, wish.reaching(reached)
            await reservations.lock_client(tx, wish.contact_id, wish.request_id, wish.client_id)
            (problem,) = await tickets.claim_all(tx, [asked.ticket])
            if problem is not None:
                raise problem
            if not known:
                raise UnknownClient("no client of this id")
            outcome = await holds.keep(tx, wish, occasion)
            if isinstance(outcome, Held):
                await outbox.put(tx, occasion.say(holds.told(outcome.reservation, occasion)))
                if wish.agreed:
                    outcome = await _agree(tx, outcome, wish, occasion)
                await tickets.keep_all(tx, [(asked.ticket, outcome)])
            else:
                await tickets.hand_back(tx, [asked.ticket])
        return outcome

    async def _write(self, batch: Sequence[_Wanted]) -> Sequence[_Verdict | Exception]:
        """Write holds of one claim each, with all that follows from them, by one call.

        Of those who want the same time of the same calendar, the first one tries: if it is taken then, it is for all of them.
        """
        places = [one.place for one in batch]
        first: dict[Hashable, _Wanted] = {}
        for place, one in zip(places, batch, strict=True):
            first.setdefault(place, one)
        signals, trying = self._db.signals, list(first.values())
        following = [_following(one) for one in trying]
        try:
            written = await store.write_together(
                self._db, [one.hold for one in trying], following, outbox.handed_off_for(signals)
            )
        except store.Blocked:
            return ["alone"] * len(batch)
        held = [follows.said for follows, what in zip(following, written, strict=True) if what.verdict == "held"]
        outbox.hand_over(signals, held)
        tried = dict(zip(first, zip(trying, written, strict=True), strict=True))
        return [
            _verdict(one, what) if one is tries else _behind(what)
            for one, (tries, what) in zip(batch, map(tried.__getitem__, places), strict=True)
        ]


async def _agree(tx: Tx, held: Held, wish: Wish, occasion: Occasion) -> Held:
    """Agree to a hold that was made just now."""
    it = await reservations.lock(tx, held.reservation.id)
    agreed = it and await confirm(tx, it, occasion, guest_name=wish.guest_name, waive_deposit=wish.waive_deposit)
    match agreed:
        case Reservation():
            return Held(agreed, new=True)
        case _:
            raise RuntimeError(f"what was just held cannot be agreed to: {agreed}")


def _decided(asked: Asked, it: Possible, seating: Seating, client: Client) -> NewHold | None:
    """The hold as it is to be written; None if it must have calendars to itself."""
    hold = holds.decide(it, seating, client, asked.wish, asked.occasion)
    return hold if len(hold.it.claims) == 1 else None


def _owner(wanted: _Wanted) -> Hashable:
    """One hold of a client in a batch, and one of a request: each sees what became of the one before."""
    asked = wanted.asked
    owner = asked.wish.contact_id or asked.wish.request_id
    return owner and (asked.occasion.tenant_id.int, owner.int)


def _following(wanted: _Wanted) -> Following:
    it, occasion, ticket = wanted.hold.it, wanted.asked.occasion, wanted.asked.ticket
    said = said_of(it, occasion)
    if ticket is None:
        return Following(said, occasion.traceparent)
    return Following(said, occasion.traceparent, ticket.key, ticket.message_id, *ticket.grant(Held(it, new=True)))


def _behind(first: Written) -> _Verdict:
    """How it ends for those who want what `first` has tried to get."""
    match first.verdict:
        case "held" | "taken":
            return "taken"
        case "lapsed":
            return "alone"
        case _:
            return "again"  # that was about the one who tried


def _verdict(wanted: _Wanted, written: Written) -> _Verdict | Exception:
    ticket = wanted.asked.ticket
    match written.verdict:
        case "held":
            held = holds.granted(wanted.hold, written)
            if ticket is not None and held.reservation is not wanted.hold.it:
                ticket.granted(held)
            return held
        case "lapsed" | "alone":
            return "alone"
        case "too_many_holds":
            return Missed("too_many_holds")
        case "duplicate":
            return Missed("slot_taken")  # by itself: whoever is to tell it so finds what it was granted
        case ("in_progress" | "done") as verdict:
            return ticket.refusal(verdict) if ticket is not None else RuntimeError("nothing makes it happen once")
        case verdict:
            return verdict
