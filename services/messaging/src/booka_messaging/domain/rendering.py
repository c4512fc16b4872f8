"""In which form a message goes out on a line: as text, as choices, or as an approved template."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

__all__ = ["Approved", "Form", "Unsayable", "Wording", "form_of", "gaps", "window_open"]

#: Our clock and the provider's differ, and a call takes time.
_TOLERANCE = timedelta(minutes=1)

Form = Literal["text", "choices", "template"]


@dataclass(frozen=True, slots=True)
class Wording:
    """The words for the gaps of a template."""

    name: str
    locale: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Approved:
    """What the provider calls a template on this line, in which language, and how many gaps it has."""

    provider_name: str
    language: str
    parameters: int


@dataclass(frozen=True, slots=True)
class Unsayable:
    """The line takes it in no form. `code`: of the failed message."""

    code: str
    detail: str


def window_open(client_at: datetime | None, window: timedelta | None, now: datetime) -> bool:
    """Whether a line takes free text now.

    Args:
        client_at: when the client last wrote.
        window: how long after that it does; None: always.
    """
    return window is None or (client_at is not None and now + _TOLERANCE < client_at + window)


def form_of(
    *, free: bool, asks: bool, interactive: bool, wording: Wording | None, approved: Approved | None
) -> Form | Unsayable:
    """The best form that arrives.

    Args:
        free: whether the line takes free text now.
        asks: whether the message is a question with choices.
        interactive: whether choices arrive on the line.
    """
    if free:
        return "choices" if asks and interactive else "text"
    if wording is None:
        return Unsayable("window_closed", "the client has not written for too long, and nothing approved says the same")
    if approved is None:
        return Unsayable("window_closed", f"the line has no approved template {wording.name} in {wording.locale}")
    if len(wording.parameters) < approved.parameters:
        told, needed = len(wording.parameters), approved.parameters
        return Unsayable(
            "template_rejected", f"{wording.name} has words for {told} gaps, the approved text has {needed}"
        )
    return "template"


def gaps(wording: Wording, approved: Approved) -> tuple[str, ...]:
    """The words for the gaps that the approved text has."""
    return wording.parameters[: approved.parameters]
