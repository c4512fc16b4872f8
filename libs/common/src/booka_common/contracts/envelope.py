"""The envelope around every message on the broker, and the base of what it carries."""

from datetime import datetime
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from booka_common.ids import new_id

__all__ = ["Envelope", "Fact", "Message", "Shape", "enveloped"]


class Fact(BaseModel):
    """A value inside a message. Frozen; unknown fields are ignored so that producers may add optional ones."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Message(Fact):
    """The data of one event or command.

    `key` is the routing key `<service>.<thing>.<what happened>.v<version>`; a command is addressed to its owner.
    """

    key: ClassVar[str]

    @classmethod
    def type_and_version(cls) -> tuple[str, int]:
        """`booking.hold.requested.v1` -> `("booking.hold.requested", 1)`."""
        kind, _, version = cls.key.rpartition(".v")
        return kind, int(version)


Shape = TypeVar("Shape", bound=Message, covariant=True)


class Envelope(BaseModel, Generic[Shape]):
    """What every message carries besides its facts.

    `correlation_id` is shared by everything that one outside input set in motion; `causation_id` is the id of the
    message that led to this one. The tenant travels here, never in the routing key.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    type: str
    version: int = Field(ge=1)
    tenant_id: UUID
    occurred_at: AwareDatetime
    correlation_id: UUID
    causation_id: UUID | None = None
    traceparent: str | None = None
    data: Shape

    @classmethod
    def of(
        cls,
        data: Shape,  # type: ignore[misc]  # covariant: an envelope is frozen, this only builds it
        *,
        tenant_id: UUID,
        now: datetime,
        cause: "Envelope[Message] | None" = None,
        correlation_id: UUID | None = None,
        id: UUID | None = None,
        traceparent: str | None = None,
    ) -> "Envelope[Shape]":
        """Wrap `data`. `cause` hands on its correlation; without one, `correlation_id` or a new one starts the chain.

        Args:
            traceparent: of the work that says it; None is the work in progress when it is put into the outbox.
        """
        kind, version = data.type_and_version()
        message_id = id or new_id()
        return cls(
            id=message_id,
            type=kind,
            version=version,
            tenant_id=tenant_id,
            occurred_at=now,
            correlation_id=cause.correlation_id if cause else correlation_id or message_id,
            causation_id=cause.id if cause else None,
            traceparent=traceparent,
            data=data,
        )


def enveloped(message: type[Shape]) -> type[Envelope[Shape]]:
    """The envelope type around `message`, for a class that is known only at run time."""
    return Envelope[message]  # type: ignore[valid-type]
