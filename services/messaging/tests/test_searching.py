"""What is typed into a search box, and what it finds."""

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_messaging.domain.searching import folded, number_patterns, pattern, snippet
from booka_messaging.settings import Settings


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("+55 (11) 98765-4321", ["%5511987654321%", "%551187654321%"]),
        ("11 98765-4321", ["%11987654321%", "%1187654321%"]),
        ("011 8765 4321", ["%11987654321%", "%1187654321%"]),
        ("0055 11 98765 4321", ["%5511987654321%", "%551187654321%"]),
        ("+44 (0)20 7946 0018", ["%442079460018%"]),
        ("4321", ["%4321%"]),
        ("912 345 678", ["%912345678%"]),
        ("43", []),
        ("0", []),
        ("4321 ana", []),
        ("ana", []),
        ("", []),
    ],
)
def test_numbers_in_any_spelling(words: str, found: list[str]) -> None:
    assert sorted(number_patterns(words)) == sorted(found)


def test_letters_count_without_accents() -> None:
    assert folded("João CONCEIÇÃO") == "joao conceicao"
    assert pattern(" 50%_\\ João ") == "%50\\%\\_\\\\ joao%"


def test_a_snippet_shows_where_it_was_found() -> None:
    long = "á" * 300 + " a Coloração de sexta\n\nfica marcada " + "b" * 300
    part = snippet(long, "coloracao")
    assert "Coloração de sexta fica" in part
    assert part.startswith("…á")
    assert part.endswith("b…")
    assert len(part) <= 162
    assert snippet("Olá!", "ola") == "Olá!"
    assert snippet("", "ola") == ""


@given(st.text(max_size=300), st.text(min_size=1, max_size=20))
def test_any_text_has_a_snippet(text: str, words: str) -> None:
    assert len(snippet(text, words)) <= 162


async def test_the_database_folds_as_we_do(settings: Settings) -> None:
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        for text in ("João", "ÇÃÕÉÜÑ", "plain", "Ａ①ﬁ", "Ωμέγα", "Ёлка", "日本", "🙂 olá", "e\u0301"):
            there = await connection.fetchval(
                "SELECT regexp_replace(normalize(lower($1::text), NFKD), '[\\u0300-\\u036f]', '', 'g')", text
            )
            assert there == folded(text), text
    finally:
        await connection.close()
