"""A reminder has fallen due: does the visit still stand as it was when the reminder was planned?"""

from datetime import datetime

from booka_booking.store import reservations
from booka_booking.usecases.occasion import Occasion
from booka_common import inbox, outbox
from booka_common.contracts.booking import ReminderReady
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.scheduler import ReminderDue
from booka_common.db import Database

__all__ = ["answer"]


async def answer(db: Database, envelope: Envelope[ReminderDue], now: datetime) -> None:
    """Let the reminder go out if the visit is confirmed, unchanged and still ahead, and came from a conversation."""
    due = envelope.data
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "booking.reminder", envelope.id):
            return
        it = await reservations.lock(tx, due.reservation_id)
        if it is None or it.conversation_id is None or it.status != "confirmed":
            return
        if it.version != due.reservation_version or it.start <= now:
            return
        ready = ReminderReady(
            reminder_id=due.reminder_id,
            reservation_id=it.id,
            conversation_id=it.conversation_id,
            contact_id=it.contact_id,
            visit=it.visit,
        )
        await outbox.put(tx, Occasion.message(envelope, now, "clock").say(ready))
