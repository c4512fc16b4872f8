"""HTTP as uvicorn speaks it, with less to do for a small answer to a small request, which is what services exchange.

uvicorn writes the head of an answer and its body one after the other, and uvloop sends each at once: two system calls, and two
packets that wake the client twice. It renders and checks every head anew, and sets a timer after each answer, only to stop it
when the next request comes. To a webhook that costs as much as its signature and its JSON.
"""

import asyncio
from collections.abc import Awaitable
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["OnePiece", "straight"]


class _Exchange(RequestResponseCycle):
    """One request and its answer. The head of the answer waits for the body, and both are written at once."""

    _start: Any = None

    async def receive(self) -> Any:
        """The request's body. It is there as a whole when most are asked for it; else uvicorn waits for more, or for the end."""
        if self.more_body or not self.message_event.is_set() or self.flow.read_paused:
            return await super().receive()
        if self.disconnected or self.response_complete or self.waiting_for_100_continue:
            return await super().receive()
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Any) -> None:
        """Write the answer as far as it is known; what is not in one piece is written by uvicorn."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if (head := self._head(start, message)) is not None:
                self._finish(b"".join((head, message.get("body", b""))))
                return
            await super().send(start)
        await super().send(message)

    def _head(self, start: Any, message: Any) -> bytes | None:
        """The head of an answer of which `message` is the only piece; None if it is not, or not as simple as that."""
        if message["type"] != "http.response.body" or message.get("more_body", False) or not self.keep_alive:
            return None
        if self.scope["method"] == "HEAD" or self.disconnected or self.flow.write_paused:
            return None
        rendered = _rendered(start["status"], (*self.default_headers, *start.get("headers", ())))
        return rendered[0] if rendered is not None and rendered[1] == len(message.get("body", b"")) else None

    def _finish(self, answer: bytes) -> None:
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(answer)
        self.message_event.set()
        self.on_response()


def straight(app: "FastAPI") -> "ASGIApp":
    """`app` without the two coroutines that FastAPI and Starlette put before its middlewares, once it has started."""

    def serve(scope: "Scope", receive: "Receive", send: "Send") -> Awaitable[None]:
        if scope["type"] != "http" or app.middleware_stack is None:
            return app(scope, receive, send)
        scope["app"] = app
        return app.middleware_stack(scope, receive, send)

    return serve


@lru_cache(maxsize=512)
def _rendered(status: int, headers: tuple[tuple[bytes, bytes], ...]) -> tuple[bytes, int] | None:
    """A head, and the length of its body; None for one that uvicorn has to look at. Most answers have one of a few heads."""
    lines, length = [STATUS_LINE[status]], None
    for name, value in headers:
        lower = name.lower()
        if lower in (b"connection", b"transfer-encoding") or HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
            return None
        if lower == b"content-length":
            length = int(value)
        lines += (lower, b": ", value, b"\r\n")
    return None if length is None else (b"".join((*lines, b"\r\n")), length)


class OnePiece(HttpToolsProtocol):
    """uvicorn's protocol with such exchanges, and one timer for a connection instead of one for each answer."""

    #: On the loop's clock; None while there is something to do.
    _idle_since: float | None = None

    def on_headers_complete(self) -> None:
        """Begin with a request; its body follows."""
        parser, scope = self.parser, self.scope
        if parser.should_upgrade():
            return super().on_headers_complete()
        version = parser.get_http_version()
        path, raw_path, query = _target(self.url)
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = self.root_path + path
        scope["raw_path"] = self.root_path.encode("ascii") + raw_path
        scope["query_string"] = query
        before = self.cycle
        self.cycle = _Exchange(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        return None

    def on_response_complete(self) -> None:
        """Begin with the request that came meanwhile, or wait for one, but not for ever."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_after(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for so long; look again when one may have been that is not."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # the end of its answer sets the timer again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_after(left)
        else:
            super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _look_after(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


@lru_cache(maxsize=1024)
def _target(url: bytes) -> tuple[str, bytes, bytes]:
    """The path, unquoted and as it came, and the query."""
    parsed = httptools.parse_url(url)
    return unquote(parsed.path.decode("ascii")), parsed.path, parsed.query or b""
