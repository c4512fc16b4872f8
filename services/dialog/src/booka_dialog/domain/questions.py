"""Asking: for every state of the conversation the question that belongs to it, and asking it again."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from booka_common.contracts.messaging import TemplateUse
from booka_dialog.domain import templates, wording, wording_booked
from booka_dialog.domain.inputs import Context, Effect, Say
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Session, State
from booka_dialog.domain.showing import in_parts
from booka_dialog.domain.voice import Voice, numbered
from booka_dialog.domain.wording import Asked

__all__ = ["Moved", "ask", "ask_among", "not_understood", "notices", "repeat"]

#: A session and what has to be said or requested.
Moved = tuple[Session, tuple[Effect, ...]]

_QUESTIONS: dict[State, Callable[[Session, Salon, Voice], Asked]] = {
    "service": wording.service,
    "add_or_replace": wording.add_or_replace,
    "staff": wording.staff,
    "when": wording.when,
    "slot": wording.slot,
    "name": wording.name,
    "confirm": wording.confirm,
    "change": wording.change,
    "remove": wording.remove,
    "again": wording.again,
    "which_visit": wording_booked.which_visit,
    "which_move": wording_booked.which_move,
    "cancel_visit": wording_booked.cancel_visit,
    "cannot_move": wording_booked.cannot_move,
    "confirm_move": wording_booked.confirm_move,
    "waitlist": wording_booked.waitlist,
    "which_entry": wording_booked.which_entry,
    "offer": wording_booked.offer,
    "offer_name": wording_booked.offer_name,
}

#: Questions that may come long after the client wrote.
_TEMPLATES: dict[State, Callable[[Session, Voice], TemplateUse | None]] = {"offer": templates.offer}


def notices(*texts: str) -> tuple[Effect, ...]:
    """Texts to be said before the question of the turn."""
    return tuple(Say(text=text) for text in texts if text)


def ask(session: Session, ctx: Context, state: State, *before: str) -> Moved:
    """Ask the question of `state`, after the notices `before`."""
    salon, voice = ctx.salon, Voice.of(session, ctx)
    if salon is None or not salon.open:
        return session, (Say(text=voice("not_open")),)
    text, choices = _QUESTIONS[state](session, salon, voice)
    template = _TEMPLATES[state](session, voice) if state in _TEMPLATES else None
    question = Say(text=text, part="question", parts=in_parts(text, len(choices), voice), template=template)
    return replace(session, state=state, choices=choices, shown_at=None), (*notices(*before), question)


def ask_among(session: Session, ctx: Context, key: str, options: Sequence[tuple[str, str]], state: State) -> Moved:
    """Ask which of several likely things was meant: `options` are the choice and the line of each."""
    voice, choices = Voice.of(session, ctx), tuple(choice for choice, _ in options)
    text = voice(key, list=numbered(line for _, line in options))
    return (
        replace(session, state=state, choices=choices, shown_at=None, misunderstood=0),
        (Say(text=text, part="question", parts=in_parts(text, len(choices), voice)),),
    )


def repeat(session: Session, ctx: Context, *before: str) -> Moved:
    """Ask the open question again, or say what is being waited for."""
    voice = Voice.of(session, ctx)
    if session.state in _QUESTIONS:
        return ask(session, ctx, session.state, *before)
    if session.state == "paying":
        return session, (*notices(*before), Say(text=wording.waiting_for_deposit(session, voice), part="question"))
    if session.state == "done" and session.visits:
        return session, (*notices(*before), Say(text=wording_booked.what_is_booked(session, voice), part="question"))
    if session.state in {"idle", "done"}:
        return ask(session, ctx, "service", *before)
    return session, (*notices(*before), Say(text=voice("one_moment"), part="question"))


def not_understood(session: Session, ctx: Context) -> Moved:
    """Say so and ask again, with more help the second time."""
    if session.state == "idle":
        return repeat(session, ctx)
    voice = Voice.of(session, ctx)
    session = replace(session, misunderstood=session.misunderstood + 1)
    return repeat(session, ctx, voice("not_understood" if session.misunderstood == 1 else "still_not_understood"))
