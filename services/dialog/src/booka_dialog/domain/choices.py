"""What the numbers of a list stand for. A choice is a short text, so that a session stays plain JSON."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from booka_dialog.domain.booked import ask_move, begin_cancel, cancel, cancel_visit, kept, move, stopped
from booka_dialog.domain.flow import advance, at_the_same_time, confirm, hold, release, resume
from booka_dialog.domain.inputs import Context, Say
from booka_dialog.domain.questions import Moved, ask, repeat
from booka_dialog.domain.session import Session, Wish
from booka_dialog.domain.updates import added
from booka_dialog.domain.voice import Voice
from booka_dialog.domain.waiting import decline, join, leave, wait_for
from booka_dialog.domain.wishes import MOST, asked_about, assigned
from booka_dialog.understanding import Mention, When

__all__ = ["choose", "choose_services", "named"]

_FILLING = frozenset({"service", "staff", "anyone", "apart", "day", "soon", "add", "replace", "remove"})


def choose(session: Session, choice: str, ctx: Context) -> Moved:
    """Take the chosen line of the list that was shown last: `service:<id>`, `day:2026-11-27`, `slot:0`, `yes` …"""
    session = replace(session, misunderstood=0)
    kind, _, value = choice.partition(":")
    if kind in _FILLING:
        filled = at_the_same_time(session, _filled(session, kind, value, ctx), ctx)
        freed, effects = release(filled) if filled.held else (filled, ())
        moved, asked = advance(freed, ctx)
        return moved, (*effects, *asked)
    match kind:
        case "slot" if int(value) < len(session.slots):
            return hold(session, ctx, session.slots[int(value)])
        case "contact" if session.contact_name:
            return named(session, session.contact_name, ctx)
        case "change":
            return _change(session, value, ctx)
        case "cancel":
            return cancel(session, ctx)
        case "yes":
            return _yes(session, ctx)
        case "no" | "neither":
            return _no(session, ctx)
        case _:
            return _about_a_visit(session, kind, value, ctx)


def _about_a_visit(session: Session, kind: str, value: str, ctx: Context) -> Moved:
    match kind:
        case "visit":
            return begin_cancel(session, UUID(value), ctx)
        case "move":
            return ask_move(session, UUID(value), ctx)
        case "move_instead" if session.target:
            return ask_move(session, session.target, ctx)
        case "cancel_it" if session.target:
            return begin_cancel(session, session.target, ctx)
        case "keep":
            return kept(session, ctx)
        case "entry":
            return leave(session, None if value == "all" else UUID(value), ctx)
        case "waitlist":
            return wait_for(session, ctx)
        case _:
            return repeat(session, ctx)


def choose_services(session: Session, choices: tuple[str, ...], ctx: Context) -> Moved:
    """Take several services of the list at once, in the order in which they were named."""
    ids = [UUID(choice.partition(":")[2]) for choice in choices]
    if session.adding:
        known = {wish.service_id for wish in session.wishes}
        session = replace(session, adding=False)
        wishes = (*session.wishes, *(_new(session, service_id) for service_id in ids if service_id not in known))
        return _chosen(session, wishes, ctx)
    unclear = next((place for place, wish in enumerate(session.wishes) if wish.among), None)
    new = tuple(_new(session, service_id) for service_id in ids)
    wishes = new if unclear is None else (*session.wishes[:unclear], *new, *session.wishes[unclear + 1 :])
    return _chosen(session, wishes, ctx)


def _chosen(session: Session, wishes: tuple[Wish, ...], ctx: Context) -> Moved:
    told = (Voice.of(session, ctx)("too_many_services", most=MOST),) if len(wishes) > MOST else ()
    chosen = at_the_same_time(session, replace(session, wishes=wishes[:MOST], misunderstood=0), ctx)
    freed, effects = release(chosen)
    moved, asked = advance(freed, ctx, *told)
    return moved, (*effects, *asked)


def named(session: Session, name: str, ctx: Context) -> Moved:
    """The name of whoever comes is known now."""
    session = replace(session, guest_name=name, misunderstood=0)
    if session.held is None:
        return advance(session, ctx)
    return confirm(session, ctx) if session.held.agreed else ask(session, ctx, "confirm")


def _new(session: Session, service_id: UUID) -> Wish:
    return Wish(service_id=service_id, staff_id=session.staff_id, anyone=session.any_staff)


def _filled(session: Session, kind: str, value: str, ctx: Context) -> Session:
    match kind:
        case "service":
            return _with_service(session, UUID(value), ctx)
        case "staff" | "anyone":
            return _with_person(session, UUID(value) if value else None, ctx)
        case "apart":
            return replace(session, apart=True)
        case "add" | "replace" if session.unsure and ctx.salon is not None:
            new = added(session, Mention(services=session.unsure), ctx.salon)
            wishes = (*session.wishes, new) if kind == "add" else (new,)
            return replace(session, wishes=wishes[:MOST], unsure=())
        case "remove":
            kept_ = tuple(wish for place, wish in enumerate(session.wishes) if place != int(value))
            return replace(session, wishes=kept_ or session.wishes)
        case "day":
            return replace(session, when=session.when.updated(When(day=date.fromisoformat(value))), missed=None)
        case "soon":
            return replace(session, when=replace(session.when, day=None, last_day=None, soon=True), missed=None)
        case _:
            return session


def _with_service(session: Session, service_id: UUID, ctx: Context) -> Session:
    for place, wish in enumerate(session.wishes):
        if wish.among:
            clear = replace(wish, service_id=service_id, among=())
            return replace(session, wishes=(*session.wishes[:place], clear, *session.wishes[place + 1 :]))
    if session.adding and ctx.salon is not None:
        new = added(session, Mention(services=(service_id,)), ctx.salon)
        once = any(wish.service_id == service_id for wish in session.wishes)
        wishes = session.wishes if once else (*session.wishes, new)[:MOST]
        return replace(session, wishes=wishes, adding=False)
    return replace(session, wishes=(_new(session, service_id),))


def _with_person(session: Session, staff_id: UUID | None, ctx: Context) -> Session:
    if not session.wishes or ctx.salon is None:
        return replace(session, staff_id=staff_id, any_staff=staff_id is None)
    places, _ = asked_about(session, ctx.salon)
    if not places:
        places = tuple(
            place
            for place, wish in enumerate(session.wishes)
            if staff_id is None or staff_id in {person.staff_id for person in ctx.salon.performers(wish.service_id)}
        ) or tuple(range(len(session.wishes)))
    return assigned(session, places, staff_id)


def _yes(session: Session, ctx: Context) -> Moved:
    match session.state:
        case "confirm" | "offer":
            return confirm(session, ctx)
        case "cancel_visit":
            return cancel_visit(session, ctx)
        case "confirm_move":
            return move(session, ctx)
        case "waitlist":
            return join(session, session.when, ctx)
        case _:
            return advance(session, ctx)


def _no(session: Session, ctx: Context) -> Moved:
    voice = Voice.of(session, ctx)
    match session.state:
        case "confirm":
            return ask(session, ctx, "change")
        case "offer":
            return decline(session, ctx)
        case "cancel_visit" | "which_visit" | "which_move" | "cannot_move" | "which_entry":
            return kept(session, ctx)
        case "confirm_move":
            return ask(replace(session, when=When(), later_than=None, chosen=None), ctx, "when")
        case "waitlist":
            return advance(replace(session, for_list=False), ctx)
        case "add_or_replace":
            return resume(replace(session, unsure=()), ctx)
        case _:
            return session.rested(), (Say(text=stopped(session, voice)),)


def _change(session: Session, what: str, ctx: Context) -> Moved:
    if what == "name":
        if session.held:
            return ask(replace(session, guest_name=None, contact_name=None), ctx, "name")
        return advance(replace(session, guest_name=None), ctx)
    if what == "remove":
        return ask(session, ctx, "remove")
    if what == "add":
        return ask(replace(session, adding=True), ctx, "service")
    freed, effects = release(session)
    match what:
        case "service":
            moved, asked = ask(replace(freed, wishes=()), ctx, "service")
        case "staff":
            open_ = tuple(replace(wish, staff_id=None, anyone=False) for wish in freed.wishes)
            moved, asked = advance(replace(freed, wishes=open_, staff_id=None, any_staff=False, apart=False), ctx)
        case _:
            moved, asked = ask(replace(freed, when=When()), ctx, "when")
    return moved, (*effects, *asked)
