"""Acknowledges what has been handled in groups: one frame for a run of messages, and one command to their queue.

Waiting a few milliseconds with it delays nobody, because the work is committed. A crash meanwhile has those messages
delivered again, as a crash right after the commit always had; the receivers' keys make that harmless.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import aio_pika
    import aiormq

__all__ = ["Acknowledger"]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    """What is settled on one channel. Delivery tags count 1, 2, 3 … on it.

    Attributes:
        through: everything up to this tag is settled; only so far may one acknowledgement stand for all.
        ahead: settled tags above, beyond a message that is still in work.
        waiting: handled, and not acknowledged yet.
    """

    through: int = 0
    ahead: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)

    def settle(self, tag: int) -> None:
        self.ahead.add(tag)
        while self.through + 1 in self.ahead:
            self.through += 1
            self.ahead.remove(self.through)


class Acknowledger:
    """The acknowledgements of one connection's channels.

    Args:
        patience: how long an acknowledgement may wait for others.
        most: acknowledgements that wait at most.
    """

    def __init__(self, *, patience: timedelta = timedelta(milliseconds=25), most: int = 32) -> None:
        self._patience = patience.total_seconds()
        self._most = most
        self._runs: WeakKeyDictionary[aiormq.abc.AbstractChannel, _Run] = WeakKeyDictionary()
        self._waiting = 0
        self._hurry = False
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: set[asyncio.Task[None]] = set()

    async def handled(self, message: "aio_pika.abc.AbstractIncomingMessage") -> None:
        """Acknowledge `message` soon."""
        channel = message.channel
        tag = _tag(message)
        run = self._runs.setdefault(channel, _Run())
        run.settle(tag)
        run.waiting.add(tag)
        self._waiting += 1
        if self._hurry or self._waiting >= self._most:
            await self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._patience, self._begin)

    async def rejected(self, message: "aio_pika.abc.AbstractIncomingMessage") -> None:
        """Have the queue's policy move `message` to the dead letters, at once."""
        await message.reject(requeue=False)
        self._runs.setdefault(message.channel, _Run()).settle(_tag(message))

    async def returned(self, message: "aio_pika.abc.AbstractIncomingMessage") -> None:
        """Give `message` back to its queue, at once."""
        await message.nack(requeue=True)
        self._runs.setdefault(message.channel, _Run()).settle(_tag(message))

    async def hurry(self) -> None:
        """Wait with nothing any more: the connection is about to be closed."""
        self._hurry = True
        await self.flush()

    def _begin(self) -> None:
        task = asyncio.get_running_loop().create_task(self.flush())
        self._flushing.add(task)
        task.add_done_callback(self._flushing.discard)

    async def flush(self) -> None:
        """Send what waits. What a broken channel can not take any more is delivered again elsewhere."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting = 0
        for channel, run in list(self._runs.items()):
            waiting, run.waiting = run.waiting, set()
            together = [tag for tag in waiting if tag <= run.through]
            try:
                if together:
                    await channel.basic_ack(max(together), multiple=len(together) > 1)
                for tag in waiting:
                    if tag > run.through:
                        await channel.basic_ack(tag)
            except Exception as error:
                _log.warning("%d messages could not be acknowledged: %r", len(waiting), error)


def _tag(message: "aio_pika.abc.AbstractIncomingMessage") -> int:
    if message.delivery_tag is None:
        raise RuntimeError("a message that was not delivered cannot be acknowledged")
    return message.delivery_tag
