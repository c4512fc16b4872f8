"""Two replicas of every service at once: the same guarantees, also while some of them are killed."""

from collections.abc import Iterator

import pytest

from booka_stack.rush import large_salon
from booka_stack.stack import Stack
from booka_stack.supervisor import Supervisor
from booka_stack.temporary import temporary_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

CRASH_POINTS = {
    "messaging": ("relay.confirmed:10", "worker.called:20"),
    "dialog": ("consumer.committed:30",),
    "booking": ("relay.confirmed:10",),
    "payments": ("worker.called:5",),
}
RANDOM_KILLS = ("messaging", "dialog", "booking", "payments", "scheduler", "llm")


@pytest.fixture(scope="module")
def fragile_stack() -> Iterator[Stack]:
    """The stack of `rush`, here with two of each."""
    with temporary_stack(replicas=2, retry_scale=0.03) as started:
        yield started


async def test_two_replicas_of_every_service_do_everything_once(rush):
    stack = rush.stack
    salons = await rush.open(large_salon(), 3)
    [thinking] = await rush.open(large_salon(llm=True))
    async with Supervisor(stack, CRASH_POINTS) as supervisor:
        crowd = rush.arrive([*rush.invite(salons, 72), *rush.invite([thinking], 8, mumbles=True)])
        for number, service in enumerate(RANDOM_KILLS):
            heard = len(crowd.guests) * (number + rush.dice.random())
            assert await crowd.have_heard(int(heard)), "the traffic ended too soon"
            supervisor.kill(rush.dice.choice(stack.services[service]))
        await crowd.leave()
        for _ in range(5):  # for the points that were not passed often enough
            if not supervisor.waiting:
                break
            await rush.arrive(rush.invite(salons, 24)).leave()
        assert await rush.judge() == []
        assert supervisor.waiting == {}
    assert len(supervisor.ends) == len(RANDOM_KILLS) + sum(map(len, CRASH_POINTS.values()))
