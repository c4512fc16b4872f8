"""Writing what was decided about a reservation, with what follows from it: for those on the waiting list, and for its end.

Every change of a reservation that exists goes through here, so that no time becomes free, and no visit is over, without anybody
looking.
"""

from uuid import UUID

from booka_booking.domain.reservation import Reservation
from booka_booking.store import reservations
from booka_booking.usecases import waitlist_after
from booka_booking.usecases.completion_jobs import plan_look
from booka_booking.usecases.occasion import Occasion
from booka_common.db import Tx

__all__ = ["save", "save_in_place_of", "save_seated"]


async def save(
    tx: Tx, before: Reservation, after: Reservation, occasion: Occasion, *, why: str, who: str | None = None
) -> None:
    """Write what a decision made of a locked reservation, with its history.

    Args:
        who: said it, if not whom the occasion is by.
    """
    who = who or occasion.who
    await reservations.save(tx, before, after, who=who, why=why, now=occasion.now)
    await _follow(tx, before, after, occasion, who)


async def save_seated(tx: Tx, before: Reservation, after: Reservation, occasion: Occasion, *, why: str) -> bool:
    """Like `save`, taking up time anew under its calendars' locks; False, and nothing written, if it is taken."""
    who = occasion.who
    if not await reservations.save_seated(tx, before, after, who=who, why=why, now=occasion.now):
        return False
    await _follow(tx, before, after, occasion, who)
    return True


async def save_in_place_of(
    tx: Tx,
    offer: tuple[Reservation, Reservation],
    visit: tuple[Reservation, Reservation],
    occasion: Occasion,
    *,
    why: str,
) -> None:
    """Write an offer and the visit that takes its place, both locked, as they were and as they are.

    Call it under the locks of both's calendars. The place is the offer's until this transaction commits, so nobody else's
    claim can be in the way.

    Raises:
        RuntimeError: one was.
    """
    (offered, ended), (before, after) = offer, visit
    await reservations.save(tx, offered, ended, who=occasion.who, why=why, now=occasion.now)
    if not await reservations.save_seated(tx, before, after, who=occasion.who, why=why, now=occasion.now):
        raise RuntimeError(f"reservation {before.id} cannot take the place of {offered.id}")
    await _follow(tx, before, after, occasion, occasion.who, offer_id=offered.id)


async def _follow(
    tx: Tx, before: Reservation, after: Reservation, occasion: Occasion, who: str, *, offer_id: UUID | None = None
) -> None:
    if after.status == "confirmed" and (before.status != "confirmed" or before.end != after.end):
        # As from the end: how long after it a visit counts as completed may be changed until then.
        await plan_look(tx, occasion, after.end)
    await waitlist_after.follow(tx, before, after, occasion, who, offer_id=offer_id)
