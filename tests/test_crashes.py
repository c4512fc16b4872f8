"""`kill -9` in the middle of some hundred conversations, at random and at the points where it hurts most.

Named points: after the commit before the ack, after the broker's confirm before the mark, after the provider's answer
before its record. Whatever dies is started again at once.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from booka_common.internal import SignedAuth
from booka_common.testing import eventually
from booka_stack.rush import large_salon
from booka_stack.supervisor import Supervisor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

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


async def remind_soon(stack, salon) -> None:
    """Have the reminders of the next days' visits at 9 o'clock fall due together, at a full minute in 25 to 85 seconds."""
    zone = ZoneInfo(salon.zone)
    now = datetime.now(UTC)
    due = (now + timedelta(seconds=85)).replace(second=0, microsecond=0)
    days = [now.astimezone(zone).date() + timedelta(days=ahead) for ahead in range(1, 6)]
    starts = [datetime(day.year, day.month, day.day, 9, tzinfo=zone).astimezone(UTC) for day in days]
    minutes = [(start - due) // timedelta(minutes=1) for start in starts]
    url = f"{stack.layout.url('scheduler')}/v1/reminders/settings"
    async with httpx.AsyncClient(auth=SignedAuth(stack.layout.internal_secret, salon.tenant_id), timeout=20) as http:
        answer = await http.put(url, json={"minutes_before": minutes})
        answer.raise_for_status()


async def test_every_conversation_completes_once_whatever_is_killed(rush):
    stack = rush.stack
    salons = [*await rush.open(large_salon(), 5), *await rush.open(large_salon(deposit=False))]
    [thinking] = await rush.open(large_salon(llm=True))
    [waiting] = await rush.open(large_salon(deposit_deadline_seconds=10))
    [reminding] = await rush.open(large_salon(staff=12, closes="09:45", deposit=False))
    await remind_soon(stack, reminding)
    await rush.arrive(rush.invite([reminding], 12)).leave()

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
        await crowd.leave()

        async def reminded() -> bool:
            return "scheduler" not in supervisor.waiting

        await eventually(reminded, 100)
        for _ in range(5):  # for the points that were not passed often enough
            if not supervisor.waiting:
                break
            more = [
                *rush.invite([thinking], 4, mumbles=True),
                *rush.invite([waiting], 2, pays=False),
                *rush.invite(salons, 24),
            ]
            await rush.arrive(more).leave()
        assert await rush.judge() == []
        assert supervisor.waiting == {}
    assert sorted(supervisor.fired) == sorted((name, point) for name in CRASH_POINTS for point in CRASH_POINTS[name])
    assert len(supervisor.ends) == len(supervisor.fired) + 2 + len(RANDOM_KILLS)
    assert {end.code for end in supervisor.ends} == {-9}
