"""The ledger, waiting, faults."""

import asyncio
import time

import pytest

from booka_sandbox.delivery import EVOLUTION_RETRIES
from booka_sandbox.ledger import Ledger

from .conftest import Sandbox


async def test_waiting_ends_with_the_entry_or_the_time(sandbox: Sandbox) -> None:
    await sandbox.instance()
    waiting = asyncio.create_task(sandbox.wait("message.sent", number="34600111222"))
    other = asyncio.create_task(sandbox.wait("message.sent", text="two"))
    for text in ("one", "two"):
        await sandbox.evolution("POST", "/message/sendText/salon", {"number": "34600111222", "text": text})
    assert (await waiting)["text"] == "one"
    assert (await other)["text"] == "two"
    after = (await waiting)["seq"]
    assert (await sandbox.wait("message.sent", number="34600111222", after=after))["text"] == "two"
    late = await sandbox.http.get("/_/wait", params={"kind": "refund", "timeout": 0.01})
    assert late.status_code == 408


async def test_clearing_keeps_the_numbering(sandbox: Sandbox) -> None:
    await sandbox.instance(webhook_url="")
    before = (await sandbox.say("one"))["after"]
    await sandbox.http.delete("/_/ledger")
    assert await sandbox.ledger() == []
    await sandbox.say("two")
    [entry] = await sandbox.ledger(kind="message.said", since=before)
    assert (entry["text"], entry["seq"]) == ("two", before + 2)


async def test_many_waiters_are_woken_by_their_own_entry() -> None:
    ledger = Ledger()
    waiters = [
        asyncio.create_task(ledger.wait("message.sent", {"number": str(n)}, after=0, timeout_seconds=5))
        for n in range(300)
    ]
    await asyncio.sleep(0)
    for number in reversed(range(300)):
        ledger.add("message.sent", number=str(number), text=f"for {number}")
    found = await asyncio.gather(*waiters)
    assert [entry["text"] for entry in found if entry] == [f"for {n}" for n in range(300)]


async def test_fault_after_the_effect_and_before_it(sandbox: Sandbox) -> None:
    await sandbox.instance()
    message = {"number": "34600111222", "text": "Hi"}
    for kind, sent in (("error_before", 0), ("error_after", 1)):
        fault = {"provider": "evolution", "operation": "sendText", "kind": kind, "status": 502, "match": "^salon 346"}
        await sandbox.http.post("/_/faults", json=fault)
        assert (await sandbox.evolution("POST", "/message/sendText/salon", message)).status_code == 502
        assert len(await sandbox.ledger(kind="message.sent")) == sent
    assert await sandbox.ledger(kind="fault", fault="error_after") != []
    assert (await sandbox.http.get("/_/faults")).json() == []


@pytest.mark.parametrize("kind", ["timeout_after", "delay"])
async def test_slow_answers(sandbox: Sandbox, kind: str) -> None:
    await sandbox.instance()
    fault = {"provider": "evolution", "kind": kind, "seconds": 0.15, "times": 2}
    await sandbox.http.post("/_/faults", json=fault)
    started = time.monotonic()
    answer = await sandbox.evolution("POST", "/message/sendText/salon", {"number": "34600111222", "text": "Hi"})
    assert (answer.status_code, time.monotonic() - started >= 0.15) == (201, True)
    [left] = (await sandbox.http.get("/_/faults")).json()
    assert left["times"] == 1
    await sandbox.http.delete("/_/faults")
    assert (await sandbox.http.get("/_/faults")).json() == []


async def test_typing_errors_in_orders_are_refused(sandbox: Sandbox) -> None:
    answer = await sandbox.http.post("/_/faults", json={"provider": "stripe", "kind": "delay", "second": 1})
    assert answer.status_code == 422


def test_evolutions_retries_take_about_twenty_minutes() -> None:
    delays = [EVOLUTION_RETRIES.delay(failures, 1.0) for failures in range(1, EVOLUTION_RETRIES.attempts)]
    assert 4 <= delays[0] <= 6
    assert max(delays) <= 360
    assert 950 <= sum(delays) <= 1500
