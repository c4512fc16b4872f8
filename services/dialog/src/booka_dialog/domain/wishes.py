"""The services of a visit and who is to do them: what is decided, what is still open, what booking is asked for."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from booka_common.contracts.booking import CatalogueStaff, Slot, Want
from booka_common.money import Money
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import KnownVisit, Session, Wish
from booka_dialog.domain.voice import Voice, joined

__all__ = [
    "MOST",
    "asked_about",
    "assigned",
    "minutes_and_price",
    "open_places",
    "requested",
    "service_names",
    "settled",
    "staff_of",
    "wanted_people",
    "who_does_what",
    "wishes_of",
]

#: Services in one visit.
MOST = 5


def staff_of(wish: Wish, salon: Salon) -> UUID | None:
    """Who does it: the person wanted, or the only one who can. None: anyone, or not decided yet."""
    if wish.staff_id or wish.anyone:
        return wish.staff_id
    performers = salon.performers(wish.service_id)
    return performers[0].staff_id if len(performers) == 1 else None


def open_places(session: Session, salon: Salon) -> tuple[int, ...]:
    """The places of the services for which nobody has been chosen yet."""
    return tuple(
        place
        for place, wish in enumerate(session.wishes)
        if not wish.staff_id and not wish.anyone and len(salon.performers(wish.service_id)) > 1
    )


def asked_about(session: Session, salon: Salon) -> tuple[tuple[int, ...], Sequence[CatalogueStaff]]:
    """For which places the client is asked to choose somebody now, and whom they may choose.

    One question for all of them where somebody can do them all, otherwise one for each.
    """
    places = open_places(session, salon)
    if not places:
        return (), ()
    if len(places) > 1 and not session.apart:
        can_do_all = [
            person
            for person in salon.catalogue.staff
            if all(session.wishes[place].service_id in person.service_ids for place in places)
        ]
        if can_do_all:
            return places, can_do_all
    return places[:1], salon.performers(session.wishes[places[0]].service_id)


def assigned(session: Session, places: Sequence[int], staff_id: UUID | None) -> Session:
    """The session with one person, or anyone (None), for the services at `places`."""
    wishes = tuple(
        replace(wish, staff_id=staff_id, anyone=staff_id is None) if place in places else wish
        for place, wish in enumerate(session.wishes)
    )
    return replace(session, wishes=wishes)


def settled(session: Session, salon: Salon, voice: Voice) -> tuple[Session, list[str]]:
    """The wishes checked against the catalogue as it is now, and what the client has to be told about that."""
    said: list[str] = []
    wishes: list[Wish] = []
    for wish in session.wishes:
        service = salon.service(wish.service_id)
        if service is None:
            among = tuple(service_id for service_id in wish.among if salon.service(service_id))
            if among:
                wishes.append(replace(wish, service_id=among[0], among=among if len(among) > 1 else ()))
            else:
                said.append(voice("service_gone"))
            continue
        if wish.staff_id and not wish.among and wish.staff_id not in _ids(salon.performers(wish.service_id)):
            person = salon.person(wish.staff_id)
            said.append(voice("staff_gone", staff=person.name, service=service.name) if person else voice("staff_left"))
            wish = replace(wish, staff_id=None)
        wishes.append(wish)
    if not wishes and len(salon.services) == 1:
        wishes = [Wish(service_id=salon.services[0].service_id, staff_id=session.staff_id, anyone=session.any_staff)]
    if tuple(wishes) == session.wishes:
        return session, said
    return replace(session, wishes=tuple(wishes)), list(dict.fromkeys(said))


def requested(session: Session, salon: Salon) -> tuple[Want, ...]:
    """What booking is asked for."""
    return tuple(Want(service_id=wish.service_id, staff_id=staff_of(wish, salon)) for wish in session.wishes)


def wanted_people(session: Session, slot: Slot) -> tuple[UUID | None, ...]:
    """Who is to do each service at `slot`, None where the client does not mind."""
    people: list[UUID | None] = [wish.staff_id for wish in session.wishes]
    if len(slot.staff_ids) != len(people):
        return tuple(people)
    return tuple(
        None if wish.anyone else staff_id for wish, staff_id in zip(session.wishes, slot.staff_ids, strict=True)
    )


def wishes_of(known: KnownVisit, salon: Salon) -> tuple[Wish, ...]:
    """What a confirmed visit is for: as it was asked for, or else as the catalogue names it; empty if it does not."""
    if known.wishes:
        return known.wishes
    services = {service.name: service.service_id for service in salon.catalogue.services}
    people = {person.name: person.staff_id for person in salon.catalogue.staff}
    names = known.visit.service_names
    staff = known.visit.staff_names
    if any(name not in services for name in names):
        return ()
    return tuple(
        Wish(service_id=services[name], staff_id=people.get(staff[place]) if place < len(staff) else None)
        for place, name in enumerate(names)
    )


def service_names(session: Session, salon: Salon) -> str:
    """`Haircut + Manicure`."""
    return joined(service.name for wish in session.wishes if (service := salon.service(wish.service_id)))


def who_does_what(session: Session, salon: Salon, voice: Voice) -> str:
    """`Haircut with Ana + Manicure with Carla`; one person for all of it is named once."""
    people = [salon.person(staff_of(wish, salon)) for wish in session.wishes]
    first = people[0] if people else None
    if first is not None and all(person == first for person in people):
        return voice("with_staff", service=service_names(session, salon), staff=first.name)
    if not any(people):
        return service_names(session, salon)
    return joined(
        voice("with_staff", service=service.name, staff=person.name if person else voice("anyone").lower())
        for wish, person in zip(session.wishes, people, strict=True)
        if (service := salon.service(wish.service_id))
    )


def minutes_and_price(session: Session, salon: Salon) -> tuple[int, Money] | None:
    """How long the whole visit takes and what it costs, by the catalogue."""
    services = [service for wish in session.wishes if (service := salon.service(wish.service_id))]
    if not services:
        return None
    minutes = sum(service.duration_minutes for service in services)
    return minutes, Money(minor=sum(service.price.minor for service in services), currency=services[0].price.currency)


def _ids(people: Sequence[CatalogueStaff]) -> set[UUID]:
    return {person.staff_id for person in people}
