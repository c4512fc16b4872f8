"""Random salons with something taken, and a visit somebody wants there: the cases that the rules are judged on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from booka_booking.domain.diary import Diary
from booka_booking.domain.planning import Ask, Plan, resolve
from booka_booking.domain.salon import Salon, Service, Skill, Staff, TimeOff, Weekly
from booka_booking.domain.times import Interval, Span
from booka_common.contracts.booking import Want

from .domain_salons import DAY, diary_of, person, resource, salon_of, service
from .oracle import ZONES, Truth, changes

POOLS = (UUID(int=50), UUID(int=51))
Taken = Mapping[UUID, Sequence[Interval]]


@dataclass(frozen=True)
class Situation:
    """A visit wanted of a salon on about one day, of which `window` is the part that is asked about."""

    salon: Salon
    taken: Taken
    plan: Plan
    window: Interval
    now: datetime

    @property
    def diary(self) -> Diary:
        """What the production code decides by."""
        return diary_of(self.salon, self.window, self.taken)

    @cached_property
    def truth(self) -> Truth:
        """What it is judged by."""
        hours = timedelta(hours=20)
        minutes = (self.window.end - self.window.start + 2 * hours) // timedelta(minutes=1)
        return Truth(self.salon, self.taken, self.window.start - hours, minutes)

    @cached_property
    def truly_free(self) -> list[datetime]:
        """Every start of the window that should be offered."""
        starts = (self.truth.instant(minute) for minute in self.truth.starts(self.window))
        return [at for at in starts if self._possible(at)]

    def truly_bookable(self, at: datetime) -> bool:
        """Whether it can be had: of those on the grid what is offered; by the salon at any minute."""
        return self._possible(at) if self.plan.by == "salon" else at in self.truly_free

    def _possible(self, at: datetime) -> bool:
        return self._allowed(at) and self.truth.free(self.plan, self.truth.minute(at))

    def _allowed(self, at: datetime) -> bool:
        if self.plan.by == "salon":
            return self.now - timedelta(hours=12) <= at <= self.now + timedelta(days=400)
        profile = self.salon.profile
        lead, horizon = timedelta(minutes=profile.lead_minutes), timedelta(days=profile.horizon_days)
        return at > self.now and self.now + lead <= at <= self.now + horizon


def _spans(quarters: list[int]) -> tuple[Span, ...]:
    cuts = sorted(quarters)
    return tuple(Span(a * 15, b * 15) for a, b in zip(cuts[::2], cuts[1::2], strict=False))


spans = st.one_of(
    st.just((Span(0, 1440),)),
    st.sampled_from([(Span(0, 1440),), (Span(540, 720), Span(780, 1080)), (Span(0, 90), Span(165, 1440))]),
    st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True).map(_spans),
)
weeks: st.SearchStrategy[Weekly] = st.tuples(spans, spans).map(
    lambda pair: {day: pair[0] if day in (1, 3, 4, 6) else pair[1] for day in range(1, 8)}
)
fives = st.integers(0, 5).map(lambda n: n * 5)


@st.composite
def services(draw: st.DrawFn, number: int, pools: Sequence[UUID]) -> Service:
    """With or without gap, buffers and a pool."""
    rest = {
        "buffer_before_minutes": draw(fives),
        "buffer_after_minutes": draw(fives),
        "pool_id": draw(st.sampled_from([None, *pools])),
    }
    minutes = draw(st.integers(1, 15)) * 5
    if draw(st.integers(0, 2)) == 0:
        starts, gap = draw(st.integers(1, 6)) * 5, draw(st.integers(1, 10)) * 5
        return service(number, starts + gap + minutes, gap_start_minutes=starts, gap_minutes=gap, **rest)
    return service(number, minutes, **rest)


@st.composite
def people(draw: st.DrawFn, name: str, offered: Sequence[Service], around: datetime) -> Staff:
    """With skills, perhaps times of their own, and perhaps away."""
    able = draw(st.lists(st.sampled_from(offered), unique=True, min_size=draw(st.integers(1, len(offered)))))
    own = {}
    for position, item in enumerate(able):
        if draw(st.integers(0, 3)) == 0:
            at_least = item.gap_start_minutes + item.gap_minutes if item.gap_minutes else 0
            own[position] = Skill(at_least + 5 * draw(st.integers(1, 12)), None)
    rest: dict[str, Any] = {"hours": draw(st.one_of(st.none(), st.none(), weeks))}
    if draw(st.integers(0, 4)) == 4:
        begins = around.date() + draw(st.integers(-2, 1)) * DAY
        ends = draw(st.sampled_from([None, begins, begins + 2 * DAY]))
        days = draw(st.sampled_from([None, frozenset({1, 4, 6}), frozenset({2, 3, 7})]))
        rest["time_off"] = tuple(TimeOff(begins, ends, days, span) for span in draw(spans))
    # Of most who have a week of their own: it is that week which special hours stand instead of.
    if draw(st.integers(0, 5)) < (1 if rest["hours"] is None else 4):
        near = st.sampled_from([0, 0, -1, 1]).map(lambda n: around.date() + n * DAY)
        rest["special"] = draw(st.dictionaries(near, st.one_of(spans, spans, st.just(())), min_size=1, max_size=2))
    return person(name, *able, own=own, **rest)


def takings(calendars: Sequence[UUID], since: datetime) -> st.SearchStrategy[Taken]:
    """For some calendars, times one after the other that never overlap, to the minute."""
    steps = st.lists(st.tuples(st.sampled_from([0, 15, 45, 60, 100, 240]), st.integers(1, 150)), max_size=10)

    def laid_out(rows: list[list[tuple[int, int]]]) -> Taken:
        found = {}
        for calendar, row in zip(calendars, rows, strict=True):
            at, spans = since, []
            for pause, length in row:
                begins = at + timedelta(minutes=pause)
                at = begins + timedelta(minutes=length)
                spans.append(Interval(begins, at))
            if spans:
                found[calendar] = spans
        return found

    return st.tuples(*(steps for _ in calendars)).map(list).map(laid_out)


CHANGES = [(zone, change) for zone in ZONES for change in changes(zone)]


@st.composite
def situations(draw: st.DrawFn, hours: int = 10, most: int = 3) -> Situation:
    """Anything: near a clock change or not; up to four people and `most` services in a visit."""
    zone, change = draw(st.sampled_from(CHANGES))
    if draw(st.booleans()):
        # An ordinary day, in the morning.
        change = datetime.combine(change.date() + 9 * DAY, time(8), ZoneInfo(zone)).astimezone(change.tzinfo)
    start = change + timedelta(minutes=5 * draw(st.integers(-12 * hours, 0)))
    window = Interval(start, start + timedelta(hours=hours))
    pools = {
        POOLS[n]: tuple(resource(10 * n + k) for k in range(draw(st.integers(0 if n else 1, 2))))
        for n in range(draw(st.integers(0, 2)))
    }
    offered = [draw(services(n, list(pools))) for n in range(draw(st.sampled_from([3, 2, 1])))]
    staff = [
        draw(people(name, offered, change))
        for name in ("Ana", "Bia", "Caio", "Duda")[: draw(st.sampled_from([3, 2, 4, 1]))]
    ]
    day = change.astimezone(ZoneInfo(zone)).date()
    salon = salon_of(
        offered,
        staff,
        zone=zone,
        grid=draw(st.sampled_from([5, 15, 20, 30])),
        opening=draw(weeks),
        exceptions=draw(
            st.sampled_from([None, None, None, (), (Span(60, 1380),)]).map(
                lambda special: {} if special is None else {day: special}
            )
        ),
        pools=pools,
        lead=draw(st.sampled_from([0, 45])),
        horizon=1,
    )
    plan = draw(plans(salon, most))
    calendars = [item.id for item in staff] + [item.id for chairs in pools.values() for item in chairs]
    taken = draw(takings(calendars, window.start - timedelta(hours=6)))
    now = draw(st.sampled_from([start - timedelta(hours=n) for n in (3, 3, 3, 17, -1)]))
    return Situation(salon, taken, plan, window, now)


@st.composite
def plans(draw: st.DrawFn, salon: Salon, most: int) -> Plan:
    """A visit that somebody there could do: some of it by a certain person, some by anybody."""
    able = {
        item.id: [who.id for who in salon.staff if item.id in who.skills]
        for item in salon.services.values()
        if any(item.id in who.skills for who in salon.staff)
    }
    count = draw(st.sampled_from([1, 2, 2, 3, most]))
    wanted = [draw(st.sampled_from(list(able))) for _ in range(min(count, most))]
    wants = tuple(Want(service_id=id, staff_id=draw(st.sampled_from([None] * 5 + able[id]))) for id in wanted)
    plan = resolve(salon, Ask(wants, draw(st.sampled_from(["client", "client", "salon"]))))
    assert isinstance(plan, Plan)
    return plan


__all__ = ["POOLS", "Situation", "Taken", "situations"]
