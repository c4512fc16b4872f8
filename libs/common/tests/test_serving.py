"""Over real sockets: an answer in one piece is the answer that uvicorn gives, byte for byte."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from fastapi import FastAPI, Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from booka_common.serving import OnePiece, straight
from booka_common.testing import eventually


class Written(OnePiece):
    """Remembers what was written at once."""

    pieces: list[bytes] = []  # noqa: RUF012 - of the one connection of a test

    def connection_made(self, transport):
        write, Written.pieces = transport.write, []

        class Remembering:
            def write(self, data):
                Written.pieces.append(bytes(data))
                write(data)

            def __getattr__(self, name):
                return getattr(transport, name)

        super().connection_made(Remembering())


NINE = [(b"Content-Type", b"text/plain"), (b"content-length", b"9")]
#: By path: status, headers and pieces.
ANSWERS = {
    "/closes": (200, [*NINE, (b"connection", b"close")], [b"two words"]),
    "/split": (200, [*NINE, (b"x-evil", b"a\r\nset-cookie: b")], [b"two words"]),
    "/short": (200, NINE, [b"two"]),
    "/empty": (200, [(b"content-length", b"0")], [b""]),
    "/nothing": (204, [], [b""]),
    "/ends-later": (200, NINE, [b"two words", b""]),
    "/fails": (200, NINE, []),
    **{f"/pieces/{count}": (200, [], [b"x" * 100_000] * count + [b"two words"]) for count in (0, 1, 2, 50)},
}


async def answer(scope, receive, send):
    """What its path says; `/echo`: what it is told; anything else: two words."""
    path, told, more = scope["path"], b"", scope["path"] != "/unread"
    while more:
        message = await receive()
        told, more = told + message.get("body", b""), message.get("more_body", False)
    echo = (200, [(b"content-length", str(len(told)).encode())], [told])
    status, headers, pieces = ANSWERS.get(path, echo if path == "/echo" else (200, NINE, [memoryview(b"two words")]))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if path == "/takes-turns":
        for _ in range(5):
            await asyncio.sleep(0)
    for number, piece in enumerate(pieces, 1):
        await send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})
    if path == "/fails":
        raise RuntimeError
    if path == "/unread":
        await receive()


@asynccontextmanager
async def served(protocol=OnePiece, app=answer, **options):
    config = uvicorn.Config(
        app,
        port=0,
        http=protocol,
        log_config=None,
        date_header=False,
        timeout_graceful_shutdown=1,
        **{"lifespan": "off", **options},
    )
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


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "host: x", *headers, "", "")).encode()


async def all_of(port: int, *parts: bytes) -> bytes:
    """Everything that is answered until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(parts))
    async with asyncio.timeout(10):
        found = await reader.read()
    writer.close()
    return found


async def read(reader) -> tuple[bytes, bytes]:
    """Head and body, chunked."""
    head, body = await reader.readuntil(b"\r\n\r\n"), b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return head, body


LAST = request("/", "connection: close")
EXCHANGES = {
    "plain": [request("/"), request("/?a=%20b#c"), LAST],
    "quoted": [request("/ech%6F"), request("http://x/echo?y"), LAST],
    "bodies": [
        request("/echo", "content-length: 5", method="POST") + b"hello",
        request("/echo", "transfer-encoding: chunked", method="POST") + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        request("/echo", "content-length: 200000", method="POST") + b"x" * 200_000,
        LAST,
    ],
    "unread": [request("/unread", "content-length: 5", method="POST") + b"hello", LAST],
    "unread and expected": [
        request("/unread", "content-length: 5", "expect: 100-continue", method="POST") + b"hello",
        LAST,
    ],
    "one after the other": [request("/takes-turns"), request("/"), LAST],
    "one piece and its end": [request("/ends-later"), LAST],
    "expected": [request("/echo", "content-length: 2", "expect: 100-continue", method="POST") + b"hi", LAST],
    "head": [request("/", method="HEAD"), LAST],
    "nothing": [request("/nothing"), LAST],
    "empty": [request("/empty"), LAST],
    "in pieces": [request("/pieces/2"), request("/"), LAST],
    "closed by the answer": [request("/closes"), LAST],
    "old": [b"GET / HTTP/1.0\r\n\r\n"],
    "too short": [request("/short")],
    "a header that splits the answer": [request("/split")],
    "no HTTP": [b"what is this?\r\n\r\n"],
}


