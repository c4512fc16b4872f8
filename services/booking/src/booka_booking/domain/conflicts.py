"""Visits that were booked under other hours, people or services than there are now: they stay, and a person has to look."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from booka_booking.domain.diary import Diary
from booka_booking.domain.reservation import OutsideHours, Reservation
from booka_booking.domain.salon import Staff
from booka_booking.domain.times import Interval

__all__ = ["Booked", "BookedPart", "Conflict", "ConflictCode", "against_hours", "conflicts_of"]

ConflictCode = Literal[
    "salon_closed",
    "not_working",
    "staff_retired",
    "not_performed",
    "service_retired",
    "resource_retired",
    "resource_missing",
]


class BookedPart(NamedTuple):
    """One service of a visit as it was booked."""

    position: int
    service_id: UUID
    staff_id: UUID
    resource_id: UUID | None
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Booked:
    """A visit ahead. `claims` are the times it takes of people and resources, buffers included.

    Attributes:
        outside_hours: what of the hours it was entered against on purpose: that is none of its conflicts.
    """

    id: UUID
    status: Literal["held", "confirmed"]
    version: int
    guest_name: str | None
    start: datetime
    end: datetime
    parts: tuple[BookedPart, ...]
    claims: tuple[tuple[UUID, Interval], ...]
    outside_hours: tuple[OutsideHours, ...] = ()

    @classmethod
    def of(cls, it: Reservation) -> "Booked":
        """A reservation as the visit that it is, or would be again."""
        return cls(
            id=it.id,
            status="held" if it.status == "held" else "confirmed",
            version=it.version,
            guest_name=it.guest_name,
            start=it.start,
            end=it.end,
            parts=tuple(
                BookedPart(part.position, part.service_id, part.staff_id, part.resource_id, part.start, part.end)
                for part in it.segments
            ),
            claims=tuple((claim.calendar_id, Interval(claim.busy_from, claim.busy_until)) for claim in it.claims),
            outside_hours=it.outside_hours,
        )


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that the calendar as it now is would not allow.

    Attributes:
        position: of the service it is about; None: of the visit as a whole.
        about: the person, service or resource; for `resource_missing`, the pool that the service needs something of by now.
    """

    code: ConflictCode
    position: int | None = None
    about: UUID | None = None
    span: Interval | None = None


def conflicts_of(diary: Diary, it: Booked) -> Iterator[Conflict]:
    """Everything about `it` that could not be booked any more. `diary` covers its time; what is taken in it does not matter."""
    salon = diary.salon
    known_closed = "salon_closed" in it.outside_hours
    whole = Interval(it.start, it.end)
    if not known_closed and not diary.open_for(whole):
        yield Conflict("salon_closed", span=whole)
    people = {person.id: person for person in salon.staff}
    pool_of = {resource.id: pool_id for pool_id, pool in salon.pools.items() for resource in pool}
    for part in it.parts:
        service = salon.services.get(part.service_id)
        if service is None or not service.active:
            yield Conflict("service_retired", part.position, part.service_id)
        pool_id = pool_of.get(part.resource_id) if part.resource_id else None
        if part.resource_id is not None and pool_id is None:
            yield Conflict("resource_retired", part.position, part.resource_id)
        elif service is not None and service.pool_id not in (None, pool_id):
            yield Conflict("resource_missing", part.position, service.pool_id)
        person = people.get(part.staff_id)
        if person is None:
            yield Conflict("staff_retired", part.position, part.staff_id)
            continue
        if service is not None and service.id not in person.skills:
            yield Conflict("not_performed", part.position, part.staff_id)
        for span in () if "not_working" in it.outside_hours else _work(it, part):
            if _not_there(diary, person, span, known_closed=known_closed):
                yield Conflict("not_working", part.position, part.staff_id, span)


def _not_there(diary: Diary, person: Staff, span: Interval, *, known_closed: bool) -> bool:
    """Whether somebody does not work all of `span`. Where the salon is closed, weekly hours say nothing, and time off does."""
    if diary.open_for(span):
        return not diary.works(person, span)
    return known_closed and diary.absent(person, span)


def against_hours(diary: Diary, it: Reservation) -> tuple[OutsideHours, ...]:
    """What of the hours is against a visit, in order: whoever enters it nevertheless knows of it. `diary` covers its time."""
    codes = _against(diary, replace(Booked.of(it), outside_hours=()))
    if "salon_closed" in codes:
        # Known to be closed, who is to do it may be away as well.
        codes |= _against(diary, replace(Booked.of(it), outside_hours=("salon_closed",)))
    return tuple(sorted(codes))


def _against(diary: Diary, it: Booked) -> set[OutsideHours]:
    codes: set[OutsideHours] = set()
    for conflict in conflicts_of(diary, it):
        match conflict.code:
            case "salon_closed" | "not_working" as code:
                codes.add(code)
    return codes


def _work(it: Booked, part: BookedPart) -> Iterator[Interval]:
    """When the person works: what is claimed of their time, without buffers. A gap is not claimed."""
    for calendar_id, span in it.claims:
        start, end = max(span.start, part.start), min(span.end, part.end)
        if calendar_id == part.staff_id and start < end:
            yield Interval(start, end)
