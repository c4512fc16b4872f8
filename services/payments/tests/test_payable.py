"""What booking asks for in advance can be charged: `Money.payable` and Stripe agree on every currency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_common.money import Money
from booka_payments.errors import ProviderRefused
from booka_payments.providers.stripe_amounts import to_stripe

ODD = st.sampled_from(["BHD", "JOD", "KWD", "OMR", "TND", "MGA", "JPY", "ISK", "UGX"])
MONEY = st.builds(
    Money, minor=st.integers(0, 10**9), currency=st.one_of(ODD, st.from_regex("[A-Z]{3}", fullmatch=True))
)


@given(money=MONEY)
def test_what_is_payable_can_be_charged_and_nothing_between_it_and_the_amount(money: Money) -> None:
    payable = money.payable()
    assert 0 <= money.minor - payable.minor < 100
    to_stripe(payable)
    if payable != money:
        with pytest.raises(ProviderRefused):
            to_stripe(money)
