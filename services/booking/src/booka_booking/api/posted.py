"""A hold that was asked for over HTTP: what is answered is kept under the request's key, in the transaction of the hold."""

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from fastapi import Response

from booka_booking.api.views import written
from booka_booking.errors import slot_refusal
from booka_booking.usecases.tickets import Ticket
from booka_booking.usecases.wishes import Held, NotHeld
from booka_common import idempotency
from booka_common.db import Database, Tx
from booka_common.idempotency import AnsweredBefore, Keyed
from booka_common.versions import etag
from booka_common.web import refused

__all__ = ["Posted"]


class Posted(Ticket):
    """A request with its key; `response` is there once the hold is settled."""

    __slots__ = ("keyed", "response")

    response: Response

    def __init__(self, keyed: Keyed) -> None:
        self.keyed = keyed

    @property
    def key(self) -> str:
        """A request is answered once."""
        return self.keyed.key

    def grant(self, held: Held) -> tuple[Mapping[str, object], bytes]:
        """Answer, and have the answer kept."""
        self.response = _answer(held)
        return idempotency.kept(self.keyed, self.response), bytes(self.response.body)

    def granted(self, held: Held) -> None:
        """A client whom the salon knows already goes by another id."""
        self.response = _answer(held)

    def refusal(self, verdict: Literal["in_progress", "done"]) -> Exception:
        """409, or what was answered before."""
        return idempotency.in_progress() if verdict == "in_progress" else AnsweredBefore()

    @staticmethod
    async def claim(tx: Tx, tickets: Sequence["Posted"]) -> Sequence[Exception | None]:
        """A request is answered once."""
        return await idempotency.claim_all(tx, [ticket.keyed for ticket in tickets])

    @staticmethod
    async def keep(tx: Tx, outcomes: Sequence[tuple["Posted", Held | NotHeld]]) -> None:
        """Answer, and keep the answers."""
        await idempotency.store_all(tx, _answered(outcomes))

    @classmethod
    async def settle(
        cls, db: Database, _tenant_id: UUID, outcomes: Sequence[tuple["Posted", Held | NotHeld]]
    ) -> Sequence[Exception | None]:
        """By one call."""
        return await idempotency.answer_all(db, _answered(outcomes))

    @staticmethod
    async def hand_back(tx: Tx, tickets: Sequence["Posted"]) -> None:
        """Keys are claimed for no longer than the transaction."""


def _answered(outcomes: Sequence[tuple[Posted, Held | NotHeld]]) -> list[tuple[Keyed, Response]]:
    """Those who are told the same get the same answer, which is made once."""
    answers = {id(outcome): outcome for _, outcome in outcomes}
    made = {place: _answer(outcome) for place, outcome in answers.items()}
    for ticket, outcome in outcomes:
        ticket.response = made[id(outcome)]
    return [(ticket.keyed, ticket.response) for ticket, _ in outcomes]


def _answer(outcome: Held | NotHeld) -> Response:
    if isinstance(outcome, NotHeld):
        return refused(slot_refusal(outcome.code, outcome.alternatives))
    it = outcome.reservation
    return Response(
        written(it),
        201 if outcome.new else 200,
        headers={"ETag": etag(it.version)},
        media_type="application/json",
    )
