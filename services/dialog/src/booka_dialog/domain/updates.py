"""What a text changes in the slots, checked against the catalogue and against what is already known."""

from dataclasses import dataclass, replace
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_dialog.domain.inputs import Context
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Session, Wish
from booka_dialog.domain.windows import same_day
from booka_dialog.domain.wishes import MOST, asked_about, assigned
from booka_dialog.understanding import Intent, Mention, Reading, When

__all__ = ["Update", "added", "updated"]

_WHENEVER_ASKED = frozenset({"when", "slot", "searching", "idle", "service", "staff"})


@dataclass(frozen=True, slots=True)
class Update:
    """A session after what a text said about its slots.

    Attributes:
        changed: something is different now.
        touched: the text spoke of a slot, be it to say the same again.
        among_staff: several people are equally likely: the client has to say which.
        unsure: these services may be meant besides the others or instead of them: the client has to say which.
        too_many: more services than one visit may have; the first ones were taken.
    """

    session: Session
    changed: bool = False
    touched: bool = False
    among_staff: tuple[str, ...] = ()
    unsure: tuple[UUID, ...] = ()
    too_many: bool = False


def updated(session: Session, reading: Reading, ctx: Context) -> Update:
    """Fill the slots with what `reading` found; later words replace earlier ones."""
    update = Update(session)
    if ctx.salon is not None:
        update = _services(update, reading, ctx.salon)
        update = _staff(update, reading, ctx.salon)
    return _when(update, reading, ctx)


def _changed(update: Update, session: Session) -> Update:
    same = session == update.session
    return replace(update, session=session, changed=update.changed or not same, touched=True)


def _services(update: Update, reading: Reading, salon: Salon) -> Update:
    """Which services: a first choice, one more, one less, another one, or the same ones again."""
    session, mentions, intents = update.session, reading.mentions, reading.intents
    if not mentions or session.moving:
        return update
    places = [_place(session, mention) for mention in mentions]
    known = {place for place in places if place is not None}
    new = [mention for mention, place in zip(mentions, places, strict=True) if place is None]
    several = len(session.wishes) > 1
    if several and not new and intents & {Intent.REMOVE, Intent.CANCEL} and len(known) < len(session.wishes):
        kept = [wish for place, wish in enumerate(session.wishes) if place not in known]
    elif several and not new and Intent.ONLY in intents:
        kept = [session.wishes[place] for place in sorted(known)]
    elif known and new and Intent.INSTEAD in intents:
        kept = _put_instead(session, known, new, salon)
    elif session.wishes and (Intent.ADD in intents or session.adding):
        kept = [*session.wishes, *(added(session, mention, salon) for mention in new)]
    elif not new and (len(known) < 2 or len(known) < len(session.wishes)):
        return replace(update, touched=True)
    elif several and len(mentions) == 1:
        return replace(update, touched=True, unsure=new[0].services)
    else:
        joined = bool(session.wishes) and len(mentions) > 1
        kept = [
            session.wishes[place]
            if place is not None
            else added(session, mention, salon)
            if joined
            else _first(session, mention)
            for mention, place in zip(mentions, places, strict=True)
        ]
    return replace(
        _changed(update, replace(session, wishes=tuple(kept[:MOST]), adding=False, unsure=())),
        too_many=len(kept) > MOST,
    )


def _place(session: Session, mention: Mention) -> int | None:
    for place, wish in enumerate(session.wishes):
        if wish.service_id in mention.services and not (wish.among and len(mention.services) == 1):
            return place
    return None


def _put_instead(session: Session, known: set[int], new: list[Mention], salon: Salon) -> list[Wish]:
    """ "a pedicure instead of the manicure": the new one takes the old one's place."""
    kept = list(session.wishes)
    first = min(known)
    kept[first : first + 1] = [added(session, mention, salon) for mention in new]
    gone = [session.wishes[place] for place in known if place != first]
    return [wish for wish in kept if wish not in gone]


def _wish(mention: Mention, staff_id: UUID | None, *, anyone: bool) -> Wish:
    among = mention.services if len(mention.services) > 1 else ()
    return Wish(service_id=mention.services[0], staff_id=staff_id, anyone=anyone, among=among)


def _first(session: Session, mention: Mention) -> Wish:
    """A service that takes the place of what there was: whoever was wanted for that is wanted for this."""
    if len(session.wishes) == 1:
        old = session.wishes[0]
        return _wish(mention, old.staff_id, anyone=old.anyone)
    if session.wishes:
        return _wish(mention, None, anyone=all(wish.anyone for wish in session.wishes))
    return _wish(mention, session.staff_id, anyone=session.any_staff)


