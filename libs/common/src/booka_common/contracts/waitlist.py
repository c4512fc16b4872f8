"""The waiting list of booking: a client asks to be told when something becomes free, and is offered it as a hold."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from booka_common.contracts.booking import Visit, Want
from booka_common.contracts.envelope import Fact, Message
from booka_common.money import Money

__all__ = [
    "Replaced",
    "WaitlistJoined",
    "WaitlistLeaveRequested",
    "WaitlistLeft",
    "WaitlistOffered",
    "WaitlistRefused",
    "WaitlistRequested",
]


class Replaced(Fact):
    """A visit that takes place at another time instead, if the client says yes to an offer; as it stood when that was made."""

    reservation_id: UUID
    visit: Visit


class WaitlistRequested(Message):
    """Tell this client when a start within these days and this part of the day becomes free."""

    key: ClassVar[str] = "booking.waitlist.requested.v1"

    request_id: UUID
    conversation_id: UUID
    contact_id: UUID
    contact_name: str | None = None
    phone: str | None = None
    wants: tuple[Want, ...] = Field(min_length=1, max_length=10)
    first_day: date = Field(description="local to the salon")
    last_day: date = Field(description="local to the salon, included")
    from_minute: int = Field(0, ge=0, le=1439, description="no start before this minute of the local day")
    until_minute: int = Field(1440, ge=1, le=1440, description="no start at or after this minute of the local day")
    replaces: UUID | None = Field(
        None, description="a visit of the contact, of the same services, that is to be moved to what becomes free"
    )


class WaitlistJoined(Message):
    """The client is on the list."""

    key: ClassVar[str] = "booking.waitlist.joined.v1"

    entry_id: UUID
    request_id: UUID
    conversation_id: UUID
    first_day: date
    last_day: date
    replaces: UUID | None = None


class WaitlistRefused(Message):
    """The client is not on the list, and why."""

    key: ClassVar[str] = "booking.waitlist.refused.v1"

    request_id: UUID
    conversation_id: UUID
    code: Literal[
        "unknown_service", "unknown_staff", "not_offered", "in_the_past", "too_many_entries", "salon_not_ready",
        "unknown_reservation", "already_over", "other_services",
    ]  # fmt: skip


class WaitlistOffered(Message):
    """Something became free and is kept for this client until `expires_at`: an ordinary hold, to be confirmed or cancelled.

    No `ReservationHeld` is said for it. Unanswered it ends with `ReservationExpired`, and the next client is offered it.
    With `replaces`, a yes moves that visit here: `ReservationMoved` with this as its `offer_id`, at the visit's own price and
    without another deposit. If that visit does not stand any more by then, this is confirmed as one of its own.
    """

    key: ClassVar[str] = "booking.waitlist.offered.v1"

    entry_id: UUID
    reservation_id: UUID
    conversation_id: UUID
    contact_id: UUID
    version: int
    service_ids: tuple[UUID, ...]
    visit: Visit
    deposit: Money | None = None
    expires_at: AwareDatetime
    replaces: Replaced | None = None


class WaitlistLeaveRequested(Message):
    """The client does not want to wait any longer; without an entry, all of the conversation's end."""

    key: ClassVar[str] = "booking.waitlist-exit.requested.v1"

    conversation_id: UUID
    entry_id: UUID | None = None


class WaitlistLeft(Message):
    """The client is not on the list any more."""

    key: ClassVar[str] = "booking.waitlist.left.v1"

    entry_id: UUID
    conversation_id: UUID
    reason: Literal["booked", "asked", "over"]
