"""The state of one conversation: a frozen value that goes to JSON and back."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import TypeAdapter

from booka_common.contracts.booking import Slot, Visit
from booka_common.money import Money
from booka_dialog.understanding import Language, When

__all__ = ["Held", "Interpreting", "KnownVisit", "Pending", "Session", "State", "dump_session", "load_session"]

State = Literal[
    "idle", "service", "staff", "when", "searching", "slot", "holding", "name", "confirm", "change", "confirming", "paying",
    "again", "which_visit", "cancel_visit", "cancelling", "done",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A question to booking that has not been answered yet."""

    kind: Literal["availability", "hold"]
    request_id: UUID
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreting:
    """A text that the model was asked to read. `overtaken`: the client has been answered since, so its answer only adds."""

    request_id: UUID
    text: str
    overtaken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The start that is kept for the client."""

    reservation_id: UUID
    visit: Visit
    deposit: Money | None
    expires_at: datetime
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVisit:
    """A confirmed visit that lies ahead."""

    reservation_id: UUID
    visit: Visit
    deposit_paid: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One conversation.

    Attributes:
        state: what the client was asked last, or what is being waited for.
        staff_implied: nobody else performs the service, so the client was not asked; forgotten when the service changes.
        choices: what the numbers of the list shown last stand for, see `domain.choices`.
        slots: the starts offered last.
        releasing: a hold that is being given up; its time is looked for again only once it is free.
        visits: confirmed visits ahead, so that they can be named and cancelled.
        target: the reservation whose cancellation the client waits to hear of, or is asked about.
        later_than: "other times": only starts after this one are of interest.
        misunderstood: texts in a row that nobody understood.
    """

    conversation_id: UUID
    contact_id: UUID | None = None
    contact_name: str | None = None
    phone: str | None = None
    language: Language | None = None
    greeted: bool = False
    state: State = "idle"
    service_id: UUID | None = None
    staff_id: UUID | None = None
    staff_implied: bool = False
    any_staff: bool = False
    when: When = field(default_factory=When)
    choices: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    chosen: Slot | None = None
    guest_name: str | None = None
    held: Held | None = None
    pending: Pending | None = None
    interpreting: Interpreting | None = None
    releasing: UUID | None = None
    visits: tuple[KnownVisit, ...] = ()
    target: UUID | None = None
    later_than: datetime | None = None
    misunderstood: int = 0
    touched_at: datetime | None = None

    @property
    def waiting(self) -> bool:
        """Whether the next word is somebody else's, so that silence is no neglect."""
        return self.state in {"searching", "holding", "confirming", "cancelling"} or (
            self.interpreting is not None and not self.interpreting.overtaken
        )

    def cleared(self) -> "Session":
        """This conversation without a booking in the making; who the client is and what is booked stays."""
        return replace(
            self, state="idle", service_id=None, staff_id=None, staff_implied=False, any_staff=False, when=When(),
            choices=(), slots=(), chosen=None,
            held=None, pending=None, interpreting=None, target=None, later_than=None, misunderstood=0,
        )  # fmt: skip

    def upcoming(self, now: datetime) -> "Session":
        """This conversation without the visits that are over."""
        ahead = tuple(known for known in self.visits if known.visit.end > now)
        return self if len(ahead) == len(self.visits) else replace(self, visits=ahead)

    def known(self, reservation_id: UUID | None) -> KnownVisit | None:
        """The confirmed visit of this reservation."""
        return next((known for known in self.visits if known.reservation_id == reservation_id), None)

    def without(self, reservation_id: UUID) -> "Session":
        """This conversation without that confirmed visit."""
        return replace(self, visits=tuple(known for known in self.visits if known.reservation_id != reservation_id))


_adapter = TypeAdapter(Session)


def dump_session(session: Session) -> dict[str, Any]:
    """The session as JSON types; what is empty is left out."""
    document: dict[str, Any] = _adapter.dump_python(session, mode="json", exclude_defaults=True)
    return document


def load_session(document: dict[str, Any]) -> Session:
    """The session that `dump_session` wrote; unknown fields of a newer version are ignored."""
    return _adapter.validate_python(document)
