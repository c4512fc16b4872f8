"""Confirmed visits that nobody has judged count as completed some time after their end (ADR 38).

A look goes over all of a salon's visits that are due, however they came to be so, and has the next one taken when the first of
the rest will be.
"""

from booka_booking.store import completion as store
from booka_booking.usecases.changes import finish
from booka_booking.usecases.completion_jobs import plan_look
from booka_booking.usecases.occasion import Occasion
from booka_common.db import Tx

__all__ = ["look"]

#: Visits of one transaction.
_BATCH = 100


async def look(tx: Tx, occasion: Occasion, most: int = _BATCH) -> int:
    """Complete what is due, `most` of it, and plan the next look; return how many there were."""
    after = await store.complete_after(tx)
    if after is None:
        return 0
    due = await store.lock_unjudged(tx, occasion.now - after, most)
    for it in due:
        await finish(tx, it, occasion, "completed", why="not_judged")
    if len(due) == most:
        await plan_look(tx, occasion, occasion.now, again=True)
    elif ends := await store.next_end(tx):
        await plan_look(tx, occasion, ends + after)
    return len(due)
