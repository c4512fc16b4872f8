"""Two replicas of every service at once: the same guarantees, also while some of them are killed or told to stop."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from booka_stack.rush import large_salon
from booka_stack.stack import Stack
from booka_stack.supervisor import Supervisor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CRASH_POINTS = {
    "messaging": ("relay.confirmed:10", "worker.called:20"),
    "dialog": ("consumer.committed:30",),
    "booking": ("relay.confirmed:10",),
    "payments": ("worker.called:5",),
}
#: A replica of these is killed or told to stop, one after the other.
KILL, STOP = signal.SIGKILL, signal.SIGTERM
ENDS = (
    (KILL, "messaging"),
    (STOP, "dialog"),
    (KILL, "booking"),
    (STOP, "messaging"),
    (KILL, "payments"),
    (STOP, "booking"),
    (KILL, "dialog"),
    (KILL, "scheduler"),
    (KILL, "llm"),
)


@pytest.fixture(autouse=True)
def _two_of_each(fragile_stack: Stack) -> Iterator[None]:
    with fragile_stack.doubled():
        yield


async def test_two_replicas_of_every_service_do_everything_once(rush):
    stack = rush.stack
    salons = await rush.open(large_salon(), 3)
    [thinking] = await rush.open(large_salon(llm=True))
    async with Supervisor(stack, CRASH_POINTS) as supervisor:
        crowd = rush.arrive([*rush.invite(salons, 72), *rush.invite([thinking], 8, mumbles=True)])
        for number, (how, service) in enumerate(ENDS):
            heard = len(crowd.guests) * (number + rush.dice.random()) * 7 / len(ENDS)
            assert await crowd.have_heard(int(heard)), "the traffic ended too soon"
            process = rush.dice.choice(stack.services[service])
            if how == STOP:
                await asyncio.to_thread(process.wait_ready)  # while it starts, it has nothing to end in order
                process.signal(how)
            else:
                supervisor.kill(process)
        stuck = await crowd.leave()
        for _ in range(5):  # for the points that were not passed often enough
            if stuck or not supervisor.waiting:
                break
            stuck = await rush.arrive(rush.invite(salons, 24)).leave()
        assert await rush.judge() == []
        assert supervisor.waiting == {}
    assert sorted(supervisor.fired) == sorted((name, point) for name in CRASH_POINTS for point in CRASH_POINTS[name])
    assert {end.code for end in supervisor.ends} == {-9, 0}
