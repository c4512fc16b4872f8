"""What the client says: read, taken in, answered."""

from dataclasses import replace
from datetime import timedelta

from booka_dialog.domain.choices import choose
from booka_dialog.domain.flow import advance, cancel, cancel_visit, confirm, hold, release, stop
from booka_dialog.domain.inputs import ClientSaid, Context, Say
from booka_dialog.domain.interpreting import ask_model
from booka_dialog.domain.questions import Moved, ask, ask_among, repeat, service_line
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Session
from booka_dialog.domain.updates import Update, updated
from booka_dialog.domain.voice import Voice
from booka_dialog.understanding import Intent, Reading, When, guest_name, hour_alone, read

__all__ = ["on_client", "on_reading"]

_FORGOTTEN_AFTER = timedelta(hours=6)
_PATIENCE = timedelta(seconds=15)
_READABLE = frozenset({"text", "choice"})
#: Said without wanting anything new: the question is simply asked again.
_SMALL_TALK = frozenset(
    {Intent.GREETING, Intent.THANKS, Intent.BOOK, Intent.HELP, Intent.YES, Intent.NO, Intent.CHANGE}
)


def on_client(session: Session, said: ClientSaid, ctx: Context) -> Moved:
    """Take a message of the client in."""
    salon = ctx.salon
    session = _fresh(replace(
        session,
        contact_id=said.contact_id or session.contact_id,
        contact_name=said.contact_name or session.contact_name,
        phone=said.phone or session.phone,
    ), ctx)  # fmt: skip
    reading = _read(session, said.text, ctx)
    if reading.language and (session.language is None or session.state != "name"):
        session = replace(session, language=reading.language)
    if salon is None or not salon.open:
        return session, (Say(text=Voice.of(session, ctx)("not_open")),)
    session = replace(session, language=session.language or salon.language)
    if said.kind not in _READABLE and not said.text.strip():
        told = Voice.of(session, ctx)("text_only")
        if session.state in {"idle", "done"} or session.waiting:
            return session, (Say(text=told),)
        return repeat(session, ctx, told)
    return on_reading(session, reading, said.text, salon, ctx)


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
    intents = reading.intents
    if Intent.CANCEL in intents:
        return cancel_visit(session) if session.state == "cancel_visit" else cancel(session, ctx)
    if Intent.RESTART in intents:
        freed, effects = stop(session)
        freed, asked = advance(freed, ctx, Voice.of(freed, ctx)("start_over"))
        return freed, (*effects, *asked)
    if reading.pick is not None:
        return _picked(session, reading.pick, ctx)
    moved = _by_state(session, reading, text, salon, ctx)
    if moved is not None:
        return moved
    update = updated(session, reading, ctx)
    if update.changed or update.among_services or update.among_staff:
        return _taken(session, update, salon, ctx)
    if Intent.CHANGE in intents and session.state in {"confirm", "slot", "paying", "when", "staff"}:
        return ask(session, ctx, "change")
    return _nothing_new(session, reading, update, text, salon, ctx, by_model=by_model)


def _by_state(session: Session, reading: Reading, text: str, salon: Salon, ctx: Context) -> Moved | None:
    """What the words mean in answer to the open question; None if they are about something else."""
    match session.state:
        case "name":
            return _named(session, reading, text, ctx)
        case "confirm":
            return _at_summary(session, reading, text, ctx)
        case "slot":
            return _at_slots(session, reading, salon, ctx)
        case "paying" if Intent.CHANGE not in reading.intents:
            return repeat(session, ctx)
        case "again":
            return _yes_or_no(session, reading, ctx)
        case "cancel_visit" | "which_visit":
            return _yes_or_no(session, reading, ctx) or _which(session, reading, salon, ctx)
        case "done":
            return _when_done(session, reading, ctx)
        case _:
            return None


def _picked(session: Session, pick: int, ctx: Context) -> Moved:
    place = len(session.choices) if pick == -1 else pick
    if 1 <= place <= len(session.choices):
        return choose(session, session.choices[place - 1], ctx)
    if session.state == "which_visit" and pick == 0:
        return session.cleared(), (Say(text=Voice.of(session, ctx)("kept")),)
    at = hour_alone(pick)
    if session.state == "when" and at is not None:
        wish = When(start=at, exact=True)
        return advance(replace(session, when=session.when.updated(wish)), ctx)
    if session.choices:
        return repeat(session, ctx, Voice.of(session, ctx)("pick_from", last=len(session.choices)))
    return advance(session, ctx) if session.state == "idle" else repeat(session, ctx)


def _taken(session: Session, update: Update, salon: Salon, ctx: Context) -> Moved:
    """Slots have changed: what hung on the old ones is given up, and the conversation goes on from there."""
    freed, effects = release(update.session) if update.changed else (update.session, ())
    if update.among_services:
        lines = [(choice, service_line(Voice.of(freed, ctx), salon, service.service_id))
                 for choice in update.among_services
                 for service in salon.services if choice == f"service:{service.service_id}"]  # fmt: skip
        moved, asked = ask_among(freed, ctx, "ask_service_among", lines, "service")
    elif update.among_staff:
        people = [(choice, person.name) for choice in update.among_staff
                  for person in salon.catalogue.staff if choice == f"staff:{person.staff_id}"]  # fmt: skip
        moved, asked = ask_among(freed, ctx, "ask_staff_among", people, "staff")
    else:
        moved, asked = advance(replace(freed, misunderstood=0), ctx)
    return moved, (*effects, *asked)