@pytest.mark.parametrize("name", EXCHANGES)
async def test_answers_are_those_of_uvicorn(name):
    parts = EXCHANGES[name]
    async with served(HttpToolsProtocol) as theirs, served() as ours:
        expected = await all_of(theirs, *parts)
        assert await all_of(ours, *parts) == expected


async def test_a_small_answer_is_one_write():
    async with served(Written) as port:
        await all_of(port, request("/"), request("/empty"), LAST)
    heads, bodies = zip(*(piece.split(b"\r\n\r\n") for piece in Written.pieces[:2]), strict=True)
    assert all(head.startswith(b"HTTP/1.1 200 OK\r\n") for head in heads)
    assert bodies == (b"two words", b"")


async def test_who_fails_before_the_body_is_answered_500():
    async with served() as port:
        found = await all_of(port, request("/fails"))
    assert found.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert found.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(("path", "size"), [("/pieces/0", 9), ("/pieces/1", 100_009), ("/pieces/50", 5_000_009)])
async def test_answers_arrive_whole_one_after_the_other(path, size):
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(path) + request(path))  # the second before the first is answered
        for _ in range(2):
            head, body = await read(reader)
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert len(body) == size
            assert body.endswith(b"two words")
        writer.write(request(path, "connection: close"))
        _, body = await read(reader)
        assert len(body) == size
        assert await reader.read() == b"", "and closed"
        writer.close()


class Clock(OnePiece):
    """A connection whose timer is fired by hand, on a clock that is set by hand."""

    connection: "Clock"
    now = 0.0

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        loop = self.loop
        Clock.connection, Clock.now = self, 0.0
        self.timers: list[float] = []

        class ByHand:
            def time(self):
                return Clock.now

            def call_later(self, seconds, _callback):
                Clock.connection.timers.append(seconds)
                return loop.call_later(3600, lambda: None)

            def __getattr__(self, name):
                return getattr(loop, name)

        self.loop = ByHand()

    def fire(self, now: float) -> None:
        Clock.now = now
        self.timeout_keep_alive_handler()


async def test_only_an_idle_connection_is_closed_and_has_one_timer():
    async with served(Clock, timeout_keep_alive=60) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def ask(path="/"):
            writer.write(request(path))
            return (await reader.readuntil(b"two words"))[:15]

        assert await ask() == b"HTTP/1.1 200 OK"
        connection = Clock.connection
        assert connection.timers == [60]
        Clock.now = 40.0
        await ask()
        assert connection.timers == [60], "the same"
        connection.fire(60.0)
        assert connection.timers == [60, 40], "it was idle for twenty seconds"
        writer.write(request("/")[:10])  # a request that does not come at once

        async def begun() -> bool:
            return connection._idle_since is None

        await eventually(begun)
        connection.fire(100.0)
        writer.write(request("/")[10:])
        await reader.readuntil(b"two words")
        assert connection.timers == [60, 40, 60], "set again by the end of the answer"
        connection.fire(160.0)
        assert await reader.read() == b"", "closed"
        writer.close()

        async def forgotten() -> bool:
            return connection.timeout_keep_alive_task is None

        await eventually(forgotten)


@pytest.mark.parametrize("pieces", [[b"hello"], [b"he", b"llo"]])
async def test_whoever_asks_again_after_the_whole_body_is_told_that_the_client_has_gone(pieces):
    told = asyncio.Queue()

    async def listening(scope, receive, _send):
        while (message := await receive())["type"] == "http.request":
            told.put_nowait((message["body"], message["more_body"]))
            await asyncio.sleep(0)  # so that one who is told too much does not keep the test from saying so
        told.put_nowait(message["type"])

    async with served(app=listening) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/", "content-length: 5", method="POST"))
        for piece in pieces:
            writer.write(piece)
            while (found := await told.get())[0] != piece:
                assert found == (b"", True), "its head came by itself"
            assert found[1] is (piece is not pieces[-1])
        for _ in range(5):
            await asyncio.sleep(0)
        assert told.empty(), "nothing more is told of it"
        writer.close()
        assert await told.get() == "http.disconnect"


async def test_an_application_is_served_without_what_comes_before_its_middlewares():
    opened = []

    @asynccontextmanager
    async def lifespan(_app):
        opened.append(True)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/named")
    async def named(asked: Request) -> str:
        return "it" if asked.app is app else "another"

    async with served(app=straight(app), interface="asgi3", lifespan="on") as port:
        assert opened
        assert (await all_of(port, request("/named", "connection: close"))).endswith(b'\r\n\r\n"it"')
