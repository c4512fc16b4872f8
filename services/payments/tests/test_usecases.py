"""What becomes of a deposit, on a real Postgres and a Stripe behind real HTTP; jobs are run by hand."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from booka_common.contracts.payments import CheckoutFailed, CheckoutOpened, DepositPaid, MismatchFound
from booka_common.db import Database
from booka_common.jobs import Dead, Done, Postponed, RetryIn
from booka_common.money import Money
from booka_common.testing import FrozenClock
from booka_payments.settings import Settings
from booka_payments.usecases import deposits

from .desk import Desk
from .steps import collect, hear, open_page
from .stripe_stub import StripeStub


async def test_the_page_asks_for_exactly_the_deposit(desk: Desk, stripe_stub: StripeStub, reservation: Any) -> None:
    await open_page(desk, reservation)
    transaction = await desk.transaction(reservation.id)
    (form,) = stripe_stub.forms
    assert form["mode"] == "payment"
    assert form["line_items[0][price_data][unit_amount]"] == "3000"
    assert form["line_items[0][price_data][currency]"] == "brl"
    assert form["line_items[0][quantity]"] == "1"
    assert form["locale"] == "pt-BR"
    assert form["client_reference_id"] == str(reservation.id)
    for place in ("metadata", "payment_intent_data[metadata]"):
        assert form[f"{place}[tenant_id]"] == str(desk.tenant_id)
        assert form[f"{place}[transaction_id]"] == str(transaction.id)
        assert form[f"{place}[reservation_id]"] == str(reservation.id)
    # A hold of 15 minutes is shorter than any page Stripe offers.
    assert int(form["expires_at"]) == (desk.now() + timedelta(minutes=32)).timestamp()
    (opened,) = await desk.said(CheckoutOpened)
    assert opened.expires_at == transaction.hold_expires_at
    assert transaction.status == "open"


async def test_a_crash_after_the_answer_makes_no_second_page(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    await deposits.deposit_due(desk.db, reservation.due(), desk.now())
    (job,) = await desk.due()
    assert isinstance(await desk.run(job), Done)  # and the process is gone
    assert (await desk.transaction(reservation.id)).status == "requested"
    await desk.work()
    first, second = stripe_stub.calls("POST", "/v1/checkout/sessions")
    assert first == second == (await desk.transaction(reservation.id)).idempotency_key
    assert len(stripe_stub.sessions) == 1
    assert len(await desk.said(CheckoutOpened)) == 1


async def test_a_repeated_due_deposit_is_collected_once(desk: Desk, stripe_stub: StripeStub, reservation: Any) -> None:
    due = reservation.due()
    await asyncio.gather(*(deposits.deposit_due(desk.db, due, desk.now()) for _ in range(5)))
    await asyncio.gather(*(deposits.deposit_due(desk.db, reservation.due(), desk.now()) for _ in range(5)))
    await desk.work()
    assert len(await desk.transactions(reservation.id)) == 1
    assert len(stripe_stub.sessions) == 1


async def test_five_events_at_once_and_another_kind_pay_once(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    session = stripe_stub.pay(await open_page(desk, reservation))
    assert (
        sorted(await hear(desk, stripe_stub, "checkout.session.completed", session, times=5))
        == ["accepted"] + ["duplicate"] * 4
    )
    assert await hear(desk, stripe_stub, "checkout.session.async_payment_succeeded", session) == ["accepted"]
    jobs = await desk.due()
    outcomes = await asyncio.gather(*(desk.run(job) for job in jobs))
    await asyncio.gather(*(desk.finish(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)))
    (paid,) = await desk.said(DepositPaid)
    assert paid.amount == Money(minor=3000, currency="BRL")
    assert sorted(outcome for _, outcome in await desk.events()) == ["paid", "repeated"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount_total": 2999}, "amount"),
        ({"amount_total": 3001}, "amount"),
        ({"amount_total": 0, "payment_status": "no_payment_required"}, "amount"),
        ({"amount_total": None}, "amount"),
        ({"currency": "usd"}, "currency"),
    ],
)
async def test_what_was_not_asked_for_goes_to_a_person(
    desk: Desk, stripe_stub: StripeStub, reservation: Any, changes: dict[str, Any], code: str
) -> None:
    session = stripe_stub.pay(await open_page(desk, reservation), **changes)
    await hear(desk, stripe_stub, "checkout.session.completed", session)
    await hear(desk, stripe_stub, "checkout.session.async_payment_succeeded", session)
    await desk.work()
    assert await desk.said(DepositPaid) == []
    (found,) = await desk.said(MismatchFound)
    assert (found.code, found.reservation_id) == (code, reservation.id)
    transaction = await desk.transaction(reservation.id)
    assert (transaction.status, transaction.failure) == ("mismatched", found.detail)


async def test_the_event_is_not_believed_but_what_is_read_back(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    session = dict(stripe_stub.sessions[await open_page(desk, reservation)])
    lie = {**session, "status": "complete", "payment_status": "paid", "payment_intent": "pi_lie"}
    await hear(desk, stripe_stub, "checkout.session.completed", lie)
    await desk.work()
    assert (await desk.transaction(reservation.id)).status == "open"
    assert await desk.said(DepositPaid) == []
    assert await desk.events() == [("checkout.session.completed", "waiting")]


async def test_a_page_of_another_transaction_pays_nothing(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    session_id = await open_page(desk, reservation)
    stranger = dict(stripe_stub.pay(session_id))
    stripe_stub.sessions["cs_stranger"] = {**stranger, "id": "cs_stranger", "metadata": {}}
    await hear(desk, stripe_stub, "checkout.session.completed", {**stranger, "id": "cs_stranger"})
    await desk.work()
    (found,) = await desk.said(MismatchFound)
    assert found.code == "unmatched"
    assert (await desk.transaction(reservation.id)).status == "open"


async def test_an_event_of_nobody_is_kept_for_a_person(desk: Desk, stripe_stub: StripeStub, tenant_id: Any) -> None:
    marker = str(tenant_id)
    for metadata in ({}, {"tenant_id": marker, "transaction_id": marker}, {"tenant_id": "x", "transaction_id": marker}):
        thing = {"id": f"cs_{marker}_{len(metadata)}{metadata.get('tenant_id', '')[:1]}", "metadata": metadata}
        assert await hear(desk, stripe_stub, "checkout.session.completed", thing) == ["unmatched"]
        assert await hear(desk, stripe_stub, "checkout.session.completed", thing) == ["duplicate"]
    assert await desk.events() == []
    async with desk.db.system_tx() as tx:
        rows = await tx.fetch("SELECT tenant_id, outcome FROM payment_events WHERE object_id LIKE $1", f"cs_{marker}%")
    assert [(row["tenant_id"], row["outcome"]) for row in rows] == [(None, "unmatched")] * 3


async def test_an_expired_hold_closes_its_page(desk: Desk, stripe_stub: StripeStub, reservation: Any) -> None:
    session_id = await open_page(desk, reservation)
    await deposits.reservation_expired(desk.db, reservation.expired(), desk.now())
    await desk.work()
    assert stripe_stub.sessions[session_id]["status"] == "expired"
    await hear(desk, stripe_stub, "checkout.session.expired", stripe_stub.sessions[session_id])
    await desk.work()
    assert (await desk.transaction(reservation.id)).status == "expired"


async def test_a_link_is_never_sent_for_a_reservation_that_is_over(
    desk: Desk, stripe_stub: StripeStub, reservation: Any, reservation_of: Any
) -> None:
    # Its end is heard before its deposit.
    await deposits.reservation_expired(desk.db, reservation.expired(), desk.now())
    await deposits.deposit_due(desk.db, reservation.due(), desk.now())
    assert await desk.due() == []
    assert (await desk.transaction(reservation.id)).status == "expired"
    # Its end is heard before its page is opened.
    second = reservation_of()
    await deposits.deposit_due(desk.db, second.due(), desk.now())
    await deposits.reservation_cancelled(desk.db, second.cancelled(), desk.now())
    await desk.work()
    assert (await desk.transaction(second.id)).status == "expired"
    assert stripe_stub.sessions == {}
    # Its end is heard while its page is being opened.
    third = reservation_of()
    await deposits.deposit_due(desk.db, third.due(), desk.now())
    (job,) = await desk.due()
    outcome = await desk.run(job)
    await deposits.reservation_expired(desk.db, third.expired(), desk.now())
    await desk.finish(job, outcome)
    await desk.work()
    (session,) = stripe_stub.sessions.values()
    assert session["status"] == "expired"
    assert (await desk.transaction(third.id)).status == "expired"
    assert await desk.said(CheckoutOpened) == []


async def test_a_second_payment_for_one_transaction_goes_to_a_person(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    transaction = await collect(desk, stripe_stub, reservation)
    first = stripe_stub.sessions[transaction.session_id]
    stripe_stub.sessions["cs_second"] = {**first, "id": "cs_second", "payment_intent": "pi_second"}
    await hear(desk, stripe_stub, "checkout.session.completed", stripe_stub.sessions["cs_second"])
    await desk.work()
    (found,) = await desk.said(MismatchFound)
    assert (found.code, "pi_second" in found.detail) == ("unmatched", True)
    assert (await desk.transaction(reservation.id)).status == "paid"
    assert len(await desk.said(DepositPaid)) == 1


async def test_a_slow_payment_that_fails_is_said_and_may_still_be_paid(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    session = stripe_stub.sessions[await open_page(desk, reservation)]
    session["status"] = "complete"
    await hear(desk, stripe_stub, "checkout.session.completed", session)
    await desk.work()
    assert (await desk.transaction(reservation.id)).status == "open"
    await hear(desk, stripe_stub, "checkout.session.async_payment_failed", session)
    await desk.work()
    assert [failed.code for failed in await desk.said(CheckoutFailed)] == ["payment_failed"]
    assert (await desk.transaction(reservation.id)).status == "failed"
    stripe_stub.pay(session["id"])
    await hear(desk, stripe_stub, "checkout.session.async_payment_succeeded", session)
    await desk.work()
    assert (await desk.transaction(reservation.id)).status == "paid"


async def test_a_payment_closes_the_pages_of_the_other_attempts(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    session = stripe_stub.sessions[await open_page(desk, reservation)]
    session["status"] = "complete"
    await hear(desk, stripe_stub, "checkout.session.async_payment_failed", session)
    await desk.work()
    second = await open_page(desk, reservation)
    stripe_stub.pay(session["id"])
    await hear(desk, stripe_stub, "checkout.session.async_payment_succeeded", session)
    await desk.work()
    assert [attempt.status for attempt in await desk.transactions(reservation.id)] == ["paid", "expired"]
    assert stripe_stub.sessions[second]["status"] == "expired"


async def test_after_a_failure_a_new_deposit_is_a_new_attempt(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    stripe_stub.fail(400, type="invalid_request_error", code="amount_too_small", message="Too small.")
    await deposits.deposit_due(desk.db, reservation.due(), desk.now())
    (outcome,) = await desk.work()
    assert isinstance(outcome, Dead)
    assert [failed.code for failed in await desk.said(CheckoutFailed)] == ["amount_too_small"]
    transaction = await collect(desk, stripe_stub, reservation)
    assert (transaction.attempt, transaction.status) == (2, "paid")
    first, _ = await desk.transactions(reservation.id)
    assert first.status == "failed"


@pytest.mark.parametrize(
    "failure",
    [
        {"status": 500},
        {"status": 429, "type": "rate_limit_error", "code": "rate_limit"},
        {"status": 409, "type": "idempotency_error", "code": "idempotency_key_in_use"},
    ],
)
async def test_what_may_pass_is_tried_again_with_the_same_key(
    desk: Desk, stripe_stub: StripeStub, reservation: Any, failure: dict[str, Any]
) -> None:
    stripe_stub.fail(**failure)
    await deposits.deposit_due(desk.db, reservation.due(), desk.now())
    (job,) = await desk.due()
    with pytest.raises(Exception, match="Stripe:"):
        await desk.run(job)
    await desk.work()
    first, second = stripe_stub.calls("POST", "/v1/checkout/sessions")
    assert first == second
    assert (await desk.transaction(reservation.id)).status == "open"


async def test_a_page_that_was_asked_for_too_late_is_asked_for_anew(
    desk: Desk, stripe_stub: StripeStub, reservation: Any, clock: FrozenClock
) -> None:
    await deposits.deposit_due(desk.db, reservation.due(), desk.now())
    clock.advance(timedelta(minutes=5))
    assert isinstance((await desk.work())[0], RetryIn)
    await desk.work(later=True)
    first, second = stripe_stub.calls("POST", "/v1/checkout/sessions")
    assert first != second
    transaction = await desk.transaction(reservation.id)
    assert (transaction.status, transaction.idempotency_key) == ("open", second)
    assert transaction.expires_at == clock() + timedelta(minutes=32)


async def test_without_a_key_jobs_wait_and_say_which_setting_is_missing(
    desk: Desk, db: Database, settings: Settings, stripe_stub: StripeStub, reservation: Any
) -> None:
    for key in (None, "sk_test_wrong"):
        keyless = Desk(
            db, settings.model_copy(update={"stripe_secret_key": key and SecretStr(key)}), desk.now, desk.tenant_id
        )
        if key is None:
            await deposits.deposit_due(db, reservation.due(), desk.now())
        (outcome,) = await keyless.work(later=True)
        await keyless.provider.close()
        assert isinstance(outcome, RetryIn)
        assert outcome.reason.startswith("PAYMENTS_STRIPE_SECRET_KEY is not usable")
        assert outcome.delay == timedelta(minutes=1)
        assert "sk_test_wrong" not in outcome.reason
    await desk.work(later=True)
    assert (await desk.transaction(reservation.id)).status == "open"


async def test_money_waits_for_a_key_however_long_that_takes(
    desk: Desk, settings: Settings, stripe_stub: StripeStub, reservation: Any
) -> None:
    session = stripe_stub.pay(await open_page(desk, reservation))
    await hear(desk, stripe_stub, "checkout.session.completed", session)
    keyless = Desk(
        desk.db,
        settings.model_copy(update={"stripe_secret_key": SecretStr("sk_test_revoked")}),
        desk.now,
        desk.tenant_id,
    )
    (outcome,) = await keyless.work()
    await keyless.provider.close()
    assert isinstance(outcome, Postponed)  # which uses up no attempt
    assert outcome.until == desk.now() + timedelta(minutes=1)
    await desk.work(later=True)
    assert (await desk.transaction(reservation.id)).status == "paid"


async def test_when_the_attempts_are_used_up_the_client_is_told(
    desk: Desk, stripe_stub: StripeStub, reservation: Any
) -> None:
    await deposits.deposit_due(desk.db, reservation.due(), desk.now())
    (job,) = await desk.due()
    on_dead = desk.jobs.types()[job.type].on_dead
    assert on_dead is not None
    for _ in range(2):
        async with desk.db.tx(desk.tenant_id) as tx:
            await on_dead(tx, job, "gave up")
    assert [failed.code for failed in await desk.said(CheckoutFailed)] == ["provider_unavailable"]
    assert (await desk.transaction(reservation.id)).status == "failed"


async def test_no_salon_sees_anothers(desk: Desk, stripe_stub: StripeStub, reservation: Any, db: Database) -> None:
    await collect(desk, stripe_stub, reservation)
    async with db.tx(reservation.id) as tx:
        for table in ("transactions", "refunds", "payment_events", "ended_reservations", "jobs", "outbox"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
