"""A load client that costs little: prepared requests over keep-alive connections, each waiting for its answer."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Volley", "fire"]


@dataclass(frozen=True)
class Volley:
    """Seconds of each request in the order of their ends, and of all of them; and how many were not answered 200."""

    each: Sequence[float]
    seconds: float
    refused: int


async def fire(url: str, requests: Sequence[bytes], *, connections: int) -> Volley:
    """Send every one of `requests` (whole, as bytes) once, over that many connections, in a closed loop."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    queue = iter(requests)
    each: list[float] = []
    statuses: list[bytes] = []
    lanes = [_Lane(queue, each, statuses, loop) for _ in range(connections)]
    transports = [
        (await loop.create_connection(partial(_same, lane), parts.hostname or "", parts.port or 0))[0] for lane in lanes
    ]
    began = time.perf_counter()
    for lane in lanes:
        lane.next()
    await asyncio.gather(*(lane.done for lane in lanes))
    seconds = time.perf_counter() - began
    for transport in transports:
        transport.close()
    return Volley(each, seconds, sum(status != b"200" for status in statuses))


def _same(lane: "_Lane") -> "_Lane":
    return lane


class _Lane(asyncio.Protocol):
    """One connection. Reads the status and the length of an answer, and nothing else of it."""

    def __init__(self, queue: Any, each: list[float], statuses: list[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._queue, self._each, self._statuses = queue, each, statuses
        self._transport: Any = None
        self._buffer = b""
        self._started = 0.0
        self.done: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))

    def next(self) -> None:
        request = next(self._queue, None)
        if request is None:
            self.done.set_result(None)
            return
        self._started = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(rest) < int(length or 0):
            return
        self._each.append(time.perf_counter() - self._started)
        self._statuses.append(head[9:12])
        self._buffer = b""
        self.next()
