"""Telling people that nothing came of what they wanted, and what else is free (ADR 42).

Nobody waits for anything here: one call looks at how things stand, another keeps what is answered. Whoever asked for the same at
the same time is told the same, which is found out once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from booka_booking.domain.planning import Plan
from booka_booking.domain.salon import Salon
from booka_booking.domain.times import Interval
from booka_booking.store import reservations
from booka_booking.store.salons import Known
from booka_booking.store.standing import Standing, standing
from booka_booking.usecases import tickets
from booka_booking.usecases.availability import ahead, around, calendars, first_free, next_slots
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.tickets import Ticket
from booka_booking.usecases.wishes import ALTERNATIVES, Held, Missed, NotHeld, Wish
from booka_common.contracts.booking import Slot
from booka_common.db import Database

__all__ = ["Asked", "Refused", "refuse"]


class Asked(NamedTuple):
    """A wish with what belongs to it. `ticket` makes it happen once."""

    wish: Wish
    occasion: Occasion
    ticket: Ticket | None


@dataclass(frozen=True, slots=True)
class Refused:
    """What nothing came of.

    Attributes:
        known: what was decided on: the salon, or None if there is none.
        alike: the same for those who are told the same.
    """

    asked: Asked
    missed: Missed
    known: Known | None
    alike: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        missed = self.missed
        # Plans are remembered: whoever asks for the same has the same one.
        alike = self.asked.occasion.tenant_id.int, id(self.known), id(missed.plan), missed.code, self.asked.wish.start
        object.__setattr__(self, "alike", alike)


async def refuse(db: Database, batch: Sequence[Refused]) -> list[Held | NotHeld | Exception | None]:
    """What each is told: no; what the request was granted before; or what `ticket` has against it.

    None: the salon has changed, so something may come of it.
    """
    outcomes: list[Held | NotHeld | Exception | None] = [None] * len(batch)
    alike: dict[tuple[object, ...], list[int]] = {}
    for place, one in enumerate(batch):
        alike.setdefault(one.alike, []).append(place)
    for places in alike.values():
        told = await _refuse_alike(db, [batch[place] for place in places])
        for place, outcome in zip(places, told, strict=True):
            outcomes[place] = outcome
    return outcomes


class _Search(NamedTuple):
    """Where to look for other starts first."""

    salon: Salon
    plan: Plan
    window: Interval


def _search(known: Known | None, plan: Plan | None, start: datetime, now: datetime) -> _Search | None:
    """None: there is nothing else that could be offered."""
    window = next(ahead(known.salon, plan, start, now), None) if known and plan else None
    return _Search(known.salon, plan, window) if known and plan and window else None


async def _alternatives(
    db: Database, tenant_id: UUID, search: _Search, stands: Standing, now: datetime
) -> tuple[Slot, ...]:
    salon, plan, window = search
    slots = first_free(salon, plan, window, stands.taken, ALTERNATIVES, now)
    if len(slots) < ALTERNATIVES:
        async with db.tx(tenant_id) as tx:
            slots += await next_slots(tx, salon, plan, window.end, ALTERNATIVES - len(slots), now)
    return slots


async def _refuse_alike(db: Database, batch: Sequence[Refused]) -> Sequence[Held | NotHeld | Exception | None]:
    known, missed, occasion = batch[0].known, batch[0].missed, batch[0].asked.occasion
    tenant_id, now = occasion.tenant_id, occasion.now
    requests = [id for one in batch if (id := one.asked.wish.request_id)]
    search = _search(known, missed.plan, max(batch[0].asked.wish.start, now), now)
    concerned, window = (calendars(search.salon, search.plan), around(search.window)) if search else ((), None)
    stands = await standing(db, tenant_id, requests, concerned, window, now)
    if stands.changes != (known.salon.changes if known else None):
        return [None] * len(batch)
    no = NotHeld(missed.code, await _alternatives(db, tenant_id, search, stands, now) if search else ())
    outcomes: list[Held | NotHeld] = [no] * len(batch)
    if stands.granted:
        # What was granted before is granted still, though it could not be granted now.
        async with db.tx(tenant_id) as tx:
            before = {it.request_id: it for it in await reservations.get_many(tx, stands.granted)}
        outcomes = [Held(it, new=False) if (it := before.get(one.asked.wish.request_id)) else no for one in batch]
    problems = await tickets.settle_all(
        db, tenant_id, [(one.asked.ticket, outcome) for one, outcome in zip(batch, outcomes, strict=True)]
    )
    return [problem or outcome for problem, outcome in zip(problems, outcomes, strict=True)]
