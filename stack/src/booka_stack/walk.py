"""A client who books: what they say to each question, in English and in Portuguese, and what the question looks like."""

from dataclasses import dataclass
from typing import Literal

from booka_stack.phone import Phone

__all__ = ["Language", "Lines", "State", "agree", "walk"]

Language = Literal["en", "pt"]
State = Literal["service", "staff", "when", "slot", "name", "confirm"]


@dataclass(frozen=True)
class Lines:
    """What is said to get to the question of `state`, and words of that question."""

    state: State
    said: str
    question: str


_LINES: dict[Language, tuple[Lines, ...]] = {
    "en": (
        Lines("service", "hi", "Which service"),
        Lines("staff", "haircut", "who would you like"),
        Lines("when", "Ana", "When would you like"),
        Lines("slot", "tomorrow", "free times"),
        Lines("name", "1", "Shall I book it under"),
        Lines("confirm", "1", "Please check"),
    ),
    "pt": (
        Lines("service", "oi", "Qual serviço"),
        Lines("staff", "corte", "com quem"),
        Lines("when", "Ana", "Quando você gostaria"),
        Lines("slot", "amanhã", "horários livres"),
        Lines("name", "1", "Posso reservar em nome"),
        Lines("confirm", "1", "confira"),
    ),
}
_YES: dict[Language, str] = {"en": "yes", "pt": "sim"}


async def walk(
    phone: Phone, to: State = "confirm", *, since: State | None = None, language: Language = "en", copies: int = 1
) -> str:
    """Chat as far as the question of `to`; returns that question.

    Args:
        since: the question that the client was asked already; None starts with a greeting.
        copies: deliveries of each of the client's messages.

    Raises:
        AssertionError: the salon asked something else.
    """
    lines = _LINES[language]
    states = [line.state for line in lines]
    asked = ""
    for line in lines[states.index(since) + 1 if since else 0 : states.index(to) + 1]:
        asked = await phone.ask(line.said, copies=copies)
        if line.question.casefold() not in asked.casefold():
            raise AssertionError(f"{line.said!r} was answered {asked!r}, not {line.question!r}")
    return asked


async def agree(phone: Phone, *, language: Language = "en", copies: int = 1) -> str:
    """Say yes to the summary; the answer is a confirmation, or the way to pay the deposit."""
    return await phone.ask(_YES[language], copies=copies)
