"""What comes in from a gateway: messages, receipts, the state of the connection."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, assert_never
from uuid import UUID

from booka_common import jobs, outbox
from booka_common.batching import Batcher
from booka_common.contracts import Envelope, Message
from booka_common.contracts.messaging import MessageReceived
from booka_common.db import Database, Tx
from booka_common.errors import Unavailable
from booka_common.ids import derived_id, new_id
from booka_common.jobs import NewJob
from booka_common.observability import current_traceparent
from booka_messaging import store
from booka_messaging.domain.attending import is_fresh, typed
from booka_messaging.domain.media import is_to_be_heard
from booka_messaging.domain.model import (
    ChatEvent,
    ChatMessage,
    ConnectionChanged,
    Deleted,
    Echoed,
    Edited,
    Ignored,
    Linked,
    Receipt,
)
from booka_messaging.store import Channel, Incoming, Settled, Taken
from booka_messaging.store.attending import TakenByPhone, take_typed_over
from booka_messaging.usecases.attending import hand_back_job, taken_over
from booka_messaging.usecases.correcting import correct
from booka_messaging.usecases.identifying import settle, sighted
from booka_messaging.usecases.linestate import line_changed
from booka_messaging.usecases.receipts import Receipts
from booka_messaging.usecases.transcribing import transcribe_job

__all__ = ["Intake", "Outcome"]

Outcome = Literal["accepted", "ignored", "duplicate", "stale"]


class _TakenMeanwhile(Exception):
    """A concurrent delivery of the same message was first."""


class _Unsettled(Exception):
    """Somebody of this batch is known by another name once the others are settled."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A message that waits for its commit, and the trace that it continues. `to_be_heard`: it is told once it is transcribed."""

    incoming: Incoming
    traceparent: str | None
    to_be_heard: bool = False


class Intake:
    """Takes in what gateways deliver. Messages that arrive at the same time are stored by one statement and commit.

    Args:
        stale_after: older messages are stored and not answered, as are those from before the line was ours.
        transcribes: voice messages are told of by a job that listens to them, on lines that want it.
    """

    def __init__(
        self, db: Database, *, stale_after: timedelta, receipts: Receipts | None = None, transcribes: bool = False
    ) -> None:
        self._db = db
        self._receipts = receipts or Receipts(db)
        self._stale_after = stale_after
        self._transcribes = transcribes
        self._known: Batcher[_Arrival, bool | None] = Batcher(self._store, key=_identity)
        self._strangers: Batcher[_Arrival, bool] = Batcher(self._settle_and_store, key=_identity)

    async def receive(self, channel: Channel, events: Sequence[ChatEvent], *, now: datetime) -> Outcome:
        """Take the events of one webhook, one after the other; repeated, they change nothing.

        Returns:
            What came of the first event that was for us, else `ignored`.
        """
        outcomes = [await self._one(channel, event, now) for event in events]
        return next((outcome for outcome in outcomes if outcome != "ignored"), "ignored")

    async def _one(self, channel: Channel, event: ChatEvent, now: datetime) -> Outcome:
        match event:
            case ChatMessage():
                return await self._message(channel, event, now)
            case Receipt():
                touched = await self._receipts.receive(channel, event, now=now)
                return "accepted" if touched else "duplicate"
            case ConnectionChanged(state, reason):
                async with self._db.tx(channel.tenant_id) as tx:
                    await line_changed(tx, channel.id, state, reason, now)
                return "accepted"
            case Edited(_, provider_id, text):
                async with self._db.tx(channel.tenant_id) as tx:
                    changed = await correct(tx, channel.id, provider_id, text, now=now)
                return "accepted" if changed else "ignored"
            case Deleted(_, provider_id):
                async with self._db.tx(channel.tenant_id) as tx:
                    changed = await correct(tx, channel.id, provider_id, None, now=now)
                return "accepted" if changed else "ignored"
            case Echoed():
                return "accepted" if await self._receipts.echo(channel, event, now=now) else "ignored"
            case Linked(_, aliases):
                async with self._db.tx(channel.tenant_id) as tx:
                    learnt = await sighted(tx, channel.tenant_id, channel.id, aliases, now=now)
                return "accepted" if learnt else "ignored"
            case Ignored():
                return "ignored"
            case _:
                assert_never(event)

    async def _message(self, channel: Channel, message: ChatMessage, now: datetime) -> Outcome:
        """Store a message and say that it was received, unless the salon wrote it or it is too old to be answered."""
        fresh = is_fresh(message.sent_at, now, stale_after=self._stale_after, line_since=channel.created_at)
        takeover = None if channel.takeover_minutes is None else timedelta(minutes=channel.takeover_minutes)
        incoming = Incoming(
            id=new_id(),
            tenant_id=channel.tenant_id,
            channel_id=channel.id,
            message=message,
            counts=message.author == "client" and fresh,
            received_at=now,
            typed=typed(message.sent_at, now, takeover=takeover, fresh=fresh) if message.author == "salon" else None,
        )
        heard = self._transcribes and channel.transcribe
        to_be_heard = heard and is_to_be_heard(message.kind, message.text, message.metadata)
        arrival = _Arrival(incoming, current_traceparent(), to_be_heard)
        try:
            stored = await self._known.do(arrival)
            if stored is None:
                stored = await self._strangers.do(arrival)
        except _TakenMeanwhile:
            return "duplicate"
        if not stored:
            return "duplicate"
        return "accepted" if fresh else "stale"

    async def _store(self, batch: Sequence[_Arrival]) -> list[bool | None]:
        """Store the messages of people who are known; False: it is there already, None: its contact has to be settled."""
        async with self._db.shared_tx([arrival.incoming.tenant_id for arrival in batch]) as tx:
            return await _take(tx, batch)

    async def _settle_and_store(self, batch: Sequence[_Arrival]) -> list[bool]:
        """The same for those who are new, or known by another name or under several.

        A transaction of its own, which locks identities before it locks conversations, as everybody does.
        """
        async with self._db.shared_tx([arrival.incoming.tenant_id for arrival in batch]) as tx:
            for arrival in sorted(batch, key=lambda arrival: arrival.incoming.channel_id):
                incoming, message = arrival.incoming, arrival.incoming.message
                await settle(
                    tx,
                    incoming.tenant_id,
                    incoming.channel_id,
                    message.aliases,
                    name=message.name,
                    talks=True,
                    now=incoming.received_at,
                )
            taken = await _take(tx, batch)
            stored = [outcome for outcome in taken if outcome is not None]
            if len(stored) < len(batch):
                raise _Unsettled if len(batch) > 1 else Unavailable("the contact changed", code="contact_changed")
            return stored


