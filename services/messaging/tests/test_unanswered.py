"""Nobody knows what became of a send: before anything is sent again its proof is looked for, over both gateways."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from booka_common.contracts.messaging import (
    MessageDelivered,
    MessageFailed,
    MessageSent,
)
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.jobs import Done, Job, Postponed, RetryIn
from booka_common.service import Service
from booka_common.testing import FrozenClock
from booka_messaging.settings import SERVICE
from booka_messaging.usecases.listening import GAP, Listening

from .desk import RECHECK, Desk, DeskOf
from .outside import CLIENT

UNANSWERED: dict[str, list[dict[str, Any]]] = {
    "evolution": [{"kind": "error_after", "status": 502}, {"kind": "timeout_after", "seconds": 3}],
    "cloud": [{"kind": "error_after", "code": 131000}, {"kind": "timeout_after", "seconds": 3}],
}


@pytest.fixture
async def unheard(provision: Callable[[Service], dict[str, Any]]) -> None:
    """Nobody has said yet that they listen."""
    owner = await asyncpg.connect(provision(SERVICE)["migrate_url"])
    await owner.execute("DELETE FROM messaging.listening")
    await owner.close()


@pytest.mark.parametrize("which", [0, 1], ids=["error_after", "timeout_after"])
async def test_what_was_taken_without_an_answer_is_not_sent_again(desk: Desk, which: int) -> None:
    await desk.fails(**UNANSWERED[desk.kind][which])
    asked = await desk.asks("Confirmado!")
    outcome = await desk.step()
    assert isinstance(outcome, RetryIn)
    await desk.hears(1)
    await desk.works()
    assert await desk.sent() == ["Confirmado!"]
    (message,) = await desk.messages()
    assert message["status"] in {"sent", "delivered"}
    assert message["provider_id"]
    assert [sent.request_id for sent in await desk.told(MessageSent)] == [asked.id]
    assert await desk.told(MessageFailed) == []


async def test_the_proof_lets_what_waits_behind_it_go_at_once(desk: Desk) -> None:
    await desk.fails(**UNANSWERED[desk.kind][0])
    await desk.asks("1")
    await desk.asks("2")
    await desk.step()
    assert await desk.step() is None, "the lane waits"
    await desk.hears(1)
    before = desk.clock()
    await desk.works()
    assert await desk.sent() == ["1", "2"]
    assert desk.clock() - before < RECHECK


async def test_what_was_not_taken_is_sent_again_once_that_is_certain(desk: Desk) -> None:
    lost = {"status": 502} if desk.kind == "evolution" else {"code": 131000}
    await desk.fails("error_before", **lost)
    await desk.asks("Confirmado!")
    began = desk.clock()
    await desk.works()
    assert await desk.sent() == ["Confirmado!"]
    assert desk.clock() - began >= (RECHECK if desk.kind == "evolution" else 4 * RECHECK)


async def test_without_its_store_the_gateways_echo_is_proof_enough(desk_of: DeskOf) -> None:
    desk: Desk = await desk_of("evolution")
    await desk.client_writes()
    await desk.fails("error_after", status=502)
    await desk.control(
        "POST", "/faults",
        {"provider": "evolution", "operation": "findMessages", "kind": "error_before", "status": 503, "times": 50},
    )  # fmt: skip
    await desk.asks("Confirmado!")
    await desk.step()
    await desk.hears(1)
    await desk.works()
    assert await desk.sent() == ["Confirmado!"]
    assert len(await desk.told(MessageSent)) == 1


async def test_an_echo_is_of_one_message_only(desk_of: DeskOf) -> None:
    """The same words twice: the echo of the first proves nothing of the second."""
    desk: Desk = await desk_of("evolution")
    await desk.client_writes()
    await desk.asks("Menu")
    await desk.step()
    await desk.fails("error_before", status=502)
    await desk.asks("Menu")
    await desk.step()
    await desk.hears(1)  # tells of the first
    await desk.works()
    assert await desk.sent() == ["Menu", "Menu"]
    ids = [message["provider_id"] for message in await desk.messages()]
    assert len(set(ids)) == 2


async def test_a_receipt_that_comes_after_the_wait_doubles_the_message_and_loses_nothing(cloud: Desk) -> None:
    await cloud.control("POST", f"{cloud.path}/hold")
    await cloud.fails("error_after", code=131000)
    await cloud.asks("Confirmado!")
    await cloud.works()
    assert await cloud.sent() == ["Confirmado!", "Confirmado!"], "no proof within the wait"
    await cloud.control("POST", f"{cloud.path}/release", {"order": "shuffled"})
    await cloud.hears(1)
    (message,) = await cloud.messages()
    assert message["status"] == "delivered"
    assert len(await cloud.told(MessageSent)) == 1
    assert await cloud.told(MessageFailed) == []


async def test_who_was_away_waits_for_receipts_as_long_as_that_before_sending_again(cloud: Desk) -> None:
    """Meta repeats what nobody took, ever more seldom: after ten minutes, perhaps ten minutes later."""
    await cloud.control("POST", f"{cloud.path}/hold")
    await cloud.fails("error_after", code=131000)
    await cloud.asks("Confirmado!")
    await cloud.step()
    cloud.clock.advance(timedelta(minutes=10))
    cloud.restarts()
    await cloud.works(within=timedelta(minutes=9))
    assert await cloud.sent() == ["Confirmado!"]
    await cloud.control("POST", f"{cloud.path}/release", {"order": "said"})
    await cloud.hears(1)
    await cloud.works()
    assert await cloud.sent() == ["Confirmado!"]
    assert [message["status"] for message in await cloud.messages()] == ["delivered"]


async def test_who_was_away_while_others_listened_waits_no_longer(cloud: Desk, unheard: None) -> None:
    """Its replica ends, and the one that begins instead knows that somebody was there to take receipts."""
    listening = [Listening(cloud.db, cloud.clock)]
    await listening[0].say()
    await cloud.fails("error_before", code=131000)
    await cloud.asks("Confirmado!")
    await cloud.step()
    for _ in range(4 * (RECHECK // GAP) + 2):
        cloud.clock.advance(GAP)
        await listening[0].say()
    listening.append(Listening(cloud.db, cloud.clock))
    assert listening[1].since() == cloud.clock(), "nobody has told it yet"
    await listening[1].say()
    cloud.restarts(listening[1].since)
    await cloud.works(within=RECHECK)
    assert await cloud.sent() == ["Confirmado!"]


async def test_who_is_killed_again_and_again_waits_from_the_last_time(cloud: Desk, unheard: None) -> None:
    """Each absence is short; together they put off what Meta repeats by more than a receipt is waited for."""
    await Listening(cloud.db, cloud.clock).say()
    await cloud.control("POST", f"{cloud.path}/hold")
    await cloud.fails("error_after", code=131000)
    await cloud.asks("Confirmado!")
    await cloud.step()
    for _ in range(3):
        cloud.clock.advance(RECHECK)
        listening = Listening(cloud.db, cloud.clock)
        await listening.say()
    cloud.restarts(listening.since)
    for _ in range(3):
        await listening.say()
        await cloud.step()
        cloud.clock.advance(RECHECK)
    assert await cloud.sent() == ["Confirmado!"]
    await cloud.control("POST", f"{cloud.path}/release", {"order": "said"})
    await cloud.hears(1)
    await cloud.works()
    assert await cloud.sent() == ["Confirmado!"]


async def test_when_all_were_away_for_long_it_counts_since_somebody_is_back(db: Database, unheard: None) -> None:
    clock = FrozenClock(datetime.now(UTC))
    began = clock()
    await Listening(db, clock).say()
    clock.advance(GAP)
    second = Listening(db, clock)
    await second.say()
    assert second.since() == began
    clock.advance(GAP + timedelta(milliseconds=1))
    third = Listening(db, clock)
    await third.say()
    await second.say()
    assert second.since() == third.since() == clock()
    clock.advance(GAP + timedelta(milliseconds=1))
    assert third.since() == clock(), "it could not say so, as if the database was away: nobody may have taken anything"


async def test_an_attempt_that_the_gateway_did_not_take_leaves_no_doubt(cloud: Desk) -> None:
    """Nothing has to be waited for before the next one, so it goes when the gateway has room."""
    await cloud.fails("error_before", code=130429)
    await cloud.asks("Confirmado!")
    assert isinstance(await cloud.step(), Postponed)
    (message,) = await cloud.messages()
    assert (message["attempted_at"], message["tried_at"]) == (None, None)
    began = cloud.clock()
    await cloud.works()
    assert await cloud.sent() == ["Confirmado!"]
    assert cloud.clock() - began < 4 * RECHECK


async def test_that_one_of_two_sends_failed_says_nothing_of_the_other(cloud: Desk) -> None:
    """The first was taken without an answer and fails later; by then the message has gone out once more."""
    await cloud.control("POST", f"{cloud.path}/hold")
    await cloud.control("PUT", f"{cloud.path}/phones/{CLIENT}", {"fails_with": 131026})
    await cloud.fails("error_after", code=131000)
    await cloud.asks("Confirmado!")
    await cloud.step()
    await cloud.control("PUT", f"{cloud.path}/phones/{CLIENT}", {"fails_with": 0})
    await cloud.works()
    await cloud.control("POST", f"{cloud.path}/release", {"order": "said"})
    await cloud.hears(1)
    (message,) = await cloud.messages()
    assert message["status"] == "delivered"
    assert await cloud.told(MessageFailed) == []


async def test_a_receipt_before_the_answer_is_recorded_counts_once(cloud: Desk) -> None:
    """All of them, twice and in any order, while the outcome is still written down."""
    await cloud.asks("Olá!")
    (job,) = await cloud.rows("SELECT id FROM jobs WHERE tenant_id = $1 AND type = 'send_message'")
    await cloud.control("POST", f"{cloud.path}/hold")
    sent = await cloud.sending.run(*await _as_job(cloud, job["id"]))
    await cloud.control("POST", f"{cloud.path}/release", {"order": "reversed", "copies": 2})
    await cloud.hears(1)
    assert isinstance(sent, Done)
    await cloud.step()
    (message,) = await cloud.messages()
    assert message["status"] == "delivered"
    assert len(await cloud.told(MessageSent)) == 1
    assert [news.status for news in await cloud.told(MessageDelivered)] == ["delivered"]


async def _as_job(desk: Desk, job_id: UUID) -> Any:
    (row,) = await desk.rows(
        """SELECT id, tenant_id, type, payload, attempts, max_attempts, scheduled_at, correlation_id, traceparent
           FROM jobs WHERE tenant_id = $1 AND id = $2""",
        job_id,
    )
    return Job(**row, lease_token=new_id()), desk.clock()


async def test_what_failed_after_it_was_taken_is_not_sent_again(cloud: Desk) -> None:
    await cloud.control("PUT", f"{cloud.path}/phones/{CLIENT}", {"fails_with": 131026})
    await cloud.fails("error_after", code=131000)
    await cloud.asks("Olá!")
    await cloud.step()
    await cloud.hears(1)
    await cloud.works()
    (message,) = await cloud.messages()
    assert (message["status"], message["failure"]) == ("failed", "recipient_unknown")
    assert [failed.code for failed in await cloud.told(MessageFailed)] == ["recipient_unknown"]
    tried = (await cloud.control("GET", f"/ledger?kind=message.failed&instance={cloud.name}"))["entries"]
    assert (len(tried), await cloud.sent()) == (1, [])
