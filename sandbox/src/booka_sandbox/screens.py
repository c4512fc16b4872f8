"""What an open screen of a client's phone is sent: the conversation so far, then each change as it happens."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol

HEARTBEAT_SECONDS = 15.0


class Shown(Protocol):
    """A message that a screen can show."""

    def for_phone(self) -> dict[str, Any]:
        """Its side, text, time and state."""


class Watched(Protocol):
    """A phone that screens can watch."""

    @property
    def messages(self) -> Iterable[Shown]:
        """Oldest first."""

    @property
    def watchers(self) -> set[asyncio.Queue[dict[str, Any]]]:
        """The open screens."""


async def changes(phone: Watched) -> AsyncIterator[str]:
    """Server-sent events: first everything so far as one `conversation`, then each change as it happens."""
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    phone.watchers.add(queue)
    try:
        yield _sse({"type": "conversation", "messages": [m.for_phone() for m in phone.messages]})
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    change = await queue.get()
            except TimeoutError:
                yield ": still here\n\n"
            else:
                yield _sse(change)
    finally:
        phone.watchers.discard(queue)


def _sse(change: dict[str, Any]) -> str:
    return f"data: {json.dumps(change, ensure_ascii=False)}\n\n"
