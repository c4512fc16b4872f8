"""The least HTTP that a load client and a gateway need, so that they take little of the machine they measure."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httptools

__all__ = ["Gateway", "Line"]


class Line:
    """One keep-alive connection that posts."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes, headers: str = "") -> int:
        """Post JSON; return the status once the whole answer is there."""
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # the server has not kept it that long
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n{headers}\r\n"
        )
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = answer.partition(b"content-length:")[2].partition(b"\r\n")[0]
        if int(length or 0):
            await reader.readexactly(int(length))
        return int(answer.split(b" ", 2)[1])

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Gateway:
    """An HTTP server that stamps each request as soon as it is complete, and only then looks at it.

    Args:
        answer: `(path, body, moment)` -> status and JSON body; `moment` is of `time.perf_counter`.
    """

    def __init__(self, answer: Callable[[str, bytes, float], tuple[int, bytes]]) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self.url = ""

    async def __aenter__(self) -> "Gateway":
        self._server = await asyncio.get_running_loop().create_server(lambda: _Request(self._answer), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._server is not None:
            self._server.close()


class _Request(asyncio.Protocol):
    def __init__(self, answer: Callable[[str, bytes, float], tuple[int, bytes]]) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._url, self._body = b"", b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status, body = self._answer(self._url.decode(), self._body, time.perf_counter())
        self._url, self._body = b"", b""
        head = f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)
