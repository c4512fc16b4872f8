"""What a commit wakes in the process that made it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from booka_common.jobs import Starter

__all__ = ["Signal", "Signals"]


class Signal:
    """Wakes one waiting loop of this process at a time; a wake-up while nobody waits is kept."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake one waiter."""
        self._event.set()

    async def wait(self, timeout: timedelta) -> None:
        """Return at the next wake-up that no other waiter has taken, or after `timeout`."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                while not self._event.is_set():
                    await self._event.wait()
                self._event.clear()
        except TimeoutError:
            pass


class Signals:
    """What a commit may wake in this process."""

    def __init__(self) -> None:
        self.outbox_written = Signal()
        self.jobs_written = Signal()
        #: Takes committed messages straight from memory, while there is somebody to publish them (see `outbox`).
        self.handoff: Callable[[Sequence[Any]], None] | None = None
        #: Runs jobs that are written as claimed by this process, while there is a worker (see `jobs.put_started`).
        self.starter: Starter | None = None
