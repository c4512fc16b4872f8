"""What goes out to clients: a request becomes a row and a job, the job becomes one call to the gateway.

Gateways have no idempotency key. So every attempt is marked before its call, and a run that finds the mark of an earlier
one first looks in the gateway's own store whether that one went through.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar, assert_never
from uuid import UUID

from booka_common import inbox, jobs, outbox
from booka_common.contracts import Envelope, Message
from booka_common.contracts.messaging import MessageFailed, MessageSent, SendRequested
from booka_common.db import Database, Tx
from booka_common.ids import derived_id, new_id
from booka_common.jobs import Dead, Done, Job, Outcome, RetryIn
from booka_common.sealing import Sealer
from booka_messaging import store
from booka_messaging.domain.model import Alias, address, same_number
from booka_messaging.errors import UnknownConversation
from booka_messaging.providers.gateway import Gateway, Line, NotNow, OutcomeUnknown, Refused, Sent
from booka_messaging.store import OutboundMessage, Touched
from booka_messaging.usecases.channels import api_key
from booka_messaging.usecases.news import delivery_news

__all__ = ["JOB_TYPE", "Sending", "give_up", "request_send"]

JOB_TYPE = "send_message"
#: A message that overtook the one before it waits this long for it.
_HELD_BACK = timedelta(seconds=2)
_Said = TypeVar("_Said", bound=Message)
#: The gateway's clock and ours may differ, and its times have a resolution of 1 s.
_CLOCK_TOLERANCE = timedelta(seconds=30)


async def request_send(db: Database, envelope: Envelope[SendRequested], *, attempts: int, now: datetime) -> None:
    """Queue a text for a client. The messages of one conversation leave in the order in which they were asked for.

    Raises:
        UnknownConversation: the tenant has no such conversation.
    """
    data = envelope.data
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "messaging.send-requested", envelope.id):
            return
        message_id = new_id()
        queued = await store.queue_send(tx, message_id, data, request_id=envelope.id, now=now)
        if queued is None:
            if await store.conversation_exists(tx, data.conversation_id):
                return  # asked for again after the inbox forgot it
            raise UnknownConversation(data.conversation_id)
        payload: dict[str, str | int] = {"message_id": str(message_id)}
        if not queued.in_turn and data.position is not None:
            payload |= {"held_in": str(data.conversation_id), "held_position": data.position}
        await jobs.put(
            tx,
            JOB_TYPE,
            payload,
            scheduled_at=now if queued.in_turn else now + _HELD_BACK,
            correlation_id=envelope.correlation_id,
            unique_key=str(envelope.id),
            lane=str(queued.conversation_id),
            lane_order=data.position or 0,
            max_attempts=attempts,
        )
        if queued.fills_gap and data.position is not None:
            await store.release_held(
                tx, data.conversation_id, data.position, job_type=JOB_TYPE, lane=str(queued.conversation_id), now=now
            )


@dataclass(frozen=True, slots=True)
class Sending:
    """Runs the `send_message` jobs.

    Attributes:
        gateways: by the name in `channels.gateway`.
        recheck: how long after an unknown outcome the gateway's store is asked.
    """

    db: Database
    sealer: Sealer
    gateways: Mapping[str, Gateway]
    recheck: timedelta

    async def run(self, job: Job, now: datetime) -> Outcome:
        """Send the message of `job`, unless an earlier attempt did."""
        message_id = UUID(job.payload["message_id"])
        async with self.db.tx(job.tenant_id) as tx:
            message = await store.begin_send(tx, message_id, now=now)
            if "held_position" in job.payload:
                await store.overtake(tx, UUID(job.payload["held_in"]), job.payload["held_position"])
        if message is None:
            return Done()
        sent = _Sent(job, message_id, message, now)
        if not message.active:
            return sent.failed("channel_inactive", "the channel is switched off")
        to = address(message.aliases)
        if to is None:
            return sent.failed("no_address", "nothing is known to write to")
        gateway = self.gateways[message.gateway]
        key = api_key(job.tenant_id, message.channel_id, message.api_key, self.sealer)
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
                return RetryIn(f"outcome unknown: {reason}", self.recheck)
            case _:
                assert_never(outcome)

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
        async with self.db.tx(tenant_id) as tx:
            ours = await store.ours_among(tx, message.channel_id, [one.provider_id for one in candidates])
        return next((one.provider_id for one in candidates if one.provider_id not in ours), None)


def _is_for(client: tuple[Alias, ...], to: tuple[Alias, ...]) -> bool:
    return any(same_number(mine, theirs) for mine in client for theirs in to)


@dataclass(frozen=True, slots=True)
class _Sent:
    """The two ways in which a send ends, with what is written of each."""

    job: Job
    message_id: UUID
    message: OutboundMessage
    now: datetime

    def done(self, provider_id: str | None) -> Done:
        """The gateway has it."""

        async def record(tx: Tx) -> None:
            status = await store.finish_send(
                tx, self.message_id, channel_id=self.message.channel_id, provider_id=provider_id, sent_at=self.now
            )
            sent = MessageSent(
                message_id=self.message_id,
                conversation_id=self.message.conversation_id,
                request_id=self.message.request_id,
            )
            await outbox.put(tx, self._envelope(sent, "sent"))
            touched = Touched(self.message_id, self.message.conversation_id, self.message.request_id)
            if (news := delivery_news(status, touched)) is not None:
                await outbox.put(tx, self._envelope(news, status))

        return Done(record)

    def _envelope(self, data: _Said, what: str) -> Envelope[_Said]:
        return Envelope.of(
            data,
            tenant_id=self.job.tenant_id,
            now=self.now,
            correlation_id=self.job.correlation_id,
            id=derived_id(self.message_id, what),
        )

    def failed(self, code: str, detail: str) -> Dead:
        """The gateway will not have it."""

        async def record(tx: Tx) -> None:
            await _record_failure(tx, self.job, self.message_id, code, detail, self.now)

        return Dead(f"{code}: {detail}", record)


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
