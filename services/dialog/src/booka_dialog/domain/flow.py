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
from booka_dialog.domain.questions import Moved, ask, notices
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Pending, Session
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.windows import limit_of, window_of
from booka_dialog.understanding import When

__all__ = ["advance", "cancel", "cancel_visit", "confirm", "hold", "offer", "release", "stop"]

_LATER = timedelta(days=14)


def advance(session: Session, ctx: Context, *before: str) -> Moved:
    """Ask for the first thing that is still missing; when nothing is, ask booking for free times."""
    salon, voice = ctx.salon, Voice.of(session, ctx)
    if salon is None or not salon.open:
        return session, (Say(text=voice("not_open")),)
    said = list(before)
    session = _service(session, salon, voice, said)
    if session.service_id is None:
        return ask(session, ctx, "service", *said)
    session = _staff(session, salon, voice, said)
    if session.staff_id is None and not session.any_staff:
        return ask(session, ctx, "staff", *said)
    if not session.when.has_day:
        return ask(session, ctx, "when", *said)
    window = window_of(session.when, ctx.now, salon.zone)
    if window is None:
        return ask(replace(session, when=When(), later_than=None), ctx, "when", *said, voice("already_over"))
    if session.releasing:
        return replace(session, state="searching", pending=None, choices=(), slots=()), notices(*said)
    earliest, latest = window
    if session.later_than and session.later_than >= earliest:
        earliest = session.later_than + timedelta(minutes=1)
        latest = max(latest, earliest + _LATER)
    request = AvailabilityRequested(
        request_id=ctx.request_id,
        conversation_id=session.conversation_id,
        service_ids=(session.service_id,),
        staff_id=None if session.any_staff else session.staff_id,
        earliest=earliest,
        latest=latest,
        limit=limit_of(session.when),
    )
    pending = Pending(kind="availability", request_id=ctx.request_id, asked_at=ctx.now)
    session = replace(session, state="searching", pending=pending, choices=(), slots=(), chosen=None, misunderstood=0)
    return session, (*notices(*said), request)


def _service(session: Session, salon: Salon, voice: Voice, said: list[str]) -> Session:
    if session.service_id and salon.service(session.service_id) is None:
        said.append(voice("service_gone"))
        session = replace(session, service_id=None)
    if session.service_id is None and len(salon.services) == 1:
        return replace(session, service_id=salon.services[0].service_id)
    return session


def _staff(session: Session, salon: Salon, voice: Voice, said: list[str]) -> Session:
    performers = salon.performers(session.service_id)
    if session.staff_implied:
        session = replace(session, staff_id=None, staff_implied=False)
    if session.staff_id and session.staff_id not in {person.staff_id for person in performers}:
        person, service = salon.person(session.staff_id), salon.service(session.service_id)
        told = person and service
        said.append(voice("staff_gone", staff=person.name, service=service.name) if told else voice("staff_left"))  # type: ignore[union-attr]
        session = replace(session, staff_id=None)
    if session.staff_id is None and len(performers) == 1:
        return replace(session, staff_id=performers[0].staff_id, staff_implied=True, any_staff=False)
    return session


def offer(session: Session, ctx: Context, slots: tuple[Slot, ...], *before: str) -> Moved:
    """Show a numbered list of starts."""
    return ask(replace(session, slots=slots, pending=None, chosen=None, misunderstood=0), ctx, "slot", *before)


def hold(session: Session, ctx: Context, slot: Slot) -> Moved:
    """Ask booking to keep `slot` for the client."""
    if session.service_id is None:
        return advance(session, ctx)
    request = HoldRequested(
        request_id=ctx.request_id,
        conversation_id=session.conversation_id,
        contact_id=session.contact_id or session.conversation_id,
        contact_name=session.contact_name,
        phone=session.phone,
        service_ids=(session.service_id,),
        staff_id=None if session.any_staff else slot.staff_id,
        start=slot.start,
    )
    pending = Pending(kind="hold", request_id=ctx.request_id, asked_at=ctx.now)
    return replace(session, state="holding", pending=pending, chosen=slot, choices=(), misunderstood=0), (request,)


def confirm(session: Session, ctx: Context) -> Moved:
    """The client said yes to the summary."""
    if session.held is None:
        return advance(session, ctx)
    if not session.guest_name:
        return ask(session, ctx, "name")
    request = ConfirmationRequested(
        reservation_id=session.held.reservation_id,
        conversation_id=session.conversation_id,
        guest_name=session.guest_name,
    )
    return replace(session, state="confirming", choices=(), misunderstood=0), (request,)


def release(session: Session) -> Moved:
    """Give the held time up because the client wants another one; nobody is told, the conversation just goes on."""
    free = replace(session, held=None, pending=None, chosen=None, slots=(), later_than=None)
    if session.held is None:
        return free, ()
    return replace(free, releasing=session.held.reservation_id), (_cancellation(session, session.held.reservation_id),)


def stop(session: Session) -> Moved:
    """Give the booking in the making up."""
    freed, effects = release(session)
    return freed.cleared(), effects


def cancel(session: Session, ctx: Context) -> Moved:
    """The client wrote "cancel": what that means depends on what there is."""
    voice = Voice.of(session, ctx)
    if session.held is not None:
        target = session.held.reservation_id
        cleared = replace(session.cleared(), state="cancelling", target=target)
        return cleared, (_cancellation(session, target),)
    if session.state == "cancelling":
        return session, (Say(text=voice("one_moment")),)
    if session.state not in {"idle", "done", "which_visit", "cancel_visit"}:
        return session.cleared(), (Say(text=voice("stopped")),)
    if not session.visits:
        return session.cleared(), (Say(text=voice("nothing_to_cancel")),)
    if len(session.visits) > 1:
        return ask(session, ctx, "which_visit")
    return ask(replace(session, target=session.visits[0].reservation_id), ctx, "cancel_visit")


def cancel_visit(session: Session) -> Moved:
    """The client insists on cancelling a confirmed visit."""
    if session.target is None or session.known(session.target) is None:
        return session.cleared(), ()
    waiting = replace(session.cleared(), state="cancelling", target=session.target)
    return waiting, (_cancellation(session, session.target),)


def _cancellation(session: Session, reservation_id: UUID) -> Effect:
    return CancellationRequested(reservation_id=reservation_id, conversation_id=session.conversation_id)
