"""The use cases: each takes the conversation's lock, feeds the domain, and stores what comes of it in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from booka_common import inbox, jobs, outbox
from booka_common.contracts.booking import CancellationQuoteRequested, CatalogueChanged
from booka_common.contracts.envelope import Envelope, Message
from booka_common.contracts.llm import InterpretationRequested, LlmSettingsChanged
from booka_common.contracts.messaging import ContactErased, MessageReceived, SendRequested
from booka_common.db import Database, Tx
from booka_common.ids import derived_id, new_id
from booka_dialog import store
from booka_dialog.domain import (
    Answer,
    ClientSaid,
    Context,
    Effect,
    Input,
    InterpretationTimedOut,
    QuoteTimedOut,
    Say,
    Session,
    converse,
)
from booka_dialog.errors import SalonNotOpen, SessionExists, SessionNotFound

__all__ = [
    "GAP",
    "INTERPRETATION_TIMEOUT",
    "QUOTE_TIMEOUT",
    "Deps",
    "Stepped",
    "forget",
    "get_session",
    "input_over_http",
    "keep_catalogue",
    "keep_llm_setting",
    "start_session",
    "take_answer",
    "take_gap",
    "take_quote_timeout",
    "take_timeout",
    "take_turn",
]

GAP = "gap"
INTERPRETATION_TIMEOUT = "interpretation_timeout"
QUOTE_TIMEOUT = "quote_timeout"


@dataclass(frozen=True, slots=True)
class Deps:
    """What the use cases need.

    Attributes:
        patience: how long the model is waited for.
        quote_patience: how long the terms of a visit are waited for.
        gap: how long a missing turn is waited for.
    """

    db: Database
    now: Callable[[], datetime]
    patience: timedelta
    quote_patience: timedelta
    gap: timedelta


@dataclass(frozen=True, slots=True)
class Stepped:
    """A session after a step over HTTP, and what was said to the client."""

    session: Session
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cause:
    """What set a step in motion: everything that follows derives its ids from `id`."""

    id: UUID
    tenant_id: UUID
    correlation_id: UUID
    message: Envelope[Message] | None = None


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
    cause = _Cause(envelope.id, envelope.tenant_id, envelope.correlation_id, envelope)
    async with deps.db.tx(envelope.tenant_id) as tx:
        locked = await store.arrived(tx, data.conversation_id, turn)
        if locked:
            await _drain(deps, tx, data.conversation_id, cause)
    if not locked:
        async with deps.db.tx(envelope.tenant_id) as tx:
            await store.lock(tx, data.conversation_id)
            await _drain(deps, tx, data.conversation_id, cause)


async def take_gap(deps: Deps, tx: Tx, job: jobs.Job) -> None:
    """A turn has been missing for long enough: answer those after it. The missing one is answered if it ever comes."""
    conversation_id = UUID(job.payload["conversation_id"])
    await store.lock(tx, conversation_id)
    cause = _Cause(job.id, job.tenant_id, job.correlation_id)
    await _drain(deps, tx, conversation_id, cause, wait_for_missing=False)


async def take_answer(deps: Deps, envelope: Envelope[Message], conversation_id: UUID | None, answer: Answer) -> None:
    """Take in what another service said about a conversation; without one, there is nobody to tell."""
    if conversation_id is None:
        return
    async with deps.db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, f"dialog.{answer.key}", envelope.id):
            return
        await store.lock(tx, conversation_id)
        await _step(
            deps,
            tx,
            conversation_id,
            answer,
            _Cause(envelope.id, envelope.tenant_id, envelope.correlation_id, envelope),
        )


async def take_timeout(deps: Deps, tx: Tx, job: jobs.Job) -> None:
    """The model has not answered in time."""
    await _timed_out(deps, tx, job, InterpretationTimedOut(UUID(job.payload["request_id"])))


async def take_quote_timeout(deps: Deps, tx: Tx, job: jobs.Job) -> None:
    """Booking has not said the terms of a visit in time."""
    await _timed_out(deps, tx, job, QuoteTimedOut(UUID(job.payload["request_id"])))


async def _timed_out(deps: Deps, tx: Tx, job: jobs.Job, given: Input) -> None:
    conversation_id = UUID(job.payload["conversation_id"])
    await store.lock(tx, conversation_id)
    await _step(deps, tx, conversation_id, given, _Cause(job.id, job.tenant_id, job.correlation_id))


async def keep_catalogue(deps: Deps, envelope: Envelope[CatalogueChanged]) -> None:
    """Know the salon's catalogue as booking published it last; its revision makes a repetition harmless."""
    async with deps.db.tx(envelope.tenant_id) as tx:
        await store.put_catalogue(tx, envelope.data)


