"""An offer of the waiting list in place of a visit that its client has already: at the yes, the visit moves there."""

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.reservation import Reservation
from booka_booking.domain.waitlist import replaceable
from booka_booking.store import reservations
from booka_booking.usecases.changes import cancel, moved
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.saving import save_in_place_of
from booka_common import outbox
from booka_common.db import Tx

__all__ = ["replace_visit"]

_WHY = "took_offer"


async def replace_visit(tx: Tx, offer: Reservation, visit: Reservation, occasion: Occasion) -> Reservation | None:
    """The client agrees to a hold that was offered in place of a visit, both locked: move the visit there, and say so.

    None: there is nothing to move, and the offer goes on as any other. That is so if the visit was cancelled, was judged or
    has begun; one that is only held is given up for the offer, for it may never be paid for.
    """
    if visit.conversation_id is None:
        # It was phoned in: once it is moved, its client is told of it where they were told of the offer.
        visit = visit._replace(conversation_id=offer.conversation_id)
    changed = rules.move_to_offer(visit, offer, occasion.now)
    if changed is None:
        if visit.status == "held" and replaceable(visit, occasion.now):
            await cancel(tx, visit, occasion, by="client", why=_WHY)
        return None
    after, ended = changed
    await reservations.lock_calendars(tx, {*visit.calendar_ids, *offer.calendar_ids})
    await save_in_place_of(tx, (offer, ended), (visit, after), occasion, why=_WHY)
    # In the conversation in which they said yes, and in that of the visit if it is another one.
    told = dict.fromkeys(id for id in (offer.conversation_id, visit.conversation_id) if id is not None)
    for conversation_id in told or (None,):
        await outbox.put(tx, occasion.say(moved(after, offer_id=offer.id, conversation_id=conversation_id)))
    return after
