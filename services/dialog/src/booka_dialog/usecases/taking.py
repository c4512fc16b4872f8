"""What comes in about conversations: turns of clients, answers of other services, and time that is up.

Whatever waits at the same time is taken in together, whichever salons and conversations it belongs to. A conversation that
somebody else has in hand is not waited for there: what was heard of it is taken alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from booka_common.batching import Batcher
from booka_common.contracts.envelope import Envelope, Message
from booka_common.contracts.messaging import MessageReceived
from booka_common.db import Database, Tx
from booka_common.jobs import Job
from booka_dialog import store
from booka_dialog.domain import Answer, AnswerOverdue, ClientSaid, Input, InterpretationTimedOut, QuoteTimedOut
from booka_dialog.usecases.talking import Cause, Limits, Talk, in_hand, keep

__all__ = ["Deps", "take_answer", "take_gap", "take_overdue", "take_quote_timeout", "take_timeout", "take_turn"]


@dataclass(frozen=True, slots=True)
class _Heard:
    conversation_id: UUID
    what: store.Turn | Answer
    cause: Cause

    @property
    def arrival(self) -> store.Arrival:
        """What the store needs to know of it."""
        return store.Arrival(
            tenant_id=self.cause.tenant_id,
            conversation_id=self.conversation_id,
            message_id=self.cause.id,
            consumer=None if isinstance(self.what, store.Turn) else f"dialog.{self.what.key}",
            turn=self.what if isinstance(self.what, store.Turn) else None,
        )


@dataclass(frozen=True, slots=True)
class Deps:
    """What the use cases need.

    Attributes:
        heard: takes in what waits together; says of each whether it could, or somebody else has the conversation.
    """

    db: Database
    now: Callable[[], datetime]
    limits: Limits
    heard: Batcher[_Heard, bool] = field(init=False)

    def __post_init__(self) -> None:
        # A second delivery of a message sees what became of the first.
        object.__setattr__(self, "heard", Batcher(partial(_take_all, self), key=lambda heard: heard.cause.id))


async def take_turn(deps: Deps, envelope: Envelope[MessageReceived]) -> None:
    """Answer a message of the client, together with whatever else is waiting in the conversation.

    A repeated delivery finds its turn kept already; it still drains, because the first one may have died in between.
    A turn that a person of the salon attends to counts as taken, and the session stays where it was.
    """
    data = envelope.data
    said = ClientSaid(
        text=data.text,
        kind=data.kind,
        choice_id=data.choice_id,
        contact_id=data.contact_id,
        contact_name=data.contact_name,
        phone=data.phone,
    )
    turn = store.Turn(turn=data.turn, message_id=envelope.id, said=said, attended=data.attended)
    await _take(deps, _Heard(data.conversation_id, turn, Cause.of(envelope)))


async def take_answer(deps: Deps, envelope: Envelope[Message], conversation_id: UUID | None, answer: Answer) -> None:
    """Take in what another service said about a conversation; without one, there is nobody to tell."""
    if conversation_id is not None:
        await _take(deps, _Heard(conversation_id, answer, Cause.of(envelope)))


async def _take(deps: Deps, heard: _Heard) -> None:
    if await deps.heard.do(heard):
        return
    async with deps.db.tx(heard.cause.tenant_id) as tx:
        await store.lock(tx, heard.conversation_id)
        await _hear(deps, tx, [heard])


async def _take_all(deps: Deps, batch: Sequence[_Heard]) -> list[bool]:
    async with deps.db.shared_tx([heard.cause.tenant_id for heard in batch]) as tx:
        return await _hear(deps, tx, batch)


async def _hear(deps: Deps, tx: Tx, batch: Sequence[_Heard]) -> list[bool]:
    """Take in what was heard of conversations that are free; whether each was. Turns of the others are kept."""
    states = await store.arrive(tx, [heard.arrival for heard in batch])
    fresh = [heard for heard, state in zip(batch, states, strict=True) if state == "fresh"]
    found = await store.load_all(tx, [heard.arrival for heard in fresh])
    in_reach = await in_hand(tx, found, deps.limits, deps.now())
    talks = {(talk.found.tenant_id, talk.found.conversation_id): talk for talk in in_reach}
    turns: dict[Talk, Cause] = {}
    for heard in fresh:
        talk = talks[heard.cause.tenant_id, heard.conversation_id]
        if isinstance(heard.what, store.Turn):
            talk.hear(heard.what, heard.cause)
            turns[talk] = heard.cause
        else:
            talk.take([heard.what], heard.cause)
    for talk, cause in turns.items():  # after what was said about earlier ones
        talk.drain(cause)
    await keep(tx, in_reach)
    return [state != "busy" for state in states]


async def take_gap(deps: Deps, tx: Tx, job: Job) -> None:
    """A turn has been missing for long enough: answer those after it. The missing one is answered if it ever comes."""
    talks, cause = await _of_job(deps, tx, job)
    talks[0].drain(cause, wait_for_missing=False)
    await keep(tx, talks)


async def take_timeout(deps: Deps, tx: Tx, job: Job) -> None:
    """The model has not answered in time."""
    await _timed_out(deps, tx, job, InterpretationTimedOut(UUID(job.payload["request_id"])))


async def take_quote_timeout(deps: Deps, tx: Tx, job: Job) -> None:
    """Booking has not said the terms of a visit in time."""
    await _timed_out(deps, tx, job, QuoteTimedOut(UUID(job.payload["request_id"])))


async def take_overdue(deps: Deps, tx: Tx, job: Job) -> None:
    """Booking has not done in time what the client agreed to."""
    await _timed_out(deps, tx, job, AnswerOverdue(datetime.fromisoformat(job.payload["since"])))


async def _timed_out(deps: Deps, tx: Tx, job: Job, given: Input) -> None:
    talks, cause = await _of_job(deps, tx, job)
    talks[0].take([given], cause)
    await keep(tx, talks)


async def _of_job(deps: Deps, tx: Tx, job: Job) -> tuple[list[Talk], Cause]:
    """The conversation of a job, in hand, and after it the one in which it goes on, if it was merged."""
    conversation_id = UUID(job.payload["conversation_id"])
    await store.lock(tx, conversation_id)
    found = await store.load(tx, job.tenant_id, conversation_id)
    return await in_hand(tx, [found], deps.limits, deps.now()), Cause(job.id, job.tenant_id, job.correlation_id)
