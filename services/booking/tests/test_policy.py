"""What a client is promised: deposits by history, terms of several services, and what comes back of a deposit."""

from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_booking.domain.policy import Client, LateKind, Policy, PolicyChange, Terms, terms_of
from booka_common.money import Money

NEW, REGULAR = Client(), Client(completed=4)


def brl(minor: int) -> Money:
    return Money(minor=minor, currency="BRL")


def half_up(share: Fraction) -> int:
    return floor(share + Fraction(1, 2))


policies = st.builds(
    Policy,
    deposit_kind=st.sampled_from(["none", "fixed", "percent"]),
    deposit_value=st.integers(0, 150),
    deposit_for=st.sampled_from(["all", "new_clients"]),
    deposit_waived_after=st.integers(0, 6),
    hold_seconds=st.integers(1, 3600),
    deposit_deadline_seconds=st.integers(1, 3600),
    cancel_notice_hours=st.integers(0, 72),
    late_kind=st.sampled_from(["refund_share", "fee"]),
    late_value=st.integers(0, 100),
    reschedule_limit=st.integers(0, 5),
    max_holds_per_client=st.integers(1, 3),
)


@pytest.mark.parametrize(
    ("rules", "completed", "expected"),
    [
        ({}, 0, 0),
        ({"deposit_kind": "fixed", "deposit_value": 2500}, 0, 2500),
        ({"deposit_kind": "fixed", "deposit_value": 9999}, 0, 9001),  # never more than the price
        ({"deposit_kind": "percent", "deposit_value": 30}, 0, 2700),  # 2700.3
        ({"deposit_kind": "percent", "deposit_value": 50}, 0, 4501),  # 4500.5
        ({"deposit_kind": "percent", "deposit_value": 100}, 0, 9001),
        ({"deposit_kind": "none", "deposit_value": 30}, 0, 0),
        ({"deposit_kind": "fixed", "deposit_value": 2500, "deposit_for": "new_clients"}, 0, 2500),
        ({"deposit_kind": "fixed", "deposit_value": 2500, "deposit_for": "new_clients"}, 1, 0),
        ({"deposit_kind": "fixed", "deposit_value": 2500, "deposit_waived_after": 3}, 2, 2500),
        ({"deposit_kind": "fixed", "deposit_value": 2500, "deposit_waived_after": 3}, 3, 0),
        ({"deposit_kind": "fixed", "deposit_value": 2500, "deposit_waived_after": 0}, 999, 2500),  # never
        (
            {"deposit_kind": "fixed", "deposit_value": 2500, "deposit_for": "new_clients", "deposit_waived_after": 9},
            1,
            0,
        ),
    ],
)
def test_the_deposit_hangs_on_the_price_and_on_the_clients_history(
    rules: dict[str, Any], completed: int, expected: int
) -> None:
    assert Policy(**rules).deposit(brl(9001), Client(completed)) == brl(expected)


@given(policies, st.integers(0, 10**9), st.integers(0, 9))
def test_a_deposit_is_never_below_nothing_nor_above_the_price(policy: Policy, price: int, completed: int) -> None:
    deposit = policy.deposit(brl(price), Client(completed))
    assert 0 <= deposit.minor <= price
    if policy.deposit_kind == "percent" and deposit.minor:
        assert deposit.minor == min(half_up(Fraction(price * policy.deposit_value, 100)), price)


@given(policies, st.integers(0, 10**6), st.integers(0, 9))
def test_who_comes_more_often_is_never_asked_for_more(policy: Policy, price: int, completed: int) -> None:
    deposits = [policy.deposit(brl(price), Client(visits)).minor for visits in (completed, completed + 1)]
    assert deposits[0] >= deposits[1]


