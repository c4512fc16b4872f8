"""Over a real RabbitMQ and a Stripe behind real HTTP: the whole life of a deposit, everything delivered five times."""

import asyncio
from typing import Any

import httpx

from booka_common.contracts.payments import CheckoutOpened, DepositPaid, RefundSettled
from booka_common.db import Database
from booka_common.testing import FrozenClock, Tap, eventually, publish, running
from booka_payments.app import create_app
from booka_payments.settings import Settings

from .stripe_stub import StripeStub


async def deliver(client: httpx.AsyncClient, stub: StripeStub, body: bytes, times: int = 5) -> None:
    """The same event, several times at once."""
    headers = {"stripe-signature": stub.signature(body)}
    answers = await asyncio.gather(
        *(client.post("/webhooks/stripe", content=body, headers=headers) for _ in range(times))
    )
    assert [answer.status_code for answer in answers] == [200] * times


async def statuses(db: Database, tenant_id: Any) -> list[str]:
    async with db.tx(tenant_id) as tx:
        rows = await tx.fetch("SELECT status FROM transactions WHERE tenant_id = $1 ORDER BY attempt", tenant_id)
    return [row["status"] for row in rows]


async def test_a_deposit_is_collected_once_and_given_back_once(
    settings: Settings, db: Database, stripe_stub: StripeStub, clock: FrozenClock, reservation: Any
) -> None:
    tenant_id, amqp_url = reservation.tenant_id, settings.amqp_url.get_secret_value()
    due = reservation.due()

    async def in_state(*expected: str) -> bool:
        return await statuses(db, tenant_id) == list(expected)

    async with Tap(amqp_url) as tap, running(create_app(settings, clock)) as client:
        await publish(amqp_url, *[due] * 5)
        opened = await tap.next(CheckoutOpened, tenant_id=tenant_id)
        assert opened.correlation_id == due.correlation_id
        assert opened.data.reservation_id == reservation.id
        assert opened.data.conversation_id == reservation.conversation_id
        (session_id,) = stripe_stub.of(tenant_id, stripe_stub.sessions)
        assert opened.data.url == f"https://checkout.example/{session_id}"

        body = stripe_stub.event("checkout.session.completed", stripe_stub.pay(session_id))
        await deliver(client, stripe_stub, body)
        paid = await tap.next(DepositPaid, tenant_id=tenant_id)
        assert paid.data.amount.model_dump() == {"minor": 3000, "currency": "BRL"}
        assert paid.correlation_id == due.correlation_id
        await eventually(lambda: in_state("paid"))

        unusable = reservation.unusable(opened.data.transaction_id)
        await publish(amqp_url, *[unusable] * 5)
        settled = await tap.next(RefundSettled, tenant_id=tenant_id)
        assert (settled.data.amount.minor, settled.data.reason) == (3000, "deposit_unusable")
        (refund,) = stripe_stub.of(tenant_id, stripe_stub.refunds).values()
        refunded = stripe_stub.event("refund.updated", refund)
        await deliver(client, stripe_stub, refunded)
        await eventually(lambda: in_state("refunded"))
        await eventually(lambda: _no_jobs_left(db, tenant_id))

        assert len(tap.seen(CheckoutOpened, tenant_id=tenant_id)) == 1
        assert len(tap.seen(DepositPaid, tenant_id=tenant_id)) == 1
        assert len(tap.seen(RefundSettled, tenant_id=tenant_id)) == 1
        assert len(stripe_stub.of(tenant_id, stripe_stub.sessions)) == 1
        assert len(stripe_stub.of(tenant_id, stripe_stub.refunds)) == 1


async def _no_jobs_left(db: Database, tenant_id: Any) -> bool:
    async with db.tx(tenant_id) as tx:
        left = await tx.fetchval(
            "SELECT count(*) FROM jobs WHERE tenant_id = $1 AND status IN ('ready', 'running')", tenant_id
        )
    return bool(left == 0)
