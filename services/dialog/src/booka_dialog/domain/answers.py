"""What others answer: booking, payments and the clock. An answer to a question that is no longer open changes nothing."""

from dataclasses import replace
from functools import singledispatch

from booka_common.contracts import booking, payments
from booka_dialog.domain.flow import advance, hold, offer
from booka_dialog.domain.inputs import Context, Say
from booka_dialog.domain.questions import Moved, ask
from booka_dialog.domain.session import Held, KnownVisit, Session
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.windows import fitting, spread
from booka_dialog.understanding import When

__all__ = ["on_answer"]


@singledispatch
def on_answer(message: object, session: Session, ctx: Context) -> Moved:
    """Take an answer in. What it says about this conversation's reservations is always believed: booking decides."""
    return session, ()


@on_answer.register
def _(message: booking.AvailabilityFound, session: Session, ctx: Context) -> Moved:
    pending, salon = session.pending, ctx.salon
    if pending is None or pending.kind != "availability" or pending.request_id != message.request_id or salon is None:
        return session, ()
    session = replace(session, pending=None)
    voice = Voice.of(session, ctx)
    ahead = [slot for slot in message.slots if slot.start > ctx.now]
    wanted = fitting(ahead, session.when, salon.zone) if message.exact or session.later_than else []
    if not ahead:
        return ask(replace(session, when=When(), later_than=None), ctx, "when", voice("nothing_free"))
    if wanted and session.when.exact and session.when.day and not session.when.last_day:
        # The very start that was asked for: there is nothing left to choose.
        return hold(session, ctx, wanted[0])
    slots = spread(wanted or ahead, any_staff=session.any_staff)
    return offer(session, ctx, slots, "" if wanted or session.later_than else voice("nothing_then"))


@on_answer.register
def _(message: booking.ReservationHeld, session: Session, ctx: Context) -> Moved:
    pending = session.pending
    if pending is None or pending.kind != "hold" or pending.request_id != message.request_id:
        ours = session.held is not None and session.held.reservation_id == message.reservation_id
        if message.request_id is None or ours or session.known(message.reservation_id):
            return session, ()
        # The client has changed their mind since: the time must not stay blocked for nobody.
        return session, (
            booking.CancellationRequested(
                reservation_id=message.reservation_id, conversation_id=session.conversation_id
            ),
        )
    held = Held(
        reservation_id=message.reservation_id,
        visit=message.visit,
        deposit=message.deposit,
        expires_at=message.expires_at,
    )
    session = replace(session, pending=None, held=held, slots=(), chosen=None)
    return ask(session, ctx, "confirm" if session.guest_name else "name")


@on_answer.register
def _(message: booking.HoldRefused, session: Session, ctx: Context) -> Moved:
    pending = session.pending
    if pending is None or pending.kind != "hold" or pending.request_id != message.request_id:
        return session, ()
    voice = Voice.of(session, ctx)
    session = replace(session, pending=None, chosen=None)
    match message.code:
        case "too_many_holds":
            return session.cleared(), (Say(text=voice("too_many_holds")),)
        case "salon_not_ready":
            return session.cleared(), (Say(text=voice("not_open")),)
        case "unknown_service":
            return advance(replace(session, service_id=None), ctx, voice("service_gone"))
        case "unknown_staff":
            return advance(replace(session, staff_id=None, any_staff=False), ctx, voice("staff_left"))
        case "slot_taken":
            return _others(session, ctx, message.alternatives, voice("slot_taken"))
        case "in_the_past":
            return _others(session, ctx, message.alternatives, voice("already_over"))
        case _:
            return _others(session, ctx, message.alternatives, voice("not_possible"))


def _others(session: Session, ctx: Context, alternatives: tuple[booking.Slot, ...], said: str) -> Moved:
    slots = spread([slot for slot in alternatives if slot.start > ctx.now], any_staff=session.any_staff)
    if slots:
        return offer(session, ctx, slots, said)
    # Without the exact time: it is known to be gone.
    when = replace(session.when, exact=False)
    return advance(replace(session, when=when), ctx, said)


@on_answer.register
def _(message: booking.ConfirmationRefused, session: Session, ctx: Context) -> Moved:
    held = session.held
    if held is None or held.reservation_id != message.reservation_id:
        return session, ()
    return _others(replace(session, held=None), ctx, message.alternatives, Voice.of(session, ctx)("hold_over"))


@on_answer.register
def _(message: payments.CheckoutOpened, session: Session, ctx: Context) -> Moved:
    held = session.held
    if held is None or held.reservation_id != message.reservation_id or held.url == message.url:
        return session, ()
    voice = Voice.of(session, ctx)
    until = voice.formats.until(message.expires_at, ctx.now)
    told = voice("deposit_link", amount=voice.formats.money(message.amount), until=until, url=message.url)
    held = replace(held, url=message.url, expires_at=message.expires_at)
    state = "paying" if session.state in {"confirming", "paying", "confirm"} else session.state
    return replace(session, state=state, held=held, choices=() if state == "paying" else session.choices), (
        Say(text=told),
    )


