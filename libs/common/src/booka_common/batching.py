"""Micro-batches: calls that come in while one is under way share the next one.

A call that finds nothing under way starts at once, with whatever else is ready in the same turn of the event loop, so a
lonely call is never held up. Under load the batches grow by themselves, and the cost of a round trip, a statement and a
commit is divided among those who waited for it.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeAlias, TypeVar

import asyncpg

from booka_common.errors import is_transient

__all__ = ["Batcher"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Waiting: TypeAlias = tuple[_Item, asyncio.Future[_Result]]

#: Faults of what was in the batch, or of what it met, and not of the database: each item alone may fare better.
_OF_THE_BATCH = (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError, asyncpg.SerializationError)


class Batcher(Generic[_Item, _Result]):
    """Collects calls into batches and hands each its own result.

    Args:
        run: does a batch as one; returns the result of each item, or the exception that it alone gets. If it raises, the
            items are done one by one, each a batch of its own, so that one that cannot be done does not take the others
            with it; only when the database is away do all get that error at once.
        most: items of one batch.
        key: items of the same key never share a batch; they are done in the order in which they came.
        patient: a batch begins when nobody else is on his way to it. It costs a lonely call two turns of the loop; under load,
            batches are fuller, and whatever else the process has to do gets its turn between them.
    """

    def __init__(
        self,
        run: Callable[[Sequence[_Item]], Awaitable[Sequence["_Result | BaseException"]]],
        *,
        most: int = 64,
        key: Callable[[_Item], Hashable] | None = None,
        patient: bool = False,
    ) -> None:
        self._run = run
        self._most = most
        self._key = key
        self._patient = patient
        self._queue: deque[_Waiting[_Item, _Result]] = deque()
        self._worker: asyncio.Task[None] | None = None

    def do(self, item: _Item) -> "asyncio.Future[_Result]":
        """Have `item` done with others. What is returned brings its result, or raises its error, once its batch is through."""
        loop = asyncio.get_running_loop() if self._worker is None else self._worker.get_loop()
        outcome: asyncio.Future[_Result] = loop.create_future()
        self._queue.append((item, outcome))
        if self._worker is None:
            # A context of its own: what a batch logs and writes belongs to no single one of its callers.
            self._worker = loop.create_task(self._work(), context=contextvars.Context())
        return outcome

    async def _work(self) -> None:
        try:
            await self._wait_for_company()
            while batch := self._next():
                await self._batch(batch)
                await self._wait_for_company()
        finally:
            self._worker = None
            for _, outcome in self._queue:  # only if this task was cancelled
                outcome.cancel()
            self._queue.clear()

    async def _wait_for_company(self) -> None:
        """Until two turns of the loop have brought nobody: what has arrived in a socket needs them to get here."""
        waiting = 0
        while self._patient and waiting < len(self._queue) < self._most:
            waiting = len(self._queue)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def _next(self) -> list[_Waiting[_Item, _Result]]:
        """The next batch, out of the queue; what shares a key with an earlier one stays, and so does all of its key."""
        batch: list[_Waiting[_Item, _Result]] = []
        later: list[_Waiting[_Item, _Result]] = []
        keys: set[Hashable] = set()
        while self._queue and len(batch) < self._most:
            waiting = self._queue.popleft()
            item, outcome = waiting
            if outcome.done():  # the caller has gone away
                continue
            key = self._key(item) if self._key else None
            if key is not None and key in keys:
                later.append(waiting)
                continue
            keys.add(key)
            batch.append(waiting)
        self._queue.extendleft(reversed(later))
        return batch

    async def _batch(self, batch: Sequence[_Waiting[_Item, _Result]]) -> None:
        try:
            results = await self._run([item for item, _ in batch])
            for (_, outcome), result in zip(batch, results, strict=True):
                _settle(outcome, result)
        except Exception as error:
            if len(batch) > 1 and (not is_transient(error) or isinstance(error, _OF_THE_BATCH)):
                for waiting in batch:
                    await self._batch([waiting])
                return
            for _, outcome in batch:
                _settle(outcome, error)
        except BaseException:
            for _, outcome in batch:
                outcome.cancel()
            raise


def _settle(outcome: "asyncio.Future[_Result]", result: "_Result | BaseException") -> None:
    if outcome.done():  # the caller has gone away
        return
    if isinstance(result, BaseException):
        outcome.set_exception(result)
    else:
        outcome.set_result(result)