def _identity(arrival: _Arrival) -> tuple[UUID, str]:
    return arrival.incoming.channel_id, arrival.incoming.message.provider_id


async def _take(tx: Tx, batch: Sequence[_Arrival]) -> list[bool | None]:
    """Store what can be stored; say of each message that counts that it was received, and who has taken what over."""
    taken = await store.take_messages(tx, [arrival.incoming for arrival in batch])
    outcomes: list[bool | None] = []
    stored: list[tuple[_Arrival, Settled, Taken]] = []
    for arrival, one in zip(batch, taken, strict=True):
        if one.settled is None:
            outcomes.append(False if one.duplicate else None)
        elif not one.stored:
            raise _TakenMeanwhile
        else:
            outcomes.append(True)
            stored.append((arrival, one.settled, one))
    typed_in = await _take_over(
        tx, [(arrival, settled.conversation_id) for arrival, settled, _ in stored if arrival.incoming.typed]
    )
    said: list[Envelope[Message]] = []
    later: list[NewJob] = []
    for arrival, settled, one in stored:
        if one.counted and arrival.to_be_heard:
            later.append(_to_be_heard(arrival))
        elif one.counted:
            answered = typed_in.get(settled.conversation_id)
            attended = one.attended or (answered is not None and answered.covers(arrival.incoming.message.sent_at))
            said.append(_received(arrival, settled, attended=attended))
    # The last ones first: who hears the first one of a conversation finds the others waiting, and answers all of them at once.
    await outbox.put(tx, *reversed(said))
    await jobs.put_all(tx, later)
    return outcomes


async def _take_over(tx: Tx, typed_in: Sequence[tuple[_Arrival, UUID]]) -> dict[UUID, TakenByPhone]:
    """Let those answer who typed these messages in these conversations; what that means, by conversation."""
    if not typed_in:
        return {}
    arrivals = {arrival.incoming.id: arrival for arrival, _ in typed_in}
    found = await take_typed_over(tx, [(arrival.incoming, conversation_id) for arrival, conversation_id in typed_in])
    for one in found:
        if one.takeover_id is None:
            continue
        incoming = arrivals[one.takeover_id].incoming
        which = (incoming.tenant_id, one.conversation_id, one.takeover_id)
        await outbox.put(tx, taken_over(*which, by="phone", until=one.until, now=incoming.received_at))
        await jobs.put_all(tx, [*hand_back_job(*which, until=one.until)])
    return {one.conversation_id: one for one in found}


def _to_be_heard(arrival: _Arrival) -> NewJob:
    incoming = arrival.incoming
    return transcribe_job(incoming.tenant_id, incoming.id, now=incoming.received_at, traceparent=arrival.traceparent)


def _received(arrival: _Arrival, settled: Settled, *, attended: bool) -> Envelope[MessageReceived]:
    incoming, message = arrival.incoming, arrival.incoming.message
    envelope = Envelope.of(
        MessageReceived(
            message_id=incoming.id,
            conversation_id=settled.conversation_id,
            contact_id=settled.contact_id,
            turn=settled.turn,
            kind=message.kind,
            text=message.text,
            choice_id=message.choice_id,
            contact_name=settled.name,
            phone=settled.phone,
            sent_at=message.sent_at,
            attended=attended,
        ),
        tenant_id=incoming.tenant_id,
        now=incoming.received_at,
        id=derived_id(incoming.id, "received"),
    )
    return envelope.model_copy(update={"traceparent": arrival.traceparent})
