"""Help for tests: a running app, signed requests, an ear on the broker, a clock that stands still."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar
from uuid import UUID

import aio_pika
import httpx
from fastapi import FastAPI

from booka_common import topology
from booka_common.contracts.envelope import Envelope, Message, enveloped
from booka_common.internal import SignedAuth
from booka_common.publisher import Outgoing, Publisher

__all__ = [
    "ENCRYPTION_KEY",
    "INTERNAL_SECRET",
    "FrozenClock",
    "Tap",
    "dead_letters",
    "eventually",
    "publish",
    "running",
    "signed",
]

INTERNAL_SECRET = "test-internal-secret-0123456789abcdef"  # noqa: S105 - for tests only
ENCRYPTION_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

_Shape = TypeVar("_Shape", bound=Message)
_Found = TypeVar("_Found")


class FrozenClock:
    """A clock that moves only when told to. Call it for the time."""

    def __init__(self, at: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        """Move forward."""
        self.at += by


def signed(tenant_id: UUID, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> httpx.Auth:
    """Signs a client's requests to the internal API with the secret that `provision` configures."""
    return SignedAuth(INTERNAL_SECRET, tenant_id, now)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The app with its lifespan open, and a client that talks to it in-process."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=20) as client:
            yield client


async def eventually(look: Callable[[], Awaitable[_Found]], timeout: float = 10.0) -> _Found:
    """Call `look` until it gives something truthy, and return that.

    Raises:
        AssertionError: it did not within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    pause = 0.005
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found!r} after {timeout} s")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class Tap:
    """Hears every message on the exchange, from `async with Tap(url) as tap` on."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url
        self._heard: list[tuple[str, bytes]] = []
        self._more = asyncio.Condition()
        self._connection: aio_pika.abc.AbstractConnection | None = None

    async def __aenter__(self) -> "Tap":
        self._connection = await aio_pika.connect(self._url)
        channel = await self._connection.channel()
        exchange = await channel.get_exchange(topology.EXCHANGE, ensure=False)
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(exchange, "#")

        async def hear(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            async with self._more:
                self._heard.append((message.routing_key or "", message.body))
                self._more.notify_all()

        await queue.consume(hear, no_ack=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close()

    def seen(self, message: type[_Shape], *, tenant_id: UUID | None = None) -> list[Envelope[_Shape]]:
        """Every message of this kind so far."""
        shape = enveloped(message)
        found = (shape.model_validate_json(body) for key, body in self._heard if key == message.key)
        return [envelope for envelope in found if tenant_id is None or envelope.tenant_id == tenant_id]

    async def next(
        self,
        message: type[_Shape],
        *,
        tenant_id: UUID | None = None,
        where: Callable[[_Shape], bool] = lambda _: True,
        after: int = 0,
        timeout: float = 10.0,
    ) -> Envelope[_Shape]:
        """The first matching message past the first `after` ones, waiting for it if need be.

        Raises:
            AssertionError: none came within `timeout` seconds.
        """

        def found() -> Envelope[_Shape] | None:
            matching = [envelope for envelope in self.seen(message, tenant_id=tenant_id) if where(envelope.data)]
            return matching[after] if len(matching) > after else None

        try:
            async with asyncio.timeout(timeout), self._more:
                await self._more.wait_for(lambda: found() is not None)
        except TimeoutError:
            keys = [key for key, _ in self._heard]
            raise AssertionError(f"no {message.key} within {timeout} s; heard {keys}") from None
        result = found()
        assert result is not None  # noqa: S101
        return result


async def publish(amqp_url: str, *envelopes: Envelope[Any]) -> None:
    """Publish as a relay would.

    Raises:
        AssertionError: the broker did not confirm.
    """
    publisher = Publisher(amqp_url, "test")
    try:
        outcomes = await publisher.publish(
            [Outgoing(e.id, e.data.key, e.correlation_id, e.model_dump_json().encode()) for e in envelopes]
        )
    finally:
        await publisher.close()
    assert not any(outcomes), outcomes  # noqa: S101


async def dead_letters(
    amqp_url: str, queue: str, *, at_least: int = 1, timeout: float = 10.0
) -> list[tuple[Mapping[str, Any], bytes]]:
    """Take at least `at_least` messages out of the dead-letter queue of `queue`; headers and body of each."""
    connection = await aio_pika.connect(amqp_url)
    try:
        channel = await connection.channel()
        source = await channel.get_queue(topology.dead_letter_queue(queue), ensure=False)
        taken: list[tuple[Mapping[str, Any], bytes]] = []

        async def enough() -> bool:
            while (message := await source.get(no_ack=True, fail=False)) is not None:
                taken.append((dict(message.headers), message.body))
            return len(taken) >= at_least

        await eventually(enough, timeout)
        return taken
    finally:
        await connection.close()
