"""A salon whose line is at WhatsApp's Cloud API: the same conversation, with things to tap, and templates after a day."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from booka_common.internal import SignedAuth
from booka_common.testing import eventually
from booka_stack.salon import SalonPlan

pytestmark = pytest.mark.e2e

STUDIO = SalonPlan.studio().without_a_day_off()
PAY = re.compile(r"/pay/(cs_\w+)")


async def tap(phone, title: str) -> str:
    """Tap a choice below what the salon said last; its answer."""
    [choice] = [choice for choice in phone.choices if choice["title"].startswith(title)]
    await phone.tap(choice)
    return await phone.hear()


async def ask(phone, text: str, expected: str) -> str:
    answer = await phone.ask(text)
    assert expected in answer
    return answer


async def booked(phone, sandbox, day: datetime) -> str:
    """Book and pay, tapping wherever something can be tapped; the session of the payment."""
    await ask(phone, "hi", "Which service")
    assert "who would you like" in await tap(phone, "Haircut")
    assert "When would you like" in await tap(phone, "Ana")
    await ask(phone, f"{day:%d/%m} at 12:00", "Shall I book it under")
    assert "Please check" in await tap(phone, "Yes")
    session = PAY.search(await tap(phone, "Yes"))[1]
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {})
    assert "Booked!" in await phone.hear()
    return session


async def two_days_pass(phone, salon, sandbox, tables) -> None:
    """Since the client wrote, for everybody who remembers; and the reminder of two hours before is due."""
    before = datetime.now(UTC) - timedelta(days=2)
    await sandbox.call("PUT", phone.path, {"last_said": int(before.timestamp())})
    await tables.rows("UPDATE messaging.conversations SET client_at = $2 WHERE tenant_id = $1", salon.tenant_id, before)
    await tables.rows(
        "UPDATE scheduler.jobs SET scheduled_at = now() WHERE tenant_id = $1 AND unique_key ="
        " (SELECT id::text FROM scheduler.reminders WHERE tenant_id = $1 AND minutes_before = 120)",
        salon.tenant_id,
    )


@pytest.mark.parametrize("own_app", [False, True])
async def test_a_visit_is_booked_by_tapping_and_remembered_by_a_template(
    own_app, open_salon, new_phone, sandbox, tables, stack
):
    salon = await open_salon(STUDIO, gateway="cloud", own_app=own_app, templates={"your_visit_2": {"en": 3}})
    path = f"{stack.layout.url('messaging')}/v1/channels/{salon.channel_id}/templates/visit_reminder/en"
    approved = {"provider_name": "your_visit_2", "language": "en", "parameters": 3}
    async with httpx.AsyncClient(auth=SignedAuth(stack.layout.internal_secret, salon.tenant_id)) as http:
        assert (await http.put(path, json=approved)).status_code == 200
    phone = new_phone(salon)
    await booked(phone, sandbox, datetime.now(UTC) + timedelta(days=4))
    await tables.settled(salon.tenant_id)
    assert await tables.column("SELECT status FROM booking.reservations WHERE tenant_id = $1", salon.tenant_id) == [
        "confirmed"
    ]
    assert await tables.column("SELECT status FROM payments.transactions WHERE tenant_id = $1", salon.tenant_id) == [
        "paid"
    ]

    await two_days_pass(phone, salon, sandbox, tables)
    reminder = await phone.hear()
    assert "[your_visit_2] · Haircut" in reminder
    assert [one["type"] for one in await sandbox.call("GET", f"{phone.path}/messages")][-1] == "template"
    await tables.settled(salon.tenant_id)

    async def all_delivered():
        rows = "SELECT status FROM messaging.messages WHERE tenant_id = $1 AND direction = 'out'"
        return set(await tables.column(rows, salon.tenant_id)) == {"delivered"}

    await eventually(all_delivered)
    assert await sandbox.ledger("message.failed", instance=salon.instance) == []


async def test_nothing_is_sent_after_a_day_that_has_no_template(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(STUDIO, gateway="cloud")
    phone = new_phone(salon)
    await booked(phone, sandbox, datetime.now(UTC) + timedelta(days=4))
    await tables.settled(salon.tenant_id)
    await two_days_pass(phone, salon, sandbox, tables)

    async def failed():
        rows = (
            "SELECT failure FROM messaging.messages WHERE tenant_id = $1 AND purpose = 'reminder' AND status = 'failed'"
        )
        return await tables.column(rows, salon.tenant_id)

    [failure] = await eventually(failed, timeout=20)
    assert failure.startswith("window_closed")
    assert await sandbox.ledger("message.failed", instance=salon.instance) == []
