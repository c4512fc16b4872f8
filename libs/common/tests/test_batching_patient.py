"""A patient batcher waits for those who are on their way, and for nobody else."""

import asyncio
from collections.abc import Sequence

import pytest

from booka_common.batching import Batcher


class Work:
    """Notes its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def run(self, batch: Sequence[int]) -> list[int]:
        self.batches.append(list(batch))
        return list(batch)


async def arrive(batcher: Batcher[int, int], item: int, turns: int) -> int:
    """Call after so many turns of the loop."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return await batcher.do(item)


@pytest.mark.parametrize(("patient", "batches"), [(True, [[0, 1, 2, 3]]), (False, [[0], [1], [2], [3]])])
async def test_those_who_come_one_turn_after_the_other_share_a_batch(
    *, patient: bool, batches: list[list[int]]
) -> None:
    work = Work()
    batcher = Batcher(work.run, patient=patient)
    await asyncio.gather(*(arrive(batcher, item, 2 * item) for item in range(4)))
    assert work.batches == batches


async def test_a_full_batch_waits_for_nobody() -> None:
    work = Work()
    batcher = Batcher(work.run, patient=True, most=2)
    await asyncio.gather(*(arrive(batcher, item, item) for item in range(5)))
    assert work.batches == [[0, 1], [2, 3], [4]]


async def test_a_lonely_call_waits_for_nobody() -> None:
    work = Work()
    batcher = Batcher(work.run, patient=True)
    call = batcher.do(1)
    for _ in range(6):  # of the loop: the call, two that bring nobody, the batch, its end
        await asyncio.sleep(0)
    assert call.done()
    assert work.batches == [[1]]
