"""What a use case is called for: whose salon, when, at whose word, and as part of which chain of messages."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from booka_common.contracts.envelope import Envelope, Message
from booka_common.ids import new_id
from booka_common.jobs import Job
from booka_common.observability import current_traceparent

__all__ = ["Occasion"]

_Shape = TypeVar("_Shape", bound=Message)


@dataclass(frozen=True, slots=True)
class Occasion:
    """One call of a use case. `who` is for the history: client, salon, clock or payments.

    `traceparent` is of the work in progress; it is kept because what is said may be said in a transaction that is shared.
    """

    tenant_id: UUID
    now: datetime
    who: str
    correlation_id: UUID
    cause: "Envelope[Any] | None" = None
    traceparent: str | None = field(default_factory=current_traceparent)

    @classmethod
    def message(cls, envelope: "Envelope[Any]", now: datetime, who: str) -> "Occasion":
        """A message was heard."""
        return cls(envelope.tenant_id, now, who, envelope.correlation_id, envelope)

    @classmethod
    def request(cls, tenant_id: UUID, now: datetime) -> "Occasion":
        """The salon's staff asked over HTTP."""
        return cls(tenant_id, now, "salon", new_id())

    @classmethod
    def job(cls, job: Job, now: datetime) -> "Occasion":
        """The time of a job has come."""
        return cls(job.tenant_id, now, "clock", job.correlation_id)

    def say(self, data: _Shape, id: UUID | None = None) -> "Envelope[_Shape]":
        """`data` as a message that follows from this occasion."""
        return Envelope.of(
            data,
            tenant_id=self.tenant_id,
            now=self.now,
            cause=self.cause,
            correlation_id=self.correlation_id,
            id=id,
            traceparent=self.traceparent,
        )
