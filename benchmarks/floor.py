"""What a turn's commits, publishes and deliveries cost by themselves: bare asyncpg and aio-pika, no code of ours."""

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aio_pika
import asyncpg

__all__ = ["Bare", "PerTurn"]

_QUEUES = 6
_BODY = secrets.token_bytes(600)
_QUORUM: dict[str, Any] = {"x-queue-type": "quorum"}


@dataclass(frozen=True)
class PerTurn:
    """How often one turn does what; fractions are shares of the turns that do it.

    Attributes:
        synced: commits that wait for the disk.
        relaxed: commits that write and do not wait (`synchronous_commit = off`).
        published: persistent messages into quorum queues, with confirms.
        delivered: of these, the ones that are consumed and acknowledged.
    """

    synced: float
    relaxed: float
    published: float
    delivered: float


class _Share:
    """Turns 3.25 per turn into 3, 3, 3, 4, …"""

    def __init__(self, each: float) -> None:
        self._each, self._due = each, 0.0

    def next(self) -> int:
        self._due += self._each
        whole = math.floor(self._due + 1e-9)
        self._due -= whole
        return whole


@dataclass
class Bare:
    """Connections to a database and a broker, and the deliveries that are waited for."""

    durable: Any
    relaxed: Any
    channel: aio_pika.abc.AbstractChannel
    queues: list[str]
    unread: str
    _arrivals: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(cls, database_url: str, amqp_url: str, *, concurrency: int) -> AsyncIterator["Bare"]:
        """Connect, and make a table and queues that go again at the end."""
        size = min(concurrency, 24)
        async with (
            asyncpg.create_pool(database_url, min_size=size, max_size=size) as durable,
            asyncpg.create_pool(
                database_url, min_size=size, max_size=size, server_settings={"synchronous_commit": "off"}
            ) as relaxed,
            await aio_pika.connect(amqp_url) as connection,
            await aio_pika.connect(amqp_url) as consuming,
        ):
            await durable.execute(
                "CREATE TABLE IF NOT EXISTS public.floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)"
            )
            channel = await connection.channel(publisher_confirms=True)
            listening = await consuming.channel()
            await listening.set_qos(prefetch_count=50)
            names = [f"floor.{number}" for number in range(_QUEUES)]
            unread = await channel.declare_queue("floor.unread", durable=True, arguments=_QUORUM)
            bare = cls(durable, relaxed, channel, names, unread.name)
            queues = [await listening.declare_queue(name, durable=True, arguments=_QUORUM) for name in names]
            for queue in queues:
                await queue.consume(bare._arrived)
            try:
                yield bare
            finally:
                for queue in (*queues, unread):
                    await queue.delete(if_unused=False, if_empty=False)
                await durable.execute("DROP TABLE public.floor")

    async def _arrived(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        await message.ack()
        waiting = self._arrivals.pop(message.message_id or "", None)
        if waiting is not None:
            waiting.set_result(None)

    async def _commit(self, pool: Any) -> None:
        await pool.execute("INSERT INTO public.floor (body) VALUES ($1)", _BODY)

    async def _publish(self, number: int, *, wait: bool) -> None:
        message_id = secrets.token_hex(8)
        if wait:
            self._arrivals[message_id] = arrival = asyncio.get_running_loop().create_future()
        message = aio_pika.Message(_BODY, message_id=message_id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        queue = self.queues[number % len(self.queues)] if wait else self.unread
        await self.channel.default_exchange.publish(message, queue)
        if wait:
            await arrival

    async def run(self, per_turn: PerTurn, *, turns: int, concurrency: int) -> tuple[list[float], float]:
        """That many bare turns, each one step after the other; seconds of each, and of the whole."""
        left = iter(range(turns))
        seconds: list[float] = []

        async def lane() -> None:
            synced, relaxed = _Share(per_turn.synced), _Share(per_turn.relaxed)
            read, unread = _Share(per_turn.delivered), _Share(max(per_turn.published - per_turn.delivered, 0))
            for number in left:
                started = time.perf_counter()
                for _ in range(synced.next()):
                    await self._commit(self.durable)
                for _ in range(relaxed.next()):
                    await self._commit(self.relaxed)
                for step in range(read.next()):
                    await self._publish(number + step, wait=True)
                for _ in range(unread.next()):
                    await self._publish(number, wait=False)
                seconds.append(time.perf_counter() - started)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(lane())
        return seconds, time.perf_counter() - began
