"""What comes in from a gateway: messages, receipts, the state of the connection."""

from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, assert_never
from uuid import UUID

from booka_common import jobs, outbox
from booka_common.batching import Batcher
from booka_common.contracts import Envelope, Message
from booka_common.db import Database, Tx
from booka_common.errors import Unavailable
from booka_common.ids import new_id
from booka_common.jobs import NewJob
from booka_common.observability import current_traceparent
from booka_messaging import store
from booka_messaging.domain.attending import Typed, is_fresh, typed
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
from booka_messaging.store import Channel, Incoming, Taken, TakenMeanwhile
from booka_messaging.store.attending import TakenByPhone, take_typed_over
from booka_messaging.usecases.attending import hand_back_job, taken_over
from booka_messaging.usecases.correcting import correct
from booka_messaging.usecases.identifying import settle, sighted
from booka_messaging.usecases.linestate import line_changed
from booka_messaging.usecases.naming import name_sent
from booka_messaging.usecases.receipts import Receipts
from booka_messaging.usecases.telling import received, to_be_said
from booka_messaging.usecases.transcribing import transcribe_job

__all__ = ["Intake", "Outcome"]

Outcome = Literal["accepted", "ignored", "duplicate", "stale"]


class _Unsettled(Exception):
    """Somebody of this batch is known by another name once the others are settled."""


class _Arrival(NamedTuple):
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
        self._known: Batcher[_Arrival, bool] = Batcher(self._store, key=_identity)
        self._others: Batcher[_Arrival, bool] = Batcher(self._settle_and_store, key=_identity)

    def receive(self, channel: Channel, events: Sequence[ChatEvent], *, now: datetime) -> Awaitable[Outcome]:
        """Take the events of one webhook, one after the other; repeated, they change nothing.

        Returns:
            What came of the first event that was for us, else `ignored`.
        """
        return self._one(channel, events[0], now) if len(events) == 1 else self._in_turn(channel, events, now)

    async def _in_turn(self, channel: Channel, events: Sequence[ChatEvent], now: datetime) -> Outcome:
        outcomes = [await self._one(channel, event, now) for event in events]
        return next((outcome for outcome in outcomes if outcome != "ignored"), "ignored")

    def _one(self, channel: Channel, event: ChatEvent, now: datetime) -> Awaitable[Outcome]:
        if isinstance(event, ChatMessage):
            return self._message(channel, event, now)
        return self._notice(channel, event, now)

    async def _notice(self, channel: Channel, event: Receipt | ConnectionChanged | Ignored, now: datetime) -> Outcome:
        """Take what is no message."""
        match event:
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
        of_client = message.author == "client"
        incoming = Incoming(
            id=new_id(),
            tenant_id=channel.tenant_id,
            channel_id=channel.id,
            message=message,
            counts=of_client and fresh,
            received_at=now,
            typed=None if of_client else _typed(channel, message, now, fresh=fresh),
        )
        heard = self._transcribes and channel.transcribe
        to_be_heard = heard and is_to_be_heard(message.kind, message.text, message.metadata)
        arrival = _Arrival(incoming, current_traceparent(), to_be_heard)
        try:
            stored = await self._known.do(arrival) or await self._others.do(arrival)
        except TakenMeanwhile:
            return "duplicate"
        if not of_client and await self._is_ours(channel, message, now):
            return "accepted"
        if not stored:
            return "duplicate"
        return "accepted" if fresh else "stale"

    async def _is_ours(self, channel: Channel, message: ChatMessage, now: datetime) -> bool:
        """Whether what looked as if it had been typed is one of ours of which the gateway had not said the id.

        It is stored by then, and goes: before, it would come too late for those who write at the same time.
        """
        async with self._db.tx(channel.tenant_id) as tx:
            return await name_sent(tx, channel.tenant_id, channel.id, message, now=now)

    async def _store(self, batch: Sequence[_Arrival]) -> list[bool]:
        """Store the messages of people who are known; False: it may be there already, or its contact has to be settled."""
        if not _is_plain(batch):
            async with self._db.shared_tx({arrival.incoming.tenant_id for arrival in batch}) as tx:
                return await _take(tx, batch)
        signals = self._db.signals
        told = await store.take_and_tell(
            self._db,
            [arrival.incoming for arrival in batch],
            [
                to_be_said(arrival.incoming, arrival.traceparent) if arrival.incoming.counts else None
                for arrival in batch
            ],
            outbox.handed_off_for(signals),
        )
        outbox.hand_over(signals, [one for one in told.values() if one is not None])
        return [place in told for place in range(len(batch))]

    async def _settle_and_store(self, batch: Sequence[_Arrival]) -> list[bool]:
        """The same for those who are new, or known by another name or under several; False: it is there already.

        A transaction of its own, which locks identities before it locks conversations, as everybody does. If people have to be
        merged, the batch is undone and done one by one.
        """
        async with self._db.shared_tx({arrival.incoming.tenant_id for arrival in batch}) as tx:
            there = await store.messages_there(tx, [arrival.incoming for arrival in batch])
            fresh = [arrival for arrival in batch if arrival.incoming.id not in there]
            for arrival in sorted(fresh, key=_line):
                incoming, message = arrival.incoming, arrival.incoming.message
                await settle(
                    tx,
                    incoming.tenant_id,
                    incoming.channel_id,
                    message.aliases,
                    name=message.name,
                    talks=True,
                    alone=len(batch) == 1,
                    now=incoming.received_at,
                )
            taken = await _take(tx, fresh) if fresh else []
            left = [arrival.incoming for arrival, stored in zip(fresh, taken, strict=True) if not stored]
            if left:  # somebody else was first while this waited for an identity
                there |= await store.messages_there(tx, left)
            if any(incoming.id not in there for incoming in left):
                raise _Unsettled if len(batch) > 1 else Unavailable("the contact changed", code="contact_changed")
            return [arrival.incoming.id not in there for arrival in batch]


