"""Deposits that are not paid, paid too late, paid wrongly, or given back: money ends up exactly where it belongs."""

import re

import pytest

from booka_common.testing import eventually
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

PAY = re.compile(r"/pay/(cs_\w+)")
DEADLINE_SECONDS = 4


def studio(**policy):
    return SalonPlan.studio(**policy).without_a_day_off()


async def held(phone) -> str:
    """Chat up to the link for the deposit; the id of its session."""
    await walk(phone)
    return PAY.search(await agree(phone))[1]


async def visits(tables, salon) -> list[str]:
    return await tables.column(
        "SELECT status FROM booking.reservations WHERE tenant_id = $1 ORDER BY created_at", salon.tenant_id
    )


async def transactions(tables, salon) -> list[str]:
    return await tables.column(
        "SELECT status FROM payments.transactions WHERE tenant_id = $1 ORDER BY created_at", salon.tenant_id
    )


class Outage:
    """Stripe answers nothing about one session, as if its API were down, until `end`; its own page still takes payments."""

    def __init__(self, sandbox, session: str) -> None:
        self._sandbox = sandbox
        self._session = session

    async def begin(self) -> None:
        fault = {"provider": "stripe", "kind": "error_before", "match": self._session, "times": 10_000}
        await self._sandbox.call("POST", "/_/faults", fault)

    async def pay(self) -> None:
        """The client pays, and Stripe's event does not get through yet."""
        await self._sandbox.call("POST", f"/_/stripe/sessions/{self._session}/pay", {"copies": 0})

    async def end(self) -> None:
        """Stripe is back, and its event arrives at last."""
        await self._sandbox.call("DELETE", "/_/faults")
        events = await self._sandbox.call("GET", "/_/stripe/events")
        (event,) = [
            event
            for event in events
            if event["type"] == "checkout.session.completed" and event["data"]["object"]["id"] == self._session
        ]
        await self._sandbox.call("POST", f"/_/stripe/events/{event['id']}/deliver", {})


