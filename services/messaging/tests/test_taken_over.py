"""A takeover from the phone over real HTTP, a real RabbitMQ and the worker: from what somebody types to the hand-back."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts import Envelope
from booka_common.contracts.messaging import (
    ConversationHandedBack,
    ConversationTakenOver,
    MessageFailed,
    MessageReceived,
    MessageSent,
    SendRequested,
)
from booka_common.db import Database
from booka_common.service import system_clock
from booka_common.testing import Tap, publish
from booka_messaging.domain import cloud, evolution
from booka_messaging.domain.model import ChatEvent
from booka_messaging.settings import Settings
from booka_messaging.usecases.attending import HAND_BACK


def request(tenant_id: UUID, conversation_id: UUID, text: str, purpose: Any) -> Envelope[SendRequested]:
    data = SendRequested(conversation_id=conversation_id, text=text, purpose=purpose)
    return Envelope.of(data, tenant_id=tenant_id, now=system_clock())


async def test_somebody_types_on_the_phone_and_booka_is_silent_for_a_time(
    settings: Settings, db: Database, started: Any, gateway: Any, salon_of: Any, tenant_id: UUID
) -> None:
    amqp_url = settings.amqp_url.get_secret_value()
    async with Tap(amqp_url) as tap, started(settings) as client:
        salon = salon_of(tenant_id, client)
        await salon.provision(gateway.url, takeover_minutes=60)
        await salon.deliver(salon.text("oi"))
        heard = (await tap.next(MessageReceived, tenant_id=tenant_id)).data
        typed = salon.text("Olá, é a Ana", fromMe=True)
        for _ in range(3):
            await salon.deliver(typed)
        taken = (await tap.next(ConversationTakenOver, tenant_id=tenant_id)).data
        assert (taken.conversation_id, taken.by) == (heard.conversation_id, "phone")
        await salon.deliver(salon.text("e agora?"))
        assert (await tap.next(MessageReceived, tenant_id=tenant_id, after=1)).data.attended
        reply, notice = (request(tenant_id, heard.conversation_id, text, text) for text in ("reply", "notice"))
        await publish(amqp_url, reply, notice)
        failed = (await tap.next(MessageFailed, tenant_id=tenant_id)).data
        assert (failed.request_id, failed.code) == (reply.id, "attended")
        assert (await tap.next(MessageSent, tenant_id=tenant_id)).data.request_id == notice.id

        async with db.tx(tenant_id) as tx:  # an hour later
            await tx.execute("UPDATE conversations SET attended_until = now() WHERE tenant_id = $1", tenant_id)
            await tx.execute(
                "UPDATE jobs SET scheduled_at = now() WHERE tenant_id = $1 AND type = $2", tenant_id, HAND_BACK
            )
        back = (await tap.next(ConversationHandedBack, tenant_id=tenant_id)).data
        assert (back.conversation_id, back.by) == (heard.conversation_id, "time")
        await salon.deliver(salon.text("obrigada"))
        assert not (await tap.next(MessageReceived, tenant_id=tenant_id, after=2)).data.attended
        again = request(tenant_id, heard.conversation_id, "again", "reply")
        await publish(amqp_url, again)
        await tap.next(MessageSent, tenant_id=tenant_id, after=1)
        assert gateway.texts() == ["notice", "again"]
        assert len(tap.seen(ConversationTakenOver, tenant_id=tenant_id)) == 1
        assert len(tap.seen(ConversationHandedBack, tenant_id=tenant_id)) == 1


def by_evolution(number: str, text: str, line: Any) -> tuple[ChatEvent, ...]:
    key = {"remoteJid": f"{number}@s.whatsapp.net", "fromMe": True, "id": "TYPED"}
    data = {"key": key, "message": {"conversation": text}, "messageTimestamp": int(line.clock().timestamp())}
    return evolution.read({"event": "messages.upsert", "instance": "salon", "data": data}, line.clock())


def by_cloud(number: str, text: str, line: Any) -> tuple[ChatEvent, ...]:
    echo = {"from": "351210000000", "to": number, "id": "wamid.TYPED", "type": "text", "text": {"body": text}}
    echo["timestamp"] = str(int(line.clock().timestamp()))
    metadata = {"display_phone_number": "351210000000", "phone_number_id": "1"}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "message_echoes": [echo]}
    entry = [{"id": "W", "changes": [{"field": "smb_message_echoes", "value": value}]}]
    return cloud.read_for({"object": "whatsapp_business_account", "entry": entry}, "1", line.clock())


@pytest.mark.parametrize("typed", [by_evolution, by_cloud])
async def test_both_gateways_show_what_the_salon_types(line: Any, typed: Any) -> None:
    await line.client()
    assert await line.take(*typed("351912345678", "Sou a Ana", line)) == "accepted"
    conversation = await line.conversation()
    assert conversation["attended_by"] == "phone"
    assert conversation["attended_until"] == line.clock() + timedelta(minutes=120)
    rows = await line.rows("SELECT author, text FROM messages WHERE tenant_id = $1 ORDER BY id")
    assert rows[-1] == {"author": "salon", "text": "Sou a Ana"}
    await line.client()
    assert (await line.told(MessageReceived))[-1].attended
