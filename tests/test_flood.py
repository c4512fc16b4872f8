"""Thousands of messages of many conversations on both gateways: each is in its conversation once, and answered once.

Meanwhile messaging is killed over and over, at random and where it hurts most; webhooks are doubled, late, overtake each
other, and are repeated because their answer was lost; and gateways take messages and answer with an error.

1 000 messages of 50 conversations in every run, as many as `FLOOD_MESSAGES=…` says in `make nightly`; `FLOOD_SEED=…` for
another chance.
"""

import os
from collections.abc import Iterator

import pytest

from booka_stack.flood import Answerer, Flood, findings
from booka_stack.phone import Sandbox
from booka_stack.stack import Stack
from booka_stack.supervisor import Supervisor
from booka_stack.temporary import temporary_stack

MESSAGES = int(os.environ.get("FLOOD_MESSAGES", "1000"))
MANY = MESSAGES > 1000
EACH, GATEWAYS = (40, 20) if MANY else (20, 4)
CONVERSATIONS, KILLS = MESSAGES // EACH, max(MESSAGES // 2000, 2)
POINTS = ("worker.called", "relay.confirmed", "consumer.committed")
SEED = int(os.environ.get("FLOOD_SEED", "4"))
DISORDER = {"doubled": 0.2, "late": 0.3, "seconds": 0.7, "unheard": 0.03}
CHANNEL = {"messages_per_minute": 60_000}

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300 + MESSAGES // 10)]


@pytest.fixture(scope="module")
def flooded_stack() -> Iterator[Stack]:
    """Two replicas of messaging, and nobody else."""
    # A start takes seconds here, so the gateways must not give up sooner than that.
    with temporary_stack(replicas=2, services=("messaging",), retry_scale=0.1, SEND_RECHECK_SECONDS="2.5") as started:
        yield started


@pytest.mark.parametrize("seed", [SEED])  # so that it stands in the name
async def test_every_message_is_taken_once_and_answered_once(flooded_stack, seed):
    sandbox = Sandbox(flooded_stack.layout.url("sandbox"))
    flood = Flood(flooded_stack, sandbox, seed=seed)
    await flood.open(["evolution", "cloud"] * (GATEWAYS // 2), conversations=CONVERSATIONS, **CHANNEL)
    await sandbox.call("PUT", "/_/disorder", {**DISORDER, "seed": seed})
    for fault in (
        {"provider": "evolution", "operation": "sendText", "kind": "error_after"},
        {"provider": "evolution", "operation": "sendText", "kind": "error_before"},
        {"provider": "cloud", "operation": "messages.send", "kind": "error_after"},
        {"provider": "cloud", "operation": "messages.send", "kind": "error_before", "code": 130429},
    ):
        await sandbox.call("POST", "/_/faults", {**fault, "times": CONVERSATIONS * EACH // 400, "share": 0.02})

    total = CONVERSATIONS * EACH
    at = sorted(flood.dice.uniform(0.05, 0.8) * total for _ in range(KILLS))
    points = [f"{POINTS[n % 3]}:{flood.dice.randint(5, total // 40)}" for n in range(6 if MANY else 3)]
    replicas = flooded_stack.services["messaging"]
    async with Supervisor(flooded_stack, {"messaging": points}) as supervisor, Answerer(flooded_stack.amqp_url):

        def kill(sent: int) -> None:
            while at and sent >= at[0]:
                at.pop(0)
                supervisor.kill(flood.dice.choice(replicas))

        await flood.pour(EACH, ahead=max(total // 20, 400), done=kill)
        await flood.answered(total, seconds=90, done=kill)
        assert await findings(flood, seconds=60) == []
    assert {end.code for end in supervisor.ends} == {-9}
    # Whoever is killed before its point comes up begins to count anew, and a kill may find nobody.
    assert {point.partition(":")[0] for _, point in supervisor.fired} == set(POINTS)
    assert len(supervisor.ends) > len(points)
    counts = (await sandbox.call("GET", "/_/health"))["counts"]
    assert counts["fault"] > 0
    assert counts["webhook.retrying"] > 0
    await sandbox.close()
