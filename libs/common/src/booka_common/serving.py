"""HTTP as uvicorn speaks it, with an answer in one piece.

uvicorn writes the head of an answer and its body one after the other, and uvloop sends each at once: two system calls, and two
packets that wake the client twice. Together they cost a small answer more than all that is done to find it.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["OnePiece", "Together"]


class Together:
    """A transport that sends together what is written in one turn of the loop; otherwise the transport that it is made of."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send `data` soon."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Send what is written, then close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written:
            self._transport.write(b"".join(self._written))
            self._written.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class OnePiece(HttpToolsProtocol):
    """uvicorn's protocol over such a transport."""

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type]
