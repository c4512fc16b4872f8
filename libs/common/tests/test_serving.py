"""Over real sockets: an answer in one piece is the same answer."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn

from booka_common.serving import OnePiece, Together
from booka_common.testing import eventually


class Wire:
    """What a transport is told to do."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


async def the_loop_has_turned() -> None:
    """What was due before this is done."""
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await turned


async def test_what_is_written_in_one_turn_of_the_loop_goes_together():
    wire = Wire()
    transport = Together(wire, asyncio.get_running_loop())
    transport.write(b"head ")
    transport.write(b"body")
    assert wire.done == []
    await the_loop_has_turned()
    assert wire.done == [b"head body"]
    transport.write(b"next")
    await the_loop_has_turned()
    assert wire.done == [b"head body", b"next"]


async def test_nothing_is_lost_when_it_is_closed_at_once():
    wire = Wire()
    transport = Together(wire, asyncio.get_running_loop())
    transport.write(b"last words")
    transport.close()
    await the_loop_has_turned()
    assert wire.done == [b"last words", "closed"]
    assert transport.is_closing()


async def answer(scope, receive, send):
    """`/pieces/N`: a body of N pieces of 100 000 bytes; anything else: two words."""
    assert scope["type"] == "http"
    pieces = int(scope["path"].rpartition("/")[2]) if scope["path"].startswith("/pieces/") else 0
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(pieces):
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
    await send({"type": "http.response.body", "body": b"two words"})


@asynccontextmanager
async def served():
    config = uvicorn.Config(answer, port=0, http=OnePiece, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    bound = config.bind_socket()
    task = asyncio.create_task(server.serve(sockets=[bound]))

    async def listening() -> bool:
        return server.started

    await eventually(listening)
    try:
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def read(reader) -> tuple[bytes, bytes]:
    """Head and body, chunked."""
    head, body = await reader.readuntil(b"\r\n\r\n"), b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return head, body


@pytest.mark.parametrize(("path", "size"), [("/", 9), ("/pieces/1", 100_009), ("/pieces/50", 5_000_009)])
async def test_answers_arrive_whole_one_after_the_other(path, size):
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
        writer.write(request + request)  # the second before the first is answered
        for _ in range(2):
            head, body = await read(reader)
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert len(body) == size
            assert body.endswith(b"two words")
        writer.write(request.replace(b"host: x", b"host: x\r\nconnection: close"))
        _, body = await read(reader)
        assert len(body) == size
        assert await reader.read() == b"", "and closed"
        writer.close()
