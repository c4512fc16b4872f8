"""Who is who: aliases are one person because they were seen together, never because two numbers look alike.

WhatsApp knows some Brazilian mobiles without the ninth digit that everybody dials, and Mexican and Argentinian ones with or
without an extra digit. Two such spellings may as well be two people. What joins them is a sighting: a message that names both, a
LID or user id that came with each, or the answer to a send, which says whom the gateway wrote to.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from booka_messaging.domain.model import Alias, Person, merge, same_number

__all__ = ["Known", "Resolution", "contested", "correlated", "people_of", "resolve"]


@dataclass(frozen=True, slots=True)
class Known:
    """A stored contact with all its aliases."""

    person: Person
    aliases: frozenset[Alias]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a sighting means for the stored contacts.

    Attributes:
        survivor: who it is; None: somebody new.
        absorbed: contacts that turn out to be the same person; their aliases and conversations go to the survivor.
        added: aliases that were not known before.
        aliases: all of the person's aliases from now on.
        contested: the person now has two ids of a kind of which people have one (see `contested`).
    """

    survivor: Person | None
    absorbed: tuple[Person, ...]
    added: frozenset[Alias]
    aliases: frozenset[Alias]
    contested: bool


def resolve(seen: Collection[Alias], known: Sequence[Known]) -> Resolution:
    """Decide who `seen` (at least one alias, seen together) is.

    The order in which sightings come changes neither who is one person nor which aliases they have; only which of several
    contacts goes on depends on when each wrote last.

    Args:
        known: every contact that has one of `seen`; others are passed over.
    """
    sighting = frozenset(seen)
    found = [one for one in known if one.aliases & sighting]
    before = frozenset(alias for one in found for alias in one.aliases)
    everything = before | sighting
    decision = merge([one.person for one in found]) if found else None
    return Resolution(
        survivor=decision.survivor if decision else None,
        absorbed=decision.others if decision else (),
        added=sighting - before,
        aliases=everything,
        contested=contested(everything),
    )


def contested(aliases: Collection[Alias]) -> bool:
    """Whether these look like several people: two LIDs or user ids, or two numbers that are not spellings of one.

    That happens when a number is given up and somebody else gets it, or when somebody changes theirs. It is told to the salon
    and not decided here: to split on a guess would lose a person's bookings.
    """
    for kind in ("lid", "bsuid"):
        if sum(alias.kind == kind for alias in aliases) > 1:
            return True
    numbers = [alias for alias in aliases if alias.kind == "pn"]
    return any(not same_number(numbers[0], other) for other in numbers[1:])


def correlated(asked: Alias, answered: Sequence[Alias]) -> frozenset[Alias]:
    """What the answer to a send shows to be one person: whom it was asked to write to, and whom it says it wrote to.

    Fewer than two aliases: nothing was learnt. An answer that names somebody else, not only another spelling or another kind of
    id, is not believed at all.
    """
    for alias in answered:
        if alias.kind == asked.kind and not same_number(asked, alias):
            return frozenset()
    together = frozenset({asked, *answered})
    return together if len(together) > 1 else frozenset()


def people_of(sightings: Iterable[Collection[Alias]]) -> frozenset[frozenset[Alias]]:
    """The people behind a set of sightings: what hangs together, directly or through others."""
    people: list[frozenset[Alias]] = []
    for sighting in sightings:
        touching = [one for one in people if one & frozenset(sighting)]
        people = [one for one in people if one not in touching]
        people.append(frozenset(sighting).union(*touching))
    return frozenset(one for one in people if one)
