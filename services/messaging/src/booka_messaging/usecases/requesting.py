"""What is to be said to clients: a request becomes a row and a job, whose run `sending` describes.

Booka's requests come from the broker and share transactions; what a person of the salon writes in the console is queued in the
transaction that takes the conversation over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from booka_common import jobs
from booka_common.batching import Batcher
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import SendRequested, TemplateUse
from booka_common.db import Database, Tx
from booka_common.ids import new_id
from booka_common.jobs import Job, NewJob
from booka_common.observability import current_traceparent
from booka_messaging import store
from booka_messaging.errors import UnknownConversation
from booka_messaging.store import Asked, OutboundMessage, Queued
from booka_messaging.store.paces import hasten

__all__ = ["JOB_TYPE", "Requests", "queue_written"]

JOB_TYPE = "send_message"
#: A message that overtook the one before it waits this long for it.
_HELD_BACK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class _Request:
    asked: Asked
    correlation_id: UUID
    traceparent: str | None
    now: datetime


class Requests:
    """Queues texts for clients. Requests that come at the same time share a transaction, one of each conversation.

    Args:
        attempts: tries to send a message before it is given up.
    """

    def __init__(self, db: Database, *, attempts: int) -> None:
        self._db = db
        self._attempts = attempts
        self._waiting: Batcher[_Request, bool] = Batcher(self._queue, key=_conversation)

    async def take(self, envelope: Envelope[SendRequested], *, now: datetime) -> None:
        """Queue a text. The messages of one conversation leave in the order in which they were asked for.

        The request's id is a key of the messages, so it needs no place in the inbox.

        Raises:
            UnknownConversation: the tenant has no such conversation.
        """
        asked = Asked(new_id(), envelope.tenant_id, envelope.id, envelope.data)
        if await self._waiting.do(_Request(asked, envelope.correlation_id, current_traceparent(), now)):
            return
        async with self._db.tx(envelope.tenant_id) as tx:
            if not await store.conversation_exists(tx, envelope.data.conversation_id):
                raise UnknownConversation(envelope.data.conversation_id)

    async def _queue(self, batch: Sequence[_Request]) -> list[bool]:
        """Whether each was queued; else it is known, or its conversation is not."""
        now = max(request.now for request in batch)
        async with self._db.shared_tx([request.asked.tenant_id for request in batch]) as tx:
            return await _queue(tx, batch, attempts=self._attempts, now=now)


async def queue_written(
    tx: Tx,
    conversation_id: UUID,
    text: str,
    *,
    written_by: str,
    template: TemplateUse | None = None,
    attempts: int,
    now: datetime,
) -> UUID | None:
    """Queue what a person of the salon wrote in the console; return the message's id, None if there is no such conversation.

    Args:
        template: the approved text that says the same.
        attempts: tries to send it before it is given up.
    """
    if tx.tenant_id is None:
        raise ValueError("a person writes in a transaction of their salon")

    data = SendRequested(conversation_id=conversation_id, text=text, purpose="reply", template=template)
    asked = Asked(new_id(), tx.tenant_id, request_id=new_id(), data=data, written_by=written_by)
    request = _Request(asked, asked.request_id, current_traceparent(), now)
    (queued,) = await _queue(tx, [request], attempts=attempts, now=now)
    return asked.id if queued else None


async def _queue(tx: Tx, batch: Sequence[_Request], *, attempts: int, now: datetime) -> list[bool]:
    found = await store.queue_sends(tx, [request.asked for request in batch], now=now)
    queued = [(one, place) for one, place in zip(batch, found, strict=True) if place is not None]
    due = [await _due(tx, request, place) for request, place in queued]
    sends: list[NewJob] = []
    elsewhere: list[
        NewJob
    ] = []  # in the lane of a conversation that is not locked, because this one was merged into it
    for (one, place), at in zip(queued, due, strict=True):
        own = place.conversation_id == one.asked.data.conversation_id
        (sends if own else elsewhere).append(_job(one, place, at, attempts))
    await jobs.put_started(tx, sends, partial(_begin, now=now), now=now)
    await jobs.put_all(tx, elsewhere)
    for request, place in queued:
        asked = request.asked
        if place.fills_gap and asked.data.position is not None:
            await store.release_held(
                tx,
                asked.tenant_id,
                asked.data.conversation_id,
                asked.data.position,
                job_type=JOB_TYPE,
                lane=str(place.conversation_id),
                now=now,
            )
    return [place is not None for place in found]


async def _begin(tx: Tx, sends: Sequence[Job], *, now: datetime) -> list[OutboundMessage | None]:
    """What is sent at once is begun in the transaction that queues it."""
    keys = [(send.tenant_id, UUID(send.payload["message_id"])) for send in sends]
    begun = await store.begin_sends(tx, keys, since=now - _HELD_BACK, now=now)
    return [begun.get(key) for key in keys]


async def _due(tx: Tx, request: _Request, place: Queued) -> datetime:
    """When it is to go: at its moment on the line, unless something before it is missing."""
    if not place.in_turn:
        return max(place.paced_at, request.now + _HELD_BACK)
    position = request.asked.data.position
    if not place.hurries or position is None:
        return place.paced_at
    return await hasten(
        tx,
        request.asked.tenant_id,
        place.channel_id,
        lane=str(place.conversation_id),
        job_type=JOB_TYPE,
        before=position,
        at=place.paced_at,
    )


def _job(request: _Request, place: Queued, due: datetime, attempts: int) -> NewJob:
    asked, position = request.asked, request.asked.data.position
    payload: dict[str, str | int] = {"message_id": str(asked.id)}
    if not place.in_turn and position is not None:
        payload |= {"held_in": str(asked.data.conversation_id), "held_position": position}
    return NewJob(
        tenant_id=asked.tenant_id,
        type=JOB_TYPE,
        payload=payload,
        scheduled_at=due,
        correlation_id=request.correlation_id,
        unique_key=str(asked.request_id),
        lane=str(place.conversation_id),
        lane_order=position or 0,
        max_attempts=attempts,
        traceparent=request.traceparent,
    )


def _conversation(request: _Request) -> UUID:
    return request.asked.data.conversation_id
