"""Booking's answers on the way to a visit: free times, holds, and what becomes of them."""

from dataclasses import replace

from booka_common.contracts import booking
from booka_dialog.domain.flow import advance, cancellation, hold, offer
from booka_dialog.domain.inputs import Context, Say
from booka_dialog.domain.questions import Moved, ask
from booka_dialog.domain.session import Held, Session
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.windows import fitting, spread
from booka_dialog.understanding import When

__all__ = [
    "availability_found",
    "confirmation_refused",
    "hold_refused",
    "other_times",
    "released",
    "reservation_expired",
    "reservation_held",
]


def availability_found(message: booking.AvailabilityFound, session: Session, ctx: Context) -> Moved:
    """Offer the free times; hold the very start that was asked for; or offer to wait where nothing is free."""
    pending, salon = session.pending, ctx.salon
    if pending is None or pending.kind != "availability" or pending.request_id != message.request_id or salon is None:
        return session, ()
    session = replace(session, pending=None)
    voice = Voice.of(session, ctx)
    ahead = [slot for slot in message.slots if slot.start > ctx.now and not _as_it_is(slot, session)]
    wanted = fitting(ahead, session.when, salon.zone) if message.exact or session.later_than else []
    if not wanted and not session.later_than:
        session = replace(session, missed=session.when)
    if not ahead:
        return ask(replace(session, when=When(), later_than=None), ctx, "when", voice("nothing_free"))
    if wanted and session.when.exact and session.when.day and not session.when.last_day:
        # The very start that was asked for: there is nothing left to choose.
        return hold(session, ctx, wanted[0])
    slots = spread(wanted or ahead, any_staff=any(wish.anyone for wish in session.wishes))
    return offer(session, ctx, slots, "" if wanted or session.later_than else voice("nothing_then"))


def _as_it_is(slot: booking.Slot, session: Session) -> bool:
    """Whether a visit that is being moved takes place then already, with the same people."""
    known = session.known(session.moving)
    return known is not None and known.visit.start == slot.start and known.visit.staff_names == slot.staff_names


def reservation_held(message: booking.ReservationHeld, session: Session, ctx: Context) -> Moved:
    """The time is kept: what is the name, is everything right?"""
    pending = session.pending
    if pending is None or pending.kind != "hold" or pending.request_id != message.request_id:
        ours = session.held is not None and session.held.reservation_id == message.reservation_id
        if message.request_id is None or ours or session.known(message.reservation_id):
            return session, ()
        # The client has changed their mind since: the time must not stay blocked for nobody.
        return session, (cancellation(session, message.reservation_id),)
    held = Held(
        reservation_id=message.reservation_id,
        visit=message.visit,
        deposit=message.deposit,
        expires_at=message.expires_at,
    )
    session = replace(session, pending=None, held=held, slots=(), chosen=None, missed=None)
    return ask(session, ctx, "confirm" if session.guest_name else "name")


def hold_refused(message: booking.HoldRefused, session: Session, ctx: Context) -> Moved:
    """Why not, and what else is free."""
    pending = session.pending
    if pending is None or pending.kind != "hold" or pending.request_id != message.request_id:
        return session, ()
    voice = Voice.of(session, ctx)
    session = replace(session, pending=None, chosen=None)
    match message.code:
        case "too_many_holds":
            return session.rested(), (Say(text=voice("too_many_holds")),)
        case "salon_not_ready":
            return session.rested(), (Say(text=voice("not_open")),)
        case "unknown_service":
            # A visit of several is asked for anew: booking does not say which of them is gone.
            return advance(replace(session, wishes=()), ctx, voice("service_gone"))
        case "unknown_staff":
            open_ = tuple(replace(wish, staff_id=None, anyone=False) for wish in session.wishes)
            return advance(replace(session, wishes=open_, staff_id=None, any_staff=False), ctx, voice("staff_left"))
        case "slot_taken":
            return other_times(session, ctx, message.alternatives, voice("slot_taken"))
        case "in_the_past":
            return other_times(session, ctx, message.alternatives, voice("already_over"))
        case _:
            return other_times(session, ctx, message.alternatives, voice("not_possible"))


def other_times(session: Session, ctx: Context, alternatives: tuple[booking.Slot, ...], said: str) -> Moved:
    """Offer `alternatives`, or look again if there are none."""
    any_staff = any(wish.anyone for wish in session.wishes)
    slots = spread([slot for slot in alternatives if slot.start > ctx.now], any_staff=any_staff)
    if slots:
        return offer(session, ctx, slots, said)
    # Without the exact time: it is known to be gone.
    when = replace(session.when, exact=False)
    return advance(replace(session, when=when), ctx, said)


def confirmation_refused(message: booking.ConfirmationRefused, session: Session, ctx: Context) -> Moved:
    """Too late for this time."""
    voice = Voice.of(session, ctx)
    if session.offered(message.reservation_id):
        gone = session.without_offer(message.reservation_id)
        return gone, (Say(text=voice("offer_over"), purpose="notice"),)
    held = session.held
    if held is None or held.reservation_id != message.reservation_id:
        return session, ()
    return other_times(replace(session, held=None), ctx, message.alternatives, voice("hold_over"))


def reservation_expired(message: booking.ReservationExpired, session: Session, ctx: Context) -> Moved:
    """A time is no longer kept."""
    if session.releasing == message.reservation_id:
        return released(session, ctx)
    voice = Voice.of(session, ctx)
    if session.target == message.reservation_id and session.state == "cancelling":
        return session.rested(), (Say(text=voice("stopped")),)
    offered = session.offered(message.reservation_id)
    if offered is not None:
        told = voice("expired_unpaid" if message.deposit_was_due else "offer_over")
        session = session.without_offer(message.reservation_id)
        if session.state == "offer_name" and not any(not offer.agreed for offer in session.offers):
            session = replace(session, state=session.interrupted or "idle", interrupted=None)
        return session, (Say(text=told, purpose="notice"),)
    held = session.held
    if held is None or held.reservation_id != message.reservation_id:
        return session, ()
    if held.entry_id is not None and not message.deposit_was_due:
        return session.rested(), (Say(text=voice("offer_over"), purpose="notice"),)
    told = voice("expired_unpaid" if message.deposit_was_due else "expired")
    session = replace(session, held=None, pending=None, when=replace(session.when, exact=False))
    session, effects = ask(session, ctx, "again", told)
    return session, tuple(
        replace(effect, purpose="notice") if isinstance(effect, Say) else effect for effect in effects
    )


def released(session: Session, ctx: Context) -> Moved:
    """A time that was given up is free again, so free times can be looked for."""
    session = replace(session, releasing=None)
    waiting = session.state == "searching" and session.pending is None
    return advance(session, ctx) if waiting else (session, ())
