"""Over a real RabbitMQ and a gateway over real HTTP: from webhook to event, from request to the client's phone, once."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import aio_pika
import pytest

from booka_common import topology
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import (
    MessageDelivered,
    MessageFailed,
    MessageReceived,
    MessageSent,
    SendRequested,
)
from booka_common.ids import new_id
from booka_common.service import system_clock
from booka_common.testing import Tap, dead_letters, eventually, publish
from booka_common.testing.servers import free_port
from booka_messaging.settings import Settings

from .salon import Salon
from .stub import GatewayStub

Heard = Callable[..., AbstractAsyncContextManager[tuple[Tap, Salon, UUID]]]


@pytest.fixture
def amqp_url(settings: Settings) -> str:
    return settings.amqp_url.get_secret_value()


@pytest.fixture
def heard(settings: Settings, started: Any, gateway: GatewayStub, tenant_id: UUID, amqp_url: str) -> Heard:
    """`async with heard() as (tap, salon, conversation_id)`: the service runs, and somebody has written to a salon."""

    @asynccontextmanager
    async def hearing(
        settings: Settings = settings, base_url: str = gateway.url
    ) -> AsyncIterator[tuple[Tap, Salon, UUID]]:
        async with Tap(amqp_url) as tap, started(settings) as client:
            salon = Salon(tenant_id, client)
            await salon.provision(base_url)
            await salon.deliver(salon.text())
            yield tap, salon, (await tap.next(MessageReceived, tenant_id=tenant_id)).data.conversation_id

    return hearing


def request(
    tenant_id: UUID, conversation_id: UUID, text: str, *, position: int | None = None
) -> Envelope[SendRequested]:
    data = SendRequested(conversation_id=conversation_id, text=text, purpose="reply", position=position)
    return Envelope.of(data, tenant_id=tenant_id, now=system_clock())


async def test_a_turn_from_webhook_to_reply(
    settings: Settings, started: Any, gateway: Any, salon_of: Any, tenant_id: UUID
) -> None:
    amqp_url = settings.amqp_url.get_secret_value()
    async with Tap(amqp_url) as tap, started(settings) as client:
        salon = salon_of(tenant_id, client)
        await salon.provision(gateway.url)
        assert (await salon.deliver(salon.text("quero cortar o cabelo"))).json() == {"outcome": "accepted"}
        heard = (await tap.next(MessageReceived, tenant_id=tenant_id)).data
        assert (heard.turn, heard.text, heard.kind) == (1, "quero cortar o cabelo", "text")
        assert (heard.contact_name, heard.phone) == ("Bia", "+5511987654321")

        asked = request(tenant_id, heard.conversation_id, "Qual serviço?")
        await publish(amqp_url, *[asked] * 5)
        sent = await tap.next(MessageSent, tenant_id=tenant_id)
        assert (sent.data.request_id, sent.correlation_id) == (asked.id, asked.correlation_id)
        assert gateway.texts() == ["Qual serviço?"]
        assert gateway.keys == ["key-of-the-gateway"]
        assert gateway.sent[0]["key"]["remoteJid"] == "5511987654321@s.whatsapp.net"

        provider_id = gateway.sent[0]["key"]["id"]
        for status in ("READ", "DELIVERY_ACK", "READ"):
            update = {"keyId": provider_id, "remoteJid": "x", "fromMe": True, "status": status, "messageId": "db"}
            assert (await salon.deliver(update, "messages.update")).status_code == 200
        delivered = await tap.next(MessageDelivered, tenant_id=tenant_id)
        assert (delivered.data.status, delivered.data.message_id) == ("read", sent.data.message_id)
        assert [m["status"] for m in await salon.messages()] == ["received", "read"]
        assert len(tap.seen(MessageDelivered, tenant_id=tenant_id)) == 1
        assert len(tap.seen(MessageSent, tenant_id=tenant_id)) == 1


async def test_a_request_that_cannot_be_done_is_a_dead_letter_and_the_next_one_goes_on(
    heard: Heard, gateway: Any, tenant_id: UUID, amqp_url: str
) -> None:
    async with heard() as (tap, _, conversation_id):
        await publish(
            amqp_url,
            request(tenant_id, new_id(), "for nobody"),
            request(new_id(), conversation_id, "for somebody else's client"),
            request(tenant_id, conversation_id, "for Bia"),
        )
        connection = await aio_pika.connect(amqp_url)
        try:
            exchange = await (await connection.channel()).get_exchange(topology.EXCHANGE, ensure=False)
            await exchange.publish(aio_pika.Message(b"\x00 no message"), SendRequested.key)
        finally:
            await connection.close()
        await tap.next(MessageSent, tenant_id=tenant_id)
        assert gateway.texts() == ["for Bia"]
        buried = await dead_letters(amqp_url, "messaging.send-requested", at_least=3)
        reasons = sorted(str(headers["x-booka-reason"]).partition(":")[0] for headers, _ in buried)
        assert reasons == ["UnknownConversation", "UnknownConversation", "ValidationError"]


async def test_messages_of_a_conversation_leave_in_the_order_in_which_they_were_asked_for(
    heard: Heard, gateway: Any, fault: Any, tenant_id: UUID, amqp_url: str
) -> None:
    gateway.faults.extend([fault(429), fault(500), fault(500, takes=True)])
    async with heard() as (tap, _, conversation_id):
        asked = [request(tenant_id, conversation_id, f"{number}.", position=number) for number in range(1, 9)]
        for number in (2, 1, 4, 3, 8, 5, 7, 6):
            await publish(amqp_url, asked[number - 1])
        await tap.next(MessageSent, tenant_id=tenant_id, after=7, timeout=20)
        assert gateway.texts() == [f"{number}." for number in range(1, 9)]


async def test_a_message_that_overtook_another_waits_for_it(
    heard: Heard, gateway: Any, tenant_id: UUID, amqp_url: str
) -> None:
    async with heard() as (tap, salon, conversation_id):

        async def queued() -> Any:
            listed = (await salon.http.get("/v1/jobs", auth=salon.auth)).json()["items"]
            return [job for job in listed if job["type"] == "send_message"]

        await publish(amqp_url, request(tenant_id, conversation_id, "second", position=2))
        [job] = await eventually(queued)
        assert job["status"] == "ready"
        await publish(amqp_url, request(tenant_id, conversation_id, "first", position=1))
        await tap.next(MessageSent, tenant_id=tenant_id, after=1, timeout=20)
        assert gateway.texts() == ["first", "second"]


async def test_a_message_whose_predecessor_never_comes_is_sent_after_a_while(
    heard: Heard, gateway: Any, tenant_id: UUID, amqp_url: str
) -> None:
    async with heard() as (tap, _, conversation_id):
        for text, position in (("first", 1), ("third", 3), ("fourth", 4)):
            await publish(amqp_url, request(tenant_id, conversation_id, text, position=position))
        await tap.next(MessageSent, tenant_id=tenant_id, after=2, timeout=20)
        assert gateway.texts() == ["first", "third", "fourth"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"response": {"message": [{"exists": False, "number": "5511987654321"}]}}, "recipient_unknown"),
        (400, {"exists": False}, "recipient_unknown"),
        (400, {"response": {"message": ["Error: bad request"]}}, "refused_400"),
        (401, {"error": "Unauthorized"}, "refused_401"),
        (404, None, "refused_404"),
        (302, None, "refused_302"),
    ],
)
async def test_what_the_gateway_refuses_for_good_is_said_and_can_be_replayed(
    heard: Heard, gateway: Any, fault: Any, tenant_id: UUID, status: int, body: Any, expected: str, amqp_url: str
) -> None:
    gateway.faults.append(fault(status, body))
    async with heard() as (tap, salon, conversation_id):
        asked = request(tenant_id, conversation_id, "Olá")
        await publish(amqp_url, asked)
        failed = (await tap.next(MessageFailed, tenant_id=tenant_id)).data
        assert (failed.code, failed.request_id, failed.conversation_id) == (expected, asked.id, conversation_id)
        assert (await salon.messages())[-1]["failure"] == expected
        (dead,) = (await salon.get("/v1/jobs?status=dead"))["items"]
        assert "5511987654321" not in dead["last_error"]
        await salon.http.post(f"/v1/jobs/{dead['id']}/replay", auth=salon.auth)
        await tap.next(MessageSent, tenant_id=tenant_id)
        assert gateway.texts() == ["Olá"]
        assert (await salon.messages())[-1]["status"] == "sent"
        assert len(tap.seen(MessageFailed, tenant_id=tenant_id)) == 1


async def test_a_gateway_that_is_away_is_tried_until_the_attempts_are_used_up(
    heard: Heard, settings: Settings, tenant_id: UUID, amqp_url: str
) -> None:
    impatient = settings.model_copy(update={"send_attempts": 2})
    async with heard(impatient, base_url="http://127.0.0.1:9") as (tap, _, conversation_id):
        await publish(amqp_url, request(tenant_id, conversation_id, "Olá"))
        failed = (await tap.next(MessageFailed, tenant_id=tenant_id)).data
        assert failed.code == "gave_up"
        assert "2 attempts" in failed.detail


UNKNOWN = [
    pytest.param({"status": 500, "takes": True}, id="500 and sent"),
    pytest.param({"status": 500, "takes": False}, id="500 and not sent"),
    pytest.param({"status": None, "takes": True}, id="no answer and sent"),
    pytest.param({"status": None, "takes": False}, id="no answer and not sent"),
    pytest.param(
        {"status": 400, "body": {"response": {"message": ["Error: Connection Closed"]}}, "takes": True},
        id="connection closed",
    ),
]


@pytest.mark.parametrize("order", UNKNOWN)
async def test_after_an_unknown_outcome_the_gateways_store_decides(
    heard: Heard, settings: Settings, gateway: Any, fault: Any, tenant_id: UUID, order: dict[str, Any], amqp_url: str
) -> None:
    quick = settings.model_copy(update={"gateway_total_seconds": 0.3})
    async with heard(quick) as (tap, salon, conversation_id):
        # The same text before, and to somebody else: neither is the one that is looked for.
        await publish(amqp_url, request(tenant_id, conversation_id, "Menu"))
        await tap.next(MessageSent, tenant_id=tenant_id)
        gateway.take("351912345678", "Menu")
        gateway.faults.append(fault(**order))
        gateway.store_faults.append(503)
        await publish(amqp_url, request(tenant_id, conversation_id, "Menu"))
        await tap.next(MessageSent, tenant_id=tenant_id, after=1)
        to_bia = [record for record in gateway.sent if record["key"]["remoteJid"].startswith("55")]
        assert len(to_bia) == 2
        sends = 3 if order["takes"] is False else 2
        assert gateway.calls.count("sendText") == sends
        assert gateway.calls.count("findMessages") == 2
        outgoing = [message for message in await salon.messages() if message["direction"] == "out"]
        assert [message["provider_id"] for message in outgoing] == [record["key"]["id"] for record in to_bia]


async def test_killed_between_the_gateways_answer_and_its_record_the_client_reads_it_once(
    settings: Settings, started: Any, gateway: Any, salon_of: Any, tenant_id: UUID
) -> None:
    amqp_url = settings.amqp_url.get_secret_value()
    environment = {
        **os.environ,
        "MESSAGING_DATABASE_URL": settings.database_url.get_secret_value(),
        "MESSAGING_AMQP_URL": amqp_url,
        "MESSAGING_ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "MESSAGING_PORT": str(free_port()),
        "MESSAGING_JOB_LEASE_SECONDS": "2",
        "MESSAGING_CRASH_AT": "worker.called.send_message:1",
    }
    later = settings.model_copy(update={"job_lease_seconds": 2})
    async with Tap(amqp_url) as tap:
        async with started(later) as client:
            salon = salon_of(tenant_id, client)
            await salon.provision(gateway.url)
            await salon.deliver(salon.text())
            conversation_id = (await tap.next(MessageReceived, tenant_id=tenant_id)).data.conversation_id
        await publish(amqp_url, request(tenant_id, conversation_id, "Confirmado!"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "booka_messaging", "serve", env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        assert await asyncio.wait_for(process.wait(), 60) == -9
        assert gateway.texts() == ["Confirmado!"]
        async with started(later) as client:
            salon.http = client
            sent = await tap.next(MessageSent, tenant_id=tenant_id)
            assert gateway.texts() == ["Confirmado!"]
            assert [call for call in gateway.calls if call != "sweep"] == ["sendText", "findMessages"]
            last = (await salon.messages())[-1]
            assert (last["id"], last["provider_id"]) == (str(sent.data.message_id), gateway.sent[0]["key"]["id"])
