"""A numbered question in its parts, for phones that show buttons or lists, and what a tap on one of its choices means."""

import re
from dataclasses import dataclass

from booka_common.contracts.messaging import Choice, Choices
from booka_dialog.domain.inputs import ClientSaid, Parts
from booka_dialog.domain.session import Session
from booka_dialog.domain.voice import Voice

__all__ = ["Tap", "choices_of", "in_parts", "tapped"]

_MOST = 20
_LONGEST = 200
_ID = re.compile(r"(?P<position>[1-9]\d{0,9}):(?P<number>[1-9]\d?)", re.ASCII)
#: Hints that only make sense where the numbers can be seen, with what is said where they cannot.
_HINTS = (("hint_services", "hint_services_shown"), ("hint_slots", "hint_slots_shown"))


def in_parts(text: str, count: int, voice: Voice) -> Parts | None:
    """A question whose last lines that are numbered 1 … `count` are its choices; None if it has none, or too many.

    Nothing of the text is lost: what is not a choice is the lead. `Haircut – R$ 80,00` is a title and a description.
    """
    lines = text.split("\n")
    start = next((at for at in range(len(lines) - count, -1, -1) if _numbered(lines[at : at + count])), None)
    if not 0 < count <= _MOST or start is None:
        return None
    options = []
    for line in lines[start : start + count]:
        title, _, description = line.partition(". ")[2].strip().partition(" – ")
        if not title or max(len(title), len(description)) > _LONGEST:
            return None
        options.append((title, description))
    lead = "\n".join([*lines[:start], *lines[start + count :]]).strip()
    for numbers, shown in _HINTS:
        lead = lead.replace(voice(numbers), voice(shown))
    return Parts(lead=lead, options=tuple(options), button=voice("choose")) if lead else None


def _numbered(lines: list[str]) -> bool:
    return all(line.startswith(f"{number}. ") for number, line in enumerate(lines, start=1))


def choices_of(parts: Parts, notices: str, position: int) -> Choices | None:
    """The parts of what is said at `position`; the ids tell which question a tap belongs to."""
    lead = f"{notices}\n\n{parts.lead}" if notices else parts.lead
    if len(lead) > 4096:
        return None
    return Choices(
        lead=lead,
        button=parts.button,
        choices=tuple(
            Choice(id=f"{position}:{number}", title=title, description=description)
            for number, (title, description) in enumerate(parts.options, start=1)
        ),
    )


@dataclass(frozen=True, slots=True)
class Tap:
    """What a message says once its tap is resolved.

    Attributes:
        outdated: it answers a question that is no longer the open one.
    """

    text: str
    outdated: bool = False


def tapped(session: Session, said: ClientSaid) -> Tap:
    """A tap on the question that was said last is the number of its line; on an earlier one, the words of its title."""
    found = _ID.fullmatch(said.choice_id or "")
    if found is None:
        return Tap(said.text)
    number = int(found["number"])
    if int(found["position"]) == session.shown_at and number <= len(session.choices):
        return Tap(str(number))
    return Tap(said.text, outdated=True)
