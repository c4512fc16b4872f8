"""Money that goes back: once, or to a person. On a real Postgres and a Stripe behind real HTTP; jobs are run by hand."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.payments import DepositPaid, MismatchFound, RefundSettled
from booka_common.jobs import Dead, Done, RetryIn
from booka_common.money import Money
from booka_common.testing import FrozenClock
from booka_payments.usecases import deposits

from .desk import Desk
from .steps import collect, hear, open_page
from .stripe_stub import StripeStub


async def test_paid_late_then_unusable_goes_back_once(
    desk: Desk, stripe_stub: StripeStub, reservation: Any, clock: FrozenClock
) -> None:
    session_id = await open_page(desk, reservation)
    clock.advance(timedelta(minutes=16))
    session = stripe_stub.pay(session_id)
    await deposits.reservation_expired(desk.db, reservation.expired(), clock())
    await desk.work()
    # Closing the page found it paid, before any webhook came.
    assert len(await desk.said(DepositPaid)) == 1
    await hear(desk, stripe_stub, "checkout.session.completed", session)
    transaction = await desk.transaction(reservation.id)
    await deposits.deposit_unusable(desk.db, reservation.unusable(transaction.id), clock())
    await deposits.deposit_unusable(desk.db, reservation.unusable(transaction.id, "already_paid"), clock())
    await desk.work()
    (refund,) = stripe_stub.refunds.values()
    assert refund["amount"] == 3000
    (settled,) = await desk.said(RefundSettled)
    assert (settled.reason, settled.amount.minor) == ("deposit_unusable", 3000)
    assert (await desk.transaction(reservation.id)).status == "refunded"
    assert await desk.said(MismatchFound) == []
    assert len(await desk.said(DepositPaid)) == 1


async def test_a_crash_after_a_refund_makes_no_second_one_even_a_day_later(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    transaction = await collect(desk, stripe_stub, reservation)
    await deposits.deposit_unusable(desk.db, reservation.unusable(transaction.id), desk.now())
    (job,) = await desk.due()
    assert isinstance(await desk.run(job), Done)  # and the process is gone
    stripe_stub.forget_keys()  # as Stripe does after 24 hours
    await desk.work()
    assert len(stripe_stub.refunds) == 1
    assert len(await desk.said(RefundSettled)) == 1


async def test_a_cancellation_gives_back_what_policy_says(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    transaction = await collect(desk, stripe_stub, reservation)
    cancelled = reservation.cancelled(Money(minor=1000, currency="BRL"))
    await asyncio.gather(*(deposits.reservation_cancelled(desk.db, cancelled, desk.now()) for _ in range(5)))
    await desk.work()
    (refund,) = await desk.refunds(transaction.id)
    assert (refund.amount.minor, refund.reason, refund.status) == (1000, "cancelled", "succeeded")
    assert [seen["amount"] for seen in stripe_stub.refunds.values()] == [1000]


@pytest.mark.parametrize("refund", [Money(minor=3001, currency="BRL"), Money(minor=1000, currency="USD")])
async def test_a_refund_that_does_not_fit_goes_to_a_person(
    desk: Desk, stripe_stub: StripeStub, reservation: Any, refund: Money
) -> None:
    await collect(desk, stripe_stub, reservation)
    await deposits.reservation_cancelled(desk.db, reservation.cancelled(refund), desk.now())
    await desk.work()
    assert stripe_stub.refunds == {}
    assert [found.code for found in await desk.said(MismatchFound)] == ["refund_failed"]


async def test_a_refund_without_a_payment_goes_to_a_person(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    await open_page(desk, reservation)
    transaction = await desk.transaction(reservation.id)
    await deposits.deposit_unusable(desk.db, reservation.unusable(transaction.id), desk.now())
    await deposits.reservation_cancelled(desk.db, reservation.cancelled(Money(minor=1, currency="BRL")), desk.now())
    await desk.work()
    assert stripe_stub.refunds == {}
    assert [found.code for found in await desk.said(MismatchFound)] == ["refund_failed"] * 2


async def test_a_pending_refund_is_settled_by_its_event_or_fails_to_a_person(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    stripe_stub.refund_status = "pending"
    transaction = await collect(desk, stripe_stub, reservation)
    await deposits.deposit_unusable(desk.db, reservation.unusable(transaction.id), desk.now())
    await desk.work()
    assert (await desk.transaction(reservation.id)).status == "refunding"
    assert await desk.said(RefundSettled) == []
    (refund,) = stripe_stub.refunds.values()
    refund["status"] = "succeeded"
    await hear(desk, stripe_stub, "refund.updated", refund, times=5)
    await desk.work()
    assert (await desk.transaction(reservation.id)).status == "refunded"
    refund.update(status="failed", failure_reason="expired_or_canceled_card")
    await hear(desk, stripe_stub, "refund.failed", refund)
    await desk.work()
    assert len(await desk.said(RefundSettled)) == 1
    (found,) = await desk.said(MismatchFound)
    assert found.code == "refund_failed"
    assert "expired_or_canceled_card" in found.detail
    assert (await desk.transaction(reservation.id)).status == "mismatched"


async def test_an_event_may_overtake_the_answer_that_a_refund_is_pending(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    stripe_stub.refund_status = "pending"
    transaction = await collect(desk, stripe_stub, reservation)
    await deposits.deposit_unusable(desk.db, reservation.unusable(transaction.id), desk.now())
    (job,) = await desk.due()
    outcome = await desk.run(job)
    (refund,) = stripe_stub.refunds.values()
    refund["status"] = "succeeded"
    await hear(desk, stripe_stub, "refund.updated", refund)
    (_, sync) = await desk.due()
    await desk.finish(sync, await desk.run(sync))
    await desk.finish(job, outcome)
    assert (await desk.transaction(reservation.id)).status == "refunded"
    assert len(await desk.said(RefundSettled)) == 1


async def test_a_refund_made_at_the_dashboard_is_booked(desk: Desk, stripe_stub: StripeStub, reservation: Any) -> None:
    transaction = await collect(desk, stripe_stub, reservation)
    stripe_stub.make_refund(transaction.payment_intent, 3000, "brl", {})
    charge = {"id": "ch_1", "payment_intent": transaction.payment_intent}
    session = stripe_stub.sessions[transaction.session_id]
    await hear(desk, stripe_stub, "charge.refunded", {**charge, "metadata": session["metadata"]}, times=3)
    await desk.work()
    (settled,) = await desk.said(RefundSettled)
    assert (settled.reason, settled.amount.minor) == ("operator", 3000)
    assert (await desk.transaction(reservation.id)).status == "refunded"


async def test_a_refused_refund_goes_to_a_person(desk: Desk, stripe_stub: StripeStub, reservation: Any) -> None:
    transaction = await collect(desk, stripe_stub, reservation)
    stripe_stub.fail(400, type="invalid_request_error", code="charge_disputed", message="The charge is disputed.")
    await deposits.deposit_unusable(desk.db, reservation.unusable(transaction.id), desk.now())
    (outcome,) = await desk.work()
    assert isinstance(outcome, Dead)
    (found,) = await desk.said(MismatchFound)
    assert "disputed" in found.detail
    assert (await desk.transaction(reservation.id)).status == "mismatched"


async def test_a_failure_that_stripe_keeps_under_the_key_needs_another_key(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    transaction = await collect(desk, stripe_stub, reservation)
    await deposits.deposit_unusable(desk.db, reservation.unusable(transaction.id), desk.now())
    stripe_stub.fail(500, headers={"Idempotent-Replayed": "true"})
    assert isinstance((await desk.work())[0], RetryIn)
    await desk.work(later=True)
    first, second = stripe_stub.calls("POST", "/v1/refunds")
    assert first != second
    assert len(await desk.said(RefundSettled)) == 1


async def test_a_refund_that_was_given_up_is_not_made_by_its_job_again(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    transaction = await collect(desk, stripe_stub, reservation)
    await deposits.deposit_unusable(desk.db, reservation.unusable(transaction.id), desk.now())
    (job,) = await desk.due()
    on_dead = desk.jobs.types()[job.type].on_dead
    assert on_dead is not None
    async with desk.db.tx(desk.tenant_id) as tx:
        await on_dead(tx, job, "gave up")
    outcome = await desk.run(job)  # replayed by an operator
    assert isinstance(outcome, Dead)
    assert "ask for another one" in outcome.reason
    assert stripe_stub.refunds == {}
