"""The waiting list: getting on it and off it, and what becomes free for those who wait."""

from dataclasses import replace
from uuid import UUID

from booka_common.contracts.booking import ConfirmationRequested
from booka_common.contracts.waitlist import WaitlistLeaveRequested, WaitlistRequested
from booka_dialog.domain.flow import advance, cancellation, release
from booka_dialog.domain.inputs import Context, Effect, Say
from booka_dialog.domain.questions import Moved, ask, repeat
from booka_dialog.domain.session import AT_REST, Held, Pending, Session
from booka_dialog.domain.voice import Voice, waited_for
from booka_dialog.domain.wishes import requested
from booka_dialog.domain.wording import like_a_name
from booka_dialog.domain.wording_booked import listed_line
from booka_dialog.understanding import When

__all__ = [
    "begin_leaving",
    "begin_waiting",
    "decline",
    "join",
    "leave",
    "on_offer_words",
    "put_aside",
    "take_up",
    "wait_for",
    "with_offer_name",
]


def begin_waiting(session: Session, ctx: Context) -> Moved:
    """The client would rather wait: for what was not free, or for what they will say."""
    if session.held is not None:
        return repeat(session, ctx, Voice.of(session, ctx)("finish_first"))
    if session.missed is not None and session.wishes:
        return wait_for(session, ctx)
    if session.moving:
        # What becomes free is to take the place of that visit.
        session = replace(
            session.cleared(), wishes=session.wishes, when=session.when, moving=session.moving, quote=session.quote
        )
    moved, effects = advance(replace(session, for_list=True, pending=None, slots=()), ctx)
    if moved.state == "waitlist":
        return moved, effects
    return moved, (Say(text=Voice.of(session, ctx)("for_the_list")), *effects)


def wait_for(session: Session, ctx: Context) -> Moved:
    """Wait for the time in which nothing was free."""
    if session.missed is None:
        return begin_waiting(session, ctx)
    return join(session, session.missed, ctx)


def join(session: Session, when: When, ctx: Context) -> Moved:
    """Ask booking to put the client on the list."""
    salon = ctx.salon
    if salon is None or not session.wishes:
        return advance(session, ctx)
    first, last, start, end = waited_for(when, salon.today(ctx.now))
    request = WaitlistRequested(
        request_id=ctx.request_id,
        conversation_id=session.conversation_id,
        contact_id=session.contact_id or session.conversation_id,
        contact_name=session.contact_name,
        phone=session.phone,
        wants=requested(session, salon),
        first_day=first,
        last_day=last,
        from_minute=start,
        until_minute=end,
        replaces=session.moving,
    )
    pending = Pending(kind="waitlist", request_id=ctx.request_id, asked_at=ctx.now)
    session = replace(session, state="listing", pending=pending, choices=(), slots=(), for_list=False, missed=None)
    return session, (request,)


def leave(session: Session, entry_id: UUID | None, ctx: Context) -> Moved:
    """Give one place on the list up, or (None) all of them. Booking need not agree, so the client is told at once."""
    voice = Voice.of(session, ctx)
    request = WaitlistLeaveRequested(conversation_id=session.conversation_id, entry_id=entry_id)
    gone = [place for place, entry in enumerate(session.listed) if entry_id in {None, entry.entry_id}]
    told = voice("not_listed")
    if gone and ctx.salon is not None:
        told = "\n".join(voice("waitlist_left", what=listed_line(session, place, ctx.salon, voice)) for place in gone)
    kept = tuple(entry for place, entry in enumerate(session.listed) if place not in gone)
    session = replace(session.rested() if session.state == "which_entry" else session, listed=kept)
    if session.state in AT_REST or session.waiting:
        return session, (Say(text=told), request)
    again, effects = repeat(session, ctx, told)
    return again, (*effects, request)


def begin_leaving(session: Session, ctx: Context) -> Moved:
    """The client does not want to wait any more."""
    if session.state == "waitlist" and not session.listed:
        return advance(replace(session, for_list=False), ctx)
    if len(session.listed) > 1 and session.state in AT_REST:
        return ask(session, ctx, "which_entry")
    return leave(session, None, ctx)


def decline(session: Session, ctx: Context) -> Moved:
    """The client does not want what is being offered; they stay on the list."""
    freed, effects = release(session)
    return freed.rested(), (Say(text=Voice.of(session, ctx)("offer_declined")), *effects)


def put_aside(session: Session) -> Session:
    """What is being offered waits in the background, because the client talks about something else."""
    if session.held is None:
        return session
    return replace(session.cleared(), offers=session.with_offer(session.held).offers)


def take_up(session: Session, ctx: Context, effects: tuple[Effect, ...]) -> Moved:
    """Once nothing else is being talked about, what waits in the background is asked about."""
    if session.state not in AT_REST or session.held is not None or session.waiting or not session.offers:
        return session, effects
    offer = session.offers[0]
    session = replace(session.cleared().without_offer(offer.reservation_id), held=offer, wishes=offer.wishes)
    if offer.agreed and not offer.url:
        return replace(session, state="confirming"), effects
    asked, question = repeat(replace(session, state="paying"), ctx) if offer.agreed else ask(session, ctx, "offer")
    return asked, (*effects, *question)


def on_offer_words(session: Session, *, taken: bool, ctx: Context) -> Moved | None:
    """ "Take the offer", said while something else is being talked about; None if nothing is being offered then."""
    if session.state == "offer_name":
        session = replace(session, state=session.interrupted or "idle", interrupted=None)
    open_ = [offer for offer in session.offers if not offer.agreed]
    if not open_:
        return None
    voice, offer = Voice.of(session, ctx), open_[0]
    if not taken:
        left, effects = _again(session.without_offer(offer.reservation_id), ctx, voice("offer_declined"))
        return left, (*effects, cancellation(session, offer.reservation_id))
    name = session.guest_name if not session.for_other else None
    if not name and session.contact_name and like_a_name(session.contact_name):
        name = session.contact_name
    if not name:
        return ask(replace(session, interrupted=session.state), ctx, "offer_name")
    return _agreed(session, offer, name, ctx)


def with_offer_name(session: Session, name: str | None, ctx: Context) -> Moved:
    """The name for an offer that was taken in the middle of something else; None: it was not a name."""
    open_ = [offer for offer in session.offers if not offer.agreed]
    if not open_:
        gone = replace(session, state=session.interrupted or "idle", interrupted=None)
        return _again(gone, ctx, Voice.of(session, ctx)("offer_over"))
    if not name:
        return ask(session, ctx, "offer_name")
    return _agreed(replace(session, state=session.interrupted or "idle", interrupted=None), open_[0], name, ctx)


def _agreed(session: Session, offer: Held, name: str, ctx: Context) -> Moved:
    request = ConfirmationRequested(
        reservation_id=offer.reservation_id,
        conversation_id=session.conversation_id,
        contact_id=session.contact_id,
        guest_name=name,
    )
    session = session.with_offer(replace(offer, agreed=True))
    told = Voice.of(session, ctx)("offer_taken")
    if session.state == "name" and session.held is not None and not session.for_other:
        # One name is enough for both.
        again, effects = ask(replace(session, guest_name=name), ctx, "confirm", told)
    else:
        again, effects = _again(session, ctx, told)
    return again, (*effects, request)


def _again(session: Session, ctx: Context, *before: str) -> Moved:
    """Back to what was being talked about; nothing more is said where nothing was."""
    if session.state in AT_REST or session.waiting:
        return session, tuple(Say(text=text) for text in before)
    return repeat(session, ctx, *before)