def added(session: Session, mention: Mention, salon: Salon) -> Wish:
    """One more service: by the one person who does all the others, if that is possible."""
    people = {wish.staff_id for wish in session.wishes}
    anyone = bool(session.wishes) and all(wish.anyone for wish in session.wishes)
    staff_id = people.pop() if len(people) == 1 else None
    able = {person.staff_id for person in salon.performers(mention.services[0])}
    return _wish(mention, staff_id if staff_id in able else None, anyone=anyone)


def _staff(update: Update, reading: Reading, salon: Salon) -> Update:
    """Who does it: for the service it was said with, for those that were asked about, or for all of the visit."""
    for mention in reading.mentions:
        place = _place(update.session, mention)
        if place is None or not (mention.staff or mention.anyone):
            continue
        update = _person(update, (place,), mention.staff, salon)
    if reading.people:
        return _people(update, reading.people, salon)
    session = update.session
    about_time = session.state in {"when", "slot"} if reading.when is None else Intent.ANY_PERSON not in reading.intents
    asked = session.state == "staff"
    if Intent.ANYONE not in reading.intents or (about_time and not asked) or reading.staff:
        return update
    if not session.wishes:
        return _changed(update, replace(session, any_staff=True, staff_id=None))
    places, _ = asked_about(session, salon)
    if not asked or not places:
        places = tuple(range(len(session.wishes)))
    return _changed(update, assigned(session, places, None))


def _people(update: Update, people: tuple[tuple[UUID, ...], ...], salon: Salon) -> Update:
    """Somebody was named for no service in particular."""
    session = update.session
    if len(people) > 1 and len(people) == len(session.wishes):
        for place, found in enumerate(people):
            update = _person(update, (place,), found, salon)
        return update
    found = tuple(dict.fromkeys(staff_id for one in people for staff_id in one))
    if not session.wishes:
        if len(found) > 1:
            return replace(update, touched=True, among_staff=tuple(f"staff:{staff_id}" for staff_id in found))
        return _changed(update, replace(session, staff_id=found[0], any_staff=False))
    places = tuple(range(len(session.wishes)))
    if session.state == "staff":
        places = asked_about(session, salon)[0] or places
    able = tuple(
        place
        for place in places
        if {person.staff_id for person in salon.performers(session.wishes[place].service_id)} & set(found)
    )
    return _person(update, able or places, found, salon)


def _person(update: Update, places: tuple[int, ...], found: tuple[UUID, ...], salon: Salon) -> Update:
    session = update.session
    if not found:
        return _changed(update, assigned(session, places, None))
    if len(found) > 1:
        performers = {
            person.staff_id for place in places for person in salon.performers(session.wishes[place].service_id)
        }
        found = tuple(staff_id for staff_id in found if staff_id in performers) or found
    if all(session.wishes[place].staff_id in found for place in places):
        return replace(update, touched=True)
    if len(found) > 1:
        return replace(update, touched=True, among_staff=tuple(f"staff:{staff_id}" for staff_id in found))
    return _changed(update, assigned(session, places, found[0]))


def _when(update: Update, reading: Reading, ctx: Context) -> Update:
    session, new = update.session, reading.when
    if new is None and Intent.ANYONE in reading.intents and session.state == "when":
        new = When(soon=True)  # "tanto faz", asked for a day
    if new is None:
        return update
    if new.soon and session.state not in _WHENEVER_ASKED:
        return update
    if session.held is not None and _same_as_held(session, new):
        return replace(update, touched=True)
    if not new.has_day and ctx.salon and session.slots:
        # "after 4" about a list of one day means that day.
        day = same_day(session.slots, ctx.salon.zone)
        if day is not None:
            new = replace(new, day=day)
    if not new.has_day and session.held is not None and ctx.salon:
        new = replace(new, day=session.held.visit.start.astimezone(ctx.salon.zone).date())
    when = session.when.updated(new)
    if when == session.when and not session.later_than:
        return replace(update, touched=True)
    return _changed(update, replace(session, when=when, later_than=None, missed=None))


def _same_as_held(session: Session, new: When) -> bool:
    """Whether a wish only repeats the time that is held: "yes, friday at 3"."""
    held = session.held
    if held is None or new.soon:
        return False
    local = held.visit.start.astimezone(ZoneInfo(held.visit.zone))
    if new.day is not None and not new.day <= local.date() <= (new.last_day or new.day):
        return False
    if new.exact:
        return new.start == local.time()
    return (new.start is None or local.time() >= new.start) and (new.end is None or local.time() < new.end)
