"""Decisions about money, over all the values they may meet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_common.ids import new_id
from booka_common.money import Money
from booka_payments.domain import (
    Abandoned,
    Checkout,
    Failed,
    Mismatch,
    Paid,
    Refund,
    Repeated,
    Transaction,
    Waiting,
    checkout_expiry,
    judge,
    next_attempt,
    refundable,
    status_after_refunds,
)
from booka_payments.errors import ProviderRefused
from booka_payments.providers.stripe_amounts import from_stripe, to_stripe

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STATUSES = st.sampled_from(["requested", "open", "paid", "expired", "failed", "refunding", "refunded", "mismatched"])
CURRENCIES = st.sampled_from(["BRL", "USD", "EUR", "JPY", "KRW", "ISK", "UGX", "MGA", "KWD", "CLP"])
MONEY = st.builds(Money, minor=st.integers(0, 10**12), currency=CURRENCIES)

TRANSACTION = Transaction(
    id=new_id(),
    tenant_id=new_id(),
    reservation_id=new_id(),
    reservation_version=2,
    conversation_id=None,
    correlation_id=new_id(),
    provider="stripe",
    attempt=1,
    status="open",
    amount=Money(minor=3000, currency="BRL"),
    description="Corte",
    locale="pt-BR",
    hold_expires_at=NOW + timedelta(minutes=15),
    idempotency_key="key",
    expires_at=NOW + timedelta(minutes=32),
    session_id="cs_1",
    payment_intent=None,
    url="https://checkout.example/cs_1",
    ended_at=None,
    paid=None,
    paid_at=None,
    failure=None,
    created_at=NOW,
    updated_at=NOW,
)
PAGE = Checkout(
    session_id="cs_1",
    state="paid",
    amount=TRANSACTION.amount,
    tenant_id=TRANSACTION.tenant_id,
    transaction_id=TRANSACTION.id,
    payment_intent="pi_1",
    url=None,
    expires_at=None,
)


def refund(minor: int, status: Any, age: int = 0) -> Refund:
    return Refund(
        id=new_id(),
        transaction_id=TRANSACTION.id,
        amount=Money(minor=minor, currency="BRL"),
        reason="operator",
        status=status,
        idempotency_key="key",
        provider_ref=None,
        note=None,
        failure=None,
        created_at=NOW - timedelta(seconds=age),
        updated_at=NOW,
    )


@given(asked=MONEY, seen=st.none() | MONEY, status=STATUSES)
def test_only_the_very_amount_is_paid_and_only_once(asked: Money, seen: Money | None, status: Any) -> None:
    transaction = replace(TRANSACTION, amount=asked, status=status)
    verdict = judge(transaction, replace(PAGE, amount=seen))
    if transaction.settled:
        assert isinstance(verdict, Mismatch)  # another payment than the one that is booked
        assert isinstance(judge(replace(transaction, payment_intent="pi_1"), replace(PAGE, amount=seen)), Repeated)
    elif asked == seen:
        assert verdict == Paid(asked)
    else:
        assert isinstance(verdict, Mismatch)
        assert verdict.taken == seen


@pytest.mark.parametrize("field", ["tenant_id", "transaction_id"])
@pytest.mark.parametrize("value", [None, new_id()])
@given(state=st.sampled_from(["open", "processing", "paid", "expired"]))
def test_a_page_that_is_not_its_own_decides_nothing(field: str, value: Any, state: Any) -> None:
    verdict = judge(TRANSACTION, replace(PAGE, state=state, **{field: value}))
    assert isinstance(verdict, Mismatch)
    assert verdict.code == "unmatched"


@pytest.mark.parametrize(
    ("status", "state", "failed", "verdict"),
    [
        ("open", "open", False, Waiting()),
        ("open", "processing", False, Waiting()),
        ("open", "processing", True, Failed()),
        ("failed", "processing", True, Repeated()),
        ("open", "open", True, Waiting()),
        ("open", "expired", False, Abandoned()),
        ("expired", "expired", False, Repeated()),
        ("paid", "expired", False, Repeated()),
        ("expired", "paid", False, Paid(TRANSACTION.amount)),
        ("failed", "paid", True, Paid(TRANSACTION.amount)),
    ],
)
def test_what_a_page_means(status: Any, state: Any, failed: bool, verdict: object) -> None:
    assert judge(replace(TRANSACTION, status=status), replace(PAGE, state=state), failed=failed) == verdict


@given(
    hold=st.timedeltas(timedelta(days=-1), timedelta(days=30)), late=st.timedeltas(timedelta(0), timedelta(minutes=2))
)
def test_a_page_lives_as_long_as_stripe_allows(hold: timedelta, late: timedelta) -> None:
    expires_at = checkout_expiry(NOW + hold, NOW)
    called_at = NOW + late
    assert timedelta(minutes=30) <= expires_at - called_at <= timedelta(hours=24)
    if timedelta(minutes=32) <= hold <= timedelta(hours=23, minutes=58):
        assert expires_at == NOW + hold


@given(
    refunds=st.lists(st.tuples(st.integers(1, 4000), st.sampled_from(["requested", "pending", "succeeded", "failed"])))
)
def test_never_more_goes_back_than_came_in(refunds: list[tuple[int, Any]]) -> None:
    transaction = replace(TRANSACTION, paid=TRANSACTION.amount, payment_intent="pi_1", status="paid")
    made = [refund(minor, status) for minor, status in refunds]
    gone = sum(minor for minor, status in refunds if status != "failed")
    left = refundable(transaction, made)
    assert (left.minor if left else 0) == max(3000 - gone, 0)
    assert refundable(TRANSACTION, made) is None


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], "paid"),
        (["requested"], "refunding"),
        (["failed", "pending"], "refunding"),
        (["succeeded"], "refunded"),
        (["failed"], "mismatched"),
        (["failed", "succeeded"], "refunded"),
        (["succeeded", "failed"], "mismatched"),
    ],
)
def test_the_status_follows_the_refunds(states: list[Any], status: str) -> None:
    refunds = [refund(1, state, age=-index) for index, state in enumerate(states)]
    paid = replace(TRANSACTION, status="paid", paid=Money(minor=2, currency="BRL"))
    assert status_after_refunds(paid, refunds) == status


def test_what_goes_back_of_an_unreadable_amount_leaves_it_to_a_person() -> None:
    unreadable = replace(TRANSACTION, status="mismatched", paid=None)
    assert status_after_refunds(unreadable, [refund(1, "succeeded")]) == "mismatched"


@given(status=STATUSES)
def test_a_new_attempt_starts_only_where_none_is_good(status: Any) -> None:
    attempt = next_attempt(replace(TRANSACTION, status=status, attempt=4))
    assert attempt == (5 if status in {"failed", "expired", "refunded"} else None)
    assert next_attempt(None) == 1


@given(money=MONEY)
def test_amounts_survive_the_way_to_stripe_and_back(money: Money) -> None:
    unit = {"MGA": 100, "KWD": 10}.get(money.currency, 1)
    if money.minor % unit:
        with pytest.raises(ProviderRefused, match=money.currency):
            to_stripe(money)
        return
    amount, currency = to_stripe(money)
    assert currency == money.currency.lower()
    assert from_stripe(amount, currency) == money


@pytest.mark.parametrize(
    ("money", "amount"),
    [
        (Money(minor=1050, currency="BRL"), 1050),
        (Money(minor=1050, currency="JPY"), 1050),
        (Money(minor=5, currency="ISK"), 500),
        (Money(minor=5, currency="UGX"), 500),
        (Money(minor=500, currency="MGA"), 5),
        (Money(minor=5120, currency="KWD"), 5120),
    ],
)
def test_stripes_own_units(money: Money, amount: int) -> None:
    assert to_stripe(money) == (amount, money.currency.lower())


@pytest.mark.parametrize(
    ("amount", "currency"), [(None, "brl"), (1, None), (501, "isk"), (-1, "brl"), (1, "real"), (1, "")]
)
def test_what_is_no_money_is_none(amount: int | None, currency: str | None) -> None:
    assert from_stripe(amount, currency) is None
