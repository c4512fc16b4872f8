"""Amounts as Stripe counts them.

Booka counts in ISO 4217 minor units, and so does Stripe, zero-decimal currencies (JPY, KRW, CLP …) included; these are the
exceptions. Stripe keeps two decimals for ISK and UGX, which have none, and none for MGA, which has two; amounts in
three-decimal currencies must end in 0.
"""

from pydantic import ValidationError

from booka_common.money import Money
from booka_payments.errors import ProviderRefused

__all__ = ["from_stripe", "to_stripe"]

_TIMES_100 = frozenset({"ISK", "UGX"})
_BY_100 = frozenset({"MGA"})
_TENS_ONLY = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def to_stripe(money: Money) -> tuple[int, str]:
    """Amount and lower-case currency for a Stripe call.

    Raises:
        ProviderRefused: Stripe cannot charge exactly this amount.
    """
    amount, currency = money.minor, money.currency
    if currency in _TIMES_100:
        amount *= 100
    elif currency in _BY_100:
        amount, rest = divmod(amount, 100)
        if rest:
            raise ProviderRefused(f"Stripe charges whole {currency} only", code="amount_not_representable")
    elif currency in _TENS_ONLY and amount % 10:
        raise ProviderRefused(f"amounts in {currency} must end in 0", code="amount_not_representable")
    return amount, currency.lower()


def from_stripe(amount: int | None, currency: str | None) -> Money | None:
    """What Stripe says as money; None if it is absent, or no whole number of minor units."""
    if amount is None or currency is None:
        return None
    code = currency.upper()
    if code in _TIMES_100:
        amount, rest = divmod(amount, 100)
        if rest:
            return None
    elif code in _BY_100:
        amount *= 100
    try:
        return Money(minor=amount, currency=code)
    except ValidationError:
        return None
