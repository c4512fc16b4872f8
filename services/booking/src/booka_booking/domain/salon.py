"""A salon as booking sees it: profile, hours, what it offers, who works there with what, and on which terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.policy import Policy
from booka_booking.domain.times import Interval, Span, days_between, expand, intersect, merge, subtract

__all__ = ["Assignment", "Profile", "Resource", "Salon", "Service", "Skill", "Staff", "TimeOff", "Weekly"]

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
    """Somebody who works there. `hours` None: whenever the salon is open."""

    id: UUID
    name: str
    skills: Mapping[UUID, Skill]
    hours: Weekly | None = None
    time_off: Sequence[TimeOff] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """A chair, a room, a machine."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What a salon says of itself."""

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


@dataclass(frozen=True, slots=True)
class Salon:
    """The part of a salon that a question is about.

    Attributes:
        services: those asked for, or all.
        staff: the active ones by name, with their skills for these services.
        pools: the active resources of each pool, by name.
    """

    profile: Profile
    revision: int
    services: Mapping[UUID, Service]
    staff: Sequence[Staff]
    pools: Mapping[UUID, Sequence[Resource]]

    def open_between(self, window: Interval) -> list[Interval]:
        """When the salon is open on the local dates around `window`."""
        profile = self.profile
        found: list[Interval] = []
        for day in _days_around(window, profile.zone):
            spans = profile.exceptions.get(day)
            found += expand(profile.opening.get(day.isoweekday(), ()) if spans is None else spans, day, profile.zone)
        return merge(found)

    def hours_of(self, staff: Staff, opening: Sequence[Interval], window: Interval) -> Sequence[Interval]:
        """When `staff` works while the salon is open (`opening` from `open_between` of the same window)."""
        if staff.hours is None and not staff.time_off:
            return opening
        zone = self.profile.zone
        days = _days_around(window, zone)
        working = opening
        if staff.hours is not None:
            own = [span for day in days for span in expand(staff.hours.get(day.isoweekday(), ()), day, zone)]
            working = intersect(opening, merge(own))
        off = [
            span for day in days for away in staff.time_off if away.on(day) for span in expand([away.span], day, zone)
        ]
        return subtract(working, merge(off))


def _days_around(window: Interval, zone: ZoneInfo) -> list[date]:
    # One day more on each side: a visit may run over midnight where the hours of two days touch.
    return list(days_between(window.start - timedelta(days=1), window.end + timedelta(days=1), zone))
