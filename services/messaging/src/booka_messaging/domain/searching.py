"""Looking for people and words the way they are typed: without accents, and numbers in any spelling."""

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["folded", "number_patterns", "pattern", "snippet"]

_NUMBER = re.compile(r"\+?[0-9 ()./\u2013-]+")
#: Fewer digits would find half of the contacts.
_DIGITS = 3
#: The nature of a snippet: so much before what was found, and in all.
_BEFORE, _LENGTH = 40, 160
_COMBINING = range(0x300, 0x370)


def folded(text: str) -> str:
    """`text` in small letters without accents, as the statements in `queries/reading.sql` fold theirs."""
    return "".join(letter for letter, _ in _letters(text))


def _letters(text: str) -> Iterator[tuple[str, int]]:
    """The folded letters, each with its place in `text`."""
    for place, letter in enumerate(text):
        for part in unicodedata.normalize("NFKD", letter.lower()):
            if ord(part) not in _COMBINING:
                yield part, place


def pattern(words: str) -> str:
    """For LIKE: `words` occur in a folded text, whatever is in them."""
    return f"%{_literal(folded(words.strip()))}%"


def number_patterns(words: str) -> list[str]:
    """For LIKE on a number's digits: `words`, if they are a number or part of one, however it is written.

    The zeros that are dialled before a number are left out, and Brazil's ninth digit is left out or put in, because WhatsApp
    knows people either way.
    """
    words = words.strip()
    if not _NUMBER.fullmatch(words):
        return []
    digits = re.sub(r"[^0-9]", "", words.replace("(0)", "")).lstrip("0")
    if len(digits) < _DIGITS:
        return []
    spellings = {digits}
    country, rest = ("55", digits[2:]) if digits.startswith("55") and len(digits) >= 12 else ("", digits)
    if len(rest) == 11 and rest[2] == "9":
        spellings.add(country + rest[:2] + rest[3:])
    elif len(rest) == 10 and rest[2] in "6789":
        spellings.add(f"{country}{rest[:2]}9{rest[2:]}")
    return [f"%{spelling}%" for spelling in sorted(spellings)]


def snippet(text: str, words: str) -> str:
    """The part of `text` in which `words` occur, on one line, with an ellipsis where something was left out."""
    letters = list(_letters(text))
    found = "".join(letter for letter, _ in letters).find(folded(words.strip()))
    start = max(letters[found][1] - _BEFORE, 0) if found >= 0 and letters else 0
    part = text[start : start + _LENGTH]
    after = "…" if start + _LENGTH < len(text) else ""
    return f"{'…' if start else ''}{' '.join(part.split())}{after}"


def _literal(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)
