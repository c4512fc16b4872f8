"""What a visit takes, before anybody knows when: services one after the other, and who could do each of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import groupby
from typing import Literal, NamedTuple
from uuid import UUID

from booka_booking.domain.policy import Client, Terms, terms_of
from booka_booking.domain.salon import Salon, Service, Staff
from booka_common.contracts.booking import SlotRefusal, Want
from booka_common.money import Money

__all__ = ["Ask", "Need", "Part", "Party", "Plan", "Refusal", "Stretch", "Team", "able_to", "resolve", "too_long"]

Party = Literal["client", "salon"]
Refusal = SlotRefusal
_NOTHING = timedelta()
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Ask:
    """Services in this order, each by somebody or anybody. The salon itself is not bound by what it tells its clients.

    Attributes:
        by: the salon needs no grid, no lead time and no `online`, and may enter what has begun (see `availability.bounds`).
        booked: it is about a visit that there is; the salon may move that though it does not offer its services any more.
        outside_hours: the salon says that hours and time off do not matter. Who or what is taken, does.
    """

    wants: tuple[Want, ...]
    by: Party = "client"
    booked: bool = False
    outside_hours: bool = False

    def allows(self, service: Service) -> bool:
        """Whether `service` is for whoever asks."""
        if self.by == "salon":
            return service.active or self.booked
        return service.active and service.online


class Stretch(NamedTuple):
    """Some of somebody's time, as `[begins, ends)` from the start of the visit; a buffer before it begins below zero."""

    staff: Staff
    begins: timedelta
    ends: timedelta


class Need(NamedTuple):
    """A resource of a pool, the same one for some parts in a row, buffers included."""

    pool_id: UUID
    positions: range
    begins: timedelta
    ends: timedelta


class Part(NamedTuple):
    """One service by one person, from the start of the visit."""

    service: Service
    staff: Staff
    wanted: UUID | None
    begins: timedelta
    ends: timedelta
    price_minor: int

    @classmethod
    def of(cls, service: Service, wanted: UUID | None, staff: Staff, begins: timedelta) -> "Part":
        """`staff` does it from `begins` on, as long and for as much as they do."""
        skill = staff.skills[service.id]
        ends = begins + timedelta(minutes=skill.duration_minutes or service.duration_minutes)
        price = service.price_minor if skill.price_minor is None else skill.price_minor
        return cls(service, staff, wanted, begins, ends, price)

    @property
    def work(self) -> list[Stretch]:
        """When the person works: without buffers, and without the gap."""
        service = self.service
        if not service.gap_minutes:
            return [Stretch(self.staff, self.begins, self.ends)]
        stops = self.begins + timedelta(minutes=service.gap_start_minutes)
        resumes = stops + timedelta(minutes=service.gap_minutes)
        return [Stretch(self.staff, self.begins, stops), Stretch(self.staff, resumes, self.ends)]


@dataclass(frozen=True)
class Team:
    """Who does what: a plan with the people chosen, so that all lengths are known."""

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, plan: "Plan", people: Sequence[Staff]) -> "Team":
        """`people` do the services of `plan`, one each, in order."""
        parts, begins = [], _NOTHING
        for service, want, person in zip(plan.services, plan.wants, people, strict=True):
            part = Part.of(service, want.staff_id, person, begins)
            parts.append(part)
            begins = part.ends
        return cls(tuple(parts))

    @cached_property
    def duration(self) -> timedelta:
        """From start to end, without buffers."""
        return self.parts[-1].ends

    @cached_property
    def price_minor(self) -> int:
        """Of all of it."""
        return sum(part.price_minor for part in self.parts)

    def terms(self, currency: str, client: Client) -> Terms:
        """On which terms `client` books it: worked out once, since all that matters of a client is how many visits there were."""
        known = self._terms.get((currency, client.completed))
        if known is None:
            prices = [Money(minor=part.price_minor, currency=currency) for part in self.parts]
            known = terms_of([part.service.policy for part in self.parts], prices, client)
            self._terms[currency, client.completed] = known
        return known

    @cached_property
    def _terms(self) -> dict[tuple[str, int], Terms]:
        return {}

    @cached_property
    def people(self) -> tuple[Staff, ...]:
        """One for each service."""
        return tuple(part.staff for part in self.parts)

    @cached_property
    def work(self) -> tuple[Stretch, ...]:
        """When each one works: without buffers, and without the gap."""
        return tuple(stretch for part in self.parts for stretch in part.work)

    @cached_property
    def claims(self) -> tuple[Stretch, ...]:
        """What is taken of each one's time, as few and disjoint stretches: work with buffers, none between two of one's own."""
        last = len(self.parts) - 1
        found: list[Stretch] = []
        for position, part in enumerate(self.parts):
            first_of_run = position == 0 or self.parts[position - 1].staff.id != part.staff.id
            last_of_run = position == last or self.parts[position + 1].staff.id != part.staff.id
            work = part.work
            if first_of_run:
                work[0] = work[0]._replace(begins=part.begins - timedelta(minutes=part.service.buffer_before_minutes))
            if last_of_run:
                work[-1] = work[-1]._replace(ends=part.ends + timedelta(minutes=part.service.buffer_after_minutes))
            found += work
        return tuple(_joined(found))

    @cached_property
    def seconds(self) -> tuple[float, Sequence[tuple[Staff, float, float]], Sequence[tuple[UUID, float, float]]]:
        """`duration`, `work`, and `claims` by person, in seconds from the start: to add a number is the quickest."""

        def both(stretch: Stretch) -> tuple[float, float]:
            return stretch.begins.total_seconds(), stretch.ends.total_seconds()

        return (
            self.duration.total_seconds(),
            [(stretch.staff, *both(stretch)) for stretch in self.work],
            [(stretch.staff.id, *both(stretch)) for stretch in self.claims],
        )

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """The resources it takes."""
        found = []
        for pool_id, run in groupby(range(len(self.parts)), key=lambda position: self.parts[position].service.pool_id):
            if pool_id is None:
                continue
            positions = list(run)
            first, last = self.parts[positions[0]], self.parts[positions[-1]]
            begins = first.begins - timedelta(minutes=first.service.buffer_before_minutes)
            ends = last.ends + timedelta(minutes=last.service.buffer_after_minutes)
            found.append(Need(pool_id, range(positions[0], positions[-1] + 1), begins, ends))
        return tuple(found)


