"""Deposits and refunds in every currency: whole amounts that a card can be charged with, and no client pays for the rounding."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_booking.domain.policy import Client, Policy, Terms
from booka_booking.domain.reservation import Reservation, Segment
from booka_common.contracts.booking import CancellationQuoted
from booka_common.ids import new_id
from booka_common.money import Money

from .salon import Salon, at

UNITS = {"BRL": 1, "JPY": 1, "ISK": 1, "BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10, "MGA": 100}
CURRENCIES = st.sampled_from(sorted(UNITS))


def paid_visit(currency: str, paid: int, late: tuple[Any, int]) -> Reservation:
    """A confirmed visit of 3 March, 10:00, for which a deposit was paid."""
    ids = [new_id() for _ in range(3)]
    start = at(3, 10)
    part = Segment(0, ids[0], "Cut", ids[1], "Ana", None, None, None, start, start + timedelta(minutes=45), 9000)
    terms = Terms(paid, 600, 1800, 24, late[0], late[1], 3, 2)
    return Reservation(ids[2], "confirmed", 3, (part,), (), currency, 9000, terms, None, "UTC", paid_minor=paid)


@given(CURRENCIES, st.integers(0, 10**7), st.sampled_from(["fixed", "percent"]), st.integers(1, 100))
def test_a_deposit_is_what_a_card_can_be_charged_with(currency: str, price: int, kind: Any, value: int) -> None:
    value = value if kind == "percent" else value * 37
    policy = Policy(deposit_kind=kind, deposit_value=value)
    deposit = policy.deposit(Money(minor=price, currency=currency), Client()).minor
    exactly = price * value / 100 if kind == "percent" else min(value, price)
    assert deposit % UNITS[currency] == 0
    assert 0 <= deposit <= price
    assert exactly - UNITS[currency] < deposit <= exactly + 0.5


@pytest.mark.parametrize(
    ("currency", "price", "percent", "deposit"),
    [("JPY", 4950, 33, 1634), ("KWD", 8725, 30, 2610), ("KWD", 8725, 100, 8720), ("TND", 9, 100, 0), ("MGA", 12345, 50, 6100)],
)  # fmt: skip
def test_deposits_as_they_are(currency: str, price: int, percent: int, deposit: int) -> None:
    policy = Policy(deposit_kind="percent", deposit_value=percent)
    assert policy.deposit(Money(minor=price, currency=currency), Client()) == Money(minor=deposit, currency=currency)


@given(
    CURRENCIES,
    st.integers(0, 10**5),
    st.one_of(
        st.tuples(st.just("refund_share"), st.integers(0, 100)), st.tuples(st.just("fee"), st.integers(0, 10**7))
    ),
)
def test_what_comes_back_can_be_given_back_and_no_less_than_the_terms_say(
    currency: str, paid_units: int, late: tuple[Any, int]
) -> None:
    paid = paid_units * UNITS[currency]
    it = paid_visit(currency, paid, late)
    refund = it.refund("client", it.start)
    back = refund.minor if refund else 0
    promised = it.terms.late_refund(paid)
    assert back % UNITS[currency] == 0
    assert promised <= back < promised + UNITS[currency]
    assert back <= paid


async def test_a_deposit_in_dinars_from_the_hold_to_the_refund(salon: Salon) -> None:
    await salon.change(currency="KWD")
    await salon.put_policy(
        salon.colour, deposit_kind="percent", deposit_value=33, late_kind="refund_share", late_value=35
    )
    async with salon.db.tx(salon.tenant_id) as tx:
        await salon.put_service(tx, salon.colour, "Colour", 90, 8725, after=15, pool_id=salon.chairs)
    held = await salon.held(at(3, 10), service=salon.colour, staff=salon.ana)
    assert held.deposit == Money(minor=2870, currency="KWD")  # 2.879
    await salon.hear(salon.yes(held))
    paid = salon.payment(held).model_copy(update={"amount": held.deposit})
    await salon.hear(paid)
    salon.clock.advance(timedelta(hours=10))
    await salon.quoted(held)
    (quoted,) = await salon.said(CancellationQuoted)
    assert (quoted.refund, quoted.kept) == (
        Money(minor=1010, currency="KWD"),
        Money(minor=1860, currency="KWD"),
    )  # 1.0045
