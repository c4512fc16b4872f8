"""The process manager: one input, one new session, and what is to be said and requested. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from booka_common.contracts.booking import (
    AvailabilityRequested,
    CancellationQuoteRequested,
    HoldRequested,
    MoveRequested,
)
from booka_common.contracts.llm import InterpretationReady, InterpretationRequested, InterpretationUnavailable
from booka_common.contracts.waitlist import WaitlistRequested
from booka_common.ids import derived_id
from booka_dialog.domain.answers import on_answer
from booka_dialog.domain.choices import named
from booka_dialog.domain.client import on_client, on_reading
from booka_dialog.domain.flow import advance, release, stop
from booka_dialog.domain.inputs import (
    ClientSaid,
    Context,
    Effect,
    Input,
    InterpretationTimedOut,
    Say,
    SessionEnded,
    SlotsUpdated,
)
from booka_dialog.domain.interpreting import reading_of
from booka_dialog.domain.questions import Moved, ask, not_understood
from booka_dialog.domain.session import Session, Wish
from booka_dialog.domain.showing import choices_of
from booka_dialog.domain.updates import updated
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.waiting import take_up
from booka_dialog.domain.wishes import MOST
from booka_dialog.understanding import Intent, Mention, Reading, When

__all__ = ["converse", "step"]

#: What one message takes.
_LONGEST = 4096
#: Requests that are not made at all if a later word of the same turn has made them pointless.
_WITHDRAWABLE = (
    AvailabilityRequested,
    HoldRequested,
    InterpretationRequested,
    CancellationQuoteRequested,
    MoveRequested,
    WaitlistRequested,
)


def step(session: Session, given: Input, ctx: Context) -> Moved:
    """Take one input in. Never raises for anything that a client or another service may send."""
    before = session.upcoming(ctx.now)
    session, effects = _step(before, given, ctx)
    session, effects = take_up(session, ctx, effects)
    session = _overtaken(before, session, effects).timed(before, ctx.now)
    replies = any(isinstance(effect, Say) and effect.purpose == "reply" for effect in effects)
    if not session.greeted and replies and ctx.salon is not None and ctx.salon.open:
        voice = Voice.of(session, ctx)
        greeting = Say(text=voice("greeting", salon=ctx.salon.catalogue.salon_name))
        return replace(session, greeted=True), (greeting, *effects)
    return session, effects


def converse(session: Session, given: Sequence[Input], ctx: Context) -> Moved:
    """Take several inputs in, in order, and answer them once.

    A later question or request takes the place of an earlier one; what is to be known or given up is kept.
    """
    effects: list[Effect] = []
    for index, one in enumerate(given):
        own = ctx if index == 0 else replace(ctx, request_id=derived_id(ctx.request_id, index))
        session, new = step(session, one, own)
        if new:
            effects = [effect for effect in effects if not (isinstance(effect, Say) and effect.part == "question")]
        effects.extend(new)
    open_ids = _open_requests(session)
    kept = _coalesced([effect for effect in effects if not _withdrawn(effect, open_ids)], ctx.said + 1)
    if any(isinstance(effect, Say) and effect.choices for effect in kept):
        session = replace(session, shown_at=ctx.said + 1)
    return session, kept


def _step(session: Session, given: Input, ctx: Context) -> Moved:
    match given:
        case ClientSaid():
            return on_client(session, given, ctx)
        case SlotsUpdated():
            return _set(session, given, ctx)
        case SessionEnded():
            return stop(session)
        case InterpretationReady() | InterpretationUnavailable() | InterpretationTimedOut():
            return _interpreted(session, given, ctx)
        case _:
            return on_answer(given, session, ctx)


def _interpreted(
    session: Session, given: InterpretationReady | InterpretationUnavailable | InterpretationTimedOut, ctx: Context
) -> Moved:
    asked, salon = session.interpreting, ctx.salon
    if asked is None or asked.request_id != given.request_id or salon is None:
        return session, ()
    session = replace(session, interpreting=None)
    if not isinstance(given, InterpretationReady):
        return (session, ()) if asked.overtaken else not_understood(session, ctx)
    reading = reading_of(given, session, salon, ctx)
    if asked.overtaken:
        return _added(session, reading, ctx)
    if given.name and session.state == "name" and not reading.intents:
        name = " ".join(given.name.split())
        return named(session, name, ctx) if name else ask(session, ctx, "name")
    return on_reading(session, reading, "", salon, ctx, by_model=True)


def _added(session: Session, reading: Reading, ctx: Context) -> Moved:
    """A late answer of the model fills what is still empty, and changes nothing that the client has said since."""
    decided = session.staff_id or session.any_staff or any(wish.staff_id or wish.anyone for wish in session.wishes)
    only = replace(
        reading,
        intents=frozenset(),
        mentions=() if session.wishes else reading.mentions,
        people=() if decided else reading.people,
        when=reading.when if session.when.empty else None,
    )
    update = updated(session, only, ctx)
    if not update.changed or session.state not in {"service", "staff", "when"}:
        return session, ()
    return advance(update.session, ctx)


def _set(session: Session, given: SlotsUpdated, ctx: Context) -> Moved:
    before = session
    if given.guest_name:
        session = replace(session, guest_name=given.guest_name, for_other=given.for_other)
    if given.wants and not session.moving:
        wishes = tuple(Wish(service_id=want.service_id, staff_id=want.staff_id) for want in given.wants[:MOST])
        session = replace(session, wishes=wishes, unsure=())
    intents = frozenset({Intent.ANYONE}) if given.any_staff else frozenset[Intent]()
    when = When(day=given.day, start=given.time_from, end=given.time_until)
    reading = Reading(
        intents=intents,
        mentions=(Mention(services=(given.service_id,)),) if given.service_id else (),
        people=((given.staff_id,),) if given.staff_id else (),
        when=None if when.empty else when,
    )
    update = updated(session, reading, ctx)
    if update.unsure:
        update = replace(
            update, session=replace(session, wishes=(Wish(service_id=update.unsure[0]),), unsure=()), changed=True
        )
    if update.changed or session.wishes != before.wishes:
        freed, effects = release(update.session)
        freed, asked = advance(freed, ctx)
        return freed, (*effects, *asked)
    if given.guest_name and session.state in {"name", "confirm"}:
        return named(session, given.guest_name, ctx)
    return session, ()


def _overtaken(before: Session, after: Session, effects: Sequence[Effect]) -> Session:
    """Once the client has had an answer, the model's one about an earlier text may only add."""
    asked = after.interpreting
    if asked is None or asked.overtaken or asked != before.interpreting or not effects:
        return after
    return replace(after, interpreting=replace(asked, overtaken=True))


