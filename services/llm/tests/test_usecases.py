"""Asking the model, over a real PostgreSQL and real HTTP: every way it can end, and what it costs."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.envelope import Envelope, Message
from booka_common.contracts.llm import InterpretationReady, InterpretationUnavailable, LlmSettingsChanged
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.jobs import Done, Job
from booka_llm import store, usecases
from booka_llm.domain import OpenCall, TenantSettings, budget_day
from booka_llm.jobs import job_types
from booka_llm.providers.openai_chat import OpenAIChat
from booka_llm.settings import Settings


def now() -> datetime:
    return datetime.now(UTC)


async def switch_on(db: Database, tenant_id: UUID, **settings: Any) -> None:
    await usecases.put_settings(db, replace(TenantSettings(tenant_id, enabled=True), **settings), now=now())


async def said(db: Database, tenant_id: UUID) -> list[Any]:
    """Every answer in the outbox."""
    async with db.tx(tenant_id) as tx:
        rows = await tx.fetch(
            "SELECT routing_key, body FROM outbox WHERE tenant_id = $1 AND routing_key <> $2 ORDER BY seq",
            tenant_id,
            LlmSettingsChanged.key,
        )
    kinds: dict[str, type[Message]] = {kind.key: kind for kind in (InterpretationReady, InterpretationUnavailable)}
    return [kinds[row["routing_key"]].model_validate(json.loads(row["body"])["data"]) for row in rows]


async def interpret(db: Database, settings: Settings, envelope: Envelope[Any], *, attempts: int = 1) -> Any:
    """Run the job of a request as the worker would; return what was said."""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    model = OpenAIChat(settings.base_url, key) if settings.base_url else None
    job = Job(
        id=new_id(),
        tenant_id=envelope.tenant_id,
        type=usecases.INTERPRET,
        payload=envelope.data.model_dump(mode="json"),
        attempts=attempts,
        max_attempts=3,
        scheduled_at=now(),
        correlation_id=envelope.correlation_id,
        traceparent=None,
        lease_token=new_id(),
    )
    try:
        outcome = await job_types(db, settings, model, now)[usecases.INTERPRET].handler(job)
    finally:
        if model is not None:
            await model.close()
    assert isinstance(outcome, Done)
    assert outcome.record is not None
    async with db.tx(envelope.tenant_id) as tx:
        await outcome.record(tx)
    (answer,) = await said(db, envelope.tenant_id)
    return answer


async def calls(db: Database, tenant_id: UUID) -> list[store.ListedCall]:
    return list(reversed(await usecases.list_calls(db, tenant_id, before=None, limit=50)))


async def today(db: Database, tenant_id: UUID) -> store.DayTokens:
    async with db.tx(tenant_id) as tx:
        return await store.tokens_of_day(tx, budget_day(now()))


async def test_a_reading_with_its_model_tokens_and_price(
    db: Database, settings: Settings, endpoint: Any, salon: Any, reply: Any
) -> None:
    await switch_on(db, salon.tenant_id, preferred_llm_model="gpt-x", llm_token_rate=600)
    endpoint.replies.append(reply('{"intent": "book", "service_id": "s1", "day": "2026-03-06"}'))
    answer = await interpret(db, settings, salon.asks("quero cortar na sexta"))
    assert isinstance(answer, InterpretationReady)
    assert (answer.service_id, str(answer.day)) == (salon.services[0].id, "2026-03-06")
    (call,) = await calls(db, salon.tenant_id)
    assert (call.model, call.status, call.prompt_tokens, call.completion_tokens) == ("gpt-x", "ok", 300, 20)
    assert call.cost == 192
    assert await today(db, salon.tenant_id) == store.DayTokens(used=320, reserved=0)
    (request,) = endpoint.requests
    assert (request["path"], request["model"]) == ("/v1/chat/completions", "gpt-x")
    assert request["response_format"]["json_schema"]["strict"] is True
    assert endpoint.keys == ["Bearer sk-test"]


async def test_an_endpoint_that_counts_nothing_is_counted_for(
    db: Database, settings: Settings, endpoint: Any, salon: Any, reply: Any
) -> None:
    await switch_on(db, salon.tenant_id)
    endpoint.replies.append(reply(usage=None))
    assert isinstance(await interpret(db, settings, salon.asks()), InterpretationReady)
    (call,) = await calls(db, salon.tenant_id)
    sent = sum(len(message["content"]) for message in endpoint.requests[0]["messages"])
    assert call.model == settings.default_model
    assert (call.prompt_tokens, call.completion_tokens) == (sent // 4 + 1, len(reply().content) // 4 + 1)


@pytest.mark.parametrize(
    ("how", "reason", "status"),
    [
        ({"content": None}, "refused", "refused"),
        ({"content": "Sure, a haircut!"}, "provider_failed", "invalid"),
        ({"content": '{"intent": "buy"}'}, "provider_failed", "invalid"),
        ({"raw": b'{"id": "x", "choices": []}'}, "provider_failed", "failed"),
        ({"raw": b"<html>"}, "provider_failed", "failed"),
        ({"status": 400}, "provider_failed", "failed"),
        ({"status": 401}, "provider_failed", "failed"),
    ],
)
async def test_what_cannot_be_used_is_said_to_be_unavailable_after_one_call(
    db: Database,
    settings: Settings,
    endpoint: Any,
    salon: Any,
    reply: Any,
    how: dict[str, Any],
    reason: str,
    status: str,
) -> None:
    await switch_on(db, salon.tenant_id)
    endpoint.replies.append(reply(**how))
    answer = await interpret(db, settings, salon.asks())
    assert isinstance(answer, InterpretationUnavailable)
    assert answer.reason == reason
    (call,) = await calls(db, salon.tenant_id)
    assert call.status == status
    assert "secret words" not in (call.error or "")
    assert (await today(db, salon.tenant_id)).reserved == 0


async def test_a_failing_endpoint_is_asked_once_more(
    db: Database, settings: Settings, endpoint: Any, salon: Any, reply: Any
) -> None:
    await switch_on(db, salon.tenant_id)
    endpoint.replies.append(reply(status=503))
    assert isinstance(await interpret(db, settings, salon.asks()), InterpretationReady)
    assert [call.status for call in await calls(db, salon.tenant_id)] == ["failed", "ok"]
    assert await today(db, salon.tenant_id) == store.DayTokens(used=320, reserved=0)


async def test_an_endpoint_that_keeps_failing_is_asked_twice_and_no_more(
    db: Database, settings: Settings, endpoint: Any, salon: Any, reply: Any
) -> None:
    await switch_on(db, salon.tenant_id)
    endpoint.otherwise = reply(status=500)
    answer = await interpret(db, settings, salon.asks())
    assert answer.reason == "provider_failed"
    assert len(endpoint.requests) == 2


async def test_an_endpoint_that_hangs_is_cut_off_in_time_and_counted(
    db: Database, settings: Settings, endpoint: Any, salon: Any, reply: Any
) -> None:
    await switch_on(db, salon.tenant_id)
    endpoint.otherwise = reply(hang=True)
    hasty = settings.model_copy(update={"answer_within_seconds": 2.0, "attempt_seconds": 0.6})
    began = time.monotonic()
    answer = await interpret(db, hasty, salon.asks())
    assert time.monotonic() - began < 3.5
    assert answer.reason == "provider_failed"
    timed_out = await calls(db, salon.tenant_id)
    assert [call.status for call in timed_out] == ["timeout", "timeout"]
    assert all(call.prompt_tokens > 100 for call in timed_out)
    assert (await today(db, salon.tenant_id)).reserved == 0


async def test_nobody_there_is_no_error(db: Database, settings: Settings, salon: Any) -> None:
    await switch_on(db, salon.tenant_id)
    nowhere = settings.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    answer = await interpret(db, nowhere, salon.asks())
    assert answer.reason == "provider_failed"
    assert all(call.prompt_tokens == 0 for call in await calls(db, salon.tenant_id))


async def test_what_is_too_old_over_budget_or_switched_off_makes_no_call(
    db: Database, settings: Settings, endpoint: Any, salon_of: Any
) -> None:
    late, broke, off = salon_of(new_id()), salon_of(new_id()), salon_of(new_id())
    await switch_on(db, late.tenant_id)
    await switch_on(db, broke.tenant_id, daily_token_budget=500)
    answer = await interpret(db, settings, late.asks(asked_at=now() - timedelta(seconds=9)))
    assert answer.reason == "too_late"
    assert (await interpret(db, settings, broke.asks())).reason == "over_budget"
    assert (await interpret(db, settings, off.asks())).reason == "switched_off"
    assert endpoint.requests == []
    assert await calls(db, broke.tenant_id) == []


async def test_parallel_calls_stay_within_the_budget(
    db: Database, settings: Settings, endpoint: Any, salon: Any
) -> None:
    budget = 6000
    await switch_on(db, salon.tenant_id, daily_token_budget=budget)

    async def prepared() -> Any:
        return await usecases.prepare(db, settings, salon.tenant_id, salon.asks().data, left=5, now=now())

    outcomes = await asyncio.gather(*(prepared() for _ in range(20)))
    granted = [outcome for outcome in outcomes if isinstance(outcome, usecases.Prepared)]
    assert 0 < len(granted) < 20
    assert outcomes.count("over_budget") == 20 - len(granted)
    assert (await today(db, salon.tenant_id)).reserved == sum(each.call.reserved_tokens for each in granted) <= budget


async def test_a_call_whose_worker_died_counts_in_full(
    db: Database, settings: Settings, endpoint: Any, salon: Any
) -> None:
    await switch_on(db, salon.tenant_id, llm_token_rate=1000)
    envelope = salon.asks()
    first = await usecases.prepare(db, settings, salon.tenant_id, envelope.data, left=5, now=now())
    assert isinstance(first, usecases.Prepared)
    assert isinstance(await interpret(db, settings, envelope, attempts=2), InterpretationReady)
    lost, ok = await calls(db, salon.tenant_id)
    assert (lost.status, lost.cost) == ("lost", first.call.reserved_tokens)
    assert ok.status == "ok"
    assert (await today(db, salon.tenant_id)).reserved == 0


async def test_two_salons_contexts_never_mix(db: Database, settings: Settings, endpoint: Any, salon_of: Any) -> None:
    one, two = salon_of(new_id()), salon_of(new_id())
    two.conversation_id = one.conversation_id  # even if the ids were the same
    await switch_on(db, one.tenant_id, preferred_llm_model="model-one", history_messages=2)
    await switch_on(db, two.tenant_id, preferred_llm_model="model-two", history_messages=2)
    for salon, word in ((one, "tulipa"), (two, "girassol")):
        for number in range(4):
            envelope = salon.hears(f"{word} {number}, meu número é (11) 98765-4321")
            await usecases.keep_context(db, settings, envelope, consumer="test", now=now())
    await interpret(db, settings, one.asks("corte"))
    await interpret(db, settings, two.asks("corte"))
    for number, (model, own, foreign) in enumerate(
        (("model-one", "tulipa", "girassol"), ("model-two", "girassol", "tulipa"))
    ):
        request, user = endpoint.requests[number], endpoint.sent(number)
        assert request["model"] == model
        assert user["before"] == [f"{own} {count}, meu número é <NUMBER_1>" for count in (2, 3)]
        assert foreign not in json.dumps(request)


async def test_what_is_stored_and_queued_is_redacted(db: Database, settings: Settings, salon: Any) -> None:
    await switch_on(db, salon.tenant_id)
    text = "sou ana@example.com, (11) 98765-4321"
    await usecases.keep_context(db, settings, salon.hears(text, phone="+5511987654321"), consumer="test", now=now())
    await usecases.interpretation_requested(db, settings, salon.asks(text), consumer="test", now=now())
    async with db.tx(salon.tenant_id) as tx:
        stored = await tx.fetchval("SELECT text FROM recent_messages WHERE tenant_id = $1", salon.tenant_id)
        queued = await tx.fetchval("SELECT payload FROM jobs WHERE type = 'interpret'")
    assert stored == queued["text"] == "sou <EMAIL_1>, <PHONE_1>"


async def test_whoever_cannot_be_answered_is_told_at_once(
    db: Database, settings: Settings, unconfigured: Settings, salon_of: Any
) -> None:
    off, on, late = salon_of(new_id()), salon_of(new_id()), salon_of(new_id())
    await switch_on(db, on.tenant_id)
    await switch_on(db, late.tenant_id)
    asked = late.asks(asked_at=now() - timedelta(seconds=9))
    await usecases.interpretation_requested(db, settings, off.asks(), consumer="test", now=now())
    await usecases.interpretation_requested(db, unconfigured, on.asks(), consumer="test", now=now())
    await usecases.interpretation_requested(db, settings, asked, consumer="test", now=now())
    reasons = [(await said(db, salon.tenant_id))[0].reason for salon in (off, on, late)]
    assert reasons == ["switched_off", "not_configured", "too_late"]


async def test_a_request_has_one_answer(db: Database, settings: Settings, endpoint: Any, salon: Any) -> None:
    await switch_on(db, salon.tenant_id)
    envelope = salon.asks()
    first = await interpret(db, settings, envelope)
    assert await interpret(db, settings, envelope) == first


async def test_switching_off_forgets_and_tells(db: Database, settings: Settings, salon: Any) -> None:
    await switch_on(db, salon.tenant_id)
    await usecases.keep_context(db, settings, salon.hears("oi"), consumer="test", now=now())
    saved = await usecases.put_settings(db, TenantSettings(salon.tenant_id), now=now())
    assert saved.revision == 2
    async with db.tx(salon.tenant_id) as tx:
        assert await tx.fetchval("SELECT count(*) FROM recent_messages WHERE tenant_id = $1", salon.tenant_id) == 0
        rows = await tx.fetch("SELECT body FROM outbox WHERE routing_key = $1 ORDER BY seq", LlmSettingsChanged.key)
    told = [json.loads(row["body"])["data"] for row in rows]
    assert told == [{"revision": 1, "enabled": True}, {"revision": 2, "enabled": False}]


async def test_messages_are_dropped_when_they_are_old_enough(db: Database, settings: Settings, salon: Any) -> None:
    await switch_on(db, salon.tenant_id)
    at = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
    for hours in (0, 1):
        heard = salon.hears("oi", at=at + timedelta(hours=hours))
        await usecases.keep_context(db, settings, heard, consumer="test", now=at)
    async with db.tx(salon.tenant_id) as tx:
        (job,) = await tx.fetch("SELECT scheduled_at FROM jobs WHERE type = 'expire'")
        due = job["scheduled_at"]
        assert due == datetime(2026, 3, 10, tzinfo=UTC)
        await usecases.expire_messages(tx, settings, due - timedelta(hours=2))
        assert await tx.fetchval("SELECT count(*) FROM recent_messages WHERE tenant_id = $1", salon.tenant_id) == 2
        await usecases.expire_messages(tx, settings, due)
        assert await tx.fetchval("SELECT count(*) FROM recent_messages WHERE tenant_id = $1", salon.tenant_id) == 0


async def test_a_call_recorded_elsewhere_keeps_its_record(db: Database, salon: Any) -> None:
    call = OpenCall(new_id(), new_id(), "m", budget_day(now()), 10)
    async with db.tx(salon.tenant_id) as tx:
        await store.reserve(tx, call.day, 10, 100)
        await store.start_call(tx, call, now())
    with pytest.raises(RuntimeError):
        async with db.tx(salon.tenant_id) as tx:
            assert await store.open_calls(tx, call.request_id)
            raise RuntimeError
    assert [each.status for each in await calls(db, salon.tenant_id)] == ["started"]
