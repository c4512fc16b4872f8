"""A conversation in hand: what is fed to it, and what comes of that, written with what came of others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from booka_common import jobs, outbox
from booka_common.contracts.booking import CancellationQuoteRequested
from booka_common.contracts.envelope import Envelope, Message
from booka_common.contracts.llm import ContextGiven, InterpretationRequested
from booka_common.contracts.messaging import SendRequested
from booka_common.db import Tx
from booka_common.ids import derived_id
from booka_common.jobs import NewJob
from booka_common.observability import current_traceparent
from booka_dialog import store
from booka_dialog.domain import ClientSaid, Context, Effect, Input, Say, Session, converse

__all__ = [
    "ANSWER_OVERDUE",
    "GAP",
    "INTERPRETATION_TIMEOUT",
    "QUOTE_TIMEOUT",
    "Cause",
    "Limits",
    "Talk",
    "in_hand",
    "keep",
]

GAP = "gap"
INTERPRETATION_TIMEOUT = "interpretation_timeout"
QUOTE_TIMEOUT = "quote_timeout"
ANSWER_OVERDUE = "answer_overdue"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long what is waited for.

    Attributes:
        patience: the model.
        quote_patience: the terms of a visit.
        answer_patience: what the client has agreed to, before they are told that it takes longer.
        gap: a missing turn.
    """

    patience: timedelta
    quote_patience: timedelta
    answer_patience: timedelta
    gap: timedelta


@dataclass(frozen=True, slots=True)
class Cause:
    """What set a step in motion: everything that follows derives its ids from `id`, and continues its trace."""

    id: UUID
    tenant_id: UUID
    correlation_id: UUID
    message: Envelope[Message] | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, envelope: Envelope[Message]) -> "Cause":
        """A message, as the cause of what follows from it."""
        return cls(envelope.id, envelope.tenant_id, envelope.correlation_id, envelope, current_traceparent())


class Entangled(Exception):
    """Somebody else has the conversation in which one of several goes on; each of them alone can wait for it."""


class Talk:
    """A conversation that this transaction has locked. Nothing of what comes of it is written before `keep`.

    Attributes:
        session: as it stands after what it was fed.
        turns: those to be written: None has been taken, the others wait for a missing one.
        goes_on: the talk with the same client that takes in what comes here, since this conversation was merged into it. Turns
            are still counted here.
    """

    def __init__(self, found: store.Conversation, limits: Limits, now: datetime) -> None:
        self.found = found
        self.session = found.session or Session(conversation_id=found.conversation_id)
        self.turns: dict[int, store.Turn | None] = {}
        self.turns_taken = found.turns_taken
        self.said = found.said
        self.envelopes: list[Envelope[Message]] = []
        self.jobs: list[NewJob] = []
        self.now = now
        self.goes_on: Talk | None = None
        self._stepped = False
        self._limits = limits
        self._pending = {turn.turn: turn for turn in found.pending}

    @property
    def changed(self) -> bool:
        """Whether there is anything to write besides messages and jobs."""
        return bool(self.turns) or (
            self._stepped and (self.session != self.found.session or self.said != self.found.said)
        )

    def hear(self, turn: store.Turn, cause: Cause) -> None:
        """A turn has come; `drain` answers it. One that was kept or taken before changes nothing.

        The model is given it as context, if the salon has it on. A turn that comes again is given under the same id.
        """
        if turn.turn not in self.found.known:
            self._pending[turn.turn] = self.turns[turn.turn] = turn
        if self.found.llm_enabled and not self.found.forgotten and turn.said.text.strip():
            given = ContextGiven(
                conversation_id=self.found.conversation_id, turn=turn.turn, text=turn.said.text, phone=turn.said.phone
            )
            self._put(given, derived_id(cause.id, "context"), cause)

    def drain(self, cause: Cause, *, wait_for_missing: bool = True) -> None:
        """Answer the pending turns, in order and at once; those behind a missing one wait for it, but not for ever."""
        pending = [self._pending[number] for number in sorted(self._pending)]
        ready: list[store.Turn] = []
        for turn in pending:
            if wait_for_missing and turn.turn > self.turns_taken + 1:
                self._look_again(turn, cause)
                break
            self.turns_taken = max(self.turns_taken, turn.turn)
            self.turns[turn.turn] = None
            ready.append(turn)
        if ready:
            last = Cause(ready[-1].message_id, cause.tenant_id, cause.correlation_id, cause.message, cause.traceparent)
            self.take([turn.said for turn in ready if not turn.attended], last)  # the salon answers the others

    def take(self, given: Sequence[Input], cause: Cause) -> tuple[str, ...]:
        """Step through `given`; the texts that the client is told."""
        if self.goes_on is not None:
            return self.goes_on.take([_of_somebody_else(one) for one in given], cause)
        context = Context(
            now=self.now,
            request_id=derived_id(cause.id, "request"),
            salon=self.found.salon,
            llm_enabled=self.found.llm_enabled,
            said=self.said,
        )
        self._stepped = True
        before = self.session.agreed_at
        self.session, effects = converse(self.session, () if self.found.forgotten else given, context)
        for index, effect in enumerate(effects):
            self._put(self._data(effect), derived_id(cause.id, "effect", index), cause)
        since = self.session.agreed_at
        if since is not None and since != before:
            key = f"{self.found.conversation_id}:{since.isoformat()}"
            self._put_job(ANSWER_OVERDUE, {"since": since.isoformat()}, key, self._limits.answer_patience, cause)
        return tuple(effect.text for effect in effects if isinstance(effect, Say))

    def _data(self, effect: Effect) -> Message:
        if not isinstance(effect, Say):
            return effect
        self.said += 1
        return SendRequested(
            conversation_id=self.found.conversation_id,
            text=effect.text,
            purpose=effect.purpose,
            position=self.said,
            choices=effect.choices,
            template=effect.template,
        )

    def _put(self, data: Message, message_id: UUID, cause: Cause) -> None:
        self.envelopes.append(
            Envelope.of(
                data,
                tenant_id=cause.tenant_id,
                now=self.now,
                cause=cause.message,
                correlation_id=cause.correlation_id,
                traceparent=cause.traceparent,
                id=message_id,
            )
        )
        if isinstance(data, InterpretationRequested):
            self._give_up_later(INTERPRETATION_TIMEOUT, data.request_id, self._limits.patience, cause)
        elif isinstance(data, CancellationQuoteRequested):
            self._give_up_later(QUOTE_TIMEOUT, data.request_id, self._limits.quote_patience, cause)

    def _give_up_later(self, kind: str, request_id: UUID, after: timedelta, cause: Cause) -> None:
        self._put_job(kind, {"request_id": str(request_id)}, str(request_id), after, cause)

    def _look_again(self, blocked: store.Turn, cause: Cause) -> None:
        self._put_job(GAP, {}, f"{self.found.conversation_id}:{blocked.turn}", self._limits.gap, cause)

    def _put_job(self, kind: str, payload: dict[str, str], unique_key: str, after: timedelta, cause: Cause) -> None:
        self.jobs.append(
            NewJob(
                tenant_id=cause.tenant_id,
                type=kind,
                payload={"conversation_id": str(self.found.conversation_id), **payload},
                scheduled_at=self.now + after,
                correlation_id=cause.correlation_id,
                unique_key=unique_key,
                traceparent=cause.traceparent or current_traceparent(),
            )
        )


