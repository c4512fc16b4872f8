"""The questions on the way to a booking, and what their numbers stand for."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from booka_common.contracts.booking import Slot, Visit
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Session
from booka_dialog.domain.voice import Voice, joined, numbered
from booka_dialog.domain.windows import same_day
from booka_dialog.domain.wishes import MOST, asked_about, minutes_and_price, service_names, staff_of, who_does_what

__all__ = [
    "Asked",
    "add_or_replace",
    "again",
    "booked_lines",
    "change",
    "confirm",
    "like_a_name",
    "name",
    "remove",
    "service",
    "service_line",
    "slot",
    "staff",
    "waiting_for_deposit",
    "when",
]

#: A question and what its numbers stand for.
Asked = tuple[str, tuple[str, ...]]

_LAST_HOUR_OF_TODAY = 18
_DAYS_SUGGESTED = 4


def service_line(voice: Voice, salon: Salon, service_id: UUID) -> str:
    """`Haircut – R$ 80,00 (45 min)`."""
    found = salon.service(service_id)
    if found is None:
        return ""
    return f"{found.name} – {voice.formats.money(found.price)} ({voice('minutes', minutes=found.duration_minutes)})"


def service(session: Session, salon: Salon, voice: Voice) -> Asked:
    """Which service: all of them, or those that are equally likely meant."""
    unclear = next((wish for wish in session.wishes if wish.among), None)
    ids = list(unclear.among) if unclear else [found.service_id for found in salon.services]
    ids = [service_id for service_id in ids if salon.service(service_id)] or [
        found.service_id for found in salon.services
    ]
    lines = numbered(service_line(voice, salon, service_id) for service_id in ids)
    told = voice("ask_service_among", list=lines)
    if not unclear:
        told = voice("ask_service", list=lines, hint=voice("hint_services"))
    return told, tuple(f"service:{service_id}" for service_id in ids)


def add_or_replace(session: Session, salon: Salon, voice: Voice) -> Asked:
    """One more service, or another one instead of those chosen."""
    said = next((found.name for service_id in session.unsure if (found := salon.service(service_id))), "–")
    text = voice("ask_add_or_replace", service=said, others=service_names(session, salon))
    return text, ("add", "replace", "neither")


def staff(session: Session, salon: Salon, voice: Voice) -> Asked:
    """Who is to do it: all of it where somebody can, otherwise the first service that is still open."""
    places, people = asked_about(session, salon)
    names = joined(
        found.name for place in places if (found := salon.service(session.wishes[place].service_id)) is not None
    )
    lines = [*(person.name for person in people), voice("anyone")]
    choices = [*(f"staff:{person.staff_id}" for person in people), "anyone"]
    if len(places) > 1:
        lines.append(voice("apart"))
        choices.append("apart")
    return voice("ask_staff", list=numbered(lines), service=names), tuple(choices)


def when(session: Session, salon: Salon, voice: Voice) -> Asked:
    """On which day and at what time."""
    today = salon.today(voice.now)
    late = voice.now.astimezone(salon.zone).hour >= _LAST_HOUR_OF_TODAY
    days = [today + timedelta(days=ahead) for ahead in range(int(late), int(late) + _DAYS_SUGGESTED)]
    lines = [voice("soonest")]
    for day in days:
        told = voice.formats.day(day, today)
        near = {today: "today", today + timedelta(days=1): "tomorrow"}.get(day)
        lines.append(voice(near, day=told) if near else told[:1].upper() + told[1:])
    choices = ["soon", *(f"day:{day.isoformat()}" for day in days)]
    if waits := _waiting_list_line(session, voice):
        lines.append(waits)
        choices.append("waitlist")
    key = "ask_when_move" if session.moving else "ask_day" if session.when.has_time else "ask_when"
    return voice(key, list=numbered(lines)), tuple(choices)


def slot(session: Session, salon: Salon, voice: Voice) -> Asked:
    """Which of the free times."""
    formats = voice.formats
    day = same_day(session.slots, salon.zone)
    wanted = [staff_of(wish, salon) for wish in session.wishes]
    several = len(session.wishes) > 1
    named = any(_others(found, wanted) for found in session.slots) or (
        several and any(wish.anyone for wish in session.wishes)
    )
    lines = []
    for found in session.slots:
        line = formats.time(found.start)
        if day is None:
            told = formats.day_of(found.start, voice.now)
            line = f"{told[:1].upper()}{told[1:]}, {line}"
        lines.append(f"{line} – {joined(dict.fromkeys(found.staff_names))}" if named else line)
    choices = [f"slot:{index}" for index in range(len(session.slots))]
    if waits := _waiting_list_line(session, voice):
        lines.append(waits)
        choices.append("waitlist")
    listed = numbered(lines)
    if day is not None:
        told = formats.day(day, salon.today(voice.now))
        listed = f"{told[:1].upper()}{told[1:]}\n{listed}"
    mixed = any(_others(found, wanted) for found in session.slots)
    what = service_names(session, salon) if mixed else who_does_what(session, salon, voice)
    total = minutes_and_price(session, salon) if several else None
    if total is not None:
        told = voice("minutes", minutes=total[0])
        what = f"{what} ({told}, {formats.money(total[1])})"
    return voice("slots", list=listed, service=what, hint=voice("hint_slots")), tuple(choices)


def _others(found: Slot, wanted: list[UUID | None]) -> bool:
    """Whether somebody else would do it than was wanted."""
    return any(staff_id not in {None, found_id} for staff_id, found_id in zip(wanted, found.staff_ids, strict=False))


def _waiting_list_line(session: Session, voice: Voice) -> str:
    if session.missed is None:
        return ""
    return voice("waitlist_line", days=voice.days(session.missed))


def name(session: Session, _salon: Salon, voice: Voice) -> Asked:
    """Under which name."""
    if session.for_other:
        return voice("ask_guest_name"), ()
    if session.contact_name and not session.guest_name and like_a_name(session.contact_name):
        return voice("ask_name_offered", name=session.contact_name), ("contact",)
    return voice("ask_name"), ()


def confirm(session: Session, _salon: Salon, voice: Voice) -> Asked:
    """Whether everything is right."""
    held = session.held
    if held is None:
        return voice("one_moment"), ()
    deposit = voice("summary_deposit", amount=voice.formats.money(held.deposit)) if held.deposit else ""
    price = voice.formats.money(held.visit.price)
    minutes = int((held.visit.end - held.visit.start).total_seconds() // 60)
    return (
        voice.visit(
            "summary",
            held.visit,
            what=booked_lines(held.visit, voice),
            minutes=voice("minutes", minutes=minutes),
            name=session.guest_name or "–",
            price=price,
            deposit=deposit,
        ),
        ("yes", "no"),
    )


def booked_lines(visit: Visit, voice: Voice) -> str:
    """`*Haircut* with Ana`, one line for each service where different people do them."""
    return "\n".join(_by_person(visit, voice))


def _by_person(visit: Visit, voice: Voice) -> Iterable[str]:
    names, staff_names = visit.service_names, visit.staff_names
    if len(set(staff_names)) <= 1 or len(names) != len(staff_names):
        yield voice("with_staff", service=f"*{joined(names)}*", staff=joined(dict.fromkeys(staff_names)))
        return
    for found, person in zip(names, staff_names, strict=True):
        yield voice("with_staff", service=f"*{found}*", staff=person)


def change(session: Session, _salon: Salon, voice: Voice) -> Asked:
    """What to change of a booking in the making."""
    choices = ["change:when", "change:service", "change:staff", "change:name"]
    lines = [voice("change_when"), voice("change_service"), voice("change_staff"), voice("change_name")]
    if len(session.wishes) < MOST:
        choices.append("change:add")
        lines.append(voice("change_add"))
    if len(session.wishes) > 1:
        choices.append("change:remove")
        lines.append(voice("change_remove"))
    return voice("ask_change", list=numbered([*lines, voice("change_cancel")])), (*choices, "cancel")


def remove(session: Session, salon: Salon, voice: Voice) -> Asked:
    """Which service to leave out."""
    known = [
        (place, found.name)
        for place, wish in enumerate(session.wishes)
        if (found := salon.service(wish.service_id)) is not None
    ]
    lines = numbered(told for _, told in known)
    return voice("ask_remove", list=lines), tuple(f"remove:{place}" for place, _ in known)


def again(_session: Session, _salon: Salon, voice: Voice) -> Asked:
    """Whether to look for free times again."""
    return voice("ask_again"), ("yes", "no")


def waiting_for_deposit(session: Session, voice: Voice) -> str:
    """Where the deposit is to be paid."""
    held = session.held
    if held is None:
        return voice("one_moment")
    until = voice.formats.until(held.expires_at, voice.now)
    return voice("deposit_waiting", until=until, url=held.url) if held.url else voice("deposit_no_link", until=until)


def like_a_name(text: str) -> bool:
    """Contacts also call themselves "🌸🌸" or "~"."""
    return sum(char.isalpha() for char in text) >= 2 and len(text) <= 60 and "\n" not in text
