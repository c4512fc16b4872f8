"""Poison on every queue: it ends in the dead-letter queue with its reason, while good conversations go on."""

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import aio_pika
import httpx
import orjson
import pytest
from pydantic import ValidationError

from booka_common import topology
from booka_common.contracts import enveloped
from booka_common.ids import new_id
from booka_common.testing import dead_letters, eventually
from booka_stack.layout import SERVICES
from booka_stack.nonsense import NONSENSE
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

PAY = re.compile(r"/pay/(cs_\w+)")
QUEUES = {entry.queue: entry.message for service in topology.HEARS for entry in topology.subscriptions(service)}
KEYS = {message.key: message for message in QUEUES.values()}


def envelope(message, **changes: Any) -> bytes:
    """A well-formed envelope around no data, changed."""
    kind, version = message.type_and_version()
    now = datetime.now(UTC).isoformat()
    whole = {"id": str(new_id()), "type": kind, "version": version, "tenant_id": str(new_id()), "occurred_at": now,
             "correlation_id": str(new_id()), "data": {}}  # fmt: skip
    return orjson.dumps({**whole, **changes})


def poisons(message) -> dict[str, bytes]:
    """What no consumer can read, by what is wrong with it."""
    return {
        "not JSON": b"\x00\xff\xfe not json",
        "empty": b"",
        "not an object": b"[1, 2, 3]",
        "another object": orjson.dumps({"hello": "world", "nonce": str(new_id())}),
        "nested without end": b'{"data":' + b"[" * 100_000,
        "no facts": envelope(message),
        "facts of another shape": envelope(message, data={"conversation_id": [], "reservation_id": {"a": 1}}),
        "a tenant that is none": envelope(message, tenant_id="'; DROP SCHEMA booking CASCADE; --"),
        "no envelope id": envelope(message, id=None),
    }


async def test_poison_on_every_queue_is_put_aside_while_good_conversations_complete(
    stack, open_salon, new_phone, sandbox, tables
):
    salon = await open_salon(SalonPlan.studio().without_a_day_off())
    phone = new_phone(salon)
    sent: dict[str, list[bytes]] = {queue: [] for queue in QUEUES}
    for queue in QUEUES:  # what other tests have left there
        await dead_letters(stack.amqp_url, queue, at_least=0)

    async def poison() -> None:
        connection = await aio_pika.connect(stack.amqp_url)
        async with connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(topology.EXCHANGE, ensure=False)
            for key, message in KEYS.items():
                for body in poisons(message).values():
                    await exchange.publish(aio_pika.Message(body, message_id=str(new_id())), key)
                    for queue, heard in QUEUES.items():
                        if heard is message:
                            sent[queue].append(body)
            for queue in QUEUES:
                # As an operator moves a dead letter back: straight to the queue.
                body = b"moved back to " + queue.encode()
                await channel.default_exchange.publish(aio_pika.Message(body), queue)
                sent[queue].append(body)

    async def converse() -> None:
        await walk(phone)
        session = PAY.search(await agree(phone))[1]
        await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {})
        assert "Booked!" in await phone.hear()

    await asyncio.gather(poison(), converse())
    await tables.settled(salon.tenant_id)
    assert len(await phone.heard()) == 8
    for queue, bodies in sent.items():
        letters = await dead_letters(stack.amqp_url, queue, at_least=len(bodies), timeout=20)
        assert sorted(body for _, body in letters) == sorted(bodies), queue
        for headers, body in letters:
            assert headers.get("x-booka-queue") == queue, (headers, body[:80])
            assert re.match(r"\w+: .+", str(headers.get("x-booka-reason")), re.DOTALL), (headers, body[:80])


async def left(stack) -> dict[str, int]:
    """The queues with messages in them that nobody has taken."""
    connection = await aio_pika.connect(stack.amqp_url)
    async with connection:
        channel = await connection.channel()
        declared = [await channel.declare_queue(queue, passive=True) for queue in QUEUES]
        return {queue.name: queue.declaration_result.message_count or 0 for queue in declared}


async def test_well_formed_nonsense_of_an_unknown_tenant_blocks_nothing(stack, open_salon, new_phone, tables):
    published: Counter[str] = Counter()
    connection = await aio_pika.connect(stack.amqp_url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(topology.EXCHANGE, ensure=False)
        for key, message in KEYS.items():
            schema = message.model_json_schema()
            for way in NONSENSE:
                body = envelope(message, data=way.of(schema, schema))
                try:
                    enveloped(message).model_validate_json(body)
                except ValidationError:
                    continue
                # More copies than a consumer may have in hand: if one of them hung, the queue would stand still.
                for _ in range(12):
                    await exchange.publish(aio_pika.Message(body, message_id=str(new_id())), key)
                    published[key] += 1
    assert set(published) == set(KEYS)
    salon = await open_salon(SalonPlan.studio(deposit=False).without_a_day_off())
    phone = new_phone(salon)
    await walk(phone)
    assert "Booked!" in await agree(phone)
    await tables.settled(salon.tenant_id)

    async def all_taken():
        return not any((await left(stack)).values())

    await eventually(all_taken, timeout=20)
    async with httpx.AsyncClient() as http:
        for service in SERVICES:
            assert (await http.get(f"{stack.layout.url(service)}/healthz")).status_code == 200
