"""Moving on: what is still missing, what that means for booking, and giving things up again."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from booka_common.contracts.booking import (
    AvailabilityRequested,
    CancellationRequested,
    ConfirmationRequested,
    HoldRequested,
    Slot,
)
from booka_dialog.domain.inputs import Context, Effect, Say
from booka_dialog.domain.questions import Moved, ask, notices, repeat
from booka_dialog.domain.session import Pending, Session
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.windows import limit_of, window_of
from booka_dialog.domain.wishes import open_places, requested, settled, wanted_people
from booka_dialog.domain.wording import like_a_name
from booka_dialog.understanding import When

__all__ = ["advance", "at_the_same_time", "cancellation", "confirm", "hold", "offer", "release", "resume", "stop"]

_LATER = timedelta(days=14)


def advance(session: Session, ctx: Context, *before: str) -> Moved:
    """Ask for the first thing that is still missing; when nothing is, ask booking for free times."""
    salon, voice = ctx.salon, Voice.of(session, ctx)
    if salon is None or not salon.open:
        return session, (Say(text=voice("not_open")),)
    session, told = settled(session, salon, voice)
    said = [*before, *told]
    if not session.wishes or any(wish.among for wish in session.wishes):
        return ask(session, ctx, "service", *said)
    if open_places(session, salon):
        return ask(session, ctx, "staff", *said)
    if not session.when.has_day:
        return ask(session, ctx, "when", *said)
    window = window_of(session.when, ctx.now, salon.zone)
    if window is None:
        return ask(replace(session, when=When(), later_than=None), ctx, "when", *said, voice("already_over"))
    if session.for_list:
        return ask(session, ctx, "waitlist", *said)
    if session.releasing:
        return replace(session, state="searching", pending=None, choices=(), slots=()), notices(*said)
    earliest, latest = window
    if session.later_than and session.later_than >= earliest:
        earliest = session.later_than + timedelta(minutes=1)
        latest = max(latest, earliest + _LATER)
    request = AvailabilityRequested(
        request_id=ctx.request_id,
        conversation_id=session.conversation_id,
        contact_id=session.contact_id,
        wants=requested(session, salon),
        earliest=earliest,
        latest=latest,
        limit=limit_of(session.when),
        moving=session.moving,
    )
    pending = Pending(kind="availability", request_id=ctx.request_id, asked_at=ctx.now)
    session = replace(session, state="searching", pending=pending, choices=(), slots=(), chosen=None, misunderstood=0)
    return session, (*notices(*said), request)


def offer(session: Session, ctx: Context, slots: tuple[Slot, ...], *before: str) -> Moved:
    """Show a numbered list of starts."""
    return ask(replace(session, slots=slots, pending=None, chosen=None, misunderstood=0), ctx, "slot", *before)


def hold(session: Session, ctx: Context, slot: Slot) -> Moved:
    """Ask booking to keep `slot` for the client; a visit that is being moved keeps its old time until the client agrees."""
    if not session.wishes or ctx.salon is None:
        return advance(session, ctx)
    session = replace(session, chosen=slot, misunderstood=0)
    if session.moving:
        return ask(replace(session, pending=None), ctx, "confirm_move")
    wants = requested(session, ctx.salon)
    people = wanted_people(session, slot)
    request = HoldRequested(
        request_id=ctx.request_id,
        conversation_id=session.conversation_id,
        contact_id=session.contact_id or session.conversation_id,
        contact_name=session.contact_name,
        phone=session.phone,
        wants=tuple(
            want.model_copy(update={"staff_id": staff_id}) for want, staff_id in zip(wants, people, strict=True)
        ),
        start=slot.start,
        guest_name=session.guest_name if session.for_other else None,
    )
    pending = Pending(kind="hold", request_id=ctx.request_id, asked_at=ctx.now)
    return replace(session, state="holding", pending=pending, choices=()), (request,)


def confirm(session: Session, ctx: Context) -> Moved:
    """The client said yes to the summary, or to an offer."""
    if session.held is None:
        return advance(session, ctx)
    session = replace(session, held=replace(session.held, agreed=True))
    if session.held and session.held.replaces and session.contact_name and like_a_name(session.contact_name):
        # A visit that moves keeps the name it was booked under; this one only counts if it does not stand any more.
        session = replace(session, guest_name=session.guest_name or session.contact_name)
    if session.held is None or not session.guest_name:
        return ask(session, ctx, "name")
    request = ConfirmationRequested(
        reservation_id=session.held.reservation_id,
        conversation_id=session.conversation_id,
        contact_id=session.contact_id,
        guest_name=session.guest_name,
    )
    if session.held.url:
        # The deposit is being waited for already; booking only learns the name.
        paying, effects = repeat(replace(session, state="paying", choices=(), misunderstood=0), ctx)
        return paying, (request, *effects)
    return replace(session, state="confirming", choices=(), misunderstood=0), (request,)


def resume(session: Session, ctx: Context, *before: str) -> Moved:
    """Ask what the booking in the making is waiting for, after something else was talked about."""
    if session.held is None:
        return advance(session, ctx, *before)
    if session.held.agreed and session.guest_name:
        return repeat(replace(session, state="paying", choices=()), ctx, *before)
    return ask(session, ctx, "confirm" if session.guest_name else "name", *before)


def at_the_same_time(before: Session, after: Session, ctx: Context) -> Session:
    """Other services or people, and nothing said about the time: the time that was kept is asked for first."""
    if after.held is None or ctx.salon is None or after.when != before.when or after.wishes == before.wishes:
        return after
    local = after.held.visit.start.astimezone(ctx.salon.zone)
    return replace(after, when=When(day=local.date(), start=local.time(), exact=True))


def release(session: Session) -> Moved:
    """Give the held time up because the client wants another one; nobody is told, the conversation just goes on."""
    free = replace(session, held=None, pending=None, chosen=None, slots=(), later_than=None)
    if session.held is None:
        return free, ()
    return replace(free, releasing=session.held.reservation_id), (cancellation(session, session.held.reservation_id),)


def stop(session: Session) -> Moved:
    """Give the booking in the making up."""
    freed, effects = release(session)
    return freed.cleared(), effects


def cancellation(session: Session, reservation_id: UUID) -> Effect:
    """The request to booking to free a time."""
    return CancellationRequested(
        reservation_id=reservation_id, conversation_id=session.conversation_id, contact_id=session.contact_id
    )
