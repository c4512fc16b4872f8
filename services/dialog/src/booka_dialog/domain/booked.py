"""What a client may do with a confirmed visit: give it up, or have it moved; booking is asked first what that means."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from booka_common.contracts.booking import CancellationQuoteRequested, CancellationRequested, MoveRequested
from booka_dialog.domain.flow import advance, cancellation
from booka_dialog.domain.inputs import Context, Say
from booka_dialog.domain.questions import Moved, ask
from booka_dialog.domain.session import AT_REST, Pending, Session
from booka_dialog.domain.updates import updated
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.waiting import decline
from booka_dialog.domain.wishes import wanted_people, wishes_of
from booka_dialog.understanding import Intent, Reading, When

__all__ = [
    "ask_move",
    "at_its_own_time",
    "begin_cancel",
    "begin_move",
    "cancel",
    "cancel_visit",
    "kept",
    "look_for_another_time",
    "move",
    "named_visit",
    "stopped",
]

_ABOUT_VISITS = AT_REST | {"which_visit", "which_move", "cancel_visit", "cannot_move", "again"}
#: Booking keeps to a quote for 15 minutes; a little less leaves time for the way there.
_QUOTE_GOOD_FOR = timedelta(minutes=14)


def cancel(session: Session, ctx: Context, reading: Reading | None = None) -> Moved:
    """The client wrote "cancel": what that means depends on what there is."""
    voice = Voice.of(session, ctx)
    if session.state == "offer":
        return decline(session, ctx)
    if session.held is not None:
        target = session.held.reservation_id
        cleared = replace(session.cleared(), state="cancelling", target=target)
        return cleared, (cancellation(session, target),)
    if session.state == "cancelling" or (session.state == "quoting" and session.target):
        return session, (Say(text=voice("one_moment")),)
    if session.moving:
        return begin_cancel(session, session.moving, ctx)
    if session.state not in _ABOUT_VISITS and not (session.untouched and session.visits):
        return session.rested(), (Say(text=stopped(session, voice)),)
    if not session.visits:
        key = "stopped" if session.state == "again" else "nothing_to_cancel"
        return session.cleared(), (Say(text=voice(key)),)
    only = named_visit(session, reading, ctx)
    if only is None:
        several = reading is not None and Intent.ALL in reading.intents
        return ask(session.cleared(), ctx, "which_visit", *((voice("one_by_one"),) if several else ()))
    return begin_cancel(session, only, ctx)


def stopped(session: Session, voice: Voice) -> str:
    """That the booking in the making is given up; what is booked is named, so that nobody takes that for gone."""
    if not session.visits:
        return voice("stopped")
    return (
        voice.visit("stopped_beside", session.ahead[0].visit)
        if len(session.visits) == 1
        else voice("stopped_beside_several")
    )


def begin_cancel(session: Session, reservation_id: UUID, ctx: Context) -> Moved:
    """Have booking say what cancelling would mean, before the client is asked whether to."""
    if session.known(reservation_id) is None:
        return session.rested(), (Say(text=Voice.of(session, ctx)("nothing_to_cancel")),)
    return _quote(replace(session.cleared(), target=reservation_id), reservation_id, ctx)


def cancel_visit(session: Session, ctx: Context) -> Moved:
    """The client wants to cancel, knowing the terms; terms that are too old are asked for again."""
    known, quote = session.known(session.target), session.quote
    if known is None:
        return session.rested(), (Say(text=Voice.of(session, ctx)("nothing_to_cancel")),)
    if quote is not None and ctx.now - quote.quoted_at > _QUOTE_GOOD_FOR:
        return _quote(session, known.reservation_id, ctx)
    request = CancellationRequested(
        reservation_id=known.reservation_id,
        conversation_id=session.conversation_id,
        contact_id=session.contact_id,
        quoted_at=quote.quoted_at if quote else None,
    )
    return replace(session.cleared(), state="cancelling", target=known.reservation_id), (request,)


def begin_move(session: Session, reading: Reading, ctx: Context) -> Moved:
    """The client wants another time, or somebody else, for a confirmed visit."""
    if not session.visits:
        return advance(session, ctx, Voice.of(session, ctx)("nothing_to_move"))
    # The day in the text is the one to move to, so it does not say which visit.
    only = named_visit(session, replace(reading, when=None), ctx)
    if only is None:
        return ask(replace(session.cleared(), when=reading.when or When()), ctx, "which_move")
    return ask_move(session.cleared(), only, ctx, reading)


def ask_move(session: Session, reservation_id: UUID, ctx: Context, reading: Reading | None = None) -> Moved:
    """Have booking say whether this visit may be moved; what the text wishes for already is remembered."""
    known = session.known(reservation_id)
    if known is None or ctx.salon is None:
        return session.rested(), (Say(text=Voice.of(session, ctx)("nothing_to_move")),)
    quote = session.quote
    when = session.when if session.state == "which_move" else When()
    session = replace(session.cleared(), moving=reservation_id, when=when, wishes=wishes_of(known, ctx.salon))
    if reading is not None:
        session = updated(session, reading, ctx).session
    if not session.when.has_day and (session.when.has_time or session.wishes != wishes_of(known, ctx.salon)):
        session = at_its_own_time(session, ctx)
    if quote and quote.reservation_id == reservation_id and ctx.now - quote.quoted_at <= _QUOTE_GOOD_FOR:
        return look_for_another_time(replace(session, quote=quote), ctx)
    return _quote(session, reservation_id, ctx)


def at_its_own_time(session: Session, ctx: Context) -> Session:
    """ "Bring it forward to 2", "could Bia do it?": what is not said stays as the visit is."""
    known = session.known(session.moving)
    if known is None or ctx.salon is None:
        return session
    local = known.visit.start.astimezone(ctx.salon.zone)
    if session.when.has_time:
        return replace(session, when=replace(session.when, day=local.date()))
    return replace(session, when=When(day=local.date(), start=local.time(), exact=True))


def look_for_another_time(session: Session, ctx: Context) -> Moved:
    """The visit may be moved, as far as is known: to when?"""
    salon = ctx.salon
    if salon is None or (session.wishes and all(salon.service(wish.service_id) for wish in session.wishes)):
        return advance(session, ctx)
    # Not all of its services are in the catalogue any more: only the salon can move it.
    session = replace(session.cleared(), target=session.moving)
    return ask(session, ctx, "cannot_move", Voice.of(session, ctx)("move_not_possible"))


def move(session: Session, ctx: Context) -> Moved:
    """The client agreed to the new time."""
    if session.moving is None or session.chosen is None or session.known(session.moving) is None:
        return session.rested(), (Say(text=Voice.of(session, ctx)("nothing_to_move")),)
    request = MoveRequested(
        request_id=ctx.request_id,
        reservation_id=session.moving,
        conversation_id=session.conversation_id,
        contact_id=session.contact_id,
        start=session.chosen.start,
        staff_ids=wanted_people(session, session.chosen),
    )
    pending = Pending(kind="move", request_id=ctx.request_id, asked_at=ctx.now)
    return replace(session, state="moving", pending=pending, choices=(), misunderstood=0), (request,)


def kept(session: Session, ctx: Context) -> Moved:
    """Everything stays as it is."""
    return session.rested(), (Say(text=Voice.of(session, ctx)("kept")),)


def named_visit(session: Session, reading: Reading | None, ctx: Context) -> UUID | None:
    """The only visit, or the only one of the service or on the day that the text names."""
    if len(session.visits) == 1:
        return session.visits[0].reservation_id
    if reading is None or ctx.salon is None:
        return None
    salon, day = ctx.salon, reading.when.day if reading.when else None
    said = set(reading.services)
    by_service = [known for known in session.visits if said & {wish.service_id for wish in wishes_of(known, salon)}]
    by_day = [known for known in session.visits if known.visit.start.astimezone(salon.zone).date() == day]
    return next((found[0].reservation_id for found in (by_service, by_day) if len(found) == 1), None)


def _quote(session: Session, reservation_id: UUID, ctx: Context) -> Moved:
    request = CancellationQuoteRequested(
        request_id=ctx.request_id,
        reservation_id=reservation_id,
        conversation_id=session.conversation_id,
        contact_id=session.contact_id,
    )
    pending = Pending(kind="quote", request_id=ctx.request_id, asked_at=ctx.now)
    return replace(session, state="quoting", pending=pending, quote=None, choices=()), (request,)
