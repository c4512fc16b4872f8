"""Many guests in several salons at once, and the judgement of all that came of it."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from booka_common.ids import new_id
from booka_stack.audit import Audit
from booka_stack.guest import Crowd, Guest
from booka_stack.phone import Phone, Sandbox
from booka_stack.salon import Salon, SalonPlan, provision
from booka_stack.stack import Stack
from booka_stack.wires import Gateway

__all__ = ["Rush", "large_salon"]

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PEOPLE = ("Ana", "Beatriz", "Carla", "Duarte", "Eva", "Filipe", "Gabriela", "Hugo", "Irene", "Joana", "Luís", "Marta")


def large_salon(
    *,
    staff: int = 6,
    opens: str = "09:00",
    closes: str = "20:00",
    deposit: bool = True,
    llm: bool = False,
    **policy: Any,
) -> SalonPlan:
    """A salon with more free times than there will be guests for it: open every day, and everybody does everything.

    Args:
        policy: as `PUT /v1/policy` of booking takes it.
    """
    plan = SalonPlan.studio(deposit=deposit, **policy)
    services = tuple(name for name, _, _ in plan.services)
    return replace(
        plan,
        staff=tuple((name, services) for name in _PEOPLE[:staff]),
        profile={**plan.profile, "hours": {day: [{"opens": opens, "closes": closes}] for day in _WEEK}},
        llm_enabled=llm,
    )


class Rush:
    """The salons and guests of one test.

    Args:
        seed: of everything that the guests choose.
        patience: seconds that a conversation may take, on a machine that has other things to do, too.
    """

    def __init__(self, stack: Stack, sandbox: Sandbox, *, seed: int = 1, patience: float = 240) -> None:
        self.stack = stack
        self.sandbox = sandbox
        self.salons: list[Salon] = []
        self.guests: list[Guest] = []
        self.crowds: list[Crowd] = []
        self.dice = random.Random(seed)  # noqa: S311 - guards nothing
        self._patience = patience

    async def open(self, plan: SalonPlan, count: int = 1, *, gateway: Gateway = "evolution") -> list[Salon]:
        """Open `count` salons of new tenants."""
        layout = self.stack.layout
        opened = await asyncio.gather(*(provision(layout, new_id(), plan, gateway=gateway) for _ in range(count)))
        self.salons += opened
        return opened

    def invite(self, salons: Sequence[Salon], count: int, *, pays: bool = True, mumbles: bool = False) -> list[Guest]:
        """`count` new guests, spread over `salons`; they do not chat yet."""
        guests = [
            Guest(
                Phone(self.sandbox, salon.instance, f"3519{new_id().int % 10**8:08d}", gateway=salon.gateway),
                random.Random(self.dice.random()),  # noqa: S311
                pays=pays,
                mumbles=mumbles,
            )
            for salon in (salons[index % len(salons)] for index in range(count))
        ]
        self.guests += guests
        return guests

    def arrive(self, guests: Sequence[Guest]) -> Crowd:
        """`guests` begin to chat, all at once."""
        crowd = Crowd(guests, seconds=self._patience)
        crowd.arrive()
        self.crowds.append(crowd)
        return crowd

    async def judge(self, seconds: float = 120) -> list[str]:
        """Wait for the end of all conversations and of everything that follows from them; returns what is wrong."""
        wrong = [problem for crowd in self.crowds for problem in await crowd.leave()]
        audit = await Audit.of(self.stack.database_url(), self.stack.amqp_url, self.sandbox, self.salons)
        try:
            wrong += await audit.quiet(seconds)
            return wrong + await audit.findings(self.guests)
        finally:
            await audit.close()
