"""Over a real RabbitMQ and a gateway over real HTTP: from webhook to event, from request to the client's phone, once."""

from typing import Any
from uuid import UUID

from booka_common.contracts import Envelope
from booka_common.contracts.messaging import (
    MessageDelivered,
    MessageReceived,
    MessageSent,
    SendRequested,
)
from booka_common.service import system_clock
from booka_common.testing import Tap, publish, running
from booka_messaging.app import create_app
from booka_messaging.settings import Settings


def request(tenant_id: UUID, conversation_id: UUID, text: str) -> Envelope[SendRequested]:
    data = SendRequested(conversation_id=conversation_id, text=text, purpose="reply")
    return Envelope.of(data, tenant_id=tenant_id, now=system_clock())


async def test_a_turn_from_webhook_to_reply(settings: Settings, gateway: Any, salon_of: Any, tenant_id: UUID) -> None:
    amqp_url = settings.amqp_url.get_secret_value()
    async with Tap(amqp_url) as tap, running(create_app(settings)) as client:
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
