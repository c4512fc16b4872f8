"""Over a real RabbitMQ: from the request to its answer, once, however often it is delivered."""

from datetime import UTC, datetime
from typing import Any

import aio_pika

from booka_common import topology
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import (
    InterpretationReady,
    InterpretationRequested,
    InterpretationUnavailable,
    LlmSettingsChanged,
)
from booka_common.contracts.messaging import ContactErased
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import Tap, dead_letters, eventually, publish, running, signed
from booka_llm.app import create_app
from booka_llm.settings import Settings


async def test_five_deliveries_make_one_call_and_one_answer(
    settings: Settings, db: Database, endpoint: Any, salon: Any, reply: Any
) -> None:
    tenant_id, amqp_url = salon.tenant_id, settings.amqp_url.get_secret_value()
    endpoint.otherwise = reply('{"intent": "book", "service_id": "s2"}')
    # On a busy machine an answer may take its time; a second attempt would be right then, and is not what this is about.
    settings = settings.model_copy(update={"answer_within_seconds": 60.0, "attempt_seconds": 50.0})
    async with Tap(amqp_url) as tap, running(create_app(settings)) as client, running(create_app(settings)):
        await client.put("/v1/settings", json={"enabled": True, "history_messages": 4}, auth=signed(tenant_id))
        changed = await tap.next(LlmSettingsChanged, tenant_id=tenant_id)
        assert (changed.data.revision, changed.data.enabled) == (1, True)
        await publish(amqp_url, *[salon.hears("bom dia")] * 5)

        async def kept() -> int:
            async with db.tx(tenant_id) as tx:
                count: int = await tx.fetchval("SELECT count(*) FROM recent_messages WHERE tenant_id = $1", tenant_id)
            return count

        await eventually(kept)
        asked = salon.asks("as unhas", asked_at=datetime.now(UTC))
        await publish(amqp_url, *[asked] * 5)
        ready = await tap.next(InterpretationReady, tenant_id=tenant_id)
        assert ready.data.request_id == asked.data.request_id
        assert ready.data.service_id == salon.services[1].id
        assert ready.correlation_id == asked.correlation_id
        again = salon.asks("de novo", asked_at=datetime.now(UTC))
        await publish(amqp_url, asked, again)
        await tap.next(InterpretationReady, tenant_id=tenant_id, after=1)
        assert await kept() == 1
        assert len(endpoint.requests) == 2
        assert endpoint.sent(0)["before"] == ["bom dia"]
        assert len(tap.seen(InterpretationReady, tenant_id=tenant_id)) == 2


async def test_a_salon_with_the_model_off_is_told_and_none_of_its_messages_kept(
    settings: Settings, db: Database, endpoint: Any, salon: Any
) -> None:
    tenant_id, amqp_url = salon.tenant_id, settings.amqp_url.get_secret_value()
    async with Tap(amqp_url) as tap, running(create_app(settings)):
        await publish(amqp_url, salon.hears("oi"), salon.asks("oi?"))
        answer = await tap.next(InterpretationUnavailable, tenant_id=tenant_id)
        assert answer.data.reason == "switched_off"
    async with db.tx(tenant_id) as tx:
        assert await tx.fetchval("SELECT count(*) FROM recent_messages WHERE tenant_id = $1", tenant_id) == 0
    assert endpoint.requests == []


async def test_an_erased_client_is_forgotten(settings: Settings, db: Database, salon: Any) -> None:
    tenant_id, amqp_url = salon.tenant_id, settings.amqp_url.get_secret_value()

    async def kept() -> list[str]:
        async with db.tx(tenant_id) as tx:
            return [row["text"] for row in await tx.fetch("SELECT text FROM recent_messages ORDER BY turn")]

    async with running(create_app(settings)) as client:
        await client.put("/v1/settings", json={"enabled": True, "history_messages": 4}, auth=signed(tenant_id))
        await publish(amqp_url, salon.hears("bom dia"), salon.hears("other", conversation_id=new_id()))

        async def both() -> bool:
            return len(await kept()) == 2

        async def one() -> bool:
            return await kept() == ["other"]

        await eventually(both)
        data = ContactErased(contact_id=new_id(), conversation_ids=(salon.conversation_id,))
        await publish(amqp_url, *[Envelope.of(data, tenant_id=tenant_id, now=datetime.now(UTC))] * 5)
        await eventually(one)


async def test_a_poison_message_is_put_aside_with_its_reason_and_traffic_flows(settings: Settings, salon: Any) -> None:
    amqp_url = settings.amqp_url.get_secret_value()
    async with Tap(amqp_url) as tap, running(create_app(settings)):
        connection = await aio_pika.connect(amqp_url)
        async with connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(topology.EXCHANGE, ensure=False)
            await exchange.publish(aio_pika.Message(b'{"id": 1}'), InterpretationRequested.key)
        await publish(amqp_url, salon.asks())
        await tap.next(InterpretationUnavailable, tenant_id=salon.tenant_id)
        ((headers, body),) = await dead_letters(amqp_url, "llm.interpretation-requested")
        assert body == b'{"id": 1}'
        assert "ValidationError" in str(headers["x-booka-reason"])
