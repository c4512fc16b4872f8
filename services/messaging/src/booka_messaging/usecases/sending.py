"""What goes out to clients: a job becomes one call to the gateway.

Gateways have no idempotency key. So every attempt is marked before its call, and a run that finds the mark of an earlier
one first looks in the gateway's own store whether that one went through.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import assert_never
from uuid import UUID

from booka_common import outbox
from booka_common.batching import Batcher
from booka_common.contracts import Envelope, Message
from booka_common.contracts.messaging import MessageFailed, MessageSent
from booka_common.db import Database, Tx
from booka_common.ids import derived_id
from booka_common.jobs import Dead, Done, Job, Outcome, RetryIn
from booka_common.sealing import Sealer
from booka_messaging import store
from booka_messaging.domain.model import Alias, Delivery, address, same_number
from booka_messaging.providers.gateway import Gateway, Line, NotNow, OutcomeUnknown, Refused, Sent
from booka_messaging.store import Accepted, OutboundMessage, Touched
from booka_messaging.usecases.channels import api_key
from booka_messaging.usecases.news import delivery_news

__all__ = ["Sending", "give_up", "record_sent"]

#: The gateway's clock and ours may differ, and its times have a resolution of 1 s.
_CLOCK_TOLERANCE = timedelta(seconds=30)


class Sending:
    """Runs the `send_message` jobs. Those that run at the same time share the commits before and after their calls.

    Args:
        gateways: by the name in `channels.gateway`.
        recheck: how long after an unknown outcome the gateway's store is asked.
    """

    def __init__(self, db: Database, sealer: Sealer, gateways: Mapping[str, Gateway], *, recheck: timedelta) -> None:
        self._db = db
        self._sealer = sealer
        self._gateways = gateways
        self._recheck = recheck
        self._begins: Batcher[_Begin, OutboundMessage | None] = Batcher(self._begin)

    async def run(self, job: Job, now: datetime) -> Outcome:
        """Send the message of `job`, unless an earlier attempt did."""
        message_id = UUID(job.payload["message_id"])
        message = await self._begins.do(_Begin(job, message_id, now))
        if message is None:
            return Done()
        sent = _Sent(job, message_id, message, now)
        if not message.active:
            return sent.failed("channel_inactive", "the channel is switched off")
        to = address(message.aliases)
        if to is None:
            return sent.failed("no_address", "nothing is known to write to")
        gateway = self._gateways[message.gateway]
        key = api_key(job.tenant_id, message.channel_id, message.api_key, self._sealer)
        line = Line(message.base_url, message.instance, key)
        if message.attempted_at is not None:
            found = await self._look(gateway, line, job.tenant_id, message, message.attempted_at, now)
            if found is not None:
                return sent.done(found)
        outcome = await gateway.send_text(line, to, message.text)
        match outcome:
            case Sent(provider_id):
                return sent.done(provider_id)
            case Refused(code, detail):
                return sent.failed(code, detail)
            case NotNow(reason, delay):
                return RetryIn(reason, delay)
            case OutcomeUnknown(reason):
                # The gateway may still be at it; its store tells only after a while.
                return RetryIn(f"outcome unknown: {reason}", self._recheck)
            case _:
                assert_never(outcome)

    async def _begin(self, batch: Sequence["_Begin"]) -> list[OutboundMessage | None]:
        """Mark attempts before their calls, and load what those need."""
        keys = [(begin.job.tenant_id, begin.message_id) for begin in batch]
        async with self._db.shared_tx([tenant_id for tenant_id, _ in keys]) as tx:
            messages = await store.begin_sends(tx, keys, now=max(begin.now for begin in batch))
            for begin in batch:
                payload = begin.job.payload
                if "held_position" in payload:
                    held_in = UUID(payload["held_in"])
                    await store.overtake(tx, begin.job.tenant_id, held_in, payload["held_position"])
        return [messages.get(key) for key in keys]

    async def _look(
        self,
        gateway: Gateway,
        line: Line,
        tenant_id: UUID,
        message: OutboundMessage,
        since: datetime,
        now: datetime,
    ) -> str | None:
        """The gateway's id of this very message, if its store has it and it is not that of another one of ours."""
        stored = await gateway.sent_between(line, since - _CLOCK_TOLERANCE, now + _CLOCK_TOLERANCE)
        candidates = sorted(
            (one for one in stored if one.text == message.text and _is_for(message.aliases, one.to)),
            key=lambda one: one.sent_at,
        )
        if not candidates:
            return None
        async with self._db.tx(tenant_id) as tx:
            ours = await store.ours_among(tx, message.channel_id, [one.provider_id for one in candidates])
        return next((one.provider_id for one in candidates if one.provider_id not in ours), None)


def _is_for(client: tuple[Alias, ...], to: tuple[Alias, ...]) -> bool:
    return any(same_number(mine, theirs) for mine in client for theirs in to)


@dataclass(frozen=True, slots=True)
class _Begin:
    job: Job
    message_id: UUID
    now: datetime


@dataclass(frozen=True, slots=True)
class _Sent:
    """The two ways in which a send ends, with what is written of each."""

    job: Job
    message_id: UUID
    message: OutboundMessage
    now: datetime

    def done(self, provider_id: str | None) -> Done:
        """The gateway has it; `record_sent` writes that."""
        return Done(result=_Delivered(self, provider_id))

    def failed(self, code: str, detail: str) -> Dead:
        """The gateway will not have it."""

        async def record(tx: Tx) -> None:
            await _record_failure(tx, self.job, self.message_id, code, detail, self.now)

        return Dead(f"{code}: {detail}", record)


@dataclass(frozen=True, slots=True)
class _Delivered:
    sent: _Sent
    provider_id: str | None

    @property
    def accepted(self) -> Accepted:
        sent = self.sent
        return Accepted(sent.job.tenant_id, sent.message_id, sent.message.channel_id, self.provider_id, sent.now)

    def said(self, status: Delivery) -> Iterator[Envelope[Message]]:
        """What the broker is told of a message in this state."""
        message_id, message = self.sent.message_id, self.sent.message
        ids = {"message_id": message_id, "conversation_id": message.conversation_id, "request_id": message.request_id}
        yield self._envelope(MessageSent(**ids), "sent")
        touched = Touched(message_id, message.conversation_id, message.request_id)
        if (news := delivery_news(status, touched)) is not None:
            yield self._envelope(news, status)

    def _envelope(self, data: Message, what: str) -> Envelope[Message]:
        job = self.sent.job
        envelope = Envelope.of(
            data,
            tenant_id=job.tenant_id,
            now=self.sent.now,
            correlation_id=job.correlation_id,
            id=derived_id(self.sent.message_id, what),
        )
        return envelope.model_copy(update={"traceparent": job.traceparent})


async def record_sent(tx: Tx, results: Sequence[_Delivered]) -> None:
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
