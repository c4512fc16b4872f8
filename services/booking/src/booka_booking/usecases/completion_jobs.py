"""What completion has booking do later: look at the visits that are over. One look of a salon in an hour at most."""

from datetime import datetime, timedelta

from booka_booking.usecases.occasion import Occasion
from booka_common import jobs
from booka_common.db import Tx
from booka_common.ids import new_id
from booka_common.jobs import NewJob

__all__ = ["COMPLETE_VISITS", "plan_look"]

COMPLETE_VISITS = "complete_visits"

_HOUR = timedelta(hours=1)


async def plan_look(tx: Tx, occasion: Occasion, due: datetime, *, again: bool = False) -> None:
    """Have a look taken at the next full hour after `due` and after now; or `again`, at once, for what one look has left."""
    now = occasion.now
    at = now if again else max(due, now).replace(minute=0, second=0, microsecond=0) + _HOUR
    look = NewJob(
        tenant_id=occasion.tenant_id,
        type=COMPLETE_VISITS,
        payload={},
        scheduled_at=at,
        correlation_id=occasion.correlation_id,
        unique_key=str(new_id()) if again else at.isoformat(),
        traceparent=occasion.traceparent,
    )
    await jobs.put_all(tx, [look], now=now)
