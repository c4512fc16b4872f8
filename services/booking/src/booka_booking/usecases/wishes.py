"""A start that somebody wants, and what may come of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from booka_booking.domain.planning import Ask, Plan, Refusal
from booka_booking.domain.reservation import Reservation
from booka_booking.store.reservations import Reached
from booka_common.contracts.booking import Slot

__all__ = ["ALTERNATIVES", "Held", "Missed", "NotHeld", "Wish"]

ALTERNATIVES = 3


class Wish(NamedTuple):
    """A start that somebody wants. `request_id` makes the wish come true once.

    Attributes:
        client_id: a client whom the salon knows, where there is no contact.
        seconds: how long the hold lasts, if not as long as the terms say.
        agreed: it is agreed at once, in the same transaction; `waive_deposit`: without waiting for one.
        counted: whether the limit of holds per client is for it; an offer to somebody on the waiting list is neither held up
            by the client's other holds nor counted among them.
        why: for the history.
    """

    ask: Ask
    start: datetime
    request_id: UUID | None = None
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    contact_name: str | None = None
    phone: str | None = None
    client_id: UUID | None = None
    guest_name: str | None = None
    seconds: int | None = None
    agreed: bool = False
    waive_deposit: bool = False
    counted: bool = True
    why: str = "requested"

    @property
    def alone(self) -> bool:
        """Whether more goes with it than with a client's hold, so that it is not written together with those."""
        return self.agreed or self.ask.outside_hours or (self.contact_id is None and self.client_id is not None)

    def reaching(self, known: Reached | None) -> "Wish":
        """The same for a client whom the salon knows, who is told of it if there is a way."""
        if known is None or known.contact_id is None:
            return self
        conversation_id = self.conversation_id or known.conversation_id
        return self._replace(contact_id=known.contact_id, conversation_id=conversation_id)


@dataclass(frozen=True, slots=True)
class Held:
    """The start is kept. `new` is False if this very request was granted before."""

    reservation: Reservation
    new: bool


@dataclass(frozen=True, slots=True)
class Missed:
    """Nothing was kept, and why. `plan`: other starts of it may do as well."""

    code: Refusal
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class NotHeld:
    """Nothing was kept, and why; `alternatives` are the next free starts."""

    code: Refusal
    alternatives: tuple[Slot, ...] = ()