async def keep_llm_setting(deps: Deps, envelope: Envelope[LlmSettingsChanged]) -> None:
    """Know whether the salon has the model switched on."""
    async with deps.db.tx(envelope.tenant_id) as tx:
        await store.put_llm_setting(tx, enabled=envelope.data.enabled, revision=envelope.data.revision)


async def forget(deps: Deps, envelope: Envelope[ContactErased]) -> None:
    """Know nothing any more of what was said in these conversations; repeated, it changes nothing."""
    for conversation_id in envelope.data.conversation_ids:
        async with deps.db.tx(envelope.tenant_id) as tx:
            await store.lock(tx, conversation_id)
            await store.forget(tx, conversation_id, now=deps.now())


async def get_session(deps: Deps, tenant_id: UUID, conversation_id: UUID) -> store.StoredSession:
    """The conversation as it stands.

    Raises:
        SessionNotFound: the salon has none of this id.
    """
    async with deps.db.tx(tenant_id) as tx:
        stored = await store.get_session(tx, conversation_id)
    if stored is None:
        raise SessionNotFound("no conversation of this id")
    return stored


async def start_session(deps: Deps, tenant_id: UUID, session: Session, said: ClientSaid) -> Stepped:
    """Start a conversation as if the client had written `said`.

    Raises:
        SessionExists: there is one of this id.
        SalonNotOpen: the salon has nothing to book yet.
    """
    async with deps.db.tx(tenant_id) as tx:
        await store.lock(tx, session.conversation_id)
        found = await store.load(tx, session.conversation_id)
        if found.session is not None:
            raise SessionExists("this conversation has been started already")
        if found.salon is None or not found.salon.open:
            raise SalonNotOpen("the salon has no bookable catalogue yet")
        cause = new_id()
        session, texts = await _answer(deps, tx, found, session, [said], _Cause(cause, tenant_id, cause))
    return Stepped(session, texts)


async def input_over_http(
    deps: Deps, tenant_id: UUID, conversation_id: UUID, given: Input, input_id: UUID | None
) -> Stepped:
    """Take an input in that came over HTTP; its effects are those of a message, and its texts are returned as well.

    Args:
        input_id: repeated with the same id, an input has no second effect and no texts.

    Raises:
        SessionNotFound: the salon has no conversation of this id.
    """
    async with deps.db.tx(tenant_id) as tx:
        fresh = input_id is None or await inbox.once(tx, "dialog.http-input", input_id)
        await store.lock(tx, conversation_id)
        found = await store.load(tx, conversation_id)
        if found.session is None:
            raise SessionNotFound("no conversation of this id")
        if not fresh:
            return Stepped(found.session, ())
        cause = input_id or new_id()
        session, texts = await _answer(deps, tx, found, found.session, [given], _Cause(cause, tenant_id, cause))
    return Stepped(session, texts)


