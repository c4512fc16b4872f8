"""What llm says, and what it is asked to do."""

from datetime import date, time
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from booka_common.contracts.envelope import Fact, Message

__all__ = [
    "Candidate",
    "ContextGiven",
    "Intent",
    "InterpretationReady",
    "InterpretationRequested",
    "InterpretationUnavailable",
    "LlmSettingsChanged",
]

Intent = Literal["book", "cancel", "confirm", "decline", "question", "greeting", "other"]


class Candidate(Fact):
    """Something the client may mean, by id and name."""

    id: UUID
    name: str


class ContextGiven(Message):
    """What a client wrote, as context for later requests. Only of salons that have the model switched on."""

    key: ClassVar[str] = "llm.context.given.v1"

    conversation_id: UUID
    turn: int = Field(ge=1, description="position among the client's messages of this conversation")
    text: str = Field(max_length=4096)
    phone: str | None = Field(None, description="E.164, if it is known: whose way of writing numbers is to be redacted")


class InterpretationRequested(Message):
    """Read this text, which the rules could not. The answer may only pick from what is listed here."""

    key: ClassVar[str] = "llm.interpretation.requested.v1"

    request_id: UUID
    conversation_id: UUID
    text: str = Field(max_length=2048)
    question: str = Field(description="what the client was asked: service, staff, when, slot, name, confirm, or none")
    locale: str
    zone: str
    asked_at: AwareDatetime
    services: tuple[Candidate, ...] = ()
    staff: tuple[Candidate, ...] = ()


class InterpretationReady(Message):
    """What the client meant, as slots; never text to send."""

    key: ClassVar[str] = "llm.interpretation.ready.v1"

    request_id: UUID
    conversation_id: UUID
    intent: Intent
    service_id: UUID | None = None
    staff_id: UUID | None = None
    any_staff: bool = False
    day: date | None = None
    time_from: time | None = None
    time_until: time | None = None
    name: str | None = Field(None, max_length=120)


class InterpretationUnavailable(Message):
    """No interpretation: go on by rules and menus."""

    key: ClassVar[str] = "llm.interpretation.unavailable.v1"

    request_id: UUID
    conversation_id: UUID
    reason: Literal["switched_off", "not_configured", "over_budget", "provider_failed", "refused", "too_late"]


class LlmSettingsChanged(Message):
    """Whether a salon has the model switched on. Apply it only if `revision` is newer."""

    key: ClassVar[str] = "llm.settings.changed.v1"

    revision: int = Field(ge=1)
    enabled: bool
