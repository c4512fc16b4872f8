"""The rounds that are made for a line, as jobs: that somebody looks at it, and looks for what it has missed."""

from datetime import datetime, timedelta
from uuid import UUID

from booka_common import jobs
from booka_common.db import Tx
from booka_common.ids import derived_id
from booka_messaging import store
from booka_messaging.store import Channel
from booka_messaging.store.watching import put_watch

__all__ = ["SWEEP", "WATCH", "put_sweep", "sweep_soon", "watch"]

#: The job that looks at a line, again and again.
WATCH = "watch_line"
#: The job that looks through one gap, from the moment in its payload on.
SWEEP = "sweep_gap"
#: After a reconnection, what was said meanwhile reaches the gateway's store bit by bit, with the times at which it was said.
_SOON, _SETTLED = timedelta(seconds=2), timedelta(minutes=10)


async def watch(tx: Tx, channel: Channel, *, now: datetime) -> None:
    """Have a line looked after, from now on, if it is in use; in the transaction that writes it."""
    if channel.active:
        await put_watch(tx, channel.tenant_id, channel.id, at=now)


async def sweep_soon(tx: Tx, channel_id: UUID, *, now: datetime) -> None:
    """The line works again: have the gap behind it looked through, at once and when all of it has arrived at the gateway.

    A line that comes and goes has that done once a minute at most.
    """
    channel = await store.get_channel(tx, channel_id)
    if channel is None:
        return
    since = channel.swept_through or channel.created_at
    minute = now.replace(second=0, microsecond=0).isoformat()
    for name, after in (("soon", _SOON), ("settled", _SETTLED)):
        cause = derived_id(channel_id, f"{minute} {name}")
        await put_sweep(tx, channel_id, cause, since=since, at=now + after, unique_key=f"{channel_id} {minute} {name}")


async def put_sweep(
    tx: Tx, channel_id: UUID, cause: UUID, *, since: datetime, at: datetime, unique_key: str | None = None
) -> None:
    """Have the gap since then looked through."""
    payload = {"channel_id": str(channel_id), "since": since.isoformat()}
    await jobs.put(tx, SWEEP, payload, scheduled_at=at, correlation_id=cause, unique_key=unique_key)