async def _drain(deps: Deps, tx: Tx, conversation_id: UUID, cause: _Cause, *, wait_for_missing: bool = True) -> None:
    """Answer the pending turns, in order and at once; those behind a missing one wait for it, but not for ever."""
    found = await store.load(tx, conversation_id)
    if not found.pending:
        return
    ready: list[store.Turn] = []
    reached = found.turns_taken
    for turn in found.pending:
        if wait_for_missing and turn.turn > reached + 1:
            break
        reached = max(reached, turn.turn)
        ready.append(turn)
    if len(ready) < len(found.pending):
        blocked = found.pending[len(ready)]
        await jobs.put(
            tx,
            GAP,
            {"conversation_id": str(conversation_id)},
            scheduled_at=deps.now() + deps.gap,
            correlation_id=cause.correlation_id,
            unique_key=f"{conversation_id}:{blocked.turn}",
        )
    if not ready:
        return
    session = found.session or Session(conversation_id=conversation_id)
    last = _Cause(ready[-1].message_id, cause.tenant_id, cause.correlation_id, cause.message)
    await _answer(
        deps,
        tx,
        found,
        session,
        [turn.said for turn in ready if not turn.attended],  # the salon answers the others
        last,
        turns_taken=reached,
        taken=[turn.turn for turn in ready],
    )


async def _step(deps: Deps, tx: Tx, conversation_id: UUID, given: Input, cause: _Cause) -> None:
    found = await store.load(tx, conversation_id)
    await _answer(deps, tx, found, found.session or Session(conversation_id=conversation_id), [given], cause)


async def _answer(
    deps: Deps,
    tx: Tx,
    found: store.Conversation,
    session: Session,
    given: Sequence[Input],
    cause: _Cause,
    *,
    turns_taken: int | None = None,
    taken: Sequence[int] = (),
) -> tuple[Session, tuple[str, ...]]:
    """Step through `given`, store the session and put its effects into the outbox; the texts that the client is told."""
    now = deps.now()
    given = () if found.forgotten else given
    context = Context(
        now=now,
        request_id=derived_id(cause.id, "request"),
        salon=found.salon,
        llm_enabled=found.llm_enabled,
        said=found.said,
    )
    after, effects = converse(session, given, context)
    texts = tuple(effect.text for effect in effects if isinstance(effect, Say))
    if after != found.session or taken or texts:
        await store.save(
            tx,
            after,
            turns_taken=found.turns_taken if turns_taken is None else turns_taken,
            said=found.said + len(texts),
            taken=taken,
            now=now,
        )
    await _put(deps, tx, after.conversation_id, effects, found.said, cause, now)
    return after, texts


async def _put(
    deps: Deps, tx: Tx, conversation_id: UUID, effects: Sequence[Effect], said: int, cause: _Cause, now: datetime
) -> None:
    envelopes = []
    for index, effect in enumerate(effects):
        data: Message
        if isinstance(effect, Say):
            said += 1
            data = SendRequested(
                conversation_id=conversation_id,
                text=effect.text,
                purpose=effect.purpose,
                position=said,
                choices=effect.choices,
                template=effect.template,
            )
        else:
            data = effect
        envelopes.append(
            Envelope.of(
                data,
                tenant_id=cause.tenant_id,
                now=now,
                cause=cause.message,
                correlation_id=cause.correlation_id,
                id=derived_id(cause.id, "effect", index),
            )
        )
        if isinstance(data, InterpretationRequested):
            await _give_up_later(tx, INTERPRETATION_TIMEOUT, data, now + deps.patience, cause)
        elif isinstance(data, CancellationQuoteRequested):
            await _give_up_later(tx, QUOTE_TIMEOUT, data, now + deps.quote_patience, cause)
    await outbox.put(tx, *envelopes)


async def _give_up_later(
    tx: Tx,
    kind: str,
    request: InterpretationRequested | CancellationQuoteRequested,
    at: datetime,
    cause: _Cause,
) -> None:
    await jobs.put(
        tx,
        kind,
        {"conversation_id": str(request.conversation_id), "request_id": str(request.request_id)},
        scheduled_at=at,
        correlation_id=cause.correlation_id,
        unique_key=str(request.request_id),
    )
