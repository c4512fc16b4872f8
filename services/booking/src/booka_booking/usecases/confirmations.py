"""The client says yes: the visit is confirmed, or waits for its deposit."""

from datetime import datetime

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.lifecycle import Nothing, Refused
from booka_booking.domain.planning import Ask
from booka_booking.domain.reservation import Reservation
from booka_booking.store import catalogue
from booka_booking.store import waitlist as waiting
from booka_booking.usecases.asking import of_asker
from booka_booking.usecases.availability import load, next_slots
from booka_booking.usecases.expiry import end_if_overdue, plan_expiry
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.replacing import replace_visit
from booka_booking.usecases.saving import save
from booka_booking.usecases.wishes import ALTERNATIVES
from booka_common import inbox, outbox
from booka_common.contracts.booking import (
    ConfirmationRefused,
    ConfirmationRequested,
    DepositDue,
    ReservationConfirmed,
    Slot,
)
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database, Tx

__all__ = ["answer", "confirm", "confirmed", "others"]


async def answer(db: Database, envelope: Envelope[ConfirmationRequested], now: datetime) -> None:
    """The client said yes to the summary. Said twice, it is answered once."""
    asked = envelope.data
    occasion = Occasion.message(envelope, now, "client")
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.confirmation", envelope.id):
            return
        found, replaced = await waiting.lock_agreed(tx, asked.reservation_id)
        it = await of_asker(tx, found, asked)
        if it is None:
            refused = ConfirmationRefused(
                reservation_id=asked.reservation_id, conversation_id=asked.conversation_id, code="unknown_reservation"
            )
            await outbox.put(tx, occasion.say(refused))
            return
        outcome = await confirm(tx, it, occasion, guest_name=asked.guest_name, replaced=replaced)
        if isinstance(outcome, Refused):
            expired = outcome.code == "hold_expired"
            refused = ConfirmationRefused(
                reservation_id=it.id,
                conversation_id=asked.conversation_id,
                code="hold_expired" if expired else "already_cancelled",
                alternatives=await others(tx, it, now) if expired else (),
            )
            await outbox.put(tx, occasion.say(refused))


async def confirm(
    tx: Tx,
    it: Reservation,
    occasion: Occasion,
    *,
    guest_name: str | None,
    waive_deposit: bool = False,
    replaced: Reservation | None = None,
) -> Reservation | Refused:
    """Agree to a locked reservation and say what follows; a hold whose time is up ends here.

    Args:
        replaced: the visit in whose place it was offered, locked too. If it stands, it is moved here and returned.
    """
    after = rules.agree(it, guest_name=guest_name, now=occasion.now, waive_deposit=waive_deposit)
    if isinstance(after, Nothing):
        return it
    if isinstance(after, Refused):
        await end_if_overdue(tx, it, occasion)
        return after
    if replaced is not None:
        moved = await replace_visit(tx, it, replaced, occasion)
        if moved is not None:
            return moved
    await save(tx, it, after, occasion, why="agreed")
    if after.status == "confirmed":
        await outbox.put(tx, occasion.say(confirmed(after)))
        return after
    await plan_expiry(tx, after, occasion)
    await outbox.put(tx, occasion.say(_due(after, await catalogue.get_locale(tx))))
    return after


async def others(tx: Tx, it: Reservation, now: datetime) -> tuple[Slot, ...]:
    """The next free starts for the same visit, the lost one included if it is still free."""
    loaded = await load(tx, Ask(it.wants), now)
    if isinstance(loaded, str):
        return ()
    salon, plan = loaded
    return await next_slots(tx, salon, plan, max(it.start, now), ALTERNATIVES, now)


def confirmed(it: Reservation, *, reseated: bool = False) -> ReservationConfirmed:
    """What is said of a confirmed visit."""
    return ReservationConfirmed(
        reservation_id=it.id,
        conversation_id=it.conversation_id,
        contact_id=it.contact_id,
        version=it.version,
        visit=it.visit,
        guest_name=it.guest_name,
        deposit_paid=it.paid,
        reseated=reseated,
    )


def _due(it: Reservation, locale: str) -> DepositDue:
    if it.deposit is None or it.expires_at is None:
        raise ValueError("a deposit that is due has an amount and an end")
    names = " + ".join(segment.service_name for segment in it.segments)
    return DepositDue(
        reservation_id=it.id,
        conversation_id=it.conversation_id,
        contact_id=it.contact_id,
        version=it.version,
        amount=it.deposit,
        description=names[:200],
        locale=locale,
        expires_at=it.expires_at,
    )
