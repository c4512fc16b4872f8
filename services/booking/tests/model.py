"""A salon in plain Python, small enough to be believed: what ought to become of every request, to be compared with booking.

Nothing of booking's domain is used. The salon is `Salon` of `salon.py`; São Paulo has had no clock change since 2019, so local
time is three hours behind UTC and that is all there is to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from typing import Any
from uuid import UUID

from .judge import Span, joined, people_needed, seats_needed

BEHIND = timedelta(hours=3)
LEAD, HORIZON, GRID = timedelta(minutes=60), timedelta(days=30), 15
#: What binds the salon itself instead.
BACK, FURTHEST = timedelta(hours=12), timedelta(days=400)
DAY = timedelta(days=1)
HOLD, DEADLINE, QUOTE = timedelta(minutes=10), timedelta(minutes=30), timedelta(minutes=15)
MOST_HOLDS = 2
CHAIRS = ("Janela", "Parede")

Wanted = tuple[str, str | None]
Hours = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Spec:
    """A service. `by`: who does it, in how many minutes and for how much."""

    by: dict[str, tuple[int, int]]
    chair: bool = True
    before: int = 0
    after: int = 0
    gap_start: int = 0
    gap: int = 0


SERVICES = {
    "cut": Spec({"Ana": (45, 9000), "Bia": (45, 9000), "Caio": (45, 9000)}),
    "colour": Spec({"Ana": (90, 20000), "Caio": (90, 20000)}, after=15, gap_start=30, gap=30),
    "blow": Spec({"Ana": (30, 6000), "Bia": (45, 7000)}),
    "updo": Spec({"Bia": (60, 15000), "Caio": (60, 15000)}, before=15, after=15),
    "brow": Spec({"Ana": (30, 4000), "Bia": (30, 4000)}, chair=False),
}
WEEK: dict[int, Hours] = dict.fromkeys(range(1, 7), ((540, 720), (780, 1080)))
OWN: dict[str, dict[int, Hours]] = {"Caio": dict.fromkeys((2, 3, 4), ((780, 1080),))}


@dataclass(frozen=True)
class Rules:
    """What the salon asks for colouring; for all else nothing in advance, and nothing back when it is late."""

    percent: int = 30
    notice: int = 24
    late: tuple[str, int] = ("refund_share", 0)
    moves: int = 3


@dataclass
class Visit:
    """A reservation as it ought to be."""

    id: UUID
    client: int
    wants: tuple[Wanted, ...]
    start: datetime
    people: tuple[str, ...]
    chairs: tuple[str | None, ...]
    price: int
    deposit: int
    rules: Rules
    expires: datetime | None
    status: str = "held"
    version: int = 1
    moves: int = 0
    due: datetime | None = None
    paid: int = 0
    transaction: UUID | None = None
    history: list[tuple[int, str]] = field(default_factory=lambda: [(1, "held")])

    def overdue(self, now: datetime) -> bool:
        return self.status == "held" and self.expires is not None and self.expires <= now

    def becomes(self, status: str, **changes: Any) -> None:
        """Change it, counting the version up."""
        self.status = status
        self.version += 1
        for name, value in changes.items():
            setattr(self, name, value)
        self.history.append((self.version, status))

    @property
    def free_until(self) -> datetime:
        return self.start - timedelta(hours=self.rules.notice)

    def refund(self, as_of: datetime) -> int:
        """What comes back if the client gives it up."""
        if as_of <= self.free_until:
            return self.paid
        kind, value = self.rules.late
        return max(self.paid - value, 0) if kind == "fee" else (self.paid * value * 2 + 100) // 200


def parts_of(wants: Sequence[Wanted], people: Sequence[str], start: datetime, chairs: Sequence[Any] = ()) -> list[Any]:
    """A visit in the words of `judge`."""
    parts = []
    for index, ((service, _), person) in enumerate(zip(wants, people, strict=True)):
        spec = SERVICES[service]
        ends = start + timedelta(minutes=spec.by[person][0])
        parts.append(
            {
                "staff": person, "starts": start, "ends": ends, "before": spec.before, "after": spec.after,
                "gap_start": spec.gap_start, "gap": spec.gap, "pool": spec.chair,
                "resource": chairs[index] if chairs else None,
            }
        )  # fmt: skip
        start = ends
    return parts


def end_of(visit: Visit) -> datetime:
    """When a visit is over."""
    end: datetime = parts_of(visit.wants, visit.people, visit.start)[-1]["ends"]
    return end


class Model:
    """The salon as it ought to be, at `now`."""

    def __init__(self) -> None:
        self.visits: dict[UUID, Visit] = {}
        self.week = dict(WEEK)
        self.special: dict[date, Hours] = {}
        self.off: dict[UUID, tuple[str, date, tuple[int, int]]] = {}
        self.rules = Rules()

    def terms(self, wants: Sequence[Wanted]) -> tuple[int, Rules]:
        """The deposit of a visit, and the strictest of the rules for what is in it."""
        colours = sum(service == "colour" for service, _ in wants)
        if not colours:
            return 0, Rules()
        deposit = colours * 20000 * self.rules.percent // 100
        if colours == len(wants):
            return deposit, self.rules
        return deposit, Rules(
            self.rules.percent, max(self.rules.notice, 24), ("refund_share", 0), min(self.rules.moves, 3)
        )

    def taken(self, now: datetime, besides: UUID | None = None) -> dict[str, list[Span]]:
        """By person and chair, what nobody else can have."""
        found: dict[str, list[Span]] = {}
        for visit in self.visits.values():
            if visit.id == besides or visit.status in ("cancelled", "expired") or visit.overdue(now):
                continue
            for calendar, spans in self.needs(visit).items():
                found.setdefault(calendar, []).extend(spans)
        return found

    @staticmethod
    def needs(visit: Visit) -> dict[str, list[Span]]:
        parts = parts_of(visit.wants, visit.people, visit.start, visit.chairs)
        found = people_needed(parts)
        for chair, span in seats_needed(parts):
            found[chair] = joined([*found.get(chair, ()), span])
        return found

    def lapsed_in_the_way(self, visit: Visit, now: datetime) -> list[Visit]:
        """The holds whose time is up and that `visit` takes the place of."""
        needs = self.needs(visit)
        return [
            other
            for other in self.visits.values()
            if other.id != visit.id and other.overdue(now) and clash(needs, self.needs(other))
        ]

    def change_hours(self, day: date, hours: Hours | None, *, weekly: bool) -> None:
        """A day, or that day of every week, has other hours; None: the old ones again."""
        if weekly:
            self.week[day.isoweekday()] = WEEK.get(day.isoweekday(), ()) if hours is None else hours
        elif hours is None:
            self.special.pop(day, None)
        else:
            self.special[day] = hours

    def open_on(self, day: date) -> Hours:
        return self.special.get(day, self.week.get(day.isoweekday(), ()))

    def within(self, begins: datetime, ends: datetime, person: str | None = None) -> bool:
        """Whether the salon is open, or somebody works, all of that time."""
        local_begins, local_ends = begins - BEHIND, ends - BEHIND
        day = local_begins.date()
        if local_ends.date() != day:
            return False  # it never works past midnight
        first, last = (_minute(local) for local in (local_begins, local_ends))
        hours = [self.open_on(day)]
        if person in OWN:
            hours.append(OWN[person].get(day.isoweekday(), ()))
        if not all(any(opens <= first and last <= closes for opens, closes in spans) for spans in hours):
            return False
        off = [span for who, date_, span in self.off.values() if who == person and date_ == day]
        return all(last <= opens or closes <= first for opens, closes in off)

    def seatings(
        self, wants: Sequence[Wanted], start: datetime, taken: dict[str, list[Span]]
    ) -> Iterator[tuple[str, ...]]:
        """Everybody who could do it then together, one for each service."""
        for people in product(*([staff] if staff else list(SERVICES[service].by) for service, staff in wants)):
            if any(person not in SERVICES[service].by for (service, _), person in zip(wants, people, strict=True)):
                continue
            parts = parts_of(wants, people, start)
            if self.within(start, parts[-1]["ends"]) and self._at_work(parts) and _free(parts, taken):
                yield people

    def still_there(self, visit: Visit) -> bool:
        """Whether the salon is open for it, and everybody in it works then, whatever else is taken."""
        parts = parts_of(visit.wants, visit.people, visit.start)
        return self.within(visit.start, parts[-1]["ends"]) and self._at_work(parts)

    def _at_work(self, parts: list[Any]) -> bool:
        for part in parts:
            stops, resumes = part["ends"], part["ends"]
            if part["gap"]:
                stops = part["starts"] + timedelta(minutes=part["gap_start"])
                resumes = stops + timedelta(minutes=part["gap"])
            if not self.within(part["starts"], stops, part["staff"]):
                return False
            if resumes < part["ends"] and not self.within(resumes, part["ends"], part["staff"]):
                return False
        return True

    def refusal(
        self, wants: Sequence[Wanted], start: datetime, now: datetime, by: str, besides: UUID | None = None
    ) -> str | None:
        """Why it cannot be had; None if it can."""
        if any(staff is not None and staff not in SERVICES[service].by for service, staff in wants):
            return "not_offered"
        if start < now - BACK if by == "salon" else start <= now:
            return "in_the_past"
        if not self.bookable(start, now, by) or not any(self.seatings(wants, start, {})):
            return "not_offered"
        return None if any(self.seatings(wants, start, self.taken(now, besides))) else "slot_taken"

    @staticmethod
    def bookable(start: datetime, now: datetime, by: str) -> bool:
        """Whether grid, lead time and horizon allow it, for clients; the salon is hardly bound."""
        if by == "salon":
            return now - BACK <= start <= now + FURTHEST
        on_grid = not start.second and _minute(start - BEHIND) % GRID == 0
        return on_grid and now + LEAD <= start <= now + HORIZON

    def offered(self, wants: Sequence[Wanted], day: date, now: datetime, besides: UUID | None = None) -> list[datetime]:
        """Every start of a day that a client can have."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + BEHIND
        taken = self.taken(now, besides)
        starts = (midnight + timedelta(minutes=minute) for minute in range(0, 1440, GRID))
        return [
            start for start in starts if self.bookable(start, now, "client") and any(self.seatings(wants, start, taken))
        ]

    def fairest(
        self, wants: Sequence[Wanted], start: datetime, now: datetime, besides: UUID | None = None
    ) -> list[tuple[str, ...]]:
        """Who may get it: the least booked who does all that is left open alone, else people with the fewest changes."""
        taken = self.taken(now, besides)
        found = list(self.seatings(wants, start, taken))
        opens = [index for index, (_, staff) in enumerate(wants) if staff is None]
        alone = [people for people in found if len({people[index] for index in opens}) == 1]
        if alone:
            day = (start - BEHIND).date()
            return [min(alone, key=lambda people: (self._load(people[opens[0]], day, taken), people[opens[0]]))]
        changes = [sum(one != other for one, other in pairwise(people)) for people in found]
        return [people for people, count in zip(found, changes, strict=True) if count == min(changes)]

    @staticmethod
    def _load(person: str, day: date, taken: dict[str, list[Span]]) -> timedelta:
        spans = taken.get(person, ())
        return sum((ends - begins for begins, ends in spans if (begins - BEHIND).date() == day), timedelta())

    def open_holds(self, client: int, now: datetime) -> int:
        return sum(
            visit.client == client and visit.status == "held" and not visit.overdue(now)
            for visit in self.visits.values()
        )


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute


def clash(one: dict[str, list[Span]], other: dict[str, list[Span]]) -> bool:
    """Whether both need the same person or chair at the same time."""
    return any(
        begins < until and since < ends
        for calendar in one.keys() & other.keys()
        for begins, ends in one[calendar]
        for since, until in other[calendar]
    )


def _free(parts: list[Any], taken: dict[str, list[Span]]) -> bool:
    if clash(people_needed(parts), taken):
        return False
    return all(any(not clash({chair: [span]}, taken) for chair in CHAIRS) for _, span in seats_needed(parts))