def _named(session: Session, reading: Reading, text: str, ctx: Context) -> Moved | None:
    found = guest_name(text)
    if found and found[1]:
        return _with_name(session, found[0], ctx)
    first = _read(session, text.split()[0] if text.split() else "", ctx).intents
    corrects = reading.when is not None or (
        bool(reading.services) and (reading.whole_name or Intent.CHANGE in reading.intents)
    )
    if corrects or Intent.CHANGE in reading.intents:
        return None
    if Intent.YES in first and session.choices and session.contact_name:
        return _with_name(session, session.contact_name, ctx)
    if Intent.NO in first and session.choices:
        return session_without_offer(session, ctx)
    if first & _SMALL_TALK:
        return None
    return _with_name(session, found[0], ctx) if found else None


def session_without_offer(session: Session, ctx: Context) -> Moved:
    """Ask for the name without offering the contact's own."""
    return replace(session, choices=()), (Say(text=Voice.of(session, ctx)("ask_name"), part="question"),)


def _with_name(session: Session, name: str, ctx: Context) -> Moved:
    session = replace(session, guest_name=name, misunderstood=0)
    return ask(session, ctx, "confirm") if session.held else advance(session, ctx)


def _at_summary(session: Session, reading: Reading, text: str, ctx: Context) -> Moved | None:
    found = guest_name(text)
    if found and found[1] and any(word in text.casefold() for word in ("name", "nome", "chamo")):
        return _with_name(session, found[0], ctx)
    if updated(session, reading, ctx).changed:
        return None
    if Intent.YES in reading.intents:
        return confirm(session, ctx)
    if Intent.NO in reading.intents:
        return ask(session, ctx, "change")
    return None


def _at_slots(session: Session, reading: Reading, salon: Salon, ctx: Context) -> Moved | None:
    when = reading.when
    if reading.services or reading.staff:
        return None
    if when is not None and when.exact and when.start:
        locals_ = [(slot, slot.start.astimezone(salon.zone)) for slot in session.slots]
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


def _yes_or_no(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    if Intent.YES in reading.intents and len(session.choices) == 2:
        return choose(session, "yes", ctx)
    if Intent.NO in reading.intents:
        return choose(session, "no", ctx)
    return None


def _which(session: Session, reading: Reading, salon: Salon, ctx: Context) -> Moved:
    """ "The one on friday" """
    day = reading.when.day if reading.when else None
    found = [known for known in session.visits if known.visit.start.astimezone(salon.zone).date() == day]
    if len(found) == 1:
        return ask(replace(session, target=found[0].reservation_id), ctx, "cancel_visit")
    return not_understood(session, ctx)


def _when_done(session: Session, reading: Reading, ctx: Context) -> Moved | None:
    voice = Voice.of(session, ctx)
    if Intent.BOOK in reading.intents or reading.services:
        return None if updated(session, reading, ctx).changed else advance(session, ctx)
    if Intent.CHANGE in reading.intents:
        return session, (Say(text=voice("to_move")),)
    if reading.intents & {Intent.THANKS, Intent.YES} and session.visits:
        visit = session.visits[-1].visit
        return session, (Say(text=voice("see_you", day=voice.formats.day_of(visit.start, ctx.now))),)
    if Intent.THANKS in reading.intents:
        return session, (Say(text=voice("welcome")),)
    return repeat(session, ctx)


def _nothing_new(
    session: Session, reading: Reading, update: Update, text: str, salon: Salon, ctx: Context, *, by_model: bool
) -> Moved:
    voice = Voice.of(session, ctx)
    if session.state == "idle" and (reading.intents == {Intent.THANKS}):
        return session, (Say(text=voice("welcome")),)
    understood = update.touched or bool(reading.intents)
    if not understood and ctx.llm_enabled and not by_model and text.strip() and session.state not in {"done", "paying"}:
        return ask_model(session, text, salon, ctx)
    if session.state == "idle":
        return advance(session, ctx)
    if session.state == "searching":
        asked_at = session.pending.asked_at if session.pending else None
        if asked_at is None or ctx.now - asked_at > _PATIENCE:
            return advance(replace(session, releasing=None), ctx)
    if session.waiting:
        return session, (Say(text=voice("one_moment")),)
    if Intent.PRICE in reading.intents and session.service_id and session.state != "service":
        return repeat(session, ctx, service_line(voice, salon, session.service_id))
    if Intent.THANKS in reading.intents:
        return repeat(session, ctx, voice("welcome"))
    if understood:
        return repeat(session, ctx)
    return not_understood(session, ctx)


def not_understood(session: Session, ctx: Context) -> Moved:
    """Say so and ask again, with more help the second time."""
    voice = Voice.of(session, ctx)
    if session.state == "idle":
        return advance(session, ctx)
    session = replace(session, misunderstood=session.misunderstood + 1)
    return repeat(session, ctx, voice("not_understood" if session.misunderstood == 1 else "still_not_understood"))
