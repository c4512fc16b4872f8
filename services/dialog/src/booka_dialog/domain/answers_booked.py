"""What booking says about confirmed visits: they stand, they move, they are cancelled, and on what terms."""

from dataclasses import replace

from booka_common.contracts import booking
from booka_dialog.domain import templates
from booka_dialog.domain.answers_booking import other_times, released
from booka_dialog.domain.booked import look_for_another_time
from booka_dialog.domain.inputs import AnswerOverdue, Context, QuoteTimedOut, Say
from booka_dialog.domain.questions import Moved, ask, repeat
from booka_dialog.domain.session import KnownVisit, Quote, Session
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.wording import booked_lines

__all__ = [
    "answer_overdue",
    "move_refused",
    "quote_timed_out",
    "quoted",
    "reminder_ready",
    "reservation_cancelled",
    "reservation_confirmed",
    "reservation_moved",
]


def reservation_confirmed(message: booking.ReservationConfirmed, session: Session, ctx: Context) -> Moved:
    """The visit will take place."""
    known = session.known(message.reservation_id)
    if known is not None and (known.visit == message.visit or known.version >= message.version):
        return session, ()
    voice = Voice.of(session, ctx)
    held, offered = session.held, session.offered(message.reservation_id)
    current = held is not None and held.reservation_id == message.reservation_id
    wishes = session.wishes if current else offered.wishes if offered else ()
    paid = voice("confirmed_deposit", amount=voice.formats.money(message.deposit_paid)) if message.deposit_paid else ""
    name = message.guest_name or session.guest_name or session.contact_name or "–"
    told = voice.visit("confirmed", message.visit, what=booked_lines(message.visit, voice), name=name, deposit=paid)
    if message.reseated:
        told = f"{voice('reseated')}\n{told}"
    session = session.without_offer(message.reservation_id)
    if current or session.state == "again" or session.target == message.reservation_id:
        session = replace(session.cleared(), state="done")
    visits = (
        *session.without(message.reservation_id).visits,
        KnownVisit(
            reservation_id=message.reservation_id,
            visit=message.visit,
            deposit_paid=message.deposit_paid,
            version=message.version,
            wishes=wishes,
        ),
    )
    template = templates.about_visit("visit_confirmed", message.visit, voice)
    return replace(session, visits=visits), (Say(text=told, purpose="notice", template=template),)


def reservation_moved(message: booking.ReservationMoved, session: Session, ctx: Context) -> Moved:
    """The visit takes place at another time, as the client asked, or took what was offered, or as the salon had to."""
    before = session.known(message.reservation_id)
    session, done = _offer_taken(session, message)
    if before is not None and (before.visit == message.visit or before.version >= message.version):
        return session, ()
    known = KnownVisit(
        reservation_id=message.reservation_id,
        visit=message.visit,
        deposit_paid=before.deposit_paid if before else None,
        version=message.version,
        wishes=before.wishes if before else (),
    )
    voice = Voice.of(session, ctx)
    told = Say(
        text=voice.visit("moved", message.visit, what=booked_lines(message.visit, voice)),
        purpose="notice",
        template=templates.about_visit("visit_moved", message.visit, voice),
    )
    session = replace(session, visits=(*session.without(message.reservation_id).visits, known))
    if done:
        return session.rested(), (told,)
    if session.moving != message.reservation_id:
        return session, (told,)
    if session.state == "moving":
        return session.rested(), (told,)
    if session.waiting:
        return session, (told,)
    # The salon moved it while the client was choosing another time: the question stands, about the new time.
    again, effects = repeat(session, ctx)
    return again, (told, *effects)


def _offer_taken(session: Session, message: booking.ReservationMoved) -> tuple[Session, bool]:
    """Without the offer whose place the visit took; and whether that was what was being talked about."""
    if message.offer_id is None:
        return session, False
    held = session.held is not None and session.held.reservation_id == message.offer_id
    # Whoever was choosing another time for that visit, and took the offer, has found one.
    done = held or session.moving == message.reservation_id
    session = session.without_offer(message.offer_id)
    return session.rested() if held else session, done


