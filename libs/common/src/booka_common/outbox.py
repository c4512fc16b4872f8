"""The outbox: messages are rows of the business transaction; the relay publishes them afterwards.

A message is marked sent only after the broker confirmed it, so a crash anywhere publishes it again, and the receiver's
inbox makes the repetition harmless. Sent rows are kept for replay.
"""

import asyncio
import contextvars
import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from booka_common.batching import Batcher
from booka_common.contracts.envelope import Envelope, Message
from booka_common.db import Database, Tx, load_queries
from booka_common.errors import is_transient
from booka_common.faults import FaultPoints
from booka_common.observability import Metrics, current_traceparent
from booka_common.publisher import Outgoing, Publisher

__all__ = ["HANDED_OFF_FOR", "Relay", "put", "replay"]

_log = logging.getLogger(__name__)
_MOST_IN_FLIGHT = 2000
#: A message that its writer publishes is not due for anybody else for so long: if the writer dies, it is late by this.
HANDED_OFF_FOR = timedelta(seconds=2)
_NOBODY = timedelta(0)
_queries = load_queries("booka_common", "outbox.sql")


async def put(tx: Tx, *envelopes: Envelope[Message]) -> None:
    """Write `envelopes` into the outbox of the open transaction. An id that is already there is left as it is.

    While this process relays, they are published from memory once the transaction has committed.
    """
    if not envelopes:
        return
    traceparent = current_traceparent()
    messages = [
        Outgoing(envelope.id, envelope.data.key, envelope.correlation_id, _body(envelope, traceparent))
        for envelope in envelopes
    ]
    handoff = tx.signals.handoff
    rows = await tx.fetch(
        _queries["outbox_put"],
        [message.id for message in messages],
        [envelope.tenant_id for envelope in envelopes],
        [message.routing_key for message in messages],
        [message.correlation_id for message in messages],
        [message.body for message in messages],
        _NOBODY if handoff is None else HANDED_OFF_FOR,
    )
    if handoff is None:
        tx.wake(tx.signals.outbox_written)
    elif rows:
        written = {row["id"] for row in rows}
        tx.then(partial(handoff, [message for message in messages if message.id in written]))


def _body(envelope: Envelope[Message], traceparent: str | None) -> bytes:
    if traceparent is not None and envelope.traceparent is None:
        envelope = envelope.model_copy(update={"traceparent": traceparent})
    return envelope.model_dump_json().encode()


async def replay(tx: Tx, *, routing_key: str, since: timedelta) -> int:
    """Have every sent message of `routing_key` younger than `since` published again; return how many."""
    count = await tx.execute(_queries["outbox_replay"], routing_key, since)
    tx.wake(tx.signals.outbox_written)
    return count


class Relay:
    """Publishes what the outbox holds. Any number of relays, in any number of replicas, may run at once.

    What this process commits is published straight from memory and marked afterwards; its rows are not due for others
    until `HANDED_OFF_FOR` has passed. What is due in the table is claimed from there: what a dead process left behind,
    what the broker did not confirm, and everything while the broker is away.

    Args:
        lanes: loops of this process that claim; a second one claims while the first waits for confirms.
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
        self._fresh: list[Outgoing] = []
        self._on_their_way: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._marks: Batcher[Sequence[UUID], None] = Batcher(self._mark_sent)

    async def run(self) -> None:
        """Relay until cancelled."""
        self._db.signals.handoff = self._take
        try:
            async with asyncio.TaskGroup() as group:
                for lane in range(self._lanes):
                    # One lane looks by itself for what is due again or was left by another replica; the others need not.
                    group.create_task(self._lane(timedelta(seconds=1 if lane == 0 else 60)))
        finally:
            self._db.signals.handoff = None

    def _take(self, messages: Sequence[Outgoing]) -> None:
        """Publish `messages`, which have just been committed, with whatever else is committed in this turn of the loop."""
        if self._in_flight + len(self._fresh) + len(messages) > _MOST_IN_FLIGHT:
            return  # the broker is slower than we are: the table holds them until they are due
        if not self._fresh:
            task = asyncio.get_running_loop().create_task(self._express(), context=contextvars.Context())
            self._on_their_way.add(task)
            task.add_done_callback(self._on_their_way.discard)
        self._fresh.extend(messages)

    async def _express(self) -> None:
        messages, self._fresh = self._fresh, []
        self._in_flight += len(messages)
        try:
            outcomes = await self._publisher.publish(messages)
            self._faults.hit("relay.confirmed")
            sent = [message.id for message, error in zip(messages, outcomes, strict=True) if error is None]
            if sent:
                await self._marks.do(sent)
            if len(sent) < len(messages):
                errors = (error for error in outcomes if error is not None)
                _log.warning("%d messages not confirmed, first: %s", len(messages) - len(sent), next(errors))
        except Exception as error:
            # The rows come due in the table, where the lanes know how to wait for the broker and the database.
            if not is_transient(error):
                _log.exception("handed-off messages were not published or not marked")
        finally:
            self._in_flight -= len(messages)

    async def _mark_sent(self, batches: Sequence[Sequence[UUID]]) -> list[None]:
        ids = [id for batch in batches for id in batch]
        await self._db.system_fetch(_queries["outbox_mark_sent"], ids)
        self._metrics.outbox_published.labels("sent").inc(len(ids))
        return [None] * len(batches)

    async def flush(self, timeout: timedelta) -> None:
        """Publish what is waiting now; give up after `timeout`. For the end of a process."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                while self._on_their_way:
                    await asyncio.wait(self._on_their_way)
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
