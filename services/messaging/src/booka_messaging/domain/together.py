"""Messages that are taken in together, person by person, so that each of them is answered once."""

from collections.abc import Sequence

from booka_messaging.domain.identity import people_of
from booka_messaging.domain.model import Alias, ChatMessage

__all__ = ["by_person"]


def by_person(messages: Sequence[ChatMessage]) -> list[list[ChatMessage]]:
    """The messages of each person, in the order in which they were sent; the people in that of their first message.

    All messages of a person get the same aliases and name, those that any of them tells: then all or none of them are of somebody
    who is known, and they stay in order.
    """
    person: dict[Alias, frozenset[Alias]] = {
        alias: aliases for aliases in people_of(message.aliases for message in messages) for alias in aliases
    }
    found: dict[frozenset[Alias], list[ChatMessage]] = {}
    for message in messages:
        found.setdefault(person[message.aliases[0]], []).append(message)
    return [_alike(said, aliases) for aliases, said in found.items()]


def _alike(said: Sequence[ChatMessage], aliases: frozenset[Alias]) -> list[ChatMessage]:
    name = next((message.name for message in reversed(said) if message.name is not None), None)
    return [
        message._replace(aliases=tuple(sorted(aliases)), name=name if message.author == "client" else None)
        for message in said
    ]
