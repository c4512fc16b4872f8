"""The one publishing path to RabbitMQ, used by the relay: confirmed, persistent, bounded in time, and mandatory for all
that has a listener.

It has a connection of its own, because a broker alarm blocks publishing connections and must not stop consumers.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, DeliveryMode

from booka_common.topology import EXCHANGE, UNHEARD

__all__ = ["Outgoing", "Publisher"]

_UNHEARD = frozenset(message.key for message in UNHEARD)


class Outgoing(NamedTuple):
    """A message as it goes over the wire. `id` becomes the AMQP message id."""

    id: UUID
    routing_key: str
    correlation_id: UUID
    body: bytes


class Publisher:
    """Publishes with confirms and says of each message whether the broker has it."""

    def __init__(self, url: str, name: str, *, timeout: timedelta = timedelta(seconds=5)) -> None:
        self._url = url
        self._name = name
        self._timeout = timeout.total_seconds()
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None
        self._channel: AbstractChannel | None = None
        self._connecting = asyncio.Lock()

    async def publish(self, messages: Sequence[Outgoing]) -> list[str | None]:
        """Publish concurrently; return per message None once confirmed, or why it is not known to be there.

        A failure or timeout means unknown, never "not sent": publish again, the receiver's inbox absorbs it.

        Raises:
            OSError, aiormq errors: no connection could be had; nothing was sent.
        """
        exchange = await self._ready()
        results = await asyncio.gather(*(self._one(exchange, message) for message in messages))
        if any(results) and self._channel is not None and self._channel.is_closed:
            await self.close()
        return results

    async def _one(self, exchange: AbstractExchange, message: Outgoing) -> str | None:
        try:
            async with asyncio.timeout(self._timeout):
                await exchange.publish(
                    aio_pika.Message(
                        message.body,
                        message_id=str(message.id),
                        correlation_id=str(message.correlation_id),
                        content_type="application/json",
                        delivery_mode=DeliveryMode.PERSISTENT,
                    ),
                    message.routing_key,
                    mandatory=message.routing_key not in _UNHEARD,
                )
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:500]
        return None

    async def _ready(self) -> AbstractExchange:
        async with self._connecting:
            if self._exchange is not None and self._channel is not None and not self._channel.is_closed:
                return self._exchange
            await self.close()
            async with asyncio.timeout(self._timeout):
                self._connection = await aio_pika.connect(
                    self._url, client_properties={"connection_name": f"{self._name}:relay"}
                )
                self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
                self._exchange = await self._channel.get_exchange(EXCHANGE, ensure=False)
            return self._exchange

    async def close(self) -> None:
        """Drop the connection; the next `publish` opens a new one."""
        connection, self._connection, self._channel, self._exchange = self._connection, None, None, None
        if connection is not None and not connection.is_closed:
            try:
                async with asyncio.timeout(2):
                    await connection.close()
            except Exception:  # noqa: S110 - it is being thrown away
                pass
