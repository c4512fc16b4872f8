"""Personal data does not survive redaction, whatever stands around it; what a booking is about does."""

import re
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_llm.redaction import redact, region_of_locale, region_of_phone, truncate

digit = st.sampled_from("0123456789")
#: Without signs that are digits once they are read in their plain form, as ㏠ is "1日".
words = st.text(st.characters(categories=("L", "Zs", "P", "So")), max_size=40).filter(
    lambda text: not re.search(r"\d", normalize("NFKC", text))
)


def filled(pattern: str) -> st.SearchStrategy[str]:
    """`pattern` with every # a digit."""
    count = pattern.count("#")
    return st.lists(digit, min_size=count, max_size=count).map(
        lambda digits: pattern.replace("#", "{}").format(*digits)
    )


phones = st.one_of(
    *map(filled, ("+55 11 9####-####", "(11) 9####-####", "119########", "9####-####", "+234 803 ### ####")),
    *map(filled, ("0803 ### ####", "+1 (415) 55#-####", "080########", "+44 20 #### ####", "3###.####")),
)
cards = st.sampled_from(("4111 1111 1111 1111", "5555555555554444", "3782-822463-10005", "4111111111111111"))
emails = st.from_regex(r"[a-z][a-z0-9._+-]{0,20}@[a-z]{1,10}\.(com|br|com\.br|ng)", fullmatch=True)


def digits_of(text: str) -> str:
    return re.sub(r"<[A-Z]+_\d+>|\D", "", text)


@given(words, st.one_of(phones, cards), words)
def test_no_phone_or_card_is_left(before: str, secret: str, after: str) -> None:
    redacted = redact(f"{before} {secret} {after}", "BR")
    assert not digits_of(redacted)
    assert re.search(r"<(PHONE|NUMBER|CARD|LINK|EMAIL)_1>", redacted)


@given(words, emails, words)
def test_no_address_is_left(before: str, address: str, after: str) -> None:
    redacted = redact(f"{before} {address} {after}", None)
    assert address not in redacted
    assert "@" + address.partition("@")[2] not in redacted


@given(st.text(max_size=300))
def test_it_takes_any_text_and_once_is_enough(text: str) -> None:
    once = redact(text, "BR")
    assert redact(once, "BR") == once
    assert not re.search(r"\d{7,}", once)


@given(filled("######" + "#" * 3), st.sampled_from("\u200b\u200d\u2060\u00ad\ufeff"))
def test_nothing_invisible_hides_a_number(number: str, invisible: str) -> None:
    assert digits_of(redact(f"meu número {number[:4]}{invisible}{number[4:]}")) == ""


def test_wide_digits_are_digits() -> None:
    assert redact("１１９８７６５４３２１", "BR") == "<PHONE_1>"


@pytest.mark.parametrize(
    "text",
    [
        "sexta às 15h",
        "15/12 15:30",
        "15/12/2026 às 10",
        "dia 15/12/2026 14:00 ou 16/12/2026 9:30",
        "2026-12-15 15:30",
        "15.12.2026 entre 10 e 12",
        "amanhã depois das 3, 2 pessoas",
        "corte R$ 120,50",
        "tomorrow at 10-12 or 3pm",
    ],
)
def test_dates_times_and_prices_stay(text: str) -> None:
    assert redact(text, "BR") == text


def test_kinds_are_told_apart_and_repetitions_recognised() -> None:
    text = (
        "Sou a Ana, ana@x.com, (11) 98765-4321 ou +55 11 98765-4321, cartão 4111 1111 1111 1111, veja https://x.y/z?t=1"
    )
    assert redact(text, "BR") == "Sou a Ana, <EMAIL_1>, <PHONE_1> ou <PHONE_1>, cartão <CARD_1>, veja <LINK_1>"
    assert redact("CPF 123.456.789-09 e CNPJ 12.345.678/0001-90", "BR") == "CPF <NUMBER_1> e CNPJ <NUMBER_2>"


def test_a_date_before_a_number_does_not_save_it() -> None:
    assert redact("15/12 98765-4321") == "15/12 <NUMBER_1>"


@pytest.mark.parametrize("text", ["1-" * 2048, "1" * 4096, "(11) 9" * 680, "a@" * 2048, "1 (" * 1365])
@pytest.mark.timeout(5)
def test_it_is_quick_on_text_made_to_be_slow(text: str) -> None:
    redact(text, "BR")


@given(st.text(max_size=200), st.integers(0, 100))
def test_truncation_keeps_whole_characters(text: str, most: int) -> None:
    short = truncate(text, most)
    assert len(short.encode()) <= most
    assert text.startswith(short)


def test_regions() -> None:
    assert region_of_locale("pt-BR") == "BR"
    assert region_of_locale("en") is None
    assert region_of_phone("+5511987654321") == "BR"
    assert region_of_phone("nonsense") is None
    assert region_of_phone(None) is None
