"""The signed API of payments."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from booka_common.contracts.payments import DepositPaid, RefundSettled
from booka_common.ids import new_id
from booka_common.money import Money
from booka_common.testing import FrozenClock, eventually, publish, running, signed
from booka_payments.app import create_app
from booka_payments.settings import Settings

from .desk import Desk
from .stripe_stub import StripeStub


@pytest.fixture
async def client(settings: Settings, clock: FrozenClock, tenant_id: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(create_app(settings, clock)) as client:
        client.auth = signed(tenant_id, clock)
        yield client


@pytest.fixture
def amqp_url(settings: Settings) -> str:
    """Where booking would speak."""
    return settings.amqp_url.get_secret_value()


async def found(client: httpx.AsyncClient, status: str) -> Any:
    """The salon's newest transaction of this status, None while there is none."""
    page: dict[str, Any] = (await client.get("/v1/transactions", params={"status": status})).json()
    return page["items"][0] if page["items"] else None


async def test_a_lost_webhook_is_made_good_by_reading_back(
    client: httpx.AsyncClient, desk: Desk, stripe_stub: StripeStub, reservation: Any, amqp_url: str
) -> None:
    await publish(amqp_url, reservation.due())
    transaction = await eventually(lambda: found(client, "open"))
    at = f"/v1/transactions/{transaction['id']}"
    stripe_stub.pay(transaction["session_id"])
    answer = await client.post(f"{at}/reconcile")
    assert answer.status_code == 202
    assert len(answer.json()["jobs"]) == 1
    await eventually(lambda: found(client, "paid"))
    assert (await client.post(f"{at}/reconcile")).status_code == 202

    request = {"request_id": str(new_id()), "amount": {"minor": 1000, "currency": "BRL"}, "note": "friendly"}
    first, again = await client.post(f"{at}/refund", json=request), await client.post(f"{at}/refund", json=request)
    assert (first.status_code, first.json()["id"]) == (202, again.json()["id"])
    other = await client.post(f"{at}/refund", json={**request, "amount": {"minor": 999, "currency": "BRL"}})
    assert (other.status_code, other.json()["code"]) == (409, "request_reused")
    for amount in (
        {"minor": 2001, "currency": "BRL"},
        {"minor": 1, "currency": "USD"},
        {"minor": 0, "currency": "BRL"},
    ):
        answer = await client.post(f"{at}/refund", json={"request_id": str(new_id()), "amount": amount})
        assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_refund")
    await client.post(f"{at}/refund", json={"request_id": str(new_id())})
    answer = await client.post(f"{at}/refund", json={"request_id": str(new_id())})
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_refund")

    async def given_back() -> Any:
        return (await client.get(at)).json() if await found(client, "refunded") else None

    detail = await eventually(given_back)
    assert sorted((refund["amount"]["minor"], refund["status"]) for refund in detail["refunds"]) == [
        (1000, "succeeded"),
        (2000, "succeeded"),
    ]
    assert sorted(message.amount.minor for message in await desk.said(RefundSettled)) == [1000, 2000]
    assert len(await desk.said(DepositPaid)) == 1
    assert len(stripe_stub.of(reservation.tenant_id, stripe_stub.refunds)) == 2


async def test_a_transaction_shows_its_events(
    client: httpx.AsyncClient, desk: Desk, stripe_stub: StripeStub, reservation: Any, amqp_url: str
) -> None:
    await publish(amqp_url, reservation.due())
    transaction = await eventually(lambda: found(client, "open"))
    body = stripe_stub.event("checkout.session.completed", stripe_stub.pay(transaction["session_id"]))
    headers = {"stripe-signature": stripe_stub.signature(body)}
    assert (await client.post("/webhooks/stripe", content=body, headers=headers)).json()["outcome"] == "accepted"
    await eventually(lambda: found(client, "paid"))
    detail = (await client.get(f"/v1/transactions/{transaction['id']}")).json()
    (event,) = detail["events"]
    assert (event["type"], event["outcome"]) == ("checkout.session.completed", "paid")
    assert detail["paid"] == {"minor": 3000, "currency": "BRL"}
    assert "someone@example.com" not in str(detail)


async def test_a_salon_cannot_reach_anothers(
    client: httpx.AsyncClient, reservation: Any, clock: FrozenClock, amqp_url: str
) -> None:
    await publish(amqp_url, reservation.due())
    transaction = await eventually(lambda: found(client, "open"))
    at = f"/v1/transactions/{transaction['id']}"
    client.auth = signed(new_id(), clock)
    assert (await client.get(at)).status_code == 404
    assert (await client.post(f"{at}/reconcile")).status_code == 404
    assert (await client.post(f"{at}/refund", json={"request_id": str(new_id())})).status_code == 404
    assert (await client.get("/v1/transactions")).json() == {"items": [], "next": None}
    assert (await client.get(at, auth=httpx.BasicAuth("some", "one"))).status_code == 401


async def test_nothing_to_read_and_nothing_to_refund(
    client: httpx.AsyncClient, stripe_stub: StripeStub, reservation: Any, amqp_url: str
) -> None:
    stripe_stub.fail(400, type="invalid_request_error", code="amount_too_small", message="Too small.")
    await publish(amqp_url, reservation.due())
    transaction = await eventually(lambda: found(client, "failed"))
    at = f"/v1/transactions/{transaction['id']}"
    answer = await client.post(f"{at}/reconcile")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_read")
    answer = await client.post(f"{at}/refund", json={"request_id": str(new_id())})
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_refund")
    answer = await client.post(f"{at}/refund", json={"request_id": str(new_id()), "ammount": 1})
    assert answer.status_code == 422


async def test_without_a_key_the_rest_works_and_says_what_is_missing(
    settings: Settings, reservation: Any, clock: FrozenClock, tenant_id: Any, amqp_url: str
) -> None:
    await publish(amqp_url, reservation.due())
    keyless = settings.model_copy(update={"stripe_secret_key": None})
    async with running(create_app(keyless, clock)) as client:
        client.auth = signed(tenant_id, clock)
        variable = "PAYMENTS_STRIPE_SECRET_KEY"
        assert (await client.get("/v1/providers")).json() == [
            {"provider": "stripe", "ready": False, "missing": [variable]}
        ]

        async def waiting() -> bool:
            jobs = (await client.get("/v1/jobs", params={"status": "ready"})).json()["items"]
            return any(variable in (job["last_error"] or "") for job in jobs)

        await eventually(waiting)
        (transaction,) = (await client.get("/v1/transactions")).json()["items"]
        assert transaction["status"] == "requested"
        assert transaction["amount"] == Money(minor=3000, currency="BRL").model_dump()
        for action, body in (("reconcile", None), ("refund", {"request_id": str(new_id())})):
            answer = await client.post(f"/v1/transactions/{transaction['id']}/{action}", json=body)
            assert (answer.status_code, answer.json()["variable"]) == (503, variable)
