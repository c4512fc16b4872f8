"""The outbox: messages are rows of the business transaction; the relay publishes them afterwards.

A message is marked sent only after the broker confirmed it, so a crash anywhere publishes it again, and the receiver's
inbox makes the repetition harmless. Sent rows are kept for replay.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from booka_common.contracts.envelope import Envelope, Message
from booka_common.db import Database, Tx, load_queries
from booka_common.errors import is_transient
from booka_common.faults import FaultPoints
from booka_common.observability import Metrics, current_traceparent
from booka_common.publisher import Outgoing, Publisher

__all__ = ["Relay", "put", "replay"]

_log = logging.getLogger(__name__)
_queries = load_queries("booka_common", "outbox.sql")


async def put(tx: Tx, *envelopes: Envelope[Message]) -> None:
    """Write `envelopes` into the outbox of the open transaction. An id that is already there is left as it is."""
    if not envelopes:
        return
    traceparent = current_traceparent()
    bodies = [
        (envelope if envelope.traceparent else envelope.model_copy(update={"traceparent": traceparent}))
        .model_dump_json()
        .encode()
        for envelope in envelopes
    ]
    await tx.execute(
        _queries["outbox_put"],
        [envelope.id for envelope in envelopes],
        [envelope.tenant_id for envelope in envelopes],
        [envelope.data.key for envelope in envelopes],
        [envelope.correlation_id for envelope in envelopes],
        bodies,
    )
    tx.wake(tx.signals.outbox_written)


async def replay(tx: Tx, *, routing_key: str, since: timedelta) -> int:
    """Have every sent message of `routing_key` younger than `since` published again; return how many."""
    count = await tx.execute(_queries["outbox_replay"], routing_key, since)
    tx.wake(tx.signals.outbox_written)
    return count


class Relay:
    """Publishes what the outbox holds. Any number of relays, in any number of replicas, may run at once.

    Args:
        lanes: loops of this process; a second one claims while the first waits for confirms.
        batch: messages per claim.
    """

    def __init__(
        self,
        db: Database,
        publisher: Publisher,
        metrics: Metrics,
        faults: FaultPoints,
        *,
        lanes: int = 2,
        batch: int = 200,
    ) -> None:
        self._db = db
        self._publisher = publisher
        self._metrics = metrics
        self._faults = faults
        self._lanes = lanes
        self._batch = batch

    async def run(self) -> None:
        """Relay until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in range(self._lanes):
                # One lane looks by itself for what is due again or was left by another replica; the others need not.
                group.create_task(self._lane(timedelta(seconds=1 if lane == 0 else 60)))

    async def flush(self, timeout: timedelta) -> None:
        """Publish what is waiting now; give up after `timeout`. For the end of a process."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                while await self.step():
                    pass
        except Exception as error:
            _log.warning("outbox not flushed: %r", error)

    async def _lane(self, look_every: timedelta) -> None:
        failures = 0
        while True:
            try:
                await self.step()
                failures = 0
            except Exception as error:
                if not is_transient(error):
                    _log.exception("relay step failed")
                failures += 1
                await asyncio.sleep(min(0.1 * 2**failures, 2.0))
                continue
            # What was committed before the claim was claimed; what was committed after it has set the signal.
            await self._db.signals.outbox_written.wait(look_every)

    async def step(self) -> int:
        """Claim, publish and mark one batch; return how many rows were claimed.

        The rows stay locked while they are published (bounded by the publisher's timeout): if this process dies, the
        locks go with its connection and another relay takes them at once.
        """
        async with self._db.system_tx(durable=False) as tx:
            rows = await tx.fetch(_queries["outbox_claim"], self._batch)
            if not rows:
                return 0
            if len(rows) == self._batch:
                self._db.signals.outbox_written.set()
            outcomes = await self._publisher.publish(
                [Outgoing(row["id"], row["routing_key"], row["correlation_id"], row["body"]) for row in rows]
            )
            self._faults.hit("relay.confirmed")
            await self._mark(tx, [row["id"] for row in rows], outcomes)
        return len(rows)

    async def _mark(self, tx: Tx, ids: Sequence[UUID], outcomes: Sequence[str | None]) -> None:
        sent = [id for id, error in zip(ids, outcomes, strict=True) if error is None]
        failed = [(id, error) for id, error in zip(ids, outcomes, strict=True) if error is not None]
        if sent:
            await tx.execute(_queries["outbox_mark_sent"], sent)
            self._metrics.outbox_published.labels("sent").inc(len(sent))
        if failed:
            await tx.execute(_queries["outbox_mark_failed"], [id for id, _ in failed], [error for _, error in failed])
            self._metrics.outbox_published.labels("failed").inc(len(failed))
            _log.warning("%d messages not confirmed, first: %s", len(failed), failed[0][1])