@dataclass(frozen=True)
class Plan:
    """What is asked for, and who could do each service, in the salon's order."""

    services: tuple[Service, ...]
    wants: tuple[Want, ...]
    able: tuple[tuple[Staff, ...], ...]
    by: Party
    outside_hours: bool = False

    @cached_property
    def teams(self) -> tuple[Team, ...]:
        """Those in which one person does everything for which anyone would do. None if nobody can."""
        open_to = [people for want, people in zip(self.wants, self.able, strict=True) if want.staff_id is None]
        if not open_to:
            return (Team.of(self, [people[0] for people in self.able]),)
        for_all = [person for person in open_to[0] if all(person in people for people in open_to[1:])]
        return tuple(
            Team.of(
                self,
                [people[0] if want.staff_id else person for want, people in zip(self.wants, self.able, strict=True)],
            )
            for person in for_all
        )

    @cached_property
    def mixable(self) -> bool:
        """Whether several people could share what is left open."""
        left_open = [people for want, people in zip(self.wants, self.able, strict=True) if want.staff_id is None]
        return not self.teams or (len(left_open) > 1 and any(len(people) > 1 for people in left_open))

    @cached_property
    def reach(self) -> tuple[timedelta, timedelta]:
        """Around the start, the stretch that no team goes beyond."""
        before = max(service.buffer_before_minutes for service in self.services)
        return -timedelta(minutes=before), timedelta(minutes=_longest(self.services, self.able))

    @cached_property
    def depends_on_client(self) -> bool:
        """Whether the terms are others for those who have been there before."""
        policies = [service.policy for service in self.services]
        return any(policy.deposit_for != "all" or policy.deposit_waived_after for policy in policies)

    @cached_property
    def sole(self) -> bool:
        """Whether there is nothing to choose and nothing to know: the one team has it, or nobody."""
        return len(self.teams) == 1 and not self.mixable and not self.depends_on_client

    @property
    def staff_ids(self) -> tuple[UUID, ...]:
        """Everybody who may come into it, each once."""
        return tuple(dict.fromkeys(person.id for people in self.able for person in people))

    @property
    def pool_ids(self) -> tuple[UUID, ...]:
        """The pools it needs something of, each once."""
        return tuple(dict.fromkeys(service.pool_id for service in self.services if service.pool_id))


def resolve(salon: Salon, ask: Ask) -> Plan | Refusal:
    """What is asked for as a plan, or why the salon does not do that."""
    services: list[Service] = []
    for want in ask.wants:
        service = salon.services.get(want.service_id)
        if service is None:
            return "unknown_service"
        services.append(service)
    known = {person.id for person in salon.staff}
    if any(want.staff_id is not None and want.staff_id not in known for want in ask.wants):
        return "unknown_staff"
    able = able_to(salon, ask.wants)
    if not all(able) or not all(map(ask.allows, services)) or too_long(services, able):
        return "not_offered"
    return Plan(tuple(services), ask.wants, able, ask.by, ask.outside_hours)


def able_to(salon: Salon, wants: Sequence[Want]) -> tuple[tuple[Staff, ...], ...]:
    """Who could do each service, in the salon's order."""
    return tuple(
        tuple(
            person for person in salon.staff if want.service_id in person.skills and want.staff_id in (None, person.id)
        )
        for want in wants
    )


def too_long(services: Sequence[Service], able: Sequence[Sequence[Staff]]) -> bool:
    """Whether a visit may take more than a day, buffers included: a claim never does, see the table. Somebody is able to."""
    return timedelta(minutes=_longest(services, able)) > _DAY


def _longest(services: Sequence[Service], able: Sequence[Sequence[Staff]]) -> int:
    """Minutes that a visit takes at most, all buffers included."""
    return sum(
        service.buffer_before_minutes
        + service.buffer_after_minutes
        + max(person.skills[service.id].duration_minutes or service.duration_minutes for person in people)
        for service, people in zip(services, able, strict=True)
    )


def _joined(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    by_person: dict[UUID, list[Stretch]] = {}
    for stretch in stretches:
        by_person.setdefault(stretch.staff.id, []).append(stretch)
    for own in by_person.values():
        own.sort(key=lambda stretch: stretch.begins)
        current = own[0]
        for stretch in own[1:]:
            if stretch.begins <= current.ends:
                current = current._replace(ends=max(current.ends, stretch.ends))
            else:
                yield current
                current = stretch
        yield current
