"""The ledger, waiting, faults."""

import asyncio
import time
from collections import Counter

import pytest

from booka_sandbox.delivery import CLOUD_RETRIES, EVOLUTION_RETRIES, STRIPE_RETRIES
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


def test_a_full_ledger_is_read_by_index() -> None:
    """20 000 questions to 100 000 entries; looking at each entry would take a quarter of an hour."""
    ledger = Ledger()
    for n in range(50_000):
        known = {"instance": f"salon-{n % 200}", "number": f"34600{n % 500:06d}", "key_id": f"3A{n}"}
        ledger.add("message.said", **known)
        ledger.add("message.sent", **known)
    started = time.process_time()
    for n in range(0, 50_000, 5):
        assert [entry["seq"] for entry in ledger.find("message.sent", {"key_id": f"3A{n}"})] == [2 * n + 2]
        found = ledger.find("message.said", {"number": f"34600{n % 500:06d}", "instance": f"salon-{n % 200}"}, limit=1)
        assert found[0]["key_id"] == f"3A{n % 1000}"
    assert len(ledger.find("message.sent", {}, since=50_000, limit=1000)) == 1000
    assert time.process_time() - started < 5


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


async def test_a_fault_may_strike_a_share_of_the_calls(sandbox: Sandbox) -> None:
    await sandbox.instance()
    await sandbox.http.post(
        "/_/faults", json={"provider": "evolution", "kind": "error_before", "times": 9, "share": 0.5}
    )
    body = {"number": "34600111222", "text": "Hi"}
    answers = [(await sandbox.evolution("POST", "/message/sendText/salon", body)).status_code for _ in range(40)]
    assert Counter(answers) == {500: 9, 201: 31}
    assert answers[:9] != [500] * 9


async def test_many_phones_speak_at_once_and_their_webhooks_overtake_each_other(sandbox: Sandbox) -> None:
    await sandbox.instance()
    await sandbox.line()
    await sandbox.http.put("/_/disorder", json={"doubled": 0.5, "late": 0.5, "seconds": 0.2, "unheard": 0.2})
    ids: list[str] = []
    for path in ("/_/evolution/instances/salon", "/_/cloud/lines/106540"):
        said = [{"number": f"3460011{n % 10:04d}", "text": f"{n}"} for n in range(100)]
        answer = await sandbox.http.post(f"{path}/messages", json=said)
        assert answer.status_code == 201, answer.text
        ids += answer.json()["ids"]
    assert len(set(ids)) == 200
    assert (await sandbox.http.get("/_/idle", params={"timeout": 0})).status_code == 408
    assert (await sandbox.http.get("/_/idle")).status_code == 200
    delivered = await sandbox.ledger(kind="webhook.delivered", limit=1000)
    assert (await sandbox.http.get("/_/health")).json()["counts"]["webhook.delivered"] == len(delivered)
    copies = Counter(entry["id"] for entry in delivered)
    assert set(copies) == set(ids)
    assert 60 < sum(count > 1 for count in copies.values()) < 140  # doubled
    repeated = [entry for entry in delivered if entry["attempts"] > 1]
    assert 20 < len(repeated) < 120  # its answer was lost
    assert len(sandbox.receiver.hooks) == sum(entry["attempts"] for entry in delivered)
    first = list(dict.fromkeys(entry["id"] for entry in delivered if entry["provider"] == "evolution"))
    assert first != ids[:100]
    assert sorted(first) == sorted(ids[:100])
    await sandbox.http.delete("/_/disorder")
    await sandbox.say("in order again")
    await sandbox.receiver.next()


async def test_several_urls_are_one_address_behind_a_load_balancer(sandbox: Sandbox) -> None:
    hook = f"{sandbox.receiver.url}/evolution"
    await sandbox.instance(webhook_url=f"http://127.0.0.1:9/nobody {hook}/a {hook}/b")
    for number in range(12):
        await sandbox.say(f"{number}")
    hooks = [await sandbox.receiver.next() for _ in range(12)]
    assert Counter(hook.path for hook in hooks).keys() == {"/evolution/a", "/evolution/b"}
    assert {entry["attempts"] for entry in await sandbox.ledger(kind="webhook.delivered")} <= {1}


async def test_what_waits_for_its_next_attempt_is_told(sandbox: Sandbox) -> None:
    await sandbox.instance(webhook_url=f"{sandbox.receiver.url}/evolution")
    sandbox.receiver.answers.extend([503] * 8)
    said = await sandbox.say("Hi")
    async with asyncio.timeout(10):
        while not (failing := (await sandbox.http.get("/_/failing")).json()):
            continue
    assert [(one["id"], one["status"]) for one in failing] == [(said["id"], 503)]
    assert (await sandbox.http.get("/_/idle")).status_code == 200
    assert (await sandbox.http.get("/_/failing")).json() == []


async def test_typing_errors_in_orders_are_refused(sandbox: Sandbox) -> None:
    answer = await sandbox.http.post("/_/faults", json={"provider": "stripe", "kind": "delay", "second": 1})
    assert answer.status_code == 422


def test_evolutions_retries_take_about_twenty_minutes() -> None:
    delays = [EVOLUTION_RETRIES.delay(failures, 1.0) for failures in range(1, EVOLUTION_RETRIES.attempts)]
    assert 4 <= delays[0] <= 6
    assert max(delays) <= 360
    assert 950 <= sum(delays) <= 1500


def test_meta_and_stripe_repeat_for_days_whatever_the_answer_is() -> None:
    for policy, days in ((CLOUD_RETRIES, 7), (STRIPE_RETRIES, 3)):
        assert policy.final_statuses == frozenset()
        total = sum(policy.delay(failures, 1.0) for failures in range(1, policy.attempts))
        assert total == pytest.approx(days * 86_400, rel=0.2)
