"""A client who knows what she or he wants and answers whatever the salon asks, however long the answer takes."""

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from booka_stack.phone import Phone

__all__ = ["Crowd", "Guest", "Stuck"]

_CHOICE = re.compile(r"^(\d+)\. (.+)$", re.MULTILINE)
_PAY = re.compile(r"/pay/(cs_\w+)")
#: Days on which there may be nothing left.
_VAGUE = ("Today", "As soon as")
_HEAR_SECONDS = 20.0


class Stuck(Exception):
    """A conversation that did not come to its end; says what was heard of it."""


@dataclass
class Guest:
    """Books one visit by chatting, in English.

    Attributes:
        dice: chooses among what is offered.
        pays: False leaves the deposit unpaid and waits to be told that the time is over.
        mumbles: once says something that the rules cannot read.
        heard: every message of the salon so far.
    """

    phone: Phone
    dice: random.Random
    pays: bool = True
    mumbles: bool = False
    heard: list[str] = field(default_factory=list)

    @property
    def end(self) -> str:
        """What the last message of the conversation contains."""
        return "Booked!" if self.pays else "did not arrive in time"

    async def visit(self, seconds: float, noticed: "asyncio.Condition | None" = None) -> None:
        """Chat from "hi" to the end.

        Args:
            noticed: is told of everything that is heard.

        Raises:
            Stuck: it took longer than `seconds`, or a question was not one that a salon asks.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.phone.say("hi")
                while True:
                    text = await self._hear()
                    self.heard.append(text)
                    if noticed is not None:
                        async with noticed:
                            noticed.notify_all()
                    if self.end in text:
                        return
                    await self._answer(text)
        except TimeoutError:
            raise Stuck(f"{self.phone.number} at {self.phone.instance} after {seconds} s: {self.heard[-3:]}") from None

    async def _hear(self) -> str:
        while True:
            try:
                return await self.phone.hear(timeout=_HEAR_SECONDS)
            except TimeoutError:
                continue  # somebody is being restarted; the message comes once they are back

    async def _answer(self, text: str) -> None:
        session = _PAY.search(text)
        if session:
            if self.pays:
                await self.phone.sandbox.call("POST", f"/_/stripe/sessions/{session[1]}/pay", {})
            return
        answer = self._answer_to(text)
        if isinstance(answer, dict):
            await self.phone.tap(answer)
        elif answer is not None:
            await self.phone.say(answer)

    def _answer_to(self, text: str) -> str | dict[str, str] | None:
        if "Which service would you like" in text:
            if self.mumbles:
                self.mumbles = False
                return "brumm brumm zzz"
            return "haircut"
        if "Shall I book it" in text:  # the summary, and the name that WhatsApp already knows
            return "1"
        if "What name should I put" in text:
            return self.phone.name
        if any(question in text for question in ("who would you like", "When would you like", "free times")):
            return self._tapped() if self.phone.choices else self._one_of(text)
        return None  # a notice; the question comes with the next message

    def _tapped(self) -> dict[str, str]:
        return self.dice.choice([one for one in self.phone.choices if not one["title"].startswith(_VAGUE)])

    def _one_of(self, text: str) -> str:
        numbers = [number for number, line in _CHOICE.findall(text) if not line.startswith(_VAGUE)]
        if not numbers:
            raise Stuck(f"{self.phone.number}: nothing to choose from in {text!r}")
        chosen: str = self.dice.choice(numbers)
        return chosen


class Crowd:
    """Guests who chat at the same time."""

    def __init__(self, guests: Sequence[Guest], *, seconds: float) -> None:
        self.guests = list(guests)
        self._seconds = seconds
        self._noticed = asyncio.Condition()
        self._visits: list[asyncio.Task[None]] = []

    @property
    def heard(self) -> int:
        """How many messages all of them have heard."""
        return sum(len(guest.heard) for guest in self.guests)

    def arrive(self) -> None:
        """They all begin to chat."""
        self._visits = [asyncio.create_task(guest.visit(self._seconds, self._noticed)) for guest in self.guests]

    async def have_heard(self, messages: int) -> bool:
        """Wait until they have heard so many messages; False if they went before."""
        leaving = asyncio.create_task(asyncio.wait(self._visits))
        reached = asyncio.create_task(self._wait_for(messages))
        try:
            await asyncio.wait([leaving, reached], return_when=asyncio.FIRST_COMPLETED)
            return self.heard >= messages
        finally:
            leaving.cancel()
            reached.cancel()

    async def _wait_for(self, messages: int) -> None:
        async with self._noticed:
            await self._noticed.wait_for(lambda: self.heard >= messages)

    async def leave(self) -> list[str]:
        """Wait for the end of all conversations; returns what went wrong with them."""
        ends = await asyncio.gather(*self._visits, return_exceptions=True)
        return [f"{type(end).__name__}: {end}" for end in ends if end is not None]