async def test_a_deposit_that_is_never_paid_frees_the_time(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(studio(deposit_deadline_seconds=DEADLINE_SECONDS))
    phone, other = new_phone(salon), new_phone(salon, "Rita")
    session = await held(phone)
    offered_while_held = await walk(other, "slot")
    told = await phone.hear()
    assert "did not arrive in time" in told
    assert "free times again" in told
    await sandbox.wait("checkout.expired", session_id=session, timeout=10)
    await tables.settled(salon.tenant_id)
    assert await visits(tables, salon) == ["expired"]
    assert await transactions(tables, salon) == ["expired"]
    assert await sandbox.ledger("charge", session_id=session) == []
    assert "nothing is booked" in await phone.ask("cancel")
    # The start that was kept is offered to others again, and one of them gets it.
    taken = "SELECT starts_at FROM booking.reservations WHERE tenant_id = $1 AND status = $2"
    offered_afterwards = await other.ask("tomorrow at 08:00")
    assert "08:00" not in offered_while_held
    assert "under Rita" in offered_afterwards
    assert await tables.column(taken, salon.tenant_id, "held") == await tables.column(taken, salon.tenant_id, "expired")


async def test_paid_after_the_hold_expired_and_still_free_is_seated_again(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(studio(deposit_deadline_seconds=DEADLINE_SECONDS))
    phone = new_phone(salon)
    session = await held(phone)
    outage = Outage(sandbox, session)
    await outage.begin()
    await outage.pay()
    assert "did not arrive in time" in await phone.hear()
    assert await visits(tables, salon) == ["expired"]
    await outage.end()
    told = await phone.hear()
    assert "it was still free" in told
    assert "Booked!" in told
    await tables.settled(salon.tenant_id)
    assert await visits(tables, salon) == ["confirmed"]
    assert await transactions(tables, salon) == ["paid"]
    assert len(await sandbox.ledger("charge", session_id=session)) == 1
    assert await tables.value("SELECT count(*) FROM payments.refunds WHERE tenant_id = $1", salon.tenant_id) == 0
    assert len([text for text in await phone.heard() if "Booked!" in text]) == 1


async def test_paid_after_the_hold_expired_and_taken_is_given_back_in_full(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(studio(deposit_deadline_seconds=DEADLINE_SECONDS))
    phone, other = new_phone(salon), new_phone(salon, "Rita")
    session = await held(phone)
    outage = Outage(sandbox, session)
    await outage.begin()
    await outage.pay()
    await walk(other, "when")
    assert "did not arrive in time" in await phone.hear()
    assert "under Rita" in await other.ask("tomorrow at 08:00")
    await other.ask("1")
    await sandbox.call("POST", f"/_/stripe/sessions/{PAY.search(await agree(other))[1]}/pay", {})
    assert "Booked!" in await other.hear()
    await outage.end()
    assert "you get all of it back" in await phone.hear()
    await tables.settled(salon.tenant_id)
    assert await visits(tables, salon) == ["expired", "confirmed"]
    assert await transactions(tables, salon) == ["refunded", "paid"]
    (charge,) = await sandbox.ledger("charge", session_id=session)
    (refund,) = await sandbox.ledger("refund", charge=charge["id"])
    assert (refund["amount"], refund["currency"]) == (charge["amount"], charge["currency"]) == (1050, "eur")
    assert not [text for text in await phone.heard() if "Booked!" in text]


async def test_paid_while_the_booking_was_being_cancelled_is_given_back_in_full(open_salon, new_phone, sandbox, tables):
    salon = await open_salon(studio())
    phone = new_phone(salon)
    session = await held(phone)
    outage = Outage(sandbox, session)
    await outage.begin()
    await outage.pay()
    assert "is cancelled" in await phone.ask("cancel")
    await outage.end()
    assert "you get all of it back" in await phone.hear()
    await tables.settled(salon.tenant_id)
    assert await visits(tables, salon) == ["cancelled"]
    assert await transactions(tables, salon) == ["refunded"]
    (charge,) = await sandbox.ledger("charge", session_id=session)
    assert [refund["amount"] for refund in await sandbox.ledger("refund", charge=charge["id"])] == [charge["amount"]]


@pytest.mark.parametrize(("notice_hours", "back"), [(0, 1050), (720, 0)], ids=["in time", "too late"])
async def test_a_cancelled_visit_gives_back_what_its_terms_say(
    open_salon, new_phone, sandbox, tables, notice_hours, back
):
    salon = await open_salon(studio(cancel_notice_hours=notice_hours))
    phone = new_phone(salon)
    session = await held(phone)
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {})
    assert "Booked!" in await phone.hear()
    assert "Shall I cancel this visit?" in await phone.ask("cancel")
    told = await phone.ask("yes")
    assert "Your visit is cancelled" in told
    assert ("You get €10.50 of your deposit back" in told) == bool(back)
    if back:
        assert "€10.50 of your deposit is on its way back" in await phone.hear()
    await tables.settled(salon.tenant_id)
    (charge,) = await sandbox.ledger("charge", session_id=session)
    assert [refund["amount"] for refund in await sandbox.ledger("refund", charge=charge["id"])] == [back] * bool(back)
    assert await visits(tables, salon) == ["cancelled"]
    assert await transactions(tables, salon) == ["refunded" if back else "paid"]


@pytest.mark.parametrize("wrong", [{"amount_override": 500}, {"currency_override": "usd"}], ids=["amount", "currency"])
async def test_another_amount_or_currency_confirms_nothing_and_is_shown_to_a_person(
    open_salon, new_phone, sandbox, tables, wrong
):
    salon = await open_salon(studio())
    phone = new_phone(salon)
    session = await held(phone)
    heard = await phone.heard()
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", wrong)

    async def shown():
        return await tables.rows(
            "SELECT 1 FROM payments.outbox WHERE tenant_id = $1 AND routing_key = 'payments.mismatch.found.v1'",
            salon.tenant_id,
        )

    assert len(await eventually(shown)) == 1
    await tables.settled(salon.tenant_id)
    assert await transactions(tables, salon) == ["mismatched"]
    assert await visits(tables, salon) == ["held"]
    assert await phone.heard() == heard
