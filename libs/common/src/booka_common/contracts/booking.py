"""What booking says, and what it is asked to do."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from booka_common.contracts.envelope import Fact, Message
from booka_common.money import Currency, Money

__all__ = [
    "AvailabilityFound",
    "AvailabilityRequested",
    "CancellationQuoteRequested",
    "CancellationQuoted",
    "CancellationRequested",
    "CatalogueChanged",
    "CatalogueService",
    "CatalogueStaff",
    "ConfirmationRefused",
    "ConfirmationRequested",
    "DepositDue",
    "DepositUnusable",
    "HoldRefused",
    "HoldRequested",
    "MoveRefused",
    "MoveRequested",
    "ReminderReady",
    "ReservationCancelled",
    "ReservationConfirmed",
    "ReservationExpired",
    "ReservationFinished",
    "ReservationHeld",
    "ReservationMoved",
    "Slot",
    "SlotRefusal",
    "Visit",
    "Want",
]

SlotRefusal = Literal[
    "slot_taken", "not_offered", "in_the_past", "unknown_service", "unknown_staff", "too_many_holds", "salon_not_ready"
]


class CatalogueService(Fact):
    """A service that clients can book."""

    service_id: UUID
    name: str
    duration_minutes: int = Field(gt=0)
    price: Money
    deposit: Money | None = None


class CatalogueStaff(Fact):
    """Somebody who performs services."""

    staff_id: UUID
    name: str
    service_ids: tuple[UUID, ...]


class CatalogueChanged(Message):
    """The whole bookable catalogue of a salon as it now is. Apply it only if `revision` is newer than the one held."""

    key: ClassVar[str] = "booking.catalogue.changed.v1"

    revision: int = Field(ge=1)
    salon_name: str
    locale: str = Field(description="BCP 47 tag the salon speaks by default, e.g. pt-BR")
    zone: str = Field(description="IANA time zone")
    currency: Currency
    services: tuple[CatalogueService, ...]
    staff: tuple[CatalogueStaff, ...]


class Want(Fact):
    """One service of a visit that a client would like, by somebody or by anyone who performs it."""

    service_id: UUID
    staff_id: UUID | None = Field(None, description="None: anyone")


class Slot(Fact):
    """A start that can be booked, and who would do it: one id and name for each service, in their order."""

    start: AwareDatetime
    end: AwareDatetime
    staff_ids: tuple[UUID, ...]
    staff_names: tuple[str, ...]


class Visit(Fact):
    """A visit in the words that a client understands."""

    start: AwareDatetime
    end: AwareDatetime
    zone: str
    service_names: tuple[str, ...]
    staff_names: tuple[str, ...] = Field(description="one for each service, in their order")
    price: Money


class AvailabilityRequested(Message):
    """Which starts are free for these services?"""

    key: ClassVar[str] = "booking.availability.requested.v1"

    request_id: UUID
    conversation_id: UUID
    contact_id: UUID | None = Field(None, description="None: nobody in particular, so nobody is preferred")
    wants: tuple[Want, ...] = Field(min_length=1, max_length=10, description="one after the other, in this order")
    earliest: AwareDatetime = Field(description="the first start wanted")
    latest: AwareDatetime = Field(description="no start at or after this instant")
    limit: int = Field(6, ge=1, le=50)
    moving: UUID | None = Field(None, description="the visit that is to be moved: its own time counts as free")


class AvailabilityFound(Message):
    """The free starts, at most `limit`, spread over the window."""

    key: ClassVar[str] = "booking.availability.found.v1"

    request_id: UUID
    conversation_id: UUID
    exact: bool = Field(description="False: nothing was free in the window; the slots are the next ones after it")
    slots: tuple[Slot, ...]


class HoldRequested(Message):
    """Keep this start for the client while they decide and pay."""

    key: ClassVar[str] = "booking.hold.requested.v1"

    request_id: UUID
    conversation_id: UUID
    contact_id: UUID
    contact_name: str | None = None
    phone: str | None = None
    wants: tuple[Want, ...] = Field(min_length=1, max_length=10, description="one after the other, in this order")
    start: AwareDatetime
    guest_name: str | None = Field(None, max_length=120, description="who comes, if it is not the contact")


class ReservationHeld(Message):
    """The start belongs to this client until `expires_at`."""

    key: ClassVar[str] = "booking.reservation.held.v1"

    reservation_id: UUID
    request_id: UUID | None = Field(None, description="None: held over HTTP")
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    version: int
    visit: Visit
    deposit: Money | None = None
    expires_at: AwareDatetime


class HoldRefused(Message):
    """The hold was not made, and why."""

    key: ClassVar[str] = "booking.hold.refused.v1"

    request_id: UUID
    conversation_id: UUID
    code: SlotRefusal
    alternatives: tuple[Slot, ...] = ()


class ConfirmationRequested(Message):
    """The client said yes to the summary."""

    key: ClassVar[str] = "booking.confirmation.requested.v1"

    reservation_id: UUID
    conversation_id: UUID
    contact_id: UUID | None = Field(None, description="who asks; None: whoever the conversation is with")
    guest_name: str = Field(min_length=1, max_length=120)


class ConfirmationRefused(Message):
    """Too late or not possible; the client is offered `alternatives`."""

    key: ClassVar[str] = "booking.confirmation.refused.v1"

    reservation_id: UUID
    conversation_id: UUID
    code: Literal["hold_expired", "already_cancelled", "unknown_reservation"]
    alternatives: tuple[Slot, ...] = ()


class DepositDue(Message):
    """The client agreed and owes a deposit; unpaid at `expires_at`, the hold ends."""

    key: ClassVar[str] = "booking.deposit.due.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    version: int
    amount: Money
    description: str = Field(max_length=200)
    locale: str
    expires_at: AwareDatetime


class ReservationConfirmed(Message):
    """The visit will take place."""

    key: ClassVar[str] = "booking.reservation.confirmed.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    version: int
    visit: Visit
    guest_name: str | None = None
    deposit_paid: Money | None = None
    reseated: bool = Field(False, description="paid after the hold had expired, and the start was still free")


class ReservationMoved(Message):
    """The visit takes place at another time."""

    key: ClassVar[str] = "booking.reservation.moved.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    version: int
    visit: Visit
    offer_id: UUID | None = Field(
        None, description="the hold offered from the waiting list whose place it took; that has ended with it"
    )


class MoveRequested(Message):
    """The client would like a confirmed visit to take place at another time, or with somebody else."""

    key: ClassVar[str] = "booking.move.requested.v1"

    request_id: UUID
    reservation_id: UUID
    conversation_id: UUID
    contact_id: UUID | None = Field(None, description="who asks; None: whoever the conversation is with")
    start: AwareDatetime
    staff_ids: tuple[UUID | None, ...] = Field(
        (), description="for each service, None: anyone; empty: as it was asked for at first"
    )


class MoveRefused(Message):
    """The visit stays where it is, and why; `alternatives` are the next free starts."""

    key: ClassVar[str] = "booking.move.refused.v1"

    request_id: UUID
    reservation_id: UUID
    conversation_id: UUID
    code: SlotRefusal | Literal["unknown_reservation", "not_confirmed", "already_over", "too_late", "too_many_moves"]
    alternatives: tuple[Slot, ...] = ()


class CancellationQuoteRequested(Message):
    """What would become of this visit's deposit if the client gave it up, or moved it, now?"""

    key: ClassVar[str] = "booking.quote.requested.v1"

    request_id: UUID
    reservation_id: UUID
    conversation_id: UUID
    contact_id: UUID | None = Field(None, description="who asks; None: whoever the conversation is with")


