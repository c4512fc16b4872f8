"""Text as the rules see it: lower case, without accents, one space between words."""

import re
import unicodedata

__all__ = ["NUMBER_WORDS", "Scan", "fold", "number_of", "numbers_pattern", "stem", "tokens"]

_LONGEST = 1000
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = str.maketrans({"’": "'", "`": "'", "´": "'", "‘": "'"})

NUMBER_WORDS = {
    "a": 1, "an": 1, "one": 1, "um": 1, "uma": 1, "two": 2, "dois": 2, "duas": 2, "three": 3, "tres": 3, "four": 4,
    "quatro": 4, "five": 5, "cinco": 5, "six": 6, "seis": 6, "seven": 7, "sete": 7, "eight": 8, "oito": 8, "nine": 9,
    "nove": 9, "ten": 10, "dez": 10, "eleven": 11, "onze": 11, "twelve": 12, "doze": 12,
}  # fmt: skip


def fold(text: str) -> str:
    """`"  Amanhã às 15h!"` -> `"amanha as 15h!"`. Only the first 1000 characters count."""
    decomposed = unicodedata.normalize("NFKD", text[:_LONGEST].translate(_APOSTROPHES).casefold())
    return _SPACES.sub(" ", "".join(char for char in decomposed if not unicodedata.combining(char))).strip()


def tokens(folded: str) -> list[str]:
    """The words and numbers of a folded text."""
    return _WORD.findall(folded)


def stem(word: str) -> str:
    """`word` without its plural ending, good enough to compare English and Portuguese nouns."""
    for ending, instead in (
        ("coes", "cao"),
        ("oes", "ao"),
        ("ies", "y"),
        ("ns", "m"),
        ("ais", "al"),
        ("es", "e"),
        ("s", ""),
    ):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word.removesuffix(ending) + instead
    return word


def numbers_pattern() -> str:
    """A regular expression for a small number in digits or words."""
    return r"\d{1,3}|" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))


def number_of(text: str) -> int:
    """The number that `numbers_pattern` matched."""
    return NUMBER_WORDS[text] if text in NUMBER_WORDS else int(text)


class Scan:
    """A folded text from which readers take what they understand; `rest` is what nobody has taken."""

    def __init__(self, folded: str) -> None:
        self.rest = folded

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first match of `pattern`, which is then no longer part of the text."""
        match = pattern.search(self.rest)
        if match:
            self.rest = f"{self.rest[: match.start()]}  {self.rest[match.end() :]}"
        return match
