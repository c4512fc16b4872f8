"""The main job: a client books by chatting, with a deposit and without, and everything that may happen on the way."""

import re

import pytest
from booka_stack.salon import SalonPlan

pytestmark = pytest.mark.e2e

PAY = re.compile(r"/pay/(cs_\w+)")


async def book(phone, *, slot="1") -> str:
    """Chat as far as the answer to "Shall I book it?"; returns that answer."""
    assert "Which service" in await phone.ask("hi")
    assert "who would you like" in await phone.ask("haircut")
    assert "When would you like" in await phone.ask("Ana")
    assert "free" in await phone.ask("tomorrow")
    assert "under" in await phone.ask(slot)
    assert "Shall I book it?" in await phone.ask("1")
    return await phone.ask("yes")


async def test_a_visit_without_a_deposit_is_confirmed(open_salon, new_phone, tables):
    salon = await open_salon(SalonPlan.studio(deposit=False))
    phone = new_phone(salon)
    answer = await book(phone)
    assert "booked" in answer.lower() or "confirmed" in answer.lower()
    rows = await tables.rows("SELECT status FROM booking.reservations WHERE tenant_id = $1", salon.tenant_id)
    assert [row["status"] for row in rows] == ["confirmed"]


async def test_a_visit_with_a_deposit_is_confirmed_once_it_is_paid(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(SalonPlan.studio())
    phone = new_phone(salon)
    link = await book(phone)
    session = PAY.search(link)[1]
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {})
    assert "booked" in (await phone.hear()).lower()
    rows = await tables.rows("SELECT status FROM booking.reservations WHERE tenant_id = $1", salon.tenant_id)
    assert [row["status"] for row in rows] == ["confirmed"]
    charges = await sandbox.ledger("charge", session_id=session)
    assert [(charge["amount"], charge["currency"]) for charge in charges] == [(1050, "eur")]
