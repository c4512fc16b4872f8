"""Stripe's form encoding."""

from booka_sandbox.stripe_api.forms import decode
from booka_sandbox.stripe_api.pay_page import money_text


def test_nested_parameters() -> None:
    encoded = "mode=payment&line_items[0][price_data][currency]=eur&line_items[1][quantity]=2&expand[]=a&expand[]=b&metadata[x]="
    assert decode(encoded) == {
        "mode": "payment",
        "line_items": [{"price_data": {"currency": "eur"}}, {"quantity": "2"}],
        "expand": ["a", "b"],
        "metadata": {"x": ""},
    }


def test_a_name_used_for_a_value_and_for_parts_is_no_crash() -> None:
    assert decode("a=1&a[b]=2")["a"] == "1"
    assert decode("") == {}


def test_money_text() -> None:
    assert money_text(200050, "eur") == "€2,000.50"
    assert money_text(2000, "jpy") == "¥2,000"
    assert money_text(1500, "kwd") == "1.500 KWD"
