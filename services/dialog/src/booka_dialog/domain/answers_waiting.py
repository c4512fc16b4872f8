"""What booking says about the waiting list."""

from dataclasses import replace
from datetime import timedelta

from booka_common.contracts import waitlist
from booka_dialog.domain import templates
from booka_dialog.domain.flow import advance
from booka_dialog.domain.inputs import Context, Say
from booka_dialog.domain.questions import Moved, ask, repeat
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import AT_REST, Held, Listed, Session, Wish
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.wording import booked_lines
from booka_dialog.domain.wording_booked import instead_of, listed_line, stays_meanwhile
from booka_dialog.understanding import When

__all__ = ["joined", "left", "offered", "refused"]

#: A question that has not been answered for this long is not in the way of an offer.
_LEFT_BEHIND = timedelta(minutes=30)
#: The visit that was to be moved cannot be, as it is or as the catalogue is by now.
_NOT_THAT_VISIT = frozenset({"unknown_reservation", "already_over", "other_services", "unknown_service"})


def joined(message: waitlist.WaitlistJoined, session: Session, ctx: Context) -> Moved:
    """The client is on the list."""
    if ctx.salon is None or any(entry.entry_id == message.entry_id for entry in session.listed):
        return session, ()
    pending = session.pending
    asked = pending is not None and pending.kind == "waitlist" and pending.request_id == message.request_id
    entry = Listed(
        entry_id=message.entry_id,
        service_ids=tuple(wish.service_id for wish in session.wishes) if asked else (),
        first_day=message.first_day,
        last_day=message.last_day,
    )
    session = replace(session.rested() if asked else session, listed=(*session.listed, entry))
    voice = Voice.of(session, ctx)
    what = listed_line(session, len(session.listed) - 1, ctx.salon, voice)
    stays = stays_meanwhile(session, message.replaces, voice)
    return session, (Say(text=voice("waitlist_joined", what=what, stays=stays)),)


def refused(message: waitlist.WaitlistRefused, session: Session, ctx: Context) -> Moved:
    """The client is not on the list: why, and how to go on."""
    pending = session.pending
    if pending is None or pending.kind != "waitlist" or pending.request_id != message.request_id:
        return session, ()
    voice = Voice.of(session, ctx)
    session = replace(session, pending=None)
    if session.moving and message.code in _NOT_THAT_VISIT:
        if message.code in {"unknown_reservation", "already_over"}:
            return session.without(session.moving).rested(), (Say(text=voice("visit_over")),)
        return session.rested(), (Say(text=voice("waitlist_not_possible")),)
    match message.code:
        case "unknown_service":
            return advance(replace(session, wishes=()), ctx, voice("service_gone"))
        case "unknown_staff":
            open_ = tuple(replace(wish, staff_id=None, anyone=False) for wish in session.wishes)
            return advance(replace(session, wishes=open_), ctx, voice("staff_left"))
        case "in_the_past":
            return ask(replace(session, when=When()), ctx, "when", voice("already_over"))
        case "too_many_entries":
            return session.rested(), (Say(text=voice("waitlist_full")),)
        case "salon_not_ready":
            return session.rested(), (Say(text=voice("not_open")),)
        case _:
            return session.rested(), (Say(text=voice("waitlist_not_possible")),)


def offered(message: waitlist.WaitlistOffered, session: Session, ctx: Context) -> Moved:
    """Something became free: ask at once, or, where something else is being talked about, say how to take it."""
    known = session.held if session.held and session.held.reservation_id == message.reservation_id else None
    if ctx.salon is None or known or session.offered(message.reservation_id) or session.known(message.reservation_id):
        return session, ()
    offer = Held(
        reservation_id=message.reservation_id,
        visit=message.visit,
        deposit=message.deposit,
        expires_at=message.expires_at,
        entry_id=message.entry_id,
        wishes=_wishes(message, ctx.salon),
        replaces=message.replaces,
    )
    session = replace(session.with_offer(offer), contact_id=session.contact_id or message.contact_id)
    left = session.touched_at is None or ctx.now - session.touched_at > _LEFT_BEHIND
    if (left or session.untouched) and session.held is None and not session.waiting and session.state != "offer_name":
        session = session.rested()
    if session.state in AT_REST and session.held is None:
        return session, ()  # `take_up` asks
    voice = Voice.of(session, ctx)
    told = voice.visit(
        "offer_meanwhile",
        offer.visit,
        what=booked_lines(offer.visit, voice),
        until=voice.formats.until(offer.expires_at, ctx.now),
        instead=instead_of(session, offer, voice),
    )
    notice = Say(text=told, purpose="notice", template=templates.offer_of(session, offer, voice))
    if session.waiting:
        return session, (notice,)
    again, effects = repeat(session, ctx)
    return again, (notice, *effects)


def _wishes(message: waitlist.WaitlistOffered, salon: Salon) -> tuple[Wish, ...]:
    people = {person.name: person.staff_id for person in salon.catalogue.staff}
    names = message.visit.staff_names
    return tuple(
        Wish(service_id=service_id, staff_id=people.get(names[place]) if place < len(names) else None)
        for place, service_id in enumerate(message.service_ids[:5])
    )


def left(message: waitlist.WaitlistLeft, session: Session, ctx: Context) -> Moved:
    """The client is off the list; that they booked, they know."""
    place = next((at for at, entry in enumerate(session.listed) if entry.entry_id == message.entry_id), None)
    if place is None or ctx.salon is None:
        return session, ()
    voice = Voice.of(session, ctx)
    what = listed_line(session, place, ctx.salon, voice)
    rest = tuple(entry for entry in session.listed if entry.entry_id != message.entry_id)
    session = replace(session, listed=rest)
    match message.reason:
        case "booked":
            return session, ()
        case "asked":
            return session, (Say(text=voice("waitlist_left", what=what)),)
        case _:
            return session, (Say(text=voice("waitlist_over", what=what), purpose="notice"),)