@given(st.lists(st.tuples(policies, st.integers(0, 10**6)), min_size=1, max_size=4), st.integers(0, 6))
def test_of_several_services_deposits_add_up_and_the_strictest_rule_holds(
    parts: list[tuple[Policy, int]], completed: int
) -> None:
    rules, client = [policy for policy, _ in parts], Client(completed)
    prices = [brl(price) for _, price in parts]
    terms = terms_of(rules, prices, client)
    assert terms.deposit_minor == sum(
        policy.deposit(price, client).minor for policy, price in zip(rules, prices, strict=True)
    )
    assert terms.deposit_minor <= sum(price for _, price in parts)
    for policy in rules:
        assert terms.hold_seconds <= policy.hold_seconds
        assert terms.deposit_deadline_seconds <= policy.deposit_deadline_seconds
        assert terms.cancel_notice_hours >= policy.cancel_notice_hours
        assert terms.reschedule_limit <= policy.reschedule_limit
        assert terms.max_holds_per_client <= policy.max_holds_per_client
        alone = terms_of([policy], [brl(1)], client)
        assert terms.late_refund(terms.deposit_minor) <= alone.late_refund(terms.deposit_minor)
    assert (terms.late_kind, terms.late_value) in {(policy.late_kind, policy.late_value) for policy in rules}
    assert terms.cancel_notice_hours in {policy.cancel_notice_hours for policy in rules}


@given(st.permutations(range(3)), st.lists(policies, min_size=3, max_size=3))
def test_the_order_of_the_services_changes_no_promise(order: list[int], rules: list[Policy]) -> None:
    prices = [brl(100), brl(2500), brl(999)]
    one = terms_of(rules, prices, NEW)
    other = terms_of([rules[n] for n in order], [prices[n] for n in order], NEW)
    assert one.late_refund(one.deposit_minor) == other.late_refund(other.deposit_minor)
    same = (
        "deposit_minor",
        "hold_seconds",
        "deposit_deadline_seconds",
        "cancel_notice_hours",
        "reschedule_limit",
        "max_holds_per_client",
    )
    assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]


def terms(kind: LateKind, value: int) -> Terms:
    return terms_of([Policy(late_kind=kind, late_value=value)], [brl(0)], NEW)


@pytest.mark.parametrize(
    ("kind", "value", "paid", "back"),
    [
        ("refund_share", 0, 5000, 0),
        ("refund_share", 50, 5000, 2500),
        ("refund_share", 50, 4999, 2500),  # 2499.5: the half goes to the client
        ("refund_share", 33, 100, 33),
        ("refund_share", 33, 1, 0),
        ("refund_share", 50, 1, 1),
        ("refund_share", 100, 4999, 4999),
        ("refund_share", 50, 0, 0),
        ("fee", 0, 5000, 5000),
        ("fee", 1500, 5000, 3500),
        ("fee", 5000, 5000, 0),
        ("fee", 5001, 5000, 0),
        ("fee", 1500, 0, 0),
    ],
)
def test_what_comes_back_of_a_deposit_after_the_notice(kind: LateKind, value: int, paid: int, back: int) -> None:
    assert terms(kind, value).late_refund(paid) == back


@given(st.sampled_from(["refund_share", "fee"]), st.integers(0, 10**6), st.integers(0, 10**12))
def test_a_late_refund_is_never_below_nothing_nor_above_what_was_paid(kind: LateKind, value: int, paid: int) -> None:
    assert 0 <= terms(kind, value).late_refund(paid) <= paid


@given(st.integers(0, 100), st.integers(0, 10**15))
def test_a_share_is_rounded_once_and_exactly_however_large(share: int, paid: int) -> None:
    assert terms("refund_share", share).late_refund(paid) == half_up(Fraction(paid * share, 100))
    assert terms("refund_share", share).late_refund(paid) == brl(paid).percent(share).minor


changes = st.fixed_dictionaries(
    {},
    optional={
        "deposit_kind": st.sampled_from(["none", "fixed", "percent"]),
        "deposit_value": st.integers(0, 100),
        "deposit_waived_after": st.integers(0, 5),
        "cancel_notice_hours": st.integers(0, 72),
        "reschedule_limit": st.integers(0, 5),
        "late_value": st.integers(0, 5),
    },
)


@given(policies, changes, changes)
def test_a_service_overrides_the_salon_and_the_salon_the_software(
    policy: Policy, salon: dict[str, Any], own: dict[str, Any]
) -> None:
    found = policy.with_(PolicyChange(**salon)).with_(PolicyChange(**own))
    assert found == policy.with_(PolicyChange(**{**salon, **own}))
    for name in Policy.__slots__:
        expected = own.get(name, salon.get(name, getattr(policy, name)))
        assert getattr(found, name) == expected, "0 and none are said, and not silence"


def test_what_is_promised_when_nobody_says_anything() -> None:
    found = terms_of([Policy()], [brl(9000)], REGULAR)
    assert found == Terms(0, 600, 1800, 24, "refund_share", 0, 3, 2)
