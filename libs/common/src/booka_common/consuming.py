"""Consuming from RabbitMQ through FastStream, the same way in every service.

A handler is `async (Envelope[X]) -> None`: it opens its transaction, asks the inbox first, and returns after COMMIT; only
then is the message acknowledged. Transient faults are retried inside the handler with jitter. Everything else ends in the
queue's dead-letter queue with its reason, while the next message goes on.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aio_pika
from faststream import AckPolicy
from faststream.exceptions import NackMessage
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.specification import AsyncAPI

from booka_common import topology
from booka_common.acknowledging import Acknowledger
from booka_common.contracts.envelope import Envelope, Message, enveloped
from booka_common.errors import is_transient
from booka_common.faults import FaultPoints
from booka_common.observability import Metrics, work

__all__ = ["Consumers"]

_log = logging.getLogger(__name__)
_Shape = TypeVar("_Shape", bound=Message)
_RETRY_FOR_SECONDS = 300.0


class Consumers:
    """The subscribers of one service on a connection of their own.

    Args:
        prefetch: messages of one queue handled at once.
    """

    def __init__(self, service: str, url: str, metrics: Metrics, faults: FaultPoints, *, prefetch: int = 32) -> None:
        self.service = service
        self._url = url
        self._metrics = metrics
        self._faults = faults
        self._stopping = asyncio.Event()
        # The broker goes on delivering while half of what it may deliver is being acknowledged.
        self._acknowledger = Acknowledger(most=max(prefetch // 2, 1))
        self.connected = False
        self._starting: asyncio.Task[None] | None = None
        self._connection: aio_pika.abc.AbstractConnection | None = None
        self._exchange = RabbitExchange(topology.EXCHANGE, type=ExchangeType.TOPIC, durable=True, declare=False)
        self.broker = RabbitBroker(
            url,
            # A dead letter that finds no queue has to fail: otherwise the original would be acknowledged, and lost.
            default_channel=Channel(prefetch_count=prefetch, on_return_raises=True),
            # Settled by us: acknowledged in groups, or moved to the dead letters with the reason.
            ack_policy=AckPolicy.MANUAL,
            timeout=5.0,
            reconnect_interval=1.0,
            graceful_timeout=10.0,
            # We read the envelope ourselves; injecting it by its type would only look at it again.
            apply_types=False,
            logger=None,
            description=f"Messages of Booka's {service} service",
        )
        for message in topology.SAYS[service]:
            # Documents what the relay publishes; nothing is ever published through it.
            self.broker.publisher(
                routing_key=message.key,
                exchange=self._exchange,
                schema=enveloped(message),
                title=message.key,
                persist=True,
            )

    def subscribe(self, message: type[_Shape], handler: Callable[[Envelope[_Shape]], Awaitable[None]]) -> None:
        """Have `handler` called for every `message`; the queue follows from `topology`."""
        entry = topology.subscription(self.service, message)
        queue = RabbitQueue(
            entry.queue, queue_type=QueueType.QUORUM, durable=True, declare=False, routing_key=message.key
        )
        shape = enveloped(message)
        done = self._metrics.consumed.labels(entry.queue, "done")
        seconds = self._metrics.consume_seconds.labels(entry.queue)

        async def as_it_is(message: Any) -> Any:
            return message.raw_message

        async def on_message(incoming: Any) -> None:
            started = time.perf_counter()
            try:
                envelope = shape.model_validate_json(incoming.body)
                with work(
                    traceparent=envelope.traceparent,
                    tenant_id=envelope.tenant_id,
                    correlation_id=envelope.correlation_id,
                    message_id=envelope.id,
                    queue=entry.queue,
                ):
                    await self._patiently(lambda: handler(envelope), entry.queue)
            except Exception as error:
                await self._settle(incoming, error)
            else:
                self._faults.hit("consumer.committed")
                seconds.observe(time.perf_counter() - started)
                done.inc()
                await self._settle(incoming, None)

        on_message.__annotations__["incoming"] = shape  # what the document shows
        on_message.__doc__ = message.__doc__
        # What cannot be read has to be settled too, so it is read there and not by a decoder, and no middleware is needed.
        self.broker.subscriber(
            queue, self._exchange, decoder=as_it_is, title=entry.queue, description=message.__doc__, no_reply=True
        )(on_message)

    async def _patiently(self, attempt: Callable[[], Awaitable[None]], queue: str) -> None:
        deadline = time.monotonic() + _RETRY_FOR_SECONDS
        delay = 0.2
        while True:
            try:
                return await attempt()
            except Exception as error:
                if not is_transient(error) or time.monotonic() > deadline:
                    raise
                _log.warning("transient fault, trying again: %r", error)
                try:
                    async with asyncio.timeout(delay * (0.5 + random.random())):  # noqa: S311 - spreads load
                        await self._stopping.wait()
                except TimeoutError:
                    delay = min(delay * 2, 5.0)
                    continue
                self._metrics.consumed.labels(queue, "returned").inc()
                raise NackMessage(requeue=True) from error

    async def _settle(self, message: aio_pika.abc.AbstractIncomingMessage, error: Exception | None) -> None:
        """Acknowledge what was handled; move what could not be handled to the dead letters, with the reason."""
        try:
            if error is None or (not isinstance(error, NackMessage) and await self._bury(message, error)):
                await self._acknowledger.handled(message)
            elif isinstance(error, NackMessage):
                await self._acknowledger.returned(message)
            else:
                await self._acknowledger.rejected(message)
        except Exception as failure:
            _log.warning("the broker could not be told, and will deliver it again: %r", failure)

    async def _bury(self, message: aio_pika.abc.AbstractIncomingMessage, error: BaseException) -> bool:
        """Copy `incoming` to its dead-letter queue; True if the broker has the copy and the original may be acked.

        If it came by an unknown route, or the copy cannot be confirmed, the original is rejected and the queue's policy
        moves it without our reason.
        """
        queue = self._queue_of(message) or "unknown"
        reason = f"{type(error).__name__}: {error}"[:1000]
        _log.error("dead letter in %s: %s", queue, reason, exc_info=None if is_transient(error) else error)
        self._metrics.consumed.labels(queue, "dead").inc()
        if queue == "unknown":
            return False
        try:
            async with asyncio.timeout(5):
                await self.broker.publish(
                    message.body,
                    queue=topology.dead_letter_queue(queue),
                    message_id=message.message_id,
                    correlation_id=message.correlation_id,
                    content_type=message.content_type,
                    headers={
                        **{name: value for name, value in message.headers.items() if name.startswith("x-booka-")},
                        "x-booka-reason": reason,
                        "x-booka-queue": queue,
                        "x-booka-routing-key": message.routing_key or "",
                    },
                    persist=True,
                    mandatory=True,
                )
        except Exception as failure:
            _log.warning("dead letter left to the broker's policy: %r", failure)
            return False
        return True

    def _queue_of(self, message: Any) -> str:
        for entry in topology.subscriptions(self.service):
            # What an operator moves back comes with the queue's own name.
            if message.routing_key in (entry.message.key, entry.queue):
                return entry.queue
        return ""

    async def run(self) -> None:
        """Connect and consume until cancelled; a broker that is away is tried again, and never stops the service."""
        delay = 0.2
        while True:
            # Never cancelled: aio-pika's reconnecting task outlives a cancelled connect and refuses to end.
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_looked_at)
            try:
                await asyncio.shield(self._starting)
                break
            except Exception as error:
                _log.warning("consuming cannot start yet: %r", error)
                await self._close(seconds=3)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)
        self.connected = True
        self._metrics.broker_connected.set(1)
        _log.info("consuming")
        await asyncio.Event().wait()

    async def _start(self) -> None:
        self._connection = await self.broker.connect()
        await self.broker.start()

    async def stop(self) -> None:
        """Take nothing new, finish what is in hand (10 s at most), give back the rest."""
        self._stopping.set()
        await self._acknowledger.hurry()
        self.connected = False
        self._metrics.broker_connected.set(0)
        if self._starting is not None:
            await asyncio.wait([self._starting], timeout=10)
        await self._close(seconds=15)

    async def _close(self, *, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.broker.stop()
        except Exception as error:
            _log.warning("consumers did not stop cleanly: %r", error)
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed:
            try:
                async with asyncio.timeout(3):
                    await connection.close()
            except Exception as error:
                _log.warning("the connection did not close: %r", error)

    async def ping(self) -> bool:
        """Whether the connection to the broker is up."""
        return self.connected and await self.broker.ping(timeout=1.0)

    def asyncapi(self) -> AsyncAPI:
        """The AsyncAPI document of what the service hears and says."""
        return AsyncAPI(self.broker, title=f"booka-{self.service}", version="1", schema_version="3.0.0")


def _looked_at(task: "asyncio.Task[None]") -> None:
    """Whoever waited for it may be gone; Python would report that nobody asked how it ended."""
    if not task.cancelled():
        task.exception()