@on_answer.register
def _(message: payments.CheckoutFailed, session: Session, ctx: Context) -> Moved:
    held = session.held
    if held is None or held.reservation_id != message.reservation_id or held.url:
        return session, ()
    voice = Voice.of(session, ctx)
    told = voice("deposit_no_link", until=voice.formats.until(held.expires_at, ctx.now))
    return replace(session, state="paying", choices=()), (Say(text=told, purpose="notice"),)


@on_answer.register
def _(message: booking.ReservationConfirmed, session: Session, ctx: Context) -> Moved:
    known = session.known(message.reservation_id)
    if known is not None and known.visit == message.visit:
        return session, ()
    voice = Voice.of(session, ctx)
    current = session.held is not None and session.held.reservation_id == message.reservation_id
    paid = voice("confirmed_deposit", amount=voice.formats.money(message.deposit_paid)) if message.deposit_paid else ""
    name = message.guest_name or session.guest_name or session.contact_name or "–"
    told = voice.visit("confirmed", message.visit, name=name, deposit=paid)
    if message.reseated:
        told = f"{voice('reseated')}\n{told}"
    if current or session.state == "again" or session.target == message.reservation_id:
        session = replace(session.cleared(), state="done")
    visits = (
        *session.without(message.reservation_id).visits,
        KnownVisit(reservation_id=message.reservation_id, visit=message.visit, deposit_paid=message.deposit_paid),
    )
    return replace(session, visits=visits), (Say(text=told, purpose="notice"),)


@on_answer.register
def _(message: booking.ReservationMoved, session: Session, ctx: Context) -> Moved:
    before = session.known(message.reservation_id)
    if before is not None and before.visit == message.visit:
        return session, ()
    known = KnownVisit(
        reservation_id=message.reservation_id,
        visit=message.visit,
        deposit_paid=before.deposit_paid if before else None,
    )
    told = Voice.of(session, ctx).visit("moved", message.visit)
    visits = (*session.without(message.reservation_id).visits, known)
    return replace(session, visits=visits), (Say(text=told, purpose="notice"),)


@on_answer.register
def _(message: booking.ReservationCancelled, session: Session, ctx: Context) -> Moved:
    if session.releasing == message.reservation_id:
        return _released(session, ctx)
    held = session.held if session.held and session.held.reservation_id == message.reservation_id else None
    known = session.known(message.reservation_id)
    asked = session.target == message.reservation_id
    if held is None and known is None and not asked:
        return session, ()
    voice = Voice.of(session, ctx)
    by_salon = message.by == "salon"
    if known:
        told = voice.visit("cancelled_by_salon" if by_salon else "cancelled_visit", known.visit)
    else:
        told = voice("cancelled_by_salon_short" if by_salon else "cancelled")
    refund = message.refund if message.refund and message.refund.minor else None
    if known and known.deposit_paid and not refund and not by_salon:
        told += "\n" + voice("cancelled_no_refund")
    if refund:
        told += "\n" + voice("cancelled_refund", amount=voice.formats.money(refund))
    session = session.without(message.reservation_id)
    if held or asked:
        # Another booking may have been begun while this one was being cancelled: then only the target is over.
        busy = asked and session.state not in {"cancelling", "cancel_visit", "which_visit"}
        session = replace(session, target=None) if busy else session.cleared()
    return session, (Say(text=told, purpose="notice" if by_salon else "reply"),)


@on_answer.register
def _(message: booking.ReservationExpired, session: Session, ctx: Context) -> Moved:
    if session.releasing == message.reservation_id:
        return _released(session, ctx)
    voice = Voice.of(session, ctx)
    if session.target == message.reservation_id and session.state == "cancelling":
        return session.cleared(), (Say(text=voice("stopped")),)
    if session.held is None or session.held.reservation_id != message.reservation_id:
        return session, ()
    told = voice("expired_unpaid" if message.deposit_was_due else "expired")
    session = replace(session, held=None, pending=None, when=replace(session.when, exact=False))
    session, effects = ask(session, ctx, "again", told)
    return session, tuple(
        replace(effect, purpose="notice") if isinstance(effect, Say) else effect for effect in effects
    )


def _released(session: Session, ctx: Context) -> Moved:
    session = replace(session, releasing=None)
    waiting = session.state == "searching" and session.pending is None
    return advance(session, ctx) if waiting else (session, ())


@on_answer.register
def _(message: payments.RefundSettled, session: Session, ctx: Context) -> Moved:
    voice = Voice.of(session, ctx)
    key = "refunded_unusable" if message.reason == "deposit_unusable" else "refunded"
    return session, (Say(text=voice(key, amount=voice.formats.money(message.amount)), purpose="notice"),)


@on_answer.register
def _(message: booking.ReminderReady, session: Session, ctx: Context) -> Moved:
    return session, (Say(text=Voice.of(session, ctx).visit("reminder", message.visit), purpose="reminder"),)
