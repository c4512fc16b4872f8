"""A salon as booking sees it: profile, hours, what it offers, who works there with what, and on which terms."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.policy import Policy
from booka_booking.domain.times import Interval, Span, expand, intersect, local_day, merge, starts_on, subtract

__all__ = ["Assignment", "Dates", "Profile", "Resource", "Salon", "Service", "Skill", "Staff", "TimeOff", "Weekly"]

_Known = TypeVar("_Known")
Weekly = Mapping[int, Sequence[Span]]
#: Who gets a visit for which anyone would do: the least booked, or whoever the client was with last if free.
Assignment = Literal["fair", "last_first"]


@dataclass(frozen=True, slots=True)
class Service:
    """Something a salon offers.

    Attributes:
        duration_minutes: of the client's time, the gap included; somebody may take longer or shorter, see `Skill`.
        gap_start_minutes, gap_minutes: the processing gap, in which whoever does it is free; 0 minutes: none.
        pool_id: it needs one resource of this pool, all the time.
        price_minor: in the minor unit of the salon's currency.
        online: clients may book it themselves; if not, only the salon does.
    """

    id: UUID
    name: str
    duration_minutes: int
    price_minor: int
    category: str | None = None
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    gap_start_minutes: int = 0
    gap_minutes: int = 0
    pool_id: UUID | None = None
    active: bool = True
    online: bool = True
    position: int = 0
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Skill:
    """How somebody performs a service; None: as long, or for as much, as the service says."""

    duration_minutes: int | None = None
    price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class TimeOff:
    """`span` of every day, or of these weekdays (1 is Monday), from `starts_on` to `ends_on`, both included; None: for good."""

    starts_on: date
    ends_on: date | None
    weekdays: frozenset[int] | None
    span: Span

    def on(self, day: date) -> bool:
        """Whether it says something of `day`."""
        if day < self.starts_on or (self.ends_on is not None and day > self.ends_on):
            return False
        return self.weekdays is None or day.isoweekday() in self.weekdays


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works there. `hours` None: whenever the salon is open; `special`: on these dates, instead of their week's."""

    id: UUID
    name: str
    skills: Mapping[UUID, Skill]
    hours: Weekly | None = None
    time_off: Sequence[TimeOff] = ()
    special: Mapping[date, Sequence[Span]] = field(default_factory=dict)

    @property
    def always_there(self) -> bool:
        """Whether they work just when the salon is open."""
        return self.hours is None and not self.time_off and not self.special


@dataclass(frozen=True, slots=True)
class Resource:
    """A chair, a room, a machine."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What a salon says of itself.

    Attributes:
        complete_after_hours: so long after its end a confirmed visit counts as completed; None: when somebody says so.
    """

    name: str
    locale: str
    zone: ZoneInfo
    currency: str
    slot_grid_minutes: int
    lead_minutes: int
    horizon_days: int
    opening: Weekly
    exceptions: Mapping[date, Sequence[Span]]
    assignment: Assignment = "fair"
    complete_after_hours: int | None = 24


class Dates:
    """What has been worked out of single dates. A salon is asked about the same ones again and again, and zones are slow."""

    _MOST = 10_000

    def __init__(self) -> None:
        self._known: dict[tuple[Hashable, date], Any] = {}

    def of(self, key: tuple[Hashable, date], work_out: Callable[[], _Known]) -> _Known:
        """What was worked out for `key`, or is now."""
        found: _Known | None = self._known.get(key)
        if found is None:
            if len(self._known) >= self._MOST:
                self._known.clear()
            found = self._known[key] = work_out()
        return found


@dataclass(frozen=True, slots=True)
class Salon:
    """The part of a salon that a question is about.

    Attributes:
        revision: of what the other services were told last.
        changes: how many there have been of anything in it; as long as it is the same, nothing has changed.
        services: those asked for, or all.
        staff: the active ones by name, with their skills for these services.
        pools: the active resources of each pool, by name.
        dates: what it has been asked before.
    """

    profile: Profile
    revision: int
    services: Mapping[UUID, Service]
    staff: Sequence[Staff]
    pools: Mapping[UUID, Sequence[Resource]]
    changes: int = 0
    dates: Dates = field(default_factory=Dates, init=False, repr=False, compare=False)

    def whole(self, day: date) -> Interval:
        """The instants that belong to a local date."""
        return self.dates.of(("whole", day), lambda: local_day(day, self.profile.zone))

    def starts_on(self, day: date) -> tuple[float, ...]:
        """When visits may begin on a local date, in order, in seconds since 1970."""
        return self.dates.of(
            ("starts", day),
            lambda: tuple(
                start.timestamp() for start in starts_on(day, self.profile.zone, self.profile.slot_grid_minutes)
            ),
        )

    def opening_on(self, day: date) -> tuple[Interval, ...]:
        """When the salon is open on a local date."""
        return self.dates.of(("opening", day), lambda: self._opening(day))

    def hours_on(self, staff: Staff, day: date) -> tuple[Interval, ...]:
        """When `staff` works on a local date while the salon is open."""
        if staff.always_there:
            return self.opening_on(day)
        return self.dates.of((staff.id, day), lambda: self._hours(staff, day))

    def absences_on(self, staff: Staff, day: date) -> tuple[Interval, ...]:
        """When `staff` has said not to be there on a local date, whether the salon is open then or not."""
        zone = self.profile.zone
        off = expand((away.span for away in staff.time_off if away.on(day)), day, zone)
        there = staff.special.get(day)
        if there is not None:
            # Not a minute besides those that were said.
            off = [*off, *subtract([self.whole(day)], merge(expand(there, day, zone)))]
        return tuple(merge(off))

    def _opening(self, day: date) -> tuple[Interval, ...]:
        spans = self.profile.exceptions.get(day)
        if spans is None:
            spans = self.profile.opening.get(day.isoweekday(), ())
        return tuple(merge(expand(spans, day, self.profile.zone)))

    def _hours(self, staff: Staff, day: date) -> tuple[Interval, ...]:
        zone = self.profile.zone
        working: Sequence[Interval] = self.opening_on(day)
        if staff.hours is not None and day not in staff.special:
            working = intersect(working, merge(expand(staff.hours.get(day.isoweekday(), ()), day, zone)))
        return tuple(subtract(working, self.absences_on(staff, day)))
