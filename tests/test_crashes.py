"""`kill -9` in the middle of some hundred conversations, at random and at the points where it hurts most.

Named points: after the commit before the ack, after the broker's confirm before the mark, after the provider's answer
before its record. Whatever dies is started again at once. Meanwhile webhooks are doubled, late, and repeated because
their answer was lost.
"""

import asyncpg
import pytest

from booka_stack.rush import large_salon
from booka_stack.supervisor import Supervisor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

#: One after the other, with small counts: a point must be passed so often before the traffic is over.
CRASH_POINTS = {
    "messaging": ("consumer.committed:60", "relay.confirmed:40", "worker.called:50"),
    "dialog": ("consumer.committed:80", "relay.confirmed:40", "worker.called:1"),
    "booking": ("consumer.committed:40", "relay.confirmed:20", "worker.called:1"),
    "payments": ("worker.called:15", "relay.confirmed:5", "consumer.committed:10"),
    "llm": ("worker.called:1", "relay.confirmed:1", "consumer.committed:20"),
    "scheduler": ("worker.called:2", "relay.confirmed:1", "consumer.committed:5"),
}

RANDOM_KILLS = ("messaging", "booking", "payments", "dialog", "messaging", "dialog", "booking")


async def let_time_pass(stack, salon) -> None:
    """It is two hours before each of the salon's visits: their reminders fall due, all together."""
    connection = await asyncpg.connect(stack.database_url())
    try:
        await connection.execute(
            "UPDATE scheduler.jobs AS j SET scheduled_at = now() FROM scheduler.reminders AS r"
            " WHERE r.tenant_id = $1 AND r.minutes_before = 120 AND r.status = 'planned'"
            " AND j.tenant_id = r.tenant_id AND j.unique_key = r.id::text",
            salon.tenant_id,
        )
    finally:
        await connection.close()


async def test_every_conversation_completes_once_whatever_is_killed(rush):
    stack = rush.stack
    await rush.sandbox.call("PUT", "/_/disorder", {"doubled": 0.2, "late": 0.2, "seconds": 0.3, "unheard": 0.03})
    salons = [*await rush.open(large_salon(), 3), *await rush.open(large_salon(), 2, gateway="cloud")]
    salons += await rush.open(large_salon(deposit=False))
    [thinking] = await rush.open(large_salon(llm=True))
    [waiting] = await rush.open(large_salon(deposit_deadline_seconds=10))
    async with Supervisor(stack, CRASH_POINTS) as supervisor:
        for service in ("llm", "scheduler"):  # little comes to them: from now on any of it may be the last
            supervisor.kill(stack.services[service][0])
        crowd = rush.arrive(
            [
                *rush.invite([thinking], 20, mumbles=True),
                *rush.invite([waiting], 8, pays=False),
                *rush.invite(salons, 200),
            ]
        )
        for number, service in enumerate(RANDOM_KILLS):
            heard = len(crowd.guests) * (number + rush.dice.random())
            assert await crowd.have_heard(int(heard)), "the traffic ended too soon"
            supervisor.kill(stack.services[service][0])
        stuck = await crowd.leave()
        for salon in salons:  # the points that are passed late, or have not been passed often enough
            if stuck or not supervisor.waiting:
                break
            await let_time_pass(stack, salon)
            more = [
                *rush.invite([thinking], 4, mumbles=True),
                *rush.invite([waiting], 2, pays=False),
                *rush.invite(salons, 24),
            ]
            stuck = await rush.arrive(more).leave()
        assert await rush.judge() == []
        assert supervisor.waiting == {}
    assert sorted(supervisor.fired) == sorted((name, point) for name in CRASH_POINTS for point in CRASH_POINTS[name])
    assert len(supervisor.ends) - len(supervisor.fired) >= len(RANDOM_KILLS)
    assert {end.code for end in supervisor.ends} == {-9}
