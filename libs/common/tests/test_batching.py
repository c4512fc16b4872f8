"""Calls share batches without waiting for each other, and one that fails fails alone."""

import asyncio
from contextlib import suppress

import pytest

from booka_common.batching import Batcher
from booka_common.errors import Unavailable


class Work:
    """Doubles numbers; each batch waits until `go` is set. Odd ones out: 13 spoils its batch, 7 fails by itself."""

    def __init__(self):
        self.batches = []
        self.go = asyncio.Event()

    async def run(self, batch):
        self.batches.append(list(batch))
        await self.go.wait()
        if 13 in batch:
            raise ValueError("13")
        return [KeyError("7") if item == 7 else item * 2 for item in batch]


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_comes_together_goes_together_and_what_comes_meanwhile_goes_next():
    work = Work()
    batcher = Batcher(work.run, most=3)
    first = [batcher.do(item) for item in (1, 2)]
    await settle()
    assert work.batches == [[1, 2]], "started at once"
    later = [batcher.do(item) for item in (3, 4, 5, 6)]
    await settle()
    assert len(work.batches) == 1, "one at a time"
    work.go.set()
    assert await asyncio.gather(*first, *later) == [2, 4, 6, 8, 10, 12]
    assert work.batches == [[1, 2], [3, 4, 5], [6]]
    assert await batcher.do(8) == 16, "and again after a rest"


async def test_one_that_cannot_be_done_does_not_take_the_others_with_it():
    work = Work()
    work.go.set()
    batcher = Batcher(work.run)
    outcomes = await asyncio.gather(*(batcher.do(item) for item in (1, 13, 7, 2)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int, ValueError, KeyError, int]
    assert work.batches == [[1, 13, 7, 2], [1], [13], [7], [2]]


async def test_a_database_that_is_away_is_asked_once():
    calls = []

    async def away(batch):
        calls.append(len(batch))
        raise Unavailable("no")

    batcher = Batcher(away)
    outcomes = await asyncio.gather(*(batcher.do(item) for item in range(4)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert calls == [4]


async def test_one_key_is_in_a_batch_once_and_in_order():
    work = Work()
    work.go.set()
    batcher = Batcher(work.run, key=lambda item: item % 10)
    await asyncio.gather(*(batcher.do(item) for item in (1, 11, 2, 21, 12)))
    assert work.batches == [[1, 2], [11, 12], [21]]


async def test_who_has_gone_away_is_not_worked_for():
    work = Work()
    batcher = Batcher(work.run)
    staying = batcher.do(1)
    await settle()
    leaving = batcher.do(2)
    also = batcher.do(3)
    await settle()
    leaving.cancel()
    with suppress(asyncio.CancelledError):
        await leaving
    work.go.set()
    assert await asyncio.gather(staying, also) == [2, 6]
    assert work.batches == [[1], [3]]


async def test_a_batch_carries_nothing_of_the_caller_who_started_it():
    from booka_common.observability import current_traceparent, work

    async def trace(batch):
        return [current_traceparent()] * len(batch)

    with work(tenant_id="somebody"):
        assert current_traceparent() is not None
        assert await Batcher(trace).do(1) is None


@pytest.mark.parametrize("most", [1, 2, 64])
async def test_many_are_all_served(most):
    work = Work()
    work.go.set()
    batcher = Batcher(work.run, most=most)
    items = [item for item in range(500) if item not in (7, 13)]
    assert await asyncio.gather(*(batcher.do(item) for item in items)) == [item * 2 for item in items]
    assert max(map(len, work.batches)) <= most
