"""A deposit has arrived: it confirms its visit, or it goes back."""

from datetime import datetime

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.conflicts import Booked, conflicts_of
from booka_booking.domain.lifecycle import Nothing, Reseat, Unusable
from booka_booking.domain.reservation import Reservation
from booka_booking.domain.times import Interval
from booka_booking.store import deposits, reservations, salons
from booka_booking.usecases.availability import taken_by_calendar
from booka_booking.usecases.confirmations import confirmed
from booka_booking.usecases.expiry import end_if_overdue, free_overdue
from booka_booking.usecases.holds import diary_without, lapsed_in_the_way
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.saving import save, save_seated
from booka_common import inbox, outbox
from booka_common.contracts.booking import DepositUnusable
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.payments import DepositPaid
from booka_common.db import Database, Tx
from booka_common.ids import derived_id

__all__ = ["answer"]


async def answer(db: Database, envelope: Envelope[DepositPaid], now: datetime) -> None:
    """Judge a payment once, by its transaction."""
    paid = envelope.data
    occasion = Occasion.message(envelope, now, "payments")
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.deposit", envelope.id):
            return
        if not await deposits.record(tx, paid.transaction_id, paid.reservation_id, paid.amount, paid.paid_at):
            return
        it = await reservations.lock(tx, paid.reservation_id)
        outcome = await _judge(tx, it, paid, occasion)
        if outcome is not None:
            await deposits.unusable(tx, paid.transaction_id, outcome.reason)
            unusable = DepositUnusable(
                reservation_id=paid.reservation_id,
                conversation_id=it.conversation_id if it else paid.conversation_id,
                transaction_id=paid.transaction_id,
                reason=outcome.reason,
            )
            await outbox.put(tx, occasion.say(unusable, id=derived_id(paid.transaction_id, "deposit_unusable")))


async def _judge(tx: Tx, it: Reservation | None, paid: DepositPaid, occasion: Occasion) -> Unusable | None:
    """Use the deposit, or say why it cannot be used."""
    if it is None:
        return Unusable("unknown_reservation")
    now = occasion.now
    after = rules.pay(it, transaction_id=paid.transaction_id, paid_minor=paid.amount.minor, now=now)
    if isinstance(after, Nothing):
        return None
    if isinstance(after, Unusable):
        await end_if_overdue(tx, it, occasion)
        return after
    reseated = isinstance(after, Reseat)
    if isinstance(after, Reseat):
        after = after.after
        if not await _offered(tx, after, occasion.now):
            return Unusable("not_offered")
        if not await _reseat(tx, it, after, occasion):
            return Unusable("slot_taken")
    else:
        await save(tx, it, after, occasion, why="deposit_paid")
    await outbox.put(tx, occasion.say(confirmed(after, reseated=reseated)))
    return None


async def _offered(tx: Tx, after: Reservation, now: datetime) -> bool:
    """Whether the salon, as it is now, would still have this visit: the hold is over, so nothing is promised any more."""
    known = await salons.current(tx, now)
    if known is None:
        return False
    return next(conflicts_of(diary_without(known.salon, after), Booked.of(after)), None) is None


async def _reseat(tx: Tx, it: Reservation, after: Reservation, occasion: Occasion) -> bool:
    """Take the time of an expired hold again, if nobody else has it."""
    now = occasion.now
    await reservations.lock_calendars(tx, it.calendar_ids)
    wanted = Interval(min(claim.busy_from for claim in it.claims), max(claim.busy_until for claim in it.claims))
    taken = await reservations.busy(tx, it.calendar_ids, wanted, besides=it.id)
    spans = taken_by_calendar(taken, now)
    if any(
        span.overlaps(Interval(claim.busy_from, claim.busy_until))
        for claim in it.claims
        for span in spans.get(claim.calendar_id, ())
    ):
        return False
    await free_overdue(tx, lapsed_in_the_way(it.claims, taken, now), occasion)
    return await save_seated(tx, it, after, occasion, why="deposit_paid_late")
