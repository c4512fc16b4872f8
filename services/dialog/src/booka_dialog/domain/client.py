"""What the client says: read, taken in, answered."""

from dataclasses import replace
from datetime import timedelta

from booka_dialog.domain.booked import kept
from booka_dialog.domain.choices import choose, choose_services, named
from booka_dialog.domain.flow import advance, resume
from booka_dialog.domain.inputs import ClientSaid, Context, Say
from booka_dialog.domain.interpreting import ask_model
from booka_dialog.domain.questions import Moved, ask, not_understood, notices, repeat
from booka_dialog.domain.replies import at_any_time, by_state, taken_in
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Session
from booka_dialog.domain.showing import tapped
from booka_dialog.domain.updates import Update, updated
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.wording import service_line
from booka_dialog.understanding import Intent, Reading, When, hour_alone, read

__all__ = ["on_client", "on_reading"]

_FORGOTTEN_AFTER = timedelta(hours=6)
_PATIENCE = timedelta(seconds=15)
_LONG = timedelta(minutes=1)
_WANTING = frozenset(
    {Intent.BOOK, Intent.ADD, Intent.REMOVE, Intent.ONLY, Intent.INSTEAD, Intent.CHANGE, Intent.CANCEL, Intent.MOVE}
)
_NO_DAY = {"unknown": "no_such_day", "over": "day_over", "too_far": "day_too_far"}
#: From here on a number that is not in a list of times is one of the times.
_HOUR_RATHER = 8
_READABLE = frozenset({"text", "choice"})


def on_client(session: Session, said: ClientSaid, ctx: Context) -> Moved:
    """Take a message of the client in."""
    salon = ctx.salon
    session = _fresh(replace(
        session,
        contact_id=said.contact_id or session.contact_id,
        contact_name=said.contact_name or session.contact_name,
        phone=said.phone or session.phone,
    ), ctx)  # fmt: skip
    tap = tapped(session, said)
    reading = _read(session, tap.text, ctx)
    if reading.language and (session.language is None or session.state != "name"):
        session = replace(session, language=reading.language)
    if salon is None or not salon.open:
        return session, (Say(text=Voice.of(session, ctx)("not_open")),)
    session = replace(session, language=session.language or salon.language)
    if said.kind not in _READABLE and not tap.text.strip():
        told = Voice.of(session, ctx)("text_only")
        if session.state in {"idle", "done"} or session.waiting:
            return session, (Say(text=told),)
        return repeat(session, ctx, told)
    if tap.outdated and not (reading.mentions or reading.people or reading.when):
        # A bare yes to a question of before is no yes to the one that is open now.
        return repeat(session, ctx)
    return on_reading(session, reading, tap.text, salon, ctx)


def _fresh(session: Session, ctx: Context) -> Session:
    """A conversation that was left in the middle long ago starts anew, and is greeted again; a held time is not let go."""
    old = session.touched_at is not None and ctx.now - session.touched_at > _FORGOTTEN_AFTER
    if old and session.held is None and not session.waiting:
        session = replace(session.cleared(), greeted=False)
    if session.state == "done" and not session.visits:
        session = session.cleared()
    return replace(session, touched_at=ctx.now)


def _read(session: Session, text: str, ctx: Context) -> Reading:
    if ctx.salon is None:
        return Reading()
    return read(
        text,
        names=ctx.salon.names,
        today=ctx.salon.today(ctx.now),
        language=session.language or ctx.salon.language,
        day_first=ctx.salon.day_first,
        asked_when=session.state in {"when", "slot"},
    )


def on_reading(
    session: Session, reading: Reading, text: str, salon: Salon, ctx: Context, *, by_model: bool = False
) -> Moved:
    """Answer what was read, by the rules or by the model."""
    told = _told_first(session, reading, salon, ctx)
    if Intent.PRICE in reading.intents and told and _only_asks(session, reading):
        return repeat(session, ctx, *told)
    moved, effects = _answered(session, reading, text, salon, ctx, by_model=by_model)
    return moved, (*notices(*told), *effects)


def _told_first(session: Session, reading: Reading, salon: Salon, ctx: Context) -> tuple[str, ...]:
    """What is answered whatever else follows: that there is no such day, and what the services named cost …"""
    voice = Voice.of(session, ctx)
    told = (voice(_NO_DAY[reading.no_day]),) if reading.no_day else ()
    if reading.several and session.held is None and not session.moving:
        told = (*told, voice("one_person"))
    if Intent.PRICE not in reading.intents or not reading.services:
        return told
    return (*told, "\n".join(service_line(voice, salon, service_id) for service_id in dict.fromkeys(reading.services)))


def _only_asks(session: Session, reading: Reading) -> bool:
    """Whether a price was asked for beside a booking in the making, which stays as it is."""
    wants = reading.when is not None or reading.people or reading.intents & _WANTING
    return not wants and bool(session.wishes) and not session.waiting


