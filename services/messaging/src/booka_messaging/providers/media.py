"""Fetching media: how much, how long, and from which addresses.

A name that a gateway gives is resolved once, by the connection that is then made, and that connection is refused unless the
address is on the public internet. So there is no second answer of the name server for an attacker to change.
"""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import orjson

from booka_messaging.domain.media_sources import Source, is_public
from booka_messaging.domain.media_types import checked_type
from booka_messaging.providers.calling import Answer
from booka_messaging.providers.gateway import FetchOutcome, Medium, NotNow, Refused

__all__ = ["Downloads", "MediaLimits", "TooLarge", "as_medium"]

#: Held in memory at once, each as large as the limit allows.
_AT_ONCE = 4
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What is fetched at most.

    Attributes:
        max_bytes: of one medium.
        total: for one call altogether.
        hosts: besides the channel's own gateway, from where media may come; lower case.
    """

    max_bytes: int = 16 * 1024 * 1024
    total: timedelta = timedelta(seconds=20)
    hosts: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class TooLarge:
    """There is more of it than is fetched."""


class Downloads:
    """Connections for media, open while the context is: one pool to the channels' own gateways, one to others."""

    def __init__(self, limits: MediaLimits, *, connect: timedelta) -> None:
        self.limits = limits
        self._timeout = aiohttp.ClientTimeout(
            total=limits.total.total_seconds(), connect=connect.total_seconds(), sock_connect=connect.total_seconds()
        )
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._trusted: aiohttp.ClientSession | None = None
        self._guarded: aiohttp.ClientSession | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "Downloads":
        self._trusted = await self._open.enter_async_context(self._session(aiohttp.TCPConnector(limit=_AT_ONCE)))
        guarded = aiohttp.TCPConnector(limit=_AT_ONCE, socket_factory=_public_socket)
        self._guarded = await self._open.enter_async_context(self._session(guarded))
        return self

    async def __aexit__(self, *error: object) -> None:
        self._trusted = self._guarded = None
        await self._open.aclose()

    async def fetch(
        self,
        method: str,
        source: Source,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        *,
        most: int | None = None,
    ) -> Answer | NotNow | TooLarge:
        """Ask once, following no redirect, and read at most `most` bytes (the limit of a medium unless it is given)."""
        session = self._trusted if source.trusted else self._guarded
        if session is None:
            raise RuntimeError("the connections for media are not open")
        most = self.limits.max_bytes if most is None else most
        sent = {**headers, "accept-encoding": "identity"}
        if body is not None:
            sent["content-type"] = "application/json"
        try:
            async with (
                asyncio.timeout(self.limits.total.total_seconds()),
                self._slots,
                session.request(
                    method,
                    source.url,
                    data=None if body is None else orjson.dumps(body),
                    headers=sent,
                    allow_redirects=False,
                ) as response,
            ):
                content = await _read(response, most)
                return TooLarge() if content is None else Answer(response.status, response.headers, content)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return NotNow(f"no medium: {type(error).__name__}")

    def _session(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a few bytes could become any number
            trust_env=False,
            headers={"user-agent": "booka-messaging/1"},
        )


def as_medium(content: bytes, declared: str | None, most: int) -> FetchOutcome:
    """A medium of a type that is handed on, or why it is none."""
    if len(content) > most:
        return Refused("media_too_large", f"it is larger than {most} bytes")
    mime_type = checked_type(declared, content)
    if mime_type is None:
        return Refused("media_type", "it is of a type that is not handed on, or not what it is declared to be")
    return Medium(content, mime_type)


def _public_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """The socket of one connection, made where the address is known that it will go to.

    Raises:
        OSError: that address is not on the public internet.
    """
    family, kind, protocol, _, place = address
    if not is_public(str(place[0])):
        raise OSError("not a public address")
    return socket.socket(family, kind, protocol)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes | None:
    """The whole body, or None once it is more than `most`."""
    if response.content_length is not None and response.content_length > most:
        return None
    read = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        read += chunk
        if len(read) > most:
            return None
    return bytes(read)
