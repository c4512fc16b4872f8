# ruff: noqa: SIM905 - lists of words are easier to read and to extend as text
"""Names of services and people in text, in spite of accents, plurals, typing errors and the other language."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rapidfuzz import fuzz

from booka_dialog.understanding.words import fold, stem, tokens

__all__ = ["Named", "Vocabulary"]

_Key = TypeVar("_Key")

_SIMILAR = 82.0
_SHORTEST_TYPO = 4

#: Words for the same thing, so that "haircut" finds "Corte de cabelo" and "unhas" finds "Manicure".
_CONCEPTS: tuple[frozenset[str], ...] = tuple(
    frozenset(stem(word) for word in words.split())
    for words in (
        "haircut cut trim corte cortar",
        "manicure nail unha mani",
        "pedicure pe feet foot pedi",
        "beard barba shave barbear",
        "color colour coloring colouring dye coloracao tintura pintura pintar tingir cor",
        "blowdry blowout escova brushing",
        "highlight balayage mecha luze luz reflexo",
        "eyebrow brow sobrancelha",
        "lash eyelash cilio",
        "wax waxing depilacao depilar",
        "massage massagem",
        "facial face skin pele rosto limpeza",
        "hydration hydrating hidratacao hidratar conditioning",
        "straightening alisamento progressiva keratin queratina",
        "makeup maquiagem maquilhagem make",
        "men man male masculino homem",
        "women woman female feminino mulher lady",
        "kid child children infantil crianca",
    )
)
_FILLERS = frozenset(stem(word) for word in "de da do das dos e a o and the of for with com para".split())


@dataclass(frozen=True, slots=True)
class Named(Generic[_Key]):
    """Something that has a name."""

    key: _Key
    name: str


@dataclass(frozen=True, slots=True)
class _Entry(Generic[_Key]):
    key: _Key
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Match(Generic[_Key]):
    key: _Key
    weight: float
    coverage: float
    used: frozenset[str]


class Vocabulary(Generic[_Key]):
    """The names that may occur in a text.

    Args:
        concepts: also accept words for the same thing.
        first_enough: the first word of a name counts as the whole of it, as with people.
    """

    def __init__(self, entries: Sequence[Named[_Key]], *, concepts: bool, first_enough: bool) -> None:
        self._entries = [
            _Entry(
                entry.key,
                tuple(word for word in map(stem, tokens(fold(entry.name))) if word not in _FILLERS)
                or (fold(entry.name),),
            )
            for entry in entries
        ]
        self._concepts = concepts
        self._first_enough = first_enough
        raw = frozenset(word for entry in entries for word in tokens(fold(entry.name)))
        self.words = raw | frozenset(word for entry in self._entries for word in entry.words)

    def find(self, folded: str, *, similar: float = _SIMILAR) -> tuple[tuple[_Key, ...], frozenset[str], float]:
        """Whose name occurs: none, the one, or several equally likely ones; which words say so; how much of it is said."""
        heard = [(word, stem(word)) for word in tokens(folded) if len(word) > 1 and not word.isdigit()]
        matches = [match for entry in self._entries if (match := self._match(entry, heard, similar))]
        if not matches:
            return (), frozenset(), 0.0
        best = max(match.weight for match in matches)
        likely = [match for match in matches if match.weight >= best - 0.01]
        complete = max(match.coverage for match in likely)
        if complete >= 0.95:
            likely = [match for match in likely if match.coverage >= 0.95]
        used: frozenset[str] = frozenset().union(*(match.used for match in likely))
        return tuple(match.key for match in likely), used, complete

    def _match(self, entry: _Entry[_Key], heard: list[tuple[str, str]], similar: float) -> _Match[_Key] | None:
        weight, covered, whole = 0.0, 0.0, float(sum(map(len, entry.words)))
        used: set[str] = set()
        for position, word in enumerate(entry.words):
            score, by = max(
                ((self._alike(word, heard_stem, similar), raw) for raw, heard_stem in heard), default=(0.0, "")
            )
            if score <= 0:
                continue
            used.add(by)
            # By what the client wrote, so that the very word beats a synonym of it.
            weight += score * len(by)
            covered += score * len(word)
            if position == 0 and self._first_enough:
                whole = float(len(word))
        return _Match(entry.key, weight, covered / whole, frozenset(used)) if used else None

    def _alike(self, word: str, heard: str, similar: float) -> float:
        if word == heard:
            return 1.0
        if self._concepts and any(word in concept and heard in concept for concept in _CONCEPTS):
            return 0.97
        if min(len(word), len(heard)) < _SHORTEST_TYPO or (word[0] != heard[0] and len(word) < 6):
            return 0.0
        ratio = fuzz.ratio(word, heard)
        return ratio / 100 if ratio >= similar else 0.0
