"""A start that somebody wants, and what may come of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_booking.domain.planning import Ask, Plan, Refusal
from booka_booking.domain.reservation import Reservation
from booka_common.contracts.booking import Slot

__all__ = ["ALTERNATIVES", "Held", "Missed", "NotHeld", "Wish"]

ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """A start that somebody wants. `request_id` makes the wish come true once.

    Attributes:
        client_id: a client whom the salon knows, where there is no contact.
        seconds: how long the hold lasts, if not as long as the terms say.
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
    counted: bool = True
    why: str = "requested"


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
