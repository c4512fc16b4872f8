"""How a send ends, and what is written and said of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import UUID

from booka_common import outbox
from booka_common.contracts import Envelope, Message
from booka_common.contracts.messaging import MessageFailed
from booka_common.db import Tx
from booka_common.ids import derived_id
from booka_common.jobs import Dead, Done, Job
from booka_messaging import store
from booka_messaging.domain.model import Delivery
from booka_messaging.store import Accepted, OutboundMessage, Touched
from booka_messaging.store.outgoing import untaken
from booka_messaging.usecases.news import delivery_news, sent_news

__all__ = ["Delivered", "Ending", "give_up", "record_sent"]


@dataclass(frozen=True, slots=True)
class Ending:
    """The ways in which the send of a message ends."""

    job: Job
    message_id: UUID
    message: OutboundMessage
    now: datetime

    def done(self, provider_id: str | None) -> Done:
        """The gateway has it; `record_sent` writes that."""
        return Done(result=Delivered(self, provider_id))

    def failed(self, code: str, detail: str) -> Dead:
        """It cannot be sent: somebody may look at why, and have it tried again."""

        async def record(tx: Tx) -> None:
            await _record_failure(tx, self.job, self.message_id, code, detail, self.now)

        return Dead(f"{code}: {detail}", record)

    async def untaken(self, tx: Tx) -> None:
        """Take back the marks of an attempt that the gateway did not take.

        Together with the end of the job, so that nobody does who has lost it: another attempt may be under way by then.
        """
        marks = {"attempted_at": self.message.attempted_at, "tried_at": self.message.tried_at}
        await untaken(tx, self.message_id, **marks)

    def declined(self, code: str, detail: str) -> Done:
        """It is not to be sent, and nothing is wrong with that."""

        async def record(tx: Tx) -> None:
            await _record_failure(tx, self.job, self.message_id, code, detail, self.now)

        return Done(record)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that its gateway has, under `provider_id` if it said so."""

    ending: Ending
    provider_id: str | None

    @property
    def accepted(self) -> Accepted:
        """As it is stored."""
        ending = self.ending
        return Accepted(
            ending.job.tenant_id, ending.message_id, ending.message.channel_id, self.provider_id, ending.now
        )

    def said(self, status: Delivery) -> Iterator[Envelope[Message]]:
        """What the broker is told of it in this state."""
        ending, job = self.ending, self.ending.job
        touched = Touched(ending.message_id, ending.message.conversation_id, ending.message.request_id)
        for data, what in ((sent_news(touched), "sent"), (delivery_news(status, touched), status)):
            if data is not None:
                envelope = Envelope.of(
                    data,
                    tenant_id=job.tenant_id,
                    now=ending.now,
                    correlation_id=job.correlation_id,
                    id=derived_id(ending.message_id, what),
                )
                yield envelope.model_copy(update={"traceparent": job.traceparent})


async def record_sent(tx: Tx, results: Sequence[Delivered]) -> None:
    """Write what gateways have taken, of jobs that end together."""
    states = await store.finish_sends(tx, [result.accepted for result in results])
    said = (result.said(status) for result, status in zip(results, states, strict=True))
    await outbox.put(tx, *chain.from_iterable(said))


async def give_up(tx: Tx, job: Job, reason: str, *, now: datetime) -> None:
    """The attempts of `job` are used up."""
    await _record_failure(tx, job, UUID(job.payload["message_id"]), "gave_up", reason, now)


async def _record_failure(tx: Tx, job: Job, message_id: UUID, code: str, detail: str, now: datetime) -> None:
    failed = await store.record_failure(tx, message_id, code)
    if failed is None:
        return
    conversation_id, request_id = failed
    data = MessageFailed(
        message_id=message_id, conversation_id=conversation_id, request_id=request_id, code=code, detail=detail[:500]
    )
    await outbox.put(tx, Envelope.of(data, tenant_id=job.tenant_id, now=now, correlation_id=job.correlation_id))
