"""What words mean: those that count whatever is being talked about, and those that answer the open question."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from booka_dialog.domain.booked import (
    ask_move,
    at_its_own_time,
    begin_cancel,
    begin_move,
    cancel,
    cancel_visit,
    kept,
    named_visit,
)
from booka_dialog.domain.choices import choose, named
from booka_dialog.domain.flow import advance, at_the_same_time, confirm, hold, release, resume, stop
from booka_dialog.domain.inputs import Context, Say
from booka_dialog.domain.questions import Moved, ask, ask_among, not_understood, repeat
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import AT_REST, Session, State
from booka_dialog.domain.updates import Update, updated
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.waiting import (
    begin_leaving,
    begin_waiting,
    decline,
    join,
    on_offer_words,
    put_aside,
    with_offer_name,
)
from booka_dialog.domain.wishes import MOST
from booka_dialog.domain.wording_booked import what_is_booked
from booka_dialog.understanding import Intent, Reading, When, corrected_name, guest_name

__all__ = ["at_any_time", "by_state", "taken_in"]

#: Said without wanting anything new: the question is simply asked again.
_SMALL_TALK = frozenset(
    {Intent.GREETING, Intent.THANKS, Intent.BOOK, Intent.HELP, Intent.YES, Intent.NO, Intent.CHANGE, Intent.HESITATE}
)
_CORRECTING = frozenset({Intent.CHANGE, Intent.ADD, Intent.REMOVE, Intent.ONLY, Intent.INSTEAD})
#: Where "reschedule" means a confirmed visit rather than the booking in the making.
_MOVABLE_FROM = AT_REST | {"service", "again", "which_visit", "which_move", "cancel_visit", "cannot_move"}
_ABOUT_A_VISIT = frozenset(
    {"which_visit", "which_move", "quoting", "cancel_visit", "cannot_move", "confirm_move", "which_entry"}
)


def at_any_time(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    """Commands that may be given in any state; None if the text is none."""
    intents = reading.intents
    if session.state == "offer_name" and Intent.REFUSE_OFFER not in intents:
        return _offer_named(session, reading, ctx)
    if Intent.RECALL in intents and session.held is None:
        return _recalled(session, ctx)
    if Intent.LEAVE_LIST in intents:
        return begin_leaving(session, ctx)
    if intents & {Intent.TAKE_OFFER, Intent.REFUSE_OFFER}:
        moved = _of_the_offer(session, ctx, taken=Intent.TAKE_OFFER in intents)
        if moved is not None:
            return moved
    if Intent.NEVER_MIND in intents and (session.moving or session.state in _ABOUT_A_VISIT):
        # About a visit that stands, these words call off what was begun, not the visit.
        return kept(session, ctx)
    if Intent.CANCEL in intents and not _leaves_out(session, reading, ctx):
        return cancel_visit(session, ctx) if session.state == "cancel_visit" else cancel(session, ctx, reading)
    if Intent.RESTART in intents:
        freed, effects = (put_aside(session), ()) if session.state == "offer" else stop(session)
        freed, asked = advance(freed, ctx, Voice.of(freed, ctx)("start_over"))
        return freed, (*effects, *asked)
    if Intent.WAIT in intents and session.state not in {"paying", "confirming", "listing"}:
        return _waits(session, reading, ctx)
    if Intent.KEEP in intents and (session.state in _ABOUT_A_VISIT or session.moving):
        return kept(session, ctx)
    if Intent.MOVE in intents:
        return _moves(session, reading, ctx)
    return None


def _of_the_offer(session: Session, ctx: Context, *, taken: bool) -> Moved | None:
    if session.state == "offer":
        return confirm(session, ctx) if taken else decline(session, ctx)
    return on_offer_words(session, taken=taken, ctx=ctx)


def _recalled(session: Session, ctx: Context) -> Moved:
    """ "When is my appointment?" """
    voice = Voice.of(session, ctx)
    if session.state in AT_REST or session.untouched:
        if session.visits:
            return repeat(replace(session.cleared(), state="done"), ctx)
        return advance(session, ctx, voice("none_booked"))
    told = what_is_booked(session, voice) if session.visits else voice("none_booked")
    return repeat(session, ctx, told)


def _leaves_out(session: Session, reading: Reading, ctx: Context) -> bool:
    """ "Cancel the manicure", about one of several services that are not booked yet."""
    left = updated(session, replace(reading, when=None, people=()), ctx).session.wishes
    return bool(reading.mentions) and 0 < len(left) < len(session.wishes)


def _offer_named(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    if reading.intents & {Intent.CANCEL, Intent.NO}:
        return on_offer_words(
            replace(session, state=session.interrupted or "idle", interrupted=None), taken=False, ctx=ctx
        )
    found = guest_name(reading.text) if not reading.intents & _SMALL_TALK and reading.pick is None else None
    return with_offer_name(session, found[0] if found else None, ctx)


def _waits(session: Session, reading: Reading, ctx: Context) -> Moved:
    update = updated(session, replace(reading, intents=reading.intents - {Intent.WAIT}), ctx)
    if session.state == "waitlist" and not update.changed:
        return join(session, session.when, ctx)
    if session.held is not None:
        return begin_waiting(session, ctx)
    if update.changed:
        return begin_waiting(replace(update.session, missed=None), ctx)
    return begin_waiting(session, ctx)


def _moves(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    if session.state not in _MOVABLE_FROM or session.held is not None:
        return None
    if session.state == "cancel_visit" and session.target:
        return ask_move(session, session.target, ctx, reading)
    if session.visits or session.state in AT_REST:
        return begin_move(session, reading, ctx)
    return None


def by_state(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    """What the words mean in answer to the open question; None if they are about something else."""
    if session.moving and session.state != "moving" and reading.mentions:
        moved = _about_another_service(session, reading, ctx)
        if moved is not None:
            return moved
    answered = _ANSWERED.get(session.state)
    return answered(session, reading, ctx) if answered else None


def taken_in(session: Session, update: Update, salon: Salon, ctx: Context) -> Moved:
    """Slots have changed: what hung on the old ones is given up, and the conversation goes on from there."""
    if update.unsure:
        return ask(replace(update.session, unsure=update.unsure), ctx, "add_or_replace")
    if update.too_many and not update.changed:
        return repeat(session, ctx, Voice.of(session, ctx)("too_many_services", most=MOST))
    if update.changed and session.moving and not update.session.when.has_day:
        update = replace(update, session=at_its_own_time(update.session, ctx))
    if update.changed and update.session.held is not None:
        update = replace(update, session=at_the_same_time(session, update.session, ctx))
    clear = update.changed and not any(wish.among for wish in update.session.wishes)
    freed, effects = release(update.session) if clear else (update.session, ())
    if update.among_staff:
        people = [(choice, person.name) for choice in update.among_staff
                  for person in salon.catalogue.staff if choice == f"staff:{person.staff_id}"]  # fmt: skip
        moved, asked = ask_among(freed, ctx, "ask_staff_among", people, "staff")
    else:
        told = (Voice.of(freed, ctx)("too_many_services", most=MOST),) if update.too_many else ()
        moved, asked = advance(replace(freed, misunderstood=0), ctx, *told)
    return moved, (*effects, *asked)


def _about_another_service(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    """While a visit is being moved: its services stay as they are, and another visit is another booking."""
    ids = {wish.service_id for wish in session.wishes}
    if all(ids & set(mention.services) for mention in reading.mentions):
        return None
    if Intent.BOOK in reading.intents:
        update = updated(session.cleared(), reading, ctx)
        return advance(update.session, ctx)
    if session.waiting:
        return None
    return repeat(session, ctx, Voice.of(session, ctx)("move_services_fixed"))


def _named(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    if Intent.HESITATE in reading.intents:
        return None
    found = guest_name(reading.text)
    if found and found[1]:
        return named(session, found[0], ctx)
    corrects = bool(reading.when or reading.no_day) or (
        bool(reading.services) and (reading.whole_name or Intent.CHANGE in reading.intents)
    )
    if corrects or reading.intents & {Intent.CHANGE, Intent.ADD} or (reading.mentions and len(reading.mentions) > 1):
        return None
    if Intent.YES in reading.first and session.choices and session.contact_name:
        return named(session, session.contact_name, ctx)
    if Intent.NO in reading.first and session.choices:
        # Ask without offering the contact's own name.
        return replace(session, choices=()), (Say(text=Voice.of(session, ctx)("ask_name"), part="question"),)
    if reading.first & _SMALL_TALK:
        return None
    return named(session, found[0], ctx) if found else None


def _at_summary(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    found = guest_name(reading.text)
    if found and found[1] and any(word in reading.text.casefold() for word in ("name", "nome", "chamo")):
        return named(session, found[0], ctx)
    corrected = corrected_name(reading.text, session.guest_name or "")
    if corrected and not reading.intents & {Intent.YES, Intent.CANCEL} and not (reading.people or reading.mentions):
        return named(session, corrected, ctx)
    update = updated(session, reading, ctx)
    if update.changed or update.unsure:
        return None
    if Intent.YES in reading.intents:
        return confirm(session, ctx)
    if Intent.NO in reading.intents:
        return ask(session, ctx, "change")
    if Intent.ADD in reading.intents and not reading.mentions:
        return choose(session, "change:add", ctx)
    return None


def _at_slots(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    when = reading.when
    if reading.services or reading.staff:
        return None
    if when is not None and when.exact and when.start and ctx.salon is not None:
        zone = ctx.salon.zone
        locals_ = [(slot, slot.start.astimezone(zone)) for slot in session.slots]
        fit = [slot for slot, at in locals_ if at.time() == when.start and when.day in {None, at.date()}]
        if len(fit) == 1:
            return hold(session, ctx, fit[0])
    if when is not None and not when.soon:
        return None
    agreed = reading.intents & {Intent.WHENEVER, Intent.ANYONE} or (
        Intent.YES in reading.intents and len(session.slots) == 1
    )
    if agreed and session.slots:
        return hold(session, ctx, session.slots[0])
    if Intent.MORE in reading.intents and session.slots:
        when = replace(session.when, exact=False)
        return advance(replace(session, when=when, later_than=session.slots[-1].start), ctx)
    if Intent.NO in reading.intents:
        return ask(replace(session, when=When(), later_than=None), ctx, "when")
    return None


def _at_offer(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    """An offer is taken or not; whatever else is said, it stays kept while that is talked about."""
    aside = put_aside(session)
    if not reading.mentions and session.held is not None:
        aside = replace(aside, wishes=session.held.wishes)
    repeats_it = not updated(session, reading, ctx).changed
    update = updated(aside, reading, ctx)
    if update.changed and not repeats_it and ctx.salon is not None:
        voice = Voice.of(session, ctx)
        until = voice.formats.until(session.held.expires_at, ctx.now) if session.held else ""
        moved, effects = taken_in(aside, update, ctx.salon, ctx)
        return moved, (Say(text=voice("offer_kept", until=until)), *effects)
    return _yes_or_no(session, reading, ctx)


def _yes_or_no(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    if updated(session, reading, ctx).changed:
        return None
    if Intent.YES in reading.intents and "yes" in session.choices:
        return choose(session, "yes", ctx)
    if Intent.NO in reading.intents:
        return choose(session, "no", ctx)
    return None


def _after_its_time(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    if Intent.PAID in reading.intents:
        return repeat(session, ctx, Voice.of(session, ctx)("paid_late"))
    return _yes_or_no(session, reading, ctx)


def _add_or_replace(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    if reading.intents & {Intent.ADD, Intent.YES} and not reading.mentions:
        return choose(session, "add", ctx)
    if reading.intents & {Intent.ONLY, Intent.INSTEAD, Intent.CHANGE} and not reading.mentions:
        return choose(session, "replace", ctx)
    return choose(session, "neither", ctx) if Intent.NO in reading.intents else None


def _removed(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    for place, wish in enumerate(session.wishes):
        if wish.service_id in reading.services:
            return choose(session, f"remove:{place}", ctx)
    return resume(session, ctx) if Intent.NO in reading.intents else None


def _about_a_visit(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    if Intent.BOOK in reading.intents and reading.mentions:
        return advance(updated(session.cleared(), reading, ctx).session, ctx)
    if Intent.YES in reading.intents:
        if session.state == "cancel_visit":
            return choose(session, "yes", ctx)
        if session.state == "cannot_move":
            return choose(session, "cancel_it", ctx)
    if Intent.NO in reading.intents:
        return kept(session, ctx)
    if session.state not in {"which_visit", "which_move"}:
        return None
    if Intent.ALL in reading.intents or len(reading.picks) > 1:
        return repeat(session, ctx, Voice.of(session, ctx)("one_by_one"))
    found = named_visit(session, reading, ctx)
    if found is not None:
        return begin_cancel(session, found, ctx) if session.state == "which_visit" else ask_move(session, found, ctx)
    # A time at which there is no visit is no wish for one.
    return not_understood(session, ctx) if reading.when is not None and not reading.mentions else None


def _when_done(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    voice = Voice.of(session, ctx)
    if Intent.BOOK in reading.intents or reading.services or reading.guest:
        return None if updated(session, reading, ctx).changed else advance(session, ctx)
    if Intent.CHANGE in reading.intents and Intent.THANKS not in reading.intents:
        return begin_move(session, reading, ctx)
    if reading.intents & {Intent.THANKS, Intent.YES} and session.visits:
        visit = session.ahead[0].visit
        return session, (Say(text=voice("see_you", day=voice.formats.day_of(visit.start, ctx.now))),)
    if Intent.THANKS in reading.intents:
        return session, (Say(text=voice("welcome")),)
    if Intent.ELSEWHERE in reading.intents:
        return repeat(session, ctx, voice("only_booking"))
    return repeat(session, ctx)


def _paying(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    if Intent.PAID in reading.intents and session.held is not None and session.held.url:
        voice, held = Voice.of(session, ctx), session.held
        until = voice.formats.until(held.expires_at, ctx.now)
        return session, (Say(text=voice("payment_awaited", until=until, url=held.url)),)
    return None if reading.intents & _CORRECTING else repeat(session, ctx)


def _quoting(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    """The terms are on their way: what is said about the new time waits for them."""
    if Intent.NO in reading.intents:
        return kept(session, ctx)
    if Intent.BOOK in reading.intents and reading.mentions:
        return advance(updated(session.cleared(), reading, ctx).session, ctx)
    if session.moving:
        update = updated(session, reading, ctx)
        if update.changed:
            return update.session, ()
    return session, (Say(text=Voice.of(session, ctx)("one_moment")),)


_ANSWERED: Mapping[State, Callable[[Session, Reading, Context], Moved | None]] = {
    "name": _named,
    "confirm": _at_summary,
    "slot": _at_slots,
    "paying": _paying,
    "again": _after_its_time,
    "waitlist": _yes_or_no,
    "confirm_move": _yes_or_no,
    "quoting": _quoting,
    "offer": _at_offer,
    "add_or_replace": _add_or_replace,
    "remove": _removed,
    "which_visit": _about_a_visit,
    "which_move": _about_a_visit,
    "cancel_visit": _about_a_visit,
    "cannot_move": _about_a_visit,
    "which_entry": _about_a_visit,
    "done": _when_done,
}
