"""The Stripe stand-in, called by the real SDK."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import stripe

from .conftest import Sandbox

# stripe-python hands raw bytes to httpx in a way httpx calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[stripe.StripeClient]:
    transport = stripe.HTTPXClient(timeout=10, allow_sync_methods=False)
    yield stripe.StripeClient("sk_test_1", base_addresses={"api": f"{sandbox.url}/stripe"}, http_client=transport)
    await transport.close_async()


def order(**more: Any) -> Any:
    line = {
        "quantity": 1,
        "price_data": {"currency": "eur", "unit_amount": 2000, "product_data": {"name": "Deposit: haircut"}},
    }
    return {
        "mode": "payment",
        "line_items": [line],
        "client_reference_id": "reservation-1",
        "metadata": {"tenant_id": "t-1", "salon": "Núria"},
        "payment_intent_data": {"metadata": {"tenant_id": "t-1"}},
        "success_url": "https://salon.test/thanks?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://salon.test/",
        "expires_at": int(time.time()) + 1830,
        **more,
    }


async def event_of(sandbox: Sandbox, wanted: str) -> stripe.Event:
    """The next event of that type at the receiver, its signature checked by the SDK."""
    while True:
        hook = await sandbox.receiver.next()
        event: stripe.Event = stripe.Webhook.construct_event(hook.body, hook.headers["stripe-signature"], "whsec_1")
        if event.type == wanted:
            return event


async def test_paid_by_the_page(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    session = await client.v1.checkout.sessions.create_async(order())
    assert (session.status, session.payment_status, session.amount_total, session.currency) == (
        "open",
        "unpaid",
        2000,
        "eur",
    )
    assert session.metadata
    assert session.metadata.to_dict() == {"tenant_id": "t-1", "salon": "Núria"}
    assert session.url == f"{sandbox.url}/pay/{session.id}"
    page = await sandbox.http.get(session.url)
    assert "€20.00" in page.text
    assert "Deposit: haircut" in page.text

    paid = await sandbox.http.post(session.url, follow_redirects=True)

    assert "Thank you" in paid.text
    event = await event_of(sandbox, "checkout.session.completed")
    seen = event.data.object
    assert (seen["id"], seen["payment_status"], seen["client_reference_id"]) == (session.id, "paid", "reservation-1")
    again = await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent.latest_charge"]})
    intent: Any = again.payment_intent
    assert (intent.status, intent.amount_received, intent.metadata.tenant_id) == ("succeeded", 2000, "t-1")
    assert intent.latest_charge.paid is True
    by_id = await client.v1.payment_intents.retrieve_async(seen["payment_intent"])
    assert by_id.latest_charge == intent.latest_charge.id
    assert (await sandbox.http.post(session.url or f"/pay/{session.id}")).status_code == 409
    assert len(await sandbox.ledger(kind="charge", session_id=session.id)) == 1


async def test_idempotency_keys(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    wish = order()
    other = order(client_reference_id="x")
    first = await client.v1.checkout.sessions.create_async(wish, {"idempotency_key": "k1"})
    second = await client.v1.checkout.sessions.create_async(wish, {"idempotency_key": "k1"})
    assert first.id == second.id
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.checkout.sessions.create_async(other, {"idempotency_key": "k1"})
    assert len(await sandbox.ledger(kind="checkout.created")) == 1


@pytest.mark.parametrize("seconds", [1700, 24 * 3600 + 60])
async def test_sessions_live_between_half_an_hour_and_a_day(client: stripe.StripeClient, seconds: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.checkout.sessions.create_async(order(expires_at=int(time.time()) + seconds))
    assert refusal.value.param == "expires_at"


async def test_wrong_key_and_unknown_objects(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    stranger = stripe.StripeClient("sk_test_2", base_addresses={"api": f"{sandbox.url}/stripe"})
    with pytest.raises(stripe.AuthenticationError):
        await stranger.v1.checkout.sessions.create_async(order())
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.checkout.sessions.retrieve_async("cs_nothing")
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")
    assert (await sandbox.http.get("/pay/cs_nothing")).status_code == 404


async def test_expired_sessions_cannot_be_paid(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    session = await client.v1.checkout.sessions.create_async(order())
    assert (await client.v1.checkout.sessions.expire_async(session.id)).status == "expired"
    assert (await event_of(sandbox, "checkout.session.expired")).data.object["id"] == session.id
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.checkout.sessions.expire_async(session.id)
    assert (await sandbox.http.post(f"/_/stripe/sessions/{session.id}/pay")).status_code == 409
    assert "expired" in (await sandbox.http.get(f"/pay/{session.id}")).text
    assert await sandbox.ledger(kind="charge") == []


async def test_paying_without_a_browser_with_other_money_and_copies(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    session = await client.v1.checkout.sessions.create_async(order())
    wish = {"copies": 3, "amount_override": 1500, "currency_override": "usd"}
    answer = await sandbox.http.post(f"/_/stripe/sessions/{session.id}/pay", json=wish)
    assert answer.status_code == 200
    events = [await event_of(sandbox, "checkout.session.completed") for _ in range(3)]
    assert len({event.id for event in events}) == 1
    assert (events[0].data.object["amount_total"], events[0].data.object["currency"]) == (1500, "usd")
    replayed = await sandbox.http.post(f"/_/stripe/events/{events[0].id}/deliver", json={"copies": 2})
    assert replayed.status_code == 202
    assert (await event_of(sandbox, "checkout.session.completed")).id == events[0].id


async def test_slow_payment_methods(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    session = await client.v1.checkout.sessions.create_async(order())
    await sandbox.http.post(f"/_/stripe/sessions/{session.id}/pay", json={"outcome": "processing"})
    assert (await event_of(sandbox, "checkout.session.completed")).data.object["payment_status"] == "unpaid"
    before = (await client.v1.checkout.sessions.retrieve_async(session.id)).payment_intent
    await sandbox.http.post(f"/_/stripe/sessions/{session.id}/pay", json={"outcome": "async_succeeded"})
    seen = (await event_of(sandbox, "checkout.session.async_payment_succeeded")).data.object
    assert (seen["payment_status"], seen["payment_intent"]) == ("paid", before)


async def test_webhooks_are_repeated_until_2xx_and_signed_anew(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.receiver.answers.extend([401, 500, 404])
    session = await client.v1.checkout.sessions.create_async(order())
    await sandbox.http.post(f"/_/stripe/sessions/{session.id}/pay")
    delivered = await sandbox.wait("webhook.delivered", provider="stripe", object_id=session.id)
    assert delivered["attempts"] == 4
    assert len({hook.body for hook in sandbox.receiver.hooks}) == 1


async def test_refunds(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    session = await client.v1.checkout.sessions.create_async(order())
    paid = (await sandbox.http.post(f"/_/stripe/sessions/{session.id}/pay")).json()
    wish: Any = {"payment_intent": paid["payment_intent"], "amount": 500, "metadata": {"refund_id": "r-1"}}
    refund = await client.v1.refunds.create_async(wish, {"idempotency_key": "r-1"})
    same = await client.v1.refunds.create_async(wish, {"idempotency_key": "r-1"})
    assert (refund.id, refund.status, refund.amount) == (same.id, "succeeded", 500)
    assert (await event_of(sandbox, "charge.refunded")).data.object["amount_refunded"] == 500
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        await client.v1.refunds.create_async({"payment_intent": paid["payment_intent"], "amount": 1501})
    rest = await client.v1.refunds.create_async({"payment_intent": paid["payment_intent"]})
    assert rest.amount == 1500
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.refunds.create_async({"payment_intent": paid["payment_intent"]})
    assert refusal.value.code == "charge_already_refunded"
    listed = await client.v1.refunds.list_async({"payment_intent": paid["payment_intent"], "limit": 1})
    assert ([r.id for r in listed.data], listed.has_more) == ([rest.id], True)
    assert [r.id async for r in listed.auto_paging_iter()] == [rest.id, refund.id]
    assert (await client.v1.refunds.retrieve_async(refund.id)).metadata == refund.metadata
    assert [e["amount"] for e in await sandbox.ledger(kind="refund")] == [500, 1500]


async def test_refunds_that_take_their_time(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    await sandbox.http.put("/_/stripe/behaviour", json={"refunds": "pending"})
    session = await client.v1.checkout.sessions.create_async(order())
    paid = (await sandbox.http.post(f"/_/stripe/sessions/{session.id}/pay")).json()
    refund = await client.v1.refunds.create_async({"payment_intent": paid["payment_intent"]})
    assert refund.status == "pending"
    await sandbox.http.post(f"/_/stripe/refunds/{refund.id}/settle", json={"status": "failed"})
    assert (await event_of(sandbox, "refund.failed")).data.object["status"] == "failed"
    retried = await client.v1.refunds.create_async({"payment_intent": paid["payment_intent"]})
    await sandbox.http.post(f"/_/stripe/refunds/{retried.id}/settle")
    assert (await event_of(sandbox, "charge.refunded")).data.object["refunded"] is True
    conflict = await sandbox.http.post(f"/_/stripe/refunds/{retried.id}/settle")
    assert conflict.status_code == 409


async def test_undelivered_events_can_be_listed(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    await sandbox.http.put("/_/stripe/webhook", json={"url": ""})
    session = await client.v1.checkout.sessions.create_async(order())
    await sandbox.http.post(f"/_/stripe/sessions/{session.id}/pay")
    missed = await client.v1.events.list_async({"type": "checkout.session.completed", "delivery_success": False})
    assert [e.data.object["id"] for e in missed.data] == [session.id]
    await sandbox.http.put("/_/stripe/webhook", json={"url": f"{sandbox.receiver.url}/stripe"})
    await sandbox.http.post(f"/_/stripe/events/{missed.data[0].id}/deliver")
    await sandbox.wait("webhook.delivered", id=missed.data[0].id)
    assert (await client.v1.events.list_async({"delivery_success": False})).data == []
    assert (await client.v1.events.list_async({"created": {"gte": int(time.time()) + 60}})).data == []


async def test_effect_happened_but_the_answer_was_lost(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    """The retry under the same key finds the first session."""
    fault = {"provider": "stripe", "operation": "checkout.create", "kind": "error_after", "status": 500}
    assert (await sandbox.http.post("/_/faults", json=fault)).status_code == 201
    wish = order()
    with pytest.raises(stripe.APIError):
        await client.v1.checkout.sessions.create_async(wish, {"idempotency_key": "k"})
    session = await client.v1.checkout.sessions.create_async(wish, {"idempotency_key": "k"})
    assert [e["session_id"] for e in await sandbox.ledger(kind="checkout.created")] == [session.id]


async def test_forms_need_a_key(sandbox: Sandbox) -> None:
    async with httpx.AsyncClient() as stranger:
        answer = await stranger.get(f"{sandbox.url}/stripe/v1/events")
    assert answer.status_code == 401