def _answered(session: Session, reading: Reading, text: str, salon: Salon, ctx: Context, *, by_model: bool) -> Moved:
    if session.state == "offer_name" and _about_something_else(reading):
        session = replace(session, state=session.interrupted or "idle", interrupted=None)
    moved = at_any_time(session, reading, ctx)
    if moved is not None:
        return moved
    if reading.pick is not None:
        return _picked(session, reading.pick, salon, ctx)
    if session.state == "service" and reading.picks and set(reading.picks) <= set(range(1, len(session.choices) + 1)):
        return choose_services(session, tuple(session.choices[pick - 1] for pick in reading.picks), ctx)
    guest = reading.guest is not None and not session.moving and (session.held is None or not session.held.agreed)
    if guest and reading.guest is not None:
        session = replace(session, for_other=True, guest_name=reading.guest.name)
        if session.state in {"name", "confirm", "change"} and not updated(session, reading, ctx).changed:
            return named(session, reading.guest.name, ctx) if reading.guest.name else ask(session, ctx, "name")
    moved = by_state(session, reading, ctx)
    if moved is not None:
        return moved
    update = updated(session, reading, ctx)
    if update.changed or update.unsure or update.among_staff or update.too_many:
        return taken_in(session, update, salon, ctx)
    if guest and not session.waiting:
        return advance(session, ctx) if session.held is None else resume(session, ctx)
    if Intent.CHANGE in reading.intents and session.state in {"confirm", "slot", "paying", "when", "staff"}:
        return repeat(session, ctx) if session.moving else ask(session, ctx, "change")
    return _nothing_new(session, reading, update, text, salon, ctx, by_model=by_model)


def _about_something_else(reading: Reading) -> bool:
    """Asked for a name: whether this is none, but about what was being talked about before."""
    elsewhere = {Intent.RESTART, Intent.LEAVE_LIST, Intent.WAIT, Intent.MOVE, Intent.CHANGE, Intent.ADD}
    return (
        reading.when is not None
        or bool(reading.intents & elsewhere)
        or (bool(reading.mentions) and not reading.whole_name)
    )


def _picked(session: Session, pick: int, salon: Salon, ctx: Context) -> Moved:
    place = len(session.choices) if pick == -1 else pick
    if 1 <= place <= len(session.choices):
        return choose(session, session.choices[place - 1], ctx)
    if session.state in {"which_visit", "which_move", "which_entry"} and pick == 0:
        return kept(session, ctx)
    at = hour_alone(pick)
    if at is not None and (session.state == "when" or (session.state == "slot" and pick >= _HOUR_RATHER)):
        return on_reading(session, Reading(when=When(start=at, exact=True)), "", salon, ctx)
    if session.choices:
        return repeat(session, ctx, Voice.of(session, ctx)("pick_from", last=len(session.choices)))
    return advance(session, ctx) if session.state == "idle" else repeat(session, ctx)


def _nothing_new(
    session: Session, reading: Reading, update: Update, text: str, salon: Salon, ctx: Context, *, by_model: bool
) -> Moved:
    voice = Voice.of(session, ctx)
    agrees = bool(session.listed) and reading.intents and reading.intents <= {Intent.THANKS, Intent.YES}
    if session.state == "idle" and (agrees or reading.intents == {Intent.THANKS}):
        return session, (Say(text=voice("welcome")),)
    understood = update.touched or bool(reading.intents) or reading.no_day is not None
    if not understood and ctx.llm_enabled and not by_model and text.strip() and session.state not in {"done", "paying"}:
        return ask_model(session, text, salon, ctx)
    elsewhere = (voice("only_booking"),) if Intent.ELSEWHERE in reading.intents else ()
    if session.state == "idle":
        return advance(session, ctx, *elsewhere)
    if elsewhere and not session.waiting:
        return repeat(session, ctx, *elsewhere)
    if session.state == "searching":
        asked_at = session.pending.asked_at if session.pending else None
        if asked_at is None or ctx.now - asked_at > _PATIENCE:
            return advance(replace(session, releasing=None), ctx)
    if session.waiting:
        long = session.waiting_since is not None and ctx.now - session.waiting_since > _LONG
        return session, (Say(text=voice("still_waiting" if long else "one_moment")),)
    if Intent.PRICE in reading.intents and session.wishes and session.state != "service" and not reading.services:
        lines = "\n".join(service_line(voice, salon, wish.service_id) for wish in session.wishes)
        return repeat(session, ctx, lines)
    if Intent.THANKS in reading.intents:
        return repeat(session, ctx, voice("welcome"))
    if Intent.HESITATE in reading.intents:
        until = voice.formats.until(session.held.expires_at, ctx.now) if session.held else None
        return repeat(session, ctx, voice("no_hurry_until", until=until) if until else voice("no_hurry"))
    if understood:
        return repeat(session, ctx)
    return not_understood(session, ctx)
