"""Messages that a gateway took and reported as failed: for good, for a reason that passes, or because the line is down."""

from datetime import timedelta

import pytest

from booka_common.contracts.messaging import ChannelStateChanged, MessageFailed, MessageSent

from .desk import Desk
from .outside import CLIENT


async def fails_with(cloud: Desk, code: int) -> None:
    """What is accepted for the client's phone from now on is reported as failed; 0: no more."""
    await cloud.control("PUT", f"{cloud.path}/phones/{CLIENT}", {"fails_with": code})


async def tried(cloud: Desk) -> int:
    return len((await cloud.control("GET", f"/ledger?kind=message.failed&instance={cloud.name}"))["entries"])


async def asked(cloud: Desk) -> int:
    return len((await cloud.control("GET", "/ledger?kind=fault"))["entries"])


@pytest.mark.parametrize(("code", "wait"), [(131000, 30), (131016, 30), (131056, 6), (131048, 900)])
async def test_what_failed_for_a_passing_reason_goes_once_more(cloud: Desk, code: int, wait: int) -> None:
    await fails_with(cloud, code)
    await cloud.asks("Confirmado!")
    await cloud.works()
    asked = cloud.clock()
    await cloud.hears(1)
    assert [message["status"] for message in await cloud.messages()] == ["queued"]
    await fails_with(cloud, 0)
    await cloud.works()
    assert cloud.clock() == asked + timedelta(seconds=wait)
    await cloud.hears(1)
    assert await cloud.sent() == ["Confirmado!"]
    (message,) = await cloud.messages()
    assert (message["status"], message["failure"]) == ("delivered", None)
    assert await cloud.told(MessageFailed) == []
    assert len(await cloud.told(MessageSent)) == 1


async def test_but_not_for_ever(cloud: Desk) -> None:
    await fails_with(cloud, 131000)
    await cloud.asks("Confirmado!")
    for _ in range(3):
        await cloud.works()
        await cloud.hears()
    assert await tried(cloud) == 2
    assert [failed.code for failed in await cloud.told(MessageFailed)] == ["refused_131000"]
    assert [message["status"] for message in await cloud.messages()] == ["failed"]


async def test_what_will_never_arrive_is_not_tried_again(cloud: Desk) -> None:
    await fails_with(cloud, 131026)
    await cloud.asks("Confirmado!")
    for _ in range(2):
        await cloud.works()
        await cloud.hears()
    assert await tried(cloud) == 1
    assert [failed.code for failed in await cloud.told(MessageFailed)] == ["recipient_unknown"]


async def test_it_goes_before_what_was_said_after_it(cloud: Desk) -> None:
    await fails_with(cloud, 131056)
    await cloud.asks("um", position=1)
    await cloud.works()
    await cloud.hears(1)
    await fails_with(cloud, 0)
    await cloud.asks("dois", position=2)
    await cloud.works()
    assert await cloud.sent() == ["um", "dois"]


async def test_a_line_that_cannot_be_paid_for_stops_until_somebody_acts(cloud: Desk) -> None:
    """Meta accepts what is sent and says so with each status."""
    await fails_with(cloud, 131042)
    await cloud.asks("Confirmado!")
    await cloud.works()
    await cloud.hears(1)
    (line,) = await cloud.rows("SELECT blocked_until, blocked_reason FROM paces WHERE tenant_id = $1")
    assert line["blocked_until"] == cloud.clock() + timedelta(minutes=10)
    assert line["blocked_reason"] == "the gateway reports line_131042"
    assert [news.state for news in await cloud.told(ChannelStateChanged)] == ["refused"]
    await fails_with(cloud, 0)
    await cloud.works()
    await cloud.hears()
    assert await cloud.sent() == ["Confirmado!"]
    assert await cloud.told(MessageFailed) == []


@pytest.mark.parametrize(("code", "minutes"), [(80007, 60), (130429, 20)])
async def test_a_rate_that_lasts_costs_no_message(cloud: Desk, code: int, minutes: int) -> None:
    """Meta counts some of its limits by the hour; a dozen attempts are over before."""
    began = cloud.clock()
    await cloud.fails("error_before", code=code, times=200)
    await cloud.asks("Confirmado!")
    await cloud.works(within=timedelta(minutes=minutes))
    assert cloud.clock() >= began + timedelta(minutes=minutes)
    assert [message["status"] for message in await cloud.messages()] == ["queued"]
    assert 10 < await asked(cloud) < 150
    await cloud.control("DELETE", "/faults")
    await cloud.works()
    assert await cloud.sent() == ["Confirmado!"]
    assert await cloud.told(MessageFailed) == []


async def test_but_no_longer_than_a_day(cloud: Desk) -> None:
    await cloud.fails("error_before", code=131048, times=1000)
    await cloud.asks("Confirmado!")
    await cloud.works(within=timedelta(hours=30))
    assert [failed.code for failed in await cloud.told(MessageFailed)] == ["too_late"]