def _identity(arrival: _Arrival) -> tuple[int, str]:
    return arrival.incoming.channel_id.int, arrival.incoming.message.provider_id


def _line(arrival: _Arrival) -> tuple[UUID, UUID]:
    """In which order identities are locked."""
    return arrival.incoming.tenant_id, arrival.incoming.channel_id


def _person(arrival: _Arrival) -> tuple[int, str]:
    return arrival.incoming.channel_id.int, arrival.incoming.message.aliases[0].value


def _is_plain(batch: Sequence[_Arrival]) -> bool:
    """Whether each message can be stored and told of without a look at the others."""
    people = {_person(arrival) for arrival in batch if arrival.incoming.typed is None and not arrival.to_be_heard}
    return len(people) == len(batch)


def _typed(channel: Channel, message: ChatMessage, now: datetime, *, fresh: bool) -> Typed | None:
    """What it means that a person of the salon typed this on the line's phone."""
    takeover = None if channel.takeover_minutes is None else timedelta(minutes=channel.takeover_minutes)
    return typed(message.sent_at, now, takeover=takeover, fresh=fresh)


def _rounds(batch: Sequence[_Arrival]) -> list[list[_Arrival]]:
    """`batch` in parts that have one message of each person, the first ones first."""
    rounds: list[list[_Arrival]] = []
    seen: Counter[tuple[int, str]] = Counter()
    for arrival in batch:
        person = _person(arrival)
        if seen[person] == len(rounds):
            rounds.append([])
        rounds[seen[person]].append(arrival)
        seen[person] += 1
    return rounds


async def _take(tx: Tx, batch: Sequence[_Arrival]) -> list[bool]:
    """Store what can be stored; say of each message that counts that it was received, and who has taken what over."""
    taken: dict[UUID, Taken] = {}
    for part in _rounds(batch):
        found = await store.take_messages(tx, [arrival.incoming for arrival in part])
        taken |= {part[place].incoming.id: one for place, one in found.items()}
    stored = [(arrival, taken[arrival.incoming.id]) for arrival in batch if arrival.incoming.id in taken]
    typed_in = await _take_over(
        tx, [(arrival, one.conversation_id) for arrival, one in stored if arrival.incoming.typed]
    )
    said: list[Envelope[Message]] = []
    later: list[NewJob] = []
    for arrival, one in stored:
        if one.turn is None:
            continue
        if arrival.to_be_heard:
            later.append(_to_be_heard(arrival))
            continue
        incoming, answered = arrival.incoming, typed_in.get(one.conversation_id)
        attended = one.attended or (answered is not None and answered.covers(incoming.message.sent_at))
        said.append(received(incoming, one.turn, one, arrival.traceparent, attended=attended))
    # The last ones first: who hears the first one of a conversation finds the others waiting, and answers all of them at once.
    await outbox.put(tx, *reversed(said))
    await jobs.put_all(tx, later)
    return [arrival.incoming.id in taken for arrival in batch]


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
