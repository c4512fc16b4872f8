"""Several services in one text and who is to do which: "cut with Ana, nails with Bia", "corte e unha com a Ana"."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal
from uuid import UUID

from booka_dialog.understanding.names import Vocabulary

__all__ = ["Mention", "Mentions", "Names", "read_mentions"]

_BETWEEN = re.compile(r"\s*(?:[,;+&/]|\b(?:and|e|plus|mais|then|tambem|also|depois)\b)\s*")
#: How much of a name has to be said to count as one more service besides the clearest one.
_ENOUGH = 0.35
_ENOUGH_UNSEPARATED = 0.75
_COMPLETE = 0.8
_MOST_CLAUSES = 12
_SURELY_A_PERSON = 86.0


@dataclass(frozen=True, slots=True)
class Names:
    """The names that this salon's clients may use."""

    services: Vocabulary[UUID]
    staff: Vocabulary[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A service in a text.

    Attributes:
        services: the one meant, or several that it may mean.
        staff: who is to do it, likewise; empty if the text does not say.
        anyone: the text says that it does not matter who does this one.
    """

    services: tuple[UUID, ...]
    staff: tuple[UUID, ...] = ()
    anyone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """What a text says about services and people.

    Attributes:
        people: named for no service in particular; for each of them, who may be meant.
        words: of the text that say all this.
    """

    services: tuple[Mention, ...] = ()
    people: tuple[tuple[UUID, ...], ...] = ()
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Found:
    """A service, a person or an "anyone" at a place in the text."""

    at: int
    kind: Literal["service", "staff", "anyone"]
    ids: tuple[UUID, ...]
    coverage: float = 1.0


def read_mentions(rest: str, names: Names, anyone: re.Pattern[str]) -> Mentions:
    """The services and people in `rest`, the part of a folded text that is not about time, in their order.

    Args:
        anyone: how it is said that it does not matter who.
    """
    found: list[_Found] = []
    words: set[str] = set()
    for start, clause in _clauses(rest, names.services):
        services, said = _services(clause, start, names.services)
        left = _without(clause, said)
        keys, by, _ = names.staff.find(left, similar=_SURELY_A_PERSON)
        people = _people(keys, by, left, start, names.staff)
        found += [*services, *people]
        words |= said | by
        if match := anyone.search(left):
            found.append(_Found(start + match.start(), "anyone", ()))
    found.sort(key=lambda one: one.at)
    if not any(one.kind == "staff" for one in found):
        found = [one for one in found if one.kind != "anyone"]
    best = max((one.coverage for one in found if one.kind == "service"), default=0.0)
    found = [one for one in found if one.kind != "service" or one.coverage >= min(_ENOUGH, best)]
    return replace(_attached(found), words=frozenset(words))


def _clauses(rest: str, services: Vocabulary[UUID]) -> Iterator[tuple[int, str]]:
    """The parts of a text between "and" and commas; a name with an "and" in it ("Corte e escova") stays in one piece."""
    cuts = [(0, 0), *(match.span() for match in _BETWEEN.finditer(rest)), (len(rest), len(rest))]
    spans = [(before[1], after[0]) for before, after in pairwise(cuts) if before[1] < after[0]][:_MOST_CLAUSES]
    first = 0
    while first < len(spans):
        last = next(
            (last for last in range(len(spans) - 1, first, -1) if _one_name(rest, spans[first], spans[last], services)),
            first,
        )
        start, end = spans[first][0], spans[last][1]
        yield start, rest[start:end]
        first = last + 1


def _one_name(rest: str, first: tuple[int, int], last: tuple[int, int], services: Vocabulary[UUID]) -> bool:
    keys, said, coverage = services.find(rest[first[0] : last[1]])
    if len(keys) != 1 or coverage < _COMPLETE:
        return False
    return all(any(_place(rest[start:end], word) is not None for word in said) for start, end in (first, last))


def _services(clause: str, start: int, services: Vocabulary[UUID]) -> tuple[list[_Found], frozenset[str]]:
    found: list[_Found] = []
    words: frozenset[str] = frozenset()
    left = clause
    while True:
        keys, said, coverage = services.find(left)
        if not keys or (found and (coverage < _ENOUGH_UNSEPARATED or len(keys) > 1)):
            return found, words
        at = min((place for word in said if (place := _place(clause, word)) is not None), default=0)
        found.append(_Found(start + at, "service", keys, coverage))
        words |= said
        left = _without(clause, words)


def _people(
    keys: tuple[UUID, ...], said: frozenset[str], clause: str, start: int, staff: Vocabulary[UUID]
) -> list[_Found]:
    """One name that may mean several people stays one; several names ("with Ana and Bia") are several people."""
    alone = {word: staff.find(word, similar=_SURELY_A_PERSON)[0] for word in said}
    each = [found for found in alone.values() if len(found) == 1]
    if len(keys) > 1 and len(each) == len(said) and {found[0] for found in each} == set(keys):
        return [_Found(start + (_place(clause, word) or 0), "staff", found) for word, found in alone.items()]
    at = min((place for word in said if (place := _place(clause, word)) is not None), default=0)
    return [_Found(start + at, "staff", keys)] if keys else []


def _attached(found: Sequence[_Found]) -> Mentions:
    """Whom each service goes with: people follow their services, or the services follow their people."""
    services = [one for one in found if one.kind == "service"]
    people = [one for one in found if one.kind != "service"]
    if not services:
        return Mentions(people=tuple(dict.fromkeys(one.ids for one in people if one.ids)))
    chosen: dict[int, _Found] = {}
    apart = found.index(people[0]) > found.index(services[-1]) if people else False
    if len(people) == len(services) and (apart or all(one.at < services[0].at for one in people)):
        chosen = {one.at: person for one, person in zip(services, people, strict=True)}
    elif people:
        ahead = people[0].at < services[0].at
        for one in services:
            before = [person for person in people if person.at < one.at]
            after = [person for person in people if person.at > one.at]
            person = (before[-1] if before else None) if ahead else (after[0] if after else None)
            if person is not None:
                chosen[one.at] = person
    mentions: list[Mention] = []
    for one in services:
        said = chosen.get(one.at)
        new = Mention(services=one.ids, staff=said.ids if said else (), anyone=said is not None and not said.ids)
        same = next((place for place, known in enumerate(mentions) if set(known.services) & set(new.services)), None)
        if same is None:
            mentions.append(new)
        elif new.staff and not mentions[same].staff:
            mentions[same] = replace(mentions[same], staff=new.staff)
    return Mentions(services=tuple(mentions))


def _place(text: str, word: str) -> int | None:
    match = re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text)
    return match.start() if match else None


def _without(clause: str, words: frozenset[str]) -> str:
    """`clause` with blanks in the place of `words`."""
    return re.sub(r"[^\W_]+", lambda match: " " * len(match[0]) if match[0] in words else match[0], clause)
