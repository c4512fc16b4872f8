"""Calling a gateway over HTTP: one shared pool of connections, and what may be concluded when no answer comes."""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import orjson

from booka_messaging.providers.gateway import NotNow, OutcomeUnknown

__all__ = ["Answer", "Caller"]

#: Node, on which Evolution runs, hangs up on a connection that was idle for 5 s.
_IDLE_SECONDS = 4
_LONGEST_WAIT = 600
#: Of an answer, unpacked: a page of a gateway's store, with the thumbnails of its pictures, has a few MB.
_LARGEST = 16 * 1024 * 1024
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, or None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def retry_after(self) -> timedelta | None:
        """How long the gateway asks to wait, at most 10 minutes."""
        seconds = self.headers.get("retry-after", "")
        good = seconds.isascii() and seconds.isdecimal() and len(seconds) <= 9
        return timedelta(seconds=min(int(seconds), _LONGEST_WAIT)) if good else None


class Caller:
    """A pool of connections, open while the context is.

    Args:
        connect: for a connection, the wait for a free one included.
        total: for one call altogether.
        connections: at most.
    """

    def __init__(self, *, connect: timedelta, total: timedelta, connections: int) -> None:
        self._timeout = aiohttp.ClientTimeout(total=total.total_seconds(), connect=connect.total_seconds())
        self._connections = connections
        self._client: aiohttp.ClientSession | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "Caller":
        self._client = await self._open.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=_IDLE_SECONDS),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),  # nothing of one salon may reach another one's gateway
                headers={"user-agent": "booka-messaging/1"},
            )
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        self._client = None
        await self._open.aclose()

    async def call(
        self, method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> Answer | NotNow | OutcomeUnknown:
        """Ask once, following no redirect. `NotNow`: it never reached the gateway. `OutcomeUnknown`: it may have.

        A gateway is where a salon says it is, so its answers are not believed to end.
        """
        if self._client is None:
            raise RuntimeError("the gateway's connections are not open")
        try:
            async with self._client.request(
                method,
                url,
                data=None if body is None else orjson.dumps(body),
                headers={**headers, "content-type": "application/json"},
                allow_redirects=False,
            ) as response:
                content = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    content += chunk
                    if len(content) > _LARGEST:
                        return OutcomeUnknown(f"an answer of more than {_LARGEST} bytes")
                return Answer(response.status, response.headers, bytes(content))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            return NotNow(f"no connection: {type(error).__name__}", unreachable=True)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return OutcomeUnknown(f"no answer: {type(error).__name__}")
