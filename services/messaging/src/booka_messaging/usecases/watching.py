"""Every line in use is looked at again and again: whether it works, whether anything was missed, whether it has fallen silent.

One job for each line does it, in whichever replica is free. It is never dead: it puts itself off until the next time, and is done
only when the line is switched off.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import CollectorRegistry, Gauge

from booka_common import outbox
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import ChannelFellSilent
from booka_common.db import Database
from booka_common.errors import Unavailable, is_transient
from booka_common.ids import derived_id
from booka_common.jobs import Done, Job, Outcome, Postponed
from booka_common.sealing import Sealer
from booka_messaging import store
from booka_messaging.providers.gateway import Connection, Gateway
from booka_messaging.store import Channel
from booka_messaging.store.watching import (
    fall_silent,
    hasten_watches,
    lines_by_state,
    put_watch,
    set_swept,
    unwatched_lines,
)
from booka_messaging.usecases.delivering import Deliveries
from booka_messaging.usecases.linestate import line_changed
from booka_messaging.usecases.sweeping import Sweeps, line_of

__all__ = ["Lines", "Watching"]

_STATES = ("open", "connecting", "close", "refused", "away", "unknown", "unsupported")
_EVERY = timedelta(minutes=1)
#: After a start, all lines are looked at within this time.
_AT_START = timedelta(seconds=20)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watching:
    """Runs the `watch_line` jobs.

    Attributes:
        every: between two looks at a line.
        silent_after: a line that should be open and from which nothing came for so long has fallen silent.
    """

    db: Database
    sealer: Sealer
    gateways: Mapping[str, Gateway]
    sweeps: Sweeps
    deliveries: Deliveries
    every: timedelta
    silent_after: timedelta

    async def run(self, job: Job, now: datetime) -> Outcome:
        """Look at a line."""
        channel_id = UUID(job.payload["channel_id"])
        async with self.db.tx(job.tenant_id) as tx:
            channel = await store.get_channel(tx, channel_id)
        if channel is None or not channel.active:
            return Done()
        found = await self.gateways[channel.gateway].connection(line_of(channel, self.sealer))
        await self._note(channel, found, now)
        reached = found.state not in ("away", "refused")
        again_in = await self._sweep(channel, found, now) if reached else None
        if reached and channel.secret is None and await self.deliveries.take_held(channel, now=now):
            again_in = timedelta(0)
        return Postponed("looked at", now + (self.every if again_in is None else min(again_in, self.every)))

    async def _note(self, channel: Channel, found: Connection, now: datetime) -> None:
        """Write what the gateway says, unless its webhook said something newer meanwhile."""
        async with self.db.tx(channel.tenant_id) as tx:
            current = await store.get_channel(tx, channel.id)
            if current is None or (current.state_at is not None and current.state_at > now):
                return
            same = current.state == found.state
            await line_changed(
                tx, channel.id, found.state, found.detail or (current.state_reason if same else None), now
            )
            if found.state != "open":
                return
            last = await fall_silent(tx, channel.id, heard_before=now - self.silent_after, now=now)
            if last is not None:
                said = ChannelFellSilent(channel_id=channel.id, last_heard_at=last)
                once = derived_id(channel.id, f"silent since {last.isoformat()}")
                await outbox.put(tx, Envelope.of(said, tenant_id=channel.tenant_id, now=now, id=once))

    async def _sweep(self, channel: Channel, found: Connection, now: datetime) -> timedelta | None:
        """Take in what was missed; when to go on, if not at the usual time.

        While the line does not work, what it misses is not in the gateway's store yet: that stretch stays to be looked through.
        """
        try:
            swept = await self.sweeps.sweep(channel, channel.swept_through or channel.created_at, now=now)
        except Unavailable as error:
            if error.code != "no_store":
                _log.warning("a line's store could not be looked through: %s", error.detail)
            return None
        if found.state != "open":
            return None
        async with self.db.tx(channel.tenant_id) as tx:
            await set_swept(tx, channel.id, swept.through)
        return swept.again_in


class Lines:
    """Sees to it that every line in use has its job, and counts lines for the metrics. Every replica does.

    Args:
        known: the kinds of gateways that there are.
    """

    def __init__(
        self, db: Database, registry: CollectorRegistry, now: Callable[[], datetime], *, known: Collection[str]
    ) -> None:
        self._db = db
        self._known = known
        self._now = now
        self._lines = Gauge(
            "booka_messaging_lines",
            "Lines in use by the state of their connection; unknown: not asked yet; unsupported: this version does not know"
            " their gateway. Of the installation, not of the replica.",
            ["state"],
            registry=registry,
        )
        self._silent = Gauge(
            "booka_messaging_silent_lines",
            "Lines from which nothing has come for longer than they are ever silent. Of the installation, not of the replica.",
            registry=registry,
        )

    async def look(self, *, at_start: bool = False) -> None:
        """Give every line in use its job, and count.

        Raises:
            Unavailable: the database is away.
        """
        now = self._now()
        async with self._db.system_tx(durable=False) as tx:
            if at_start:
                await hasten_watches(tx, now=now, within=_AT_START)
            unwatched = await unwatched_lines(tx)
            counts = {count.state: count for count in await lines_by_state(tx, self._known)}
        for tenant_id, channel_id in unwatched:
            async with self._db.tx(tenant_id) as tx:
                await put_watch(tx, tenant_id, channel_id, at=now)
        for state in {*_STATES, *counts}:
            self._lines.labels(state).set(counts[state].lines if state in counts else 0)
        self._silent.set(sum(count.silent for count in counts.values()))

    async def keep(self) -> None:
        """See to it for ever."""
        at_start = True
        while True:
            try:
                await self.look(at_start=at_start)
                at_start = False
            except Exception as error:
                if not is_transient(error):
                    _log.exception("looking for lines failed")
            await asyncio.sleep(5 if at_start else _EVERY.total_seconds())