class CancellationQuoted(Message):
    """What the terms of the visit say as of `quoted_at`. Nothing has changed by asking."""

    key: ClassVar[str] = "booking.quote.ready.v1"

    request_id: UUID
    reservation_id: UUID
    conversation_id: UUID
    quoted_at: AwareDatetime
    cancellable: bool = Field(description="False: it is over, cancelled, unknown or has begun")
    refund: Money | None = Field(None, description="comes back if it is cancelled now")
    kept: Money | None = Field(None, description="is kept by the salon if it is cancelled now")
    free_until: AwareDatetime | None = Field(None, description="until then all of it comes back")
    movable: bool = Field(description="whether the client may move it now")
    not_movable_because: Literal["too_late", "too_many_moves", "not_confirmed"] | None = None


class CancellationRequested(Message):
    """The client gives the visit, or the hold, up."""

    key: ClassVar[str] = "booking.cancellation.requested.v1"

    reservation_id: UUID
    conversation_id: UUID
    contact_id: UUID | None = Field(None, description="who asks; None: whoever the conversation is with")
    quoted_at: AwareDatetime | None = Field(
        None, description="of the quote the client agreed to; it is kept to for 15 minutes"
    )


class ReservationCancelled(Message):
    """The start is free again. `refund` is what policy gives back of a paid deposit."""

    key: ClassVar[str] = "booking.reservation.cancelled.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    version: int
    was: Literal["held", "confirmed"]
    by: Literal["client", "salon"]
    refund: Money | None = None


class ReservationFinished(Message):
    """How a confirmed visit went: a person at the salon said so, or it counts as completed because nobody has."""

    key: ClassVar[str] = "booking.reservation.finished.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    version: int
    outcome: Literal["completed", "no_show"]


class ReservationExpired(Message):
    """A hold ended without a confirmation; the start is free again."""

    key: ClassVar[str] = "booking.reservation.expired.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    version: int
    deposit_was_due: bool


class DepositUnusable(Message):
    """A deposit was paid for a visit that cannot take place: it goes back in full."""

    key: ClassVar[str] = "booking.deposit.unusable.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    transaction_id: UUID
    reason: Literal["slot_taken", "not_offered", "cancelled", "already_paid", "unknown_reservation", "in_the_past"]


class ReminderReady(Message):
    """A reminder fell due and the visit still stands as it was when the reminder was planned: tell the client."""

    key: ClassVar[str] = "booking.reminder.ready.v1"

    reminder_id: UUID
    reservation_id: UUID
    conversation_id: UUID
    contact_id: UUID | None = None
    visit: Visit
