"""The circuit breaker of a line: what it costs nothing to wait for, and who asks whether it works again."""

from datetime import timedelta

from booka_common.contracts.messaging import (
    ChannelStateChanged,
)
from booka_common.jobs import Postponed

from .desk import Desk


async def test_after_failures_in_a_row_nothing_is_tried_and_no_attempt_used_up(desk: Desk) -> None:
    down = {"status": 502} if desk.kind == "evolution" else {"code": 131000}
    await desk.fails("error_before", times=1000, **down)
    await desk.asks("1")
    while not isinstance(outcome := await desk.step(), Postponed):
        if outcome is None:
            desk.clock.advance(timedelta(seconds=1))
    (job,) = await desk.rows("SELECT attempts FROM jobs WHERE tenant_id = $1 AND type = 'send_message'")
    assert job["attempts"] <= 5
    calls = len((await desk.control("GET", "/ledger?kind=fault"))["entries"])
    assert [change.state for change in await desk.told(ChannelStateChanged)] == ["away"]
    await desk.works(timedelta(seconds=5))
    assert len((await desk.control("GET", "/ledger?kind=fault"))["entries"]) == calls, (
        "nothing is sent while it is open"
    )
    await desk.control("DELETE", "/faults")
    await desk.works()
    assert await desk.sent() == ["1"]
    assert [change.state for change in await desk.told(ChannelStateChanged)] == ["away", "open"]
    (pace,) = await desk.rows("SELECT failures, openings, blocked_until FROM paces WHERE tenant_id = $1")
    assert pace == {"failures": 0, "openings": 0, "blocked_until": None}


async def test_a_line_that_needs_a_person_stops_at_once_and_goes_on_by_itself(cloud: Desk) -> None:
    await cloud.settle(token_expired=True)
    await cloud.asks("1")
    outcome = await cloud.step()
    assert isinstance(outcome, Postponed)
    assert outcome.until - cloud.clock() == timedelta(minutes=10)
    assert [change.state for change in await cloud.told(ChannelStateChanged)] == ["refused"]
    cloud.clock.advance(timedelta(minutes=10))
    outcome = await cloud.step()
    assert isinstance(outcome, Postponed), "the gateway says that it is still so"
    (job,) = await cloud.rows("SELECT attempts FROM jobs WHERE tenant_id = $1 AND type = 'send_message'")
    assert job["attempts"] == 0
    await cloud.settle(token_expired=False)
    await cloud.works()
    assert await cloud.sent() == ["1"]
    assert [change.state for change in await cloud.told(ChannelStateChanged)] == ["refused", "open"]


async def test_one_asks_whether_the_line_works_and_the_others_wait_for_that(cloud: Desk) -> None:
    await cloud.settle(token_expired=True)
    await cloud.asks("1")
    await cloud.step()
    await cloud.settle(token_expired=False)
    cloud.clock.advance(timedelta(minutes=11))
    async with cloud.db.tx(cloud.tenant_id) as tx:
        await tx.execute(
            "UPDATE paces SET probing_until = $2 WHERE tenant_id = $1",
            cloud.tenant_id,
            cloud.clock() + timedelta(seconds=9),
        )
    outcome = await cloud.step()
    assert isinstance(outcome, Postponed)
    assert outcome.until - cloud.clock() == timedelta(seconds=1)
    assert await cloud.sent() == []
    await cloud.works()
    assert await cloud.sent() == ["1"]
