"""Titles are cut to what WhatsApp takes, and nothing that is shown as one sign is torn apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_messaging.domain.clipping import clipped, length

FAMILY, FLAG, SCOTLAND, WAVE, HEART = "👩‍👩‍👧‍👦", "🇧🇷", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👋🏽", "❤️"
SIGNS = [*"abc é1", "e\u0301", "न\u0940", "1\ufe0f\u20e3", FAMILY, FLAG, SCOTLAND, WAVE, HEART, "😀"]


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("Corte", 5, "Corte"),
        ("Corte e escova", 7, "Corte…"),
        ("ação", 4, "ação"),
        ("ac\u0327a\u0303o longa", 5, "ac\u0327…"),
        ("ab😀", 4, "ab😀"),
        ("ab😀c", 4, "ab…"),
        (f"oi {WAVE}!", 7, "oi…"),
        (f"oi {WAVE} e", 8, f"oi {WAVE}…"),
        (f"{FLAG}{FLAG}{FLAG}", 10, f"{FLAG}{FLAG}…"),
        (f"{FAMILY}{FAMILY}", 20, f"{FAMILY}…"),
        (f"{FAMILY}!", 11, "…"),
        (f"x{SCOTLAND}", 14, "x…"),
        (f"{HEART}{HEART}{HEART}", 5, f"{HEART}{HEART}…"),
        ("\u0301abc", 3, "\u0301a…"),
        ("", 0, ""),
    ],
)
def test_what_is_shown_as_one_sign_stays_whole(text: str, most: int, expected: str) -> None:
    assert clipped(text, most) == expected


@given(st.lists(st.sampled_from(SIGNS)), st.sampled_from([20, 24, 72]))
def test_a_cut_text_is_a_beginning_in_whole_signs(signs: list[str], most: int) -> None:
    text = "".join(signs)
    cut = clipped(text, most)
    assert length(cut) <= most
    if cut != text:
        beginnings = {"".join(signs[:count]).rstrip() for count in range(len(signs))}
        assert cut.endswith("…")
        assert cut[:-1] in beginnings


@given(st.text(), st.integers(1, 80))
def test_any_text_is_cut(text: str, most: int) -> None:
    cut = clipped(text, most)
    assert len(cut) <= length(cut) <= most
    assert cut == text if length(text) <= most else text.startswith(cut[:-1])