def _of_somebody_else(given: Input) -> Input:
    """What was said under an id that the client does not go by any more."""
    return replace(given, contact_id=None) if isinstance(given, ClientSaid) else given


async def in_hand(tx: Tx, found: Sequence[store.Conversation], limits: Limits, now: datetime) -> "list[Talk]":
    """Talks of locked conversations, in their order, and after them those in which merged ones go on, which it locks.

    Waited for is only with one conversation in hand, that was merged, by all who do; so no two wait for each other.

    Raises:
        Entangled: several are in hand, and one that is missing is not free.
    """
    talks = {(one.tenant_id, one.conversation_id): Talk(one, limits, now) for one in found}
    while missing := {
        (one.found.tenant_id, one.found.merged_into)
        for one in talks.values()
        if one.found.merged_into is not None and (one.found.tenant_id, one.found.merged_into) not in talks
    }:
        wanted = sorted(conversation_id for _, conversation_id in missing)
        if len(found) == 1:
            await store.lock(tx, *wanted)
        elif not await store.try_lock(tx, wanted):
            raise Entangled
        for one in await store.load_more(tx, sorted(missing)):
            talks[one.tenant_id, one.conversation_id] = Talk(one, limits, now)
    for talk in talks.values():
        if talk.found.merged_into is not None:
            talk.goes_on = talks[talk.found.tenant_id, talk.found.merged_into]
    return list(talks.values())


async def keep(tx: Tx, talks: Sequence[Talk]) -> None:
    """Write what came of `talks`, all in the same statements."""
    if changed := [talk for talk in talks if talk.changed]:
        await store.save(
            tx,
            [
                store.Saved(
                    tenant_id=talk.found.tenant_id,
                    session=talk.session,
                    turns_taken=talk.turns_taken,
                    said=talk.said,
                    turns=talk.turns,
                )
                for talk in changed
            ],
            now=changed[0].now,
        )
    await jobs.put_all(tx, [job for talk in talks for job in talk.jobs])
    await outbox.put(tx, *(envelope for talk in talks for envelope in talk.envelopes))
