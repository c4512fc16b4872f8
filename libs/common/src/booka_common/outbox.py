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

from booka_common.contracts.envelope import Envelope, Message
from booka_common.db import Database, Signals, Tx, load_queries
from booka_common.errors import is_transient
from booka_common.faults import FaultPoints
from booka_common.observability import Metrics, current_traceparent
from booka_common.publisher import Outgoing, Publisher

__all__ = ["HANDED_OFF_FOR", "Relay", "hand_over", "handed_off_for", "put", "replay"]

_log = logging.getLogger(__name__)
_MOST_WAITING = 2000
#: How long a confirmed message may wait for others to be marked with.
_MARKED_AFTER = timedelta(milliseconds=50)
#: A message that its writer publishes is not due for anybody else for so long: if the writer dies, it is late by this.
HANDED_OFF_FOR = timedelta(seconds=2)
_NOBODY = timedelta(0)
#: After a failure, what is committed is left to the table for so long: to look for a broker that is away costs a commit.
_AWAY_FOR = timedelta(seconds=1)
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


def handed_off_for(signals: Signals) -> timedelta:
    """How long what is written now is left to this process to publish, for those who write into the outbox by themselves."""
    return _NOBODY if signals.handoff is None else HANDED_OFF_FOR


def hand_over(signals: Signals, messages: Sequence[Outgoing]) -> None:
    """Have `messages` published, which somebody has written into the outbox and committed."""
    if not messages:
        return
    if signals.handoff is None:
        signals.outbox_written.set()
    else:
        signals.handoff(messages)


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
        self._publishing: asyncio.Task[None] | None = None
        self._away_until = 0.0
        self._sent: list[UUID] = []
        self._marking: asyncio.Task[None] | None = None
        self._one_mark = asyncio.Lock()  # so that whoever marks last knows that all is marked

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
        """Publish `messages`, which have just been committed, with whatever else is committed until their turn comes."""
        loop = asyncio.get_running_loop()
        if len(self._fresh) + len(messages) > _MOST_WAITING or loop.time() < self._away_until:
            return  # the broker is away, or slower than we are: the table holds them until they are due
        self._fresh.extend(messages)
        if self._publishing is None:
            self._publishing = loop.create_task(self._publish(), context=contextvars.Context())

    async def _publish(self) -> None:
        try:
            while self._fresh:
                messages, self._fresh = self._fresh[: self._batch], self._fresh[self._batch :]
                outcomes = await self._publisher.publish(messages)
                self._faults.hit("relay.confirmed")
                self._confirmed(
                    [message.id for message, error in zip(messages, outcomes, strict=True) if error is None]
                )
                if errors := [error for error in outcomes if error is not None]:
                    _log.warning("%d messages not confirmed, first: %s", len(errors), errors[0])
        except Exception as error:
            # Their rows come due in the table, where the lanes know how to wait for the broker.
            self._fresh.clear()
            self._away_until = asyncio.get_running_loop().time() + _AWAY_FOR.total_seconds()
            if not is_transient(error):
                _log.exception("committed messages were not published from memory")
        finally:
            self._publishing = None

    def _confirmed(self, ids: Sequence[UUID]) -> None:
        self._metrics.outbox_published.labels("sent").inc(len(ids))
        self._sent.extend(ids)
        if self._sent and self._marking is None:
            self._marking = asyncio.get_running_loop().create_task(self._mark_soon(), context=contextvars.Context())

    async def _mark_soon(self) -> None:
        """Mark what was confirmed, once for all that is confirmed meanwhile. A crash before it only publishes again."""
        try:
            await asyncio.sleep(_MARKED_AFTER.total_seconds())
        finally:
            self._marking = None
        await self._mark_sent()

    async def _mark_sent(self) -> None:
        async with self._one_mark:
            ids, self._sent = self._sent, []
            try:
                if ids:
                    await self._db.system_fetch(_queries["outbox_mark_sent"], ids)
            except Exception as error:
                _log.warning(
                    "%d published messages could not be marked, they will be published again: %r", len(ids), error
                )

    async def flush(self, timeout: timedelta) -> None:
        """Publish what is waiting now; give up after `timeout`. For the end of a process."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                if self._publishing is not None:
                    await asyncio.wait([self._publishing])
                if self._marking is not None:
                    self._marking.cancel()
                await self._mark_sent()
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
