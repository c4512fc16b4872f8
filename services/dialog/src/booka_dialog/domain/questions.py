"""Asking: for every state of the conversation the question that belongs to it, and what its numbers stand for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from booka_dialog.domain.inputs import Context, Effect, Say
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Session, State
from booka_dialog.domain.voice import Voice, numbered
from booka_dialog.domain.windows import same_day

__all__ = ["Moved", "ask", "ask_among", "notices", "repeat"]

#: A session and what has to be said or requested.
Moved = tuple[Session, tuple[Effect, ...]]
#: A question and what its numbers stand for.
Asked = tuple[str, tuple[str, ...]]

_LAST_HOUR_OF_TODAY = 18
_DAYS_SUGGESTED = 4


def notices(*texts: str) -> tuple[Effect, ...]:
    """Texts to be said before the question of the turn."""
    return tuple(Say(text=text) for text in texts if text)


def ask(session: Session, ctx: Context, state: State, *before: str) -> Moved:
    """Ask the question of `state`, after the notices `before`."""
    salon = ctx.salon
    if salon is None or not salon.open:
        return session, (Say(text=Voice.of(session, ctx)("not_open")),)
    voice = Voice.of(session, ctx)
    text, choices = _QUESTIONS[state](session, salon, voice)
    return replace(session, state=state, choices=choices), (*notices(*before), Say(text=text, part="question"))


def ask_among(session: Session, ctx: Context, key: str, options: Sequence[tuple[str, str]], state: State) -> Moved:
    """Ask which of several likely things was meant: `options` are the choice and the line of each."""
    voice = Voice.of(session, ctx)
    text = voice(key, list=numbered(line for _, line in options))
    return (
        replace(session, state=state, choices=tuple(choice for choice, _ in options), misunderstood=0),
        (Say(text=text, part="question"),),
    )


def repeat(session: Session, ctx: Context, *before: str) -> Moved:
    """Ask the open question again, or say what is being waited for."""
    voice = Voice.of(session, ctx)
    if session.state in _QUESTIONS:
        return ask(session, ctx, session.state, *before)
    if session.state == "paying":
        return session, (*notices(*before), Say(text=_waiting_for_deposit(session, voice), part="question"))
    if session.state == "done" and session.visits:
        return session, (
            *notices(*before),
            Say(text=voice.visit("done_help", session.visits[-1].visit), part="question"),
        )
    if session.state in {"idle", "done"}:
        return ask(session, ctx, "service", *before)
    return session, (*notices(*before), Say(text=voice("one_moment"), part="question"))


def service_line(voice: Voice, salon: Salon, service_id: UUID) -> str:
    """`Haircut – R$ 80,00 (45 min)`."""
    service = salon.service(service_id)
    if service is None:
        return ""
    return (
        f"{service.name} – {voice.formats.money(service.price)} ({voice('minutes', minutes=service.duration_minutes)})"
    )


def _service(_session: Session, salon: Salon, voice: Voice) -> Asked:
    ids = [service.service_id for service in salon.services]
    lines = numbered(service_line(voice, salon, service_id) for service_id in ids)
    return voice("ask_service", list=lines), tuple(f"service:{service_id}" for service_id in ids)


def _staff(session: Session, salon: Salon, voice: Voice) -> Asked:
    people = salon.performers(session.service_id)
    lines = numbered([*(person.name for person in people), voice("anyone")])
    service = salon.service(session.service_id)
    return (
        voice("ask_staff", list=lines, service=service.name if service else ""),
        (*(f"staff:{person.staff_id}" for person in people), "anyone"),
    )


def _when(session: Session, salon: Salon, voice: Voice) -> Asked:
    today = salon.today(voice.now)
    late = voice.now.astimezone(salon.zone).hour >= _LAST_HOUR_OF_TODAY
    days = [today + timedelta(days=ahead) for ahead in range(int(late), int(late) + _DAYS_SUGGESTED)]
    lines = [voice("soonest")]
    for day in days:
        told = voice.formats.day(day, today)
        near = {today: "today", today + timedelta(days=1): "tomorrow"}.get(day)
        lines.append(voice(near, day=told) if near else told[:1].upper() + told[1:])
    key = "ask_day" if session.when.has_time else "ask_when"
    return voice(key, list=numbered(lines)), ("soon", *(f"day:{day.isoformat()}" for day in days))


def _slot(session: Session, salon: Salon, voice: Voice) -> Asked:
    formats = voice.formats
    day = same_day(session.slots, salon.zone)
    mixed = not session.any_staff and {slot.staff_id for slot in session.slots} != {session.staff_id}
    lines = []
    for slot in session.slots:
        line = formats.time(slot.start)
        if day is None:
            told = formats.day_of(slot.start, voice.now)
            line = f"{told[:1].upper()}{told[1:]}, {line}"
        lines.append(f"{line} – {slot.staff_name}" if mixed else line)
    listed = numbered(lines)
    if day is not None:
        told = formats.day(day, salon.today(voice.now))
        listed = f"{told[:1].upper()}{told[1:]}\n{listed}"
    service = salon.service(session.service_id)
    person = salon.person(session.staff_id) if not session.any_staff and not mixed else None
    values = {"list": listed, "service": service.name if service else ""}
    text = voice("slots_with", staff=person.name, **values) if person else voice("slots", **values)
    return text, tuple(f"slot:{index}" for index in range(len(session.slots)))


def _name(session: Session, _salon: Salon, voice: Voice) -> Asked:
    if session.contact_name and not session.guest_name and _like_a_name(session.contact_name):
        return voice("ask_name_offered", name=session.contact_name), ("contact",)
    return voice("ask_name"), ()


def _confirm(session: Session, _salon: Salon, voice: Voice) -> Asked:
    held = session.held
    if held is None:
        return voice("one_moment"), ()
    deposit = voice("summary_deposit", amount=voice.formats.money(held.deposit)) if held.deposit else ""
    price = voice.formats.money(held.visit.price)
    return voice.visit("summary", held.visit, name=session.guest_name, price=price, deposit=deposit), ("yes", "no")


def _change(_session: Session, _salon: Salon, voice: Voice) -> Asked:
    return voice("ask_change"), ("change:when", "change:service", "change:staff", "change:name", "cancel")


def _again(_session: Session, _salon: Salon, voice: Voice) -> Asked:
    return voice("ask_again"), ("yes", "no")


def _which_visit(session: Session, _salon: Salon, voice: Voice) -> Asked:
    lines = numbered(voice.visit("visit_line", known.visit) for known in session.visits)
    return voice("ask_which_visit", list=lines), tuple(f"visit:{known.reservation_id}" for known in session.visits)


def _cancel_visit(session: Session, _salon: Salon, voice: Voice) -> Asked:
    known = session.known(session.target)
    if known is None:
        return voice("nothing_to_cancel"), ()
    return voice.visit("ask_cancel_visit", known.visit), ("yes", "no")


_QUESTIONS: dict[State, Callable[[Session, Salon, Voice], Asked]] = {
    "service": _service,
    "staff": _staff,
    "when": _when,
    "slot": _slot,
    "name": _name,
    "confirm": _confirm,
    "change": _change,
    "again": _again,
    "which_visit": _which_visit,
    "cancel_visit": _cancel_visit,
}


def _waiting_for_deposit(session: Session, voice: Voice) -> str:
    held = session.held
    if held is None:
        return voice("one_moment")
    until = voice.formats.until(held.expires_at, voice.now)
    return voice("deposit_waiting", until=until, url=held.url) if held.url else voice("deposit_no_link", until=until)


def _like_a_name(text: str) -> bool:
    """Contacts also call themselves "🌸🌸" or "~"."""
    return sum(char.isalpha() for char in text) >= 2 and len(text) <= 60 and "\n" not in text
