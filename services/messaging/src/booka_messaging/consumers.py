"""Messages from the broker -> use cases."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from booka_common.consuming import Consumers
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import SendRequested
from booka_common.db import Database
from booka_messaging.usecases.sending import request_send

__all__ = ["subscribe"]


class _Turns:
    """Lets one holder per key through at a time, in the order of asking."""

    def __init__(self) -> None:
        self._locks: dict[UUID, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, key: UUID) -> AsyncIterator[None]:
        lock, waiting = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks.pop(key)
            if waiting > 1:
                self._locks[key] = (lock, waiting - 1)


def subscribe(consumers: Consumers, db: Database, *, send_attempts: int, now: Callable[[], datetime]) -> None:
    """Register what messaging hears."""
    # Messages of a queue are handled concurrently; what is asked for in one conversation keeps the order of its arrival.
    turns = _Turns()

    async def send_requested(envelope: Envelope[SendRequested]) -> None:
        async with turns.of(envelope.data.conversation_id):
            await request_send(db, envelope, attempts=send_attempts, now=now())

    consumers.subscribe(SendRequested, send_requested)
