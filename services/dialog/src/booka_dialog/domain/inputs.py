"""What goes into a step and what comes out of it. Answers and requests are the contracts' own messages."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal
from uuid import UUID

from booka_common.contracts import booking, llm, payments, waitlist
from booka_common.contracts.messaging import Choices, TemplateUse
from booka_dialog.domain.salon import Salon

__all__ = [
    "Answer",
    "AnswerOverdue",
    "ClientSaid",
    "Context",
    "Effect",
    "Input",
    "InterpretationTimedOut",
    "Parts",
    "QuoteTimedOut",
    "Request",
    "Say",
    "SessionEnded",
    "SlotsUpdated",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a step may know besides the session.

    Attributes:
        request_id: the id of the request that this step may make; different for every step.
        salon: None until booking has published a catalogue.
        said: how many things the client has been told so far.
    """

    now: datetime
    request_id: UUID
    salon: Salon | None
    llm_enabled: bool = False
    said: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSaid:
    """A message of the client. `choice_id`: what they tapped, see `showing`; `text` is then its title."""

    text: str
    kind: str = "text"
    choice_id: str | None = None
    contact_id: UUID | None = None
    contact_name: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsUpdated:
    """Slots set by an operator or another program; None leaves a slot as it is.

    Attributes:
        wants: the services of the visit in their order, instead of `service_id`.
        for_other: `guest_name` is somebody else than the contact.
    """

    wants: tuple[booking.Want, ...] = ()
    service_id: UUID | None = None
    staff_id: UUID | None = None
    any_staff: bool = False
    day: date | None = None
    time_from: time | None = None
    time_until: time | None = None
    guest_name: str | None = None
    for_other: bool = False


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The booking in the making is given up without a word."""


@dataclass(frozen=True, slots=True)
class InterpretationTimedOut:
    """The model took too long."""

    request_id: UUID


@dataclass(frozen=True, slots=True)
class QuoteTimedOut:
    """The terms of a visit were not quoted in time."""

    request_id: UUID


@dataclass(frozen=True, slots=True)
class AnswerOverdue:
    """The client has been waiting since `since` for what they agreed to."""

    since: datetime


Answer = (
    booking.AvailabilityFound
    | booking.ReservationHeld
    | booking.HoldRefused
    | booking.ConfirmationRefused
    | booking.ReservationConfirmed
    | booking.ReservationMoved
    | booking.MoveRefused
    | booking.CancellationQuoted
    | booking.ReservationCancelled
    | booking.ReservationExpired
    | booking.ReminderReady
    | waitlist.WaitlistJoined
    | waitlist.WaitlistRefused
    | waitlist.WaitlistOffered
    | waitlist.WaitlistLeft
    | payments.CheckoutOpened
    | payments.CheckoutFailed
    | payments.RefundSettled
    | llm.InterpretationReady
    | llm.InterpretationUnavailable
)
Input = ClientSaid | SlotsUpdated | SessionEnded | InterpretationTimedOut | QuoteTimedOut | AnswerOverdue | Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A numbered question without its numbers: what stands around the list, title and description of each line."""

    lead: str
    options: tuple[tuple[str, str], ...]
    button: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Tell the client. A later question takes the place of an earlier one of the same turn; notices are all said.

    Attributes:
        text: all of it, for every phone.
        parts: of a numbered question.
        choices: the parts with their ids, once it is known what else is said with them.
        template: says it where free text is no longer taken.
    """

    text: str
    part: Literal["notice", "question"] = "notice"
    purpose: Literal["reply", "notice", "reminder"] = "reply"
    parts: Parts | None = None
    choices: Choices | None = None
    template: TemplateUse | None = None


Request = (
    booking.AvailabilityRequested
    | booking.HoldRequested
    | booking.ConfirmationRequested
    | booking.CancellationRequested
    | booking.MoveRequested
    | booking.CancellationQuoteRequested
    | waitlist.WaitlistRequested
    | waitlist.WaitlistLeaveRequested
    | llm.InterpretationRequested
)
Effect = Say | Request
