"""What makes a hold happen once however often it is asked for, and how whoever asked is told no.

Holds that share a transaction may have been asked for in several ways. Each way looks after its own, all of them at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.wishes import Held, NotHeld
from booka_common import inbox, outbox
from booka_common.contracts.booking import HoldRefused, HoldRequested
from booka_common.contracts.envelope import Envelope
from booka_common.db import Database, Tx

__all__ = ["AlreadyHeard", "Heard", "Ticket", "claim_all", "hand_back", "keep_all", "settle_all"]

_CONSUMER = "booking.hold"


class Ticket(ABC):
    """Of one who asks. What it does in a transaction, which may be of several salons, it does for all of its kind.

    Holds that are written together bring what their tickets are about along: `key` or `message_id`, and what `grant` returns.
    """

    __slots__ = ()

    @property
    def key(self) -> str | None:
        """Of a request that is answered once."""
        return None

    @property
    def message_id(self) -> UUID | None:
        """Of a message that is handled once."""
        return None

    @abstractmethod
    def grant(self, held: Held) -> tuple[Mapping[str, object], bytes | None]:
        """It is about to be held: what is to be kept of the answer, and its body, see `store.holds.Following`."""

    @abstractmethod
    def granted(self, held: Held) -> None:
        """It is held, by the client who is named now."""

    @abstractmethod
    def refusal(self, verdict: Literal["in_progress", "done"]) -> Exception:
        """What whoever asked is told if it is being done by somebody else, or was done before."""

    @staticmethod
    @abstractmethod
    async def claim(tx: Tx, tickets: Sequence[Any]) -> Sequence[Exception | None]:
        """For each, what keeps it from being done now, to be raised to whoever asked; None: nothing does."""

    @staticmethod
    @abstractmethod
    async def keep(tx: Tx, outcomes: Sequence[tuple[Any, Held | NotHeld]]) -> None:
        """These were claimed and are done: keep what came of them."""

    @classmethod
    async def settle(
        cls, db: Database, tenant_id: UUID, outcomes: Sequence[tuple[Any, Held | NotHeld]]
    ) -> Sequence[Exception | None]:
        """Claim these and keep what came of them, where nothing else is to be written; returns what `claim` does."""
        async with db.tx(tenant_id) as tx:
            problems = await cls.claim(tx, [ticket for ticket, _ in outcomes])
            await cls.keep(tx, [one for one, problem in zip(outcomes, problems, strict=True) if problem is None])
        return problems

    @staticmethod
    @abstractmethod
    async def hand_back(tx: Tx, tickets: Sequence[Any]) -> None:
        """These were claimed and are not done: leave them to another transaction."""


class AlreadyHeard(Exception):
    """A message that was delivered before: there is nothing to do, and nothing to say."""


@dataclass(frozen=True, slots=True)
class Heard(Ticket):
    """A message. That there is a hold, everybody is told; that there is none, only who asked."""

    envelope: Envelope[HoldRequested]
    occasion: Occasion

    @property
    def message_id(self) -> UUID:
        """A message is handled once."""
        return self.envelope.id

    def grant(self, _held: Held) -> tuple[Mapping[str, object], bytes | None]:
        """Nobody is answered."""
        return {}, None

    def granted(self, held: Held) -> None:
        """Everybody is told anyway."""

    def refusal(self, _verdict: Literal["in_progress", "done"]) -> Exception:
        """There is nothing to do."""
        return AlreadyHeard()

    @staticmethod
    async def claim(tx: Tx, tickets: Sequence["Heard"]) -> Sequence[Exception | None]:
        """A message is handled once."""
        messages = {ticket.envelope.id: ticket.envelope.tenant_id for ticket in tickets}
        new = set(await inbox.once_all(tx, _CONSUMER, messages))
        found: list[Exception | None] = []
        for ticket in tickets:  # the same message may be among them more than once
            found.append(None if ticket.envelope.id in new else AlreadyHeard())
            new.discard(ticket.envelope.id)
        return found

    @staticmethod
    async def keep(tx: Tx, outcomes: Sequence[tuple["Heard", Held | NotHeld]]) -> None:
        """Say no."""
        await outbox.put(
            tx,
            *(
                ticket.occasion.say(
                    HoldRefused(
                        request_id=ticket.envelope.data.request_id,
                        conversation_id=ticket.envelope.data.conversation_id,
                        code=outcome.code,
                        alternatives=outcome.alternatives,
                    )
                )
                for ticket, outcome in outcomes
                if isinstance(outcome, NotHeld)
            ),
        )

    @staticmethod
    async def hand_back(tx: Tx, tickets: Sequence["Heard"]) -> None:
        """As if they had not been heard."""
        await inbox.forget(tx, _CONSUMER, [ticket.envelope.id for ticket in tickets])


async def claim_all(tx: Tx, tickets: Sequence[Ticket | None]) -> list[Exception | None]:
    """For each, what keeps it from being done now."""
    found: list[Exception | None] = [None] * len(tickets)
    for kind, places in _by_kind(tickets).items():
        claimed = await kind.claim(tx, [tickets[place] for place in places])
        for place, problem in zip(places, claimed, strict=True):
            found[place] = problem
    return found


async def keep_all(tx: Tx, outcomes: Sequence[tuple[Ticket | None, Held | NotHeld]]) -> None:
    """Keep what came of those that were claimed."""
    for kind, places in _by_kind([ticket for ticket, _ in outcomes]).items():
        await kind.keep(tx, [outcomes[place] for place in places])


async def settle_all(
    db: Database, tenant_id: UUID, outcomes: Sequence[tuple[Ticket | None, Held | NotHeld]]
) -> list[Exception | None]:
    """Claim them and keep what came of them, where nothing else is to be written. For each, what has kept it from being done."""
    found: list[Exception | None] = [None] * len(outcomes)
    for kind, places in _by_kind([ticket for ticket, _ in outcomes]).items():
        settled = await kind.settle(db, tenant_id, [outcomes[place] for place in places])
        for place, problem in zip(places, settled, strict=True):
            found[place] = problem
    return found


async def hand_back(tx: Tx, tickets: Sequence[Ticket | None]) -> None:
    """Leave those that were claimed to another transaction."""
    for kind, places in _by_kind(tickets).items():
        await kind.hand_back(tx, [tickets[place] for place in places])


def _by_kind(tickets: Sequence[Ticket | None]) -> dict[type[Ticket], list[int]]:
    found: dict[type[Ticket], list[int]] = {}
    for place, ticket in enumerate(tickets):
        if ticket is not None:
            found.setdefault(type(ticket), []).append(place)
    return found