def move_refused(message: booking.MoveRefused, session: Session, ctx: Context) -> Moved:
    """The visit stays where it is."""
    pending = session.pending
    if pending is None or pending.kind != "move" or pending.request_id != message.request_id:
        return session, ()
    voice = Voice.of(session, ctx)
    session = replace(session, pending=None, chosen=None)
    match message.code:
        case "slot_taken":
            return other_times(session, ctx, message.alternatives, voice("slot_taken"))
        case "in_the_past" | "not_offered":
            return other_times(session, ctx, message.alternatives, voice("not_possible"))
        case "unknown_staff":
            open_ = tuple(replace(wish, staff_id=None, anyone=True) for wish in session.wishes)
            session = replace(session, wishes=open_)
            return other_times(session, ctx, message.alternatives, voice("staff_left"))
        case "unknown_reservation" | "not_confirmed" | "already_over":
            return _not_there(session, ctx)
        case code:
            return _stays(session, ctx, code)


def _stays(session: Session, ctx: Context, code: str | None) -> Moved:
    """It may not be moved: say why, and what the client can do."""
    known = session.known(session.moving or session.target)
    if known is None:
        return _not_there(session, ctx)
    voice = Voice.of(session, ctx)
    key = {"too_late": "move_too_late", "too_many_moves": "move_too_many"}.get(code or "", "move_not_possible")
    quote = session.quote
    session = replace(session.cleared(), target=known.reservation_id, quote=quote)
    return ask(session, ctx, "cannot_move", voice(key))


def _not_there(session: Session, ctx: Context) -> Moved:
    gone = session.moving or session.target
    session = session.without(gone) if gone else session
    return session.rested(), (Say(text=Voice.of(session, ctx)("visit_over")),)


def quoted(message: booking.CancellationQuoted, session: Session, ctx: Context) -> Moved:
    """The terms are known: go on with what the client wanted."""
    pending = session.pending
    if pending is None or pending.kind != "quote" or pending.request_id != message.request_id:
        return session, ()
    session = replace(
        session,
        pending=None,
        quote=Quote(
            reservation_id=message.reservation_id,
            quoted_at=message.quoted_at,
            refund=message.refund,
            kept=message.kept,
            free_until=message.free_until,
            movable=message.movable,
        ),
    )
    if session.moving:
        if message.movable:
            return look_for_another_time(session, ctx)
        if message.not_movable_because == "not_confirmed" or not message.cancellable:
            return _not_there(session, ctx)
        return _stays(session, ctx, message.not_movable_because)
    if not message.cancellable:
        return _not_there(session, ctx)
    return ask(session, ctx, "cancel_visit")


def quote_timed_out(message: QuoteTimedOut, session: Session, ctx: Context) -> Moved:
    """Nobody says what the terms are: go on without; booking still decides in the end."""
    pending = session.pending
    if pending is None or pending.kind != "quote" or pending.request_id != message.request_id:
        return session, ()
    session = replace(session, pending=None)
    return look_for_another_time(session, ctx) if session.moving else ask(session, ctx, "cancel_visit")


def answer_overdue(message: AnswerOverdue, session: Session, ctx: Context) -> Moved:
    """The client has agreed and heard nothing since: tell them that it will come, once, and go on waiting."""
    if session.agreed_at != message.since:
        return session, ()
    return session, (Say(text=Voice.of(session, ctx)("takes_longer")),)


def reservation_cancelled(message: booking.ReservationCancelled, session: Session, ctx: Context) -> Moved:
    """A time is free again because somebody gave it up."""
    if session.releasing == message.reservation_id:
        return released(session, ctx)
    session = session.replacing_none(message.reservation_id)
    if session.offered(message.reservation_id):
        session = session.without_offer(message.reservation_id)
        key = "cancelled_by_salon_short" if message.by == "salon" else "cancelled"
        return session, (Say(text=Voice.of(session, ctx)(key), purpose="notice"),)
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
    about_it = {"cancelling", "cancel_visit", "which_visit", "quoting", "cannot_move"}
    if session.moving == message.reservation_id:
        session = session.rested()
    elif held or asked:
        # Another booking may have been begun while this one was being cancelled: then only the target is over.
        busy = asked and session.state not in about_it
        session = replace(session, target=None) if busy else session.rested()
    template = templates.cancelled(known.visit, voice, by_salon=by_salon) if known else None
    return session, (Say(text=told, purpose="notice" if by_salon else "reply", template=template),)


def reminder_ready(message: booking.ReminderReady, session: Session, ctx: Context) -> Moved:
    """Tell the client of a visit that is near."""
    voice = Voice.of(session, ctx)
    told = voice.visit("reminder", message.visit, what=booked_lines(message.visit, voice))
    template = templates.about_visit("visit_reminder", message.visit, voice)
    return session, (Say(text=told, purpose="reminder", template=template),)
