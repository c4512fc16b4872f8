"""What the numbers of a list stand for. A choice is a short text, so that a session stays plain JSON."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from booka_dialog.domain.flow import advance, cancel, cancel_visit, confirm, hold, release
from booka_dialog.domain.inputs import Context, Say
from booka_dialog.domain.questions import Moved, ask, repeat
from booka_dialog.domain.session import Session
from booka_dialog.domain.voice import Voice
from booka_dialog.understanding import When

__all__ = ["choose"]


def choose(session: Session, choice: str, ctx: Context) -> Moved:
    """Take the chosen line of the list that was shown last: `service:<id>`, `day:2026-11-27`, `slot:0`, `yes` …"""
    session = replace(session, misunderstood=0)
    kind, _, value = choice.partition(":")
    if kind in {"service", "staff", "anyone", "day", "soon"}:
        freed, effects = release(session) if session.held else (session, ())
        moved, asked = advance(_filled(freed, kind, value), ctx)
        return moved, (*effects, *asked)
    match kind:
        case "slot" if int(value) < len(session.slots):
            return hold(session, ctx, session.slots[int(value)])
        case "contact" if session.contact_name:
            return ask(replace(session, guest_name=session.contact_name), ctx, "confirm")
        case "visit":
            return ask(replace(session, target=UUID(value)), ctx, "cancel_visit")
        case "change":
            return _change(session, value, ctx)
        case "cancel":
            return cancel(session, ctx)
        case "yes":
            return _yes(session, ctx)
        case "no":
            return _no(session, ctx)
        case _:
            return repeat(session, ctx)


def _filled(session: Session, kind: str, value: str) -> Session:
    match kind:
        case "service":
            return replace(session, service_id=UUID(value))
        case "staff":
            return replace(session, staff_id=UUID(value), staff_implied=False, any_staff=False)
        case "anyone":
            return replace(session, staff_id=None, staff_implied=False, any_staff=True)
        case "day":
            return replace(session, when=session.when.updated(When(day=date.fromisoformat(value))))
        case _:
            return replace(session, when=replace(session.when, day=None, last_day=None, soon=True))


def _yes(session: Session, ctx: Context) -> Moved:
    match session.state:
        case "confirm":
            return confirm(session, ctx)
        case "cancel_visit":
            return cancel_visit(session)
        case _:
            return advance(session, ctx)


def _no(session: Session, ctx: Context) -> Moved:
    voice = Voice.of(session, ctx)
    match session.state:
        case "confirm":
            return ask(session, ctx, "change")
        case "cancel_visit" | "which_visit":
            return replace(session.cleared(), state="done" if session.visits else "idle"), (Say(text=voice("kept")),)
        case _:
            return session.cleared(), (Say(text=voice("stopped")),)


def _change(session: Session, what: str, ctx: Context) -> Moved:
    if what == "name":
        if session.held:
            return ask(replace(session, guest_name=None, contact_name=None), ctx, "name")
        return advance(replace(session, guest_name=None), ctx)
    freed, effects = release(session)
    match what:
        case "service":
            moved, asked = ask(replace(freed, service_id=None), ctx, "service")
        case "staff":
            freed = replace(freed, staff_id=None, any_staff=False)
            moved, asked = advance(freed, ctx)
        case _:
            moved, asked = ask(replace(freed, when=When()), ctx, "when")
    return moved, (*effects, *asked)
