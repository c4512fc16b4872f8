"""Everything arrives more than once: webhooks five times at once and again after the end, messages again from the broker."""

import re
from collections import Counter

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from booka_common import topology
from booka_common.publisher import Outgoing, Publisher
from booka_common.testing import eventually
from booka_stack.layout import SERVICES
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

PAY = re.compile(r"/pay/(cs_\w+)")
COPIES = 5
STUDIO = SalonPlan.studio().without_a_day_off()


async def at_rest(sandbox, tables, salon) -> None:
    """Wait until every webhook has arrived and everything that follows from it is done."""

    async def all_arrived():
        return (await sandbox.call("GET", "/_/health"))["webhooks_under_way"] == 0

    await eventually(all_arrived, timeout=20)
    await tables.settled(salon.tenant_id)


async def arrivals(sandbox, **fields) -> Counter:
    """How often each webhook was taken, by its id."""
    return Counter(entry["id"] for entry in await sandbox.ledger("webhook.delivered", **fields))


async def effects(sandbox, tables, salon, phone, session) -> dict[str, object]:
    """What all of it came to."""
    tenant = salon.tenant_id
    return {
        "said": Counter(await phone.heard()).most_common(1)[0][1],
        "replies": len(await phone.heard()),
        "confirmations": len([text for text in await phone.heard() if "Booked!" in text]),
        "charges": len(await sandbox.ledger("charge", session_id=session)),
        "pages": len(await sandbox.ledger("checkout.created", session_id=session)),
        "reservations": await tables.column("SELECT status FROM booking.reservations WHERE tenant_id = $1", tenant),
        "transactions": await tables.column("SELECT status FROM payments.transactions WHERE tenant_id = $1", tenant),
        "turns": await tables.column("SELECT turn FROM dialog.turns WHERE tenant_id = $1 ORDER BY turn", tenant),
        "contacts": await tables.value("SELECT count(*) FROM messaging.contacts WHERE tenant_id = $1", tenant),
        "messages in": await tables.value(
            "SELECT count(*) FROM messaging.messages WHERE tenant_id = $1 AND direction = 'in'", tenant
        ),
        "reminders": await tables.value(
            "SELECT count(*) FROM scheduler.reminders WHERE tenant_id = $1 AND minutes_before = 120", tenant
        ),
    }


ONCE = {
    "said": 1,
    "replies": 8,
    "confirmations": 1,
    "charges": 1,
    "pages": 1,
    "reservations": ["confirmed"],
    "transactions": ["paid"],
    "turns": [1, 2, 3, 4, 5, 6, 7],
    "contacts": 1,
    "messages in": 7,
    "reminders": 1,
}


async def test_every_webhook_five_times_at_once_and_again_when_all_is_over(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    await walk(phone, copies=COPIES)
    session = PAY.search(await agree(phone, copies=COPIES))[1]
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {"copies": COPIES})
    assert "Booked!" in await phone.hear()
    await at_rest(sandbox, tables, salon)
    said = await sandbox.ledger("message.said", instance=salon.instance, number=phone.number)
    arrived = await arrivals(sandbox, instance=salon.instance, event="messages.upsert")
    assert arrived == {entry["key_id"]: COPIES for entry in said}
    assert set((await arrivals(sandbox, provider="stripe", object_id=session)).values()) == {COPIES}
    assert await effects(sandbox, tables, salon, phone, session) == ONCE

    before = await tables.picture(salon.tenant_id)
    for entry in said:
        await phone.say(entry["text"], id=entry["key_id"], copies=COPIES)
    for event in await arrivals(sandbox, provider="stripe", object_id=session):
        await sandbox.call("POST", f"/_/stripe/events/{event}/deliver", {"copies": COPIES})
    for entry in await sandbox.ledger("message.sent", instance=salon.instance):
        receipt = {
            "keyId": entry["key_id"],
            "remoteJid": f"{phone.number}@s.whatsapp.net",
            "fromMe": True,
            "status": "DELIVERY_ACK",
        }
        update = {"event": "messages.update", "data": receipt, "copies": COPIES}
        await sandbox.call("POST", f"/_/evolution/instances/{salon.instance}/events", update)
    await at_rest(sandbox, tables, salon)
    arrived = await arrivals(sandbox, instance=salon.instance, event="messages.upsert")
    assert arrived == {entry["key_id"]: 2 * COPIES for entry in said}
    assert set((await arrivals(sandbox, provider="stripe", object_id=session)).values()) == {2 * COPIES}
    assert await effects(sandbox, tables, salon, phone, session) == ONCE
    assert await tables.picture(salon.tenant_id) == before


async def test_a_webhook_that_is_late_is_answered_in_its_turn(open_salon, new_phone, sandbox, tables):
    """The copies of one message overtake each other; the conversation stays one."""
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    first = await phone.say("hi", copies=3)
    assert "Which service" in await phone.hear()
    again = await phone.say("hi", id=first["id"], copies=2, delay=0.3)
    assert again["id"] == first["id"]
    await walk(phone, since="service")
    await at_rest(sandbox, tables, salon)
    assert (await arrivals(sandbox, instance=salon.instance, event="messages.upsert"))[first["id"]] == 5
    assert len(await phone.heard()) == 6
    assert await tables.value("SELECT max(turn) FROM dialog.turns WHERE tenant_id = $1", salon.tenant_id) == 6


async def consumed(stack) -> Counter:
    """How many messages each queue has brought its service, by the services' own count."""
    found = Counter()
    async with httpx.AsyncClient() as http:
        for service in SERVICES:
            page = (await http.get(f"{stack.layout.url(service)}/metrics")).text
            for family in text_string_to_metric_families(page):
                for sample in family.samples:
                    if sample.name == "booka_messages_consumed_total":
                        found[sample.labels["queue"]] += int(sample.value)
    return found


async def test_every_message_again_from_the_broker_when_all_is_over(stack, open_salon, new_phone, sandbox, tables):
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    await walk(phone)
    session = PAY.search(await agree(phone))[1]
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {})
    assert "Booked!" in await phone.hear()
    await at_rest(sandbox, tables, salon)
    assert await effects(sandbox, tables, salon, phone, session) == ONCE

    said = [
        row
        for service in SERVICES
        for row in await tables.rows(
            f"SELECT id, routing_key, correlation_id, body FROM {service}.outbox WHERE tenant_id = $1 ORDER BY seq",  # noqa: S608
            salon.tenant_id,
        )
    ]
    before, counted = await tables.picture(salon.tenant_id), await consumed(stack)
    keys = Counter(row["routing_key"] for row in said)
    expected = counted + Counter(
        {
            entry.queue: COPIES * keys[entry.message.key]
            for service in SERVICES
            for entry in topology.subscriptions(service)
        }
    )
    publisher = Publisher(stack.amqp_url, "test")
    outgoing = [Outgoing(row["id"], row["routing_key"], row["correlation_id"], row["body"]) for row in said]
    # In the wrong order, too.
    assert not any(await publisher.publish([*outgoing[::-1], *outgoing * (COPIES - 1)]))
    await publisher.close()

    async def all_heard():
        return await consumed(stack) == expected

    await eventually(all_heard, timeout=20)
    await at_rest(sandbox, tables, salon)
    assert await effects(sandbox, tables, salon, phone, session) == ONCE
    assert await tables.picture(salon.tenant_id) == before