def _open_requests(session: Session) -> set[UUID]:
    ids = {session.pending.request_id} if session.pending else set()
    return ids | {session.interpreting.request_id} if session.interpreting else ids


def _withdrawn(effect: Effect, open_ids: set[UUID]) -> bool:
    return isinstance(effect, _WITHDRAWABLE) and effect.request_id not in open_ids


def _coalesced(effects: Sequence[Effect], position: int) -> tuple[Effect, ...]:
    """One message for the client, whatever was said; the requests as they are.

    Args:
        position: of the message among all that the client is told.
    """
    said = list(dict.fromkeys(effect for effect in effects if isinstance(effect, Say)))
    others = [effect for effect in effects if not isinstance(effect, Say)]
    if not said:
        return tuple(others)
    questions = [say for say in said if say.part == "question"]
    asked = "\n\n".join(say.text for say in questions)[:_LONGEST]
    told = "\n\n".join(say.text for say in said if say.part == "notice")
    if asked:
        # Too much to say: the question is what the client has to see.
        told = told[: max(_LONGEST - len(asked) - 2, 0)]
    parts = questions[0].parts if len(questions) == 1 else None
    message = Say(
        text="\n\n".join(filter(None, (told, asked)))[:_LONGEST],
        purpose="reply" if any(say.purpose == "reply" for say in said) else said[0].purpose,
        choices=choices_of(parts, told, position) if parts else None,
        template=next((say.template for say in said if say.template), None),
    )
    return (message, *others)
