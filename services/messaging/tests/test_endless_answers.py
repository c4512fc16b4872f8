"""A gateway is where somebody at a salon says it is; what it answers may be without end, or packed."""

import gzip
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from booka_messaging.providers.calling import Answer, Caller
from booka_messaging.providers.gateway import OutcomeUnknown
from booka_sandbox.serving import free_socket, serving

SECOND = timedelta(seconds=1)
MEGABYTE = 1024 * 1024


class Gateway:
    """Answers with these chunks, as ASGI."""

    def __init__(self, chunk: bytes, count: int, **headers: str) -> None:
        self.chunk, self.count = chunk, count
        self.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        for _ in range(self.count):
            await send({"type": "http.response.body", "body": self.chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def ask(gateway: Gateway) -> Any:
    async with (
        serving(gateway, free_socket()) as url,
        Caller(connect=5 * SECOND, total=20 * SECOND, connections=1) as caller,
    ):
        return await caller.call("GET", url, {})


def endless() -> Gateway:
    return Gateway(b"a" * MEGABYTE, 64)


def packed() -> Gateway:
    return Gateway(gzip.compress(b"a" * (64 * MEGABYTE), 1), 1, content_encoding="gzip")


@pytest.mark.parametrize("kind", [endless, packed])
async def test_an_answer_is_read_up_to_a_limit(kind: Callable[[], Gateway]) -> None:
    gateway = kind()
    tracemalloc.start()
    try:
        answer = await ask(gateway)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(answer, OutcomeUnknown)
    assert "more than" in answer.reason
    assert most < 60 * MEGABYTE, "64 MB were never here at once"


async def test_a_page_of_a_store_fits() -> None:
    answer = await ask(Gateway(b"a" * MEGABYTE, 12))
    assert isinstance(answer, Answer)
    assert len(answer.body) == 12 * MEGABYTE
