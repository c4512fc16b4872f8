"""Availability and time as pure functions, over clock changes of zones with every kind of offset."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booka_booking.domain import reservation as rules
from booka_booking.domain.availability import Ask, Plan, by_load, candidates, free_starts, resolve, spread
from booka_booking.domain.reservation import Nothing, Refused, Reseat, Reservation, Unusable
from booka_booking.domain.salon import Policy, PolicyChange, Profile, Salon, Service, Staff
from booka_booking.domain.times import Interval, Span, exists, expand, instant, intersect, local_day, merge, starts_on
from booka_common.money import Money

# +30 and +45 minute offsets, a half-hour clock change, changes at midnight, negative ones, rules that were dropped, none.
ZONES = [
    "America/Sao_Paulo", "America/New_York", "America/St_Johns", "America/Santiago", "America/Havana", "America/Asuncion",
    "Europe/Lisbon", "Europe/Dublin", "Africa/Casablanca", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Beirut", "Asia/Gaza",
    "Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Chatham", "Pacific/Apia", "UTC",
]  # fmt: skip
A, B, S = UUID(int=1), UUID(int=2), UUID(int=9)


def changes(name: str, years: range = range(2008, 2030)) -> list[date]:
    """The local dates on which the clocks of a zone change."""
    zone, found = ZoneInfo(name), []
    day = date(years.start, 1, 1)
    while day.year < years.stop:
        midnight = datetime.combine(day, time(), zone)
        if midnight.utcoffset() != datetime.combine(day + timedelta(days=1), time(), zone).utcoffset():
            found.append(day)
        day += timedelta(days=1)
    return found


CHANGES = [(name, day) for name in ZONES for day in changes(name)]
zoned_days = st.one_of(
    st.sampled_from(CHANGES), st.tuples(st.sampled_from(ZONES), st.dates(date(2008, 1, 1), date(2029, 12, 31)))
)
spans = st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True).map(
    lambda cuts: [Span(a * 15, b * 15) for a, b in zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False)]
)


def salon_in(
    zone: str,
    *,
    opening: Any = None,
    exceptions: Any = None,
    staff_hours: Any = None,
    minutes: int = 45,
    before: int = 0,
    after: int = 0,
    grid: int = 15,
) -> Salon:
    week = {day: [Span(0, 1440)] for day in range(1, 8)}
    service = Service(S, "Corte", minutes, before, after, 9000, active=True, position=0, policy=Policy())
    return Salon(
        profile=Profile(
            name="Salão",
            locale="pt-BR",
            zone=ZoneInfo(zone),
            currency="BRL",
            slot_grid_minutes=grid,
            lead_minutes=0,
            horizon_days=60,
            opening=week if opening is None else opening,
            exceptions=exceptions or {},
        ),
        revision=1,
        services={S: service},
        staff=[Staff(A, "Ana", frozenset({S}), staff_hours), Staff(B, "Bia", frozenset({S}), None)],
    )


def plan_of(salon: Salon, staff_id: UUID | None = None) -> Plan:
    plan = resolve(salon, Ask((S,), staff_id))
    assert isinstance(plan, Plan)
    return plan


def test_the_zones_do_change_their_clocks() -> None:
    assert len(CHANGES) > 400
    assert {name for name, _ in CHANGES} >= {
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "Asia/Beirut",
        "Africa/Casablanca",
    }


@given(zoned_days, st.sampled_from([5, 10, 15, 20, 30, 60]))
@settings(max_examples=150, deadline=None)
def test_starts_lie_on_the_wall_clock_grid_of_their_day_and_happen_once(where: tuple[str, date], grid: int) -> None:
    zone, day = ZoneInfo(where[0]), where[1]
    starts = starts_on(day, zone, grid)
    walls = [start.astimezone(zone) for start in starts]
    assert starts == sorted(set(starts))
    assert all(wall.date() == day and (wall.hour * 60 + wall.minute) % grid == 0 and wall.fold == 0 for wall in walls)
    assert len({wall.replace(tzinfo=None) for wall in walls}) == len(walls)
    midnight = datetime.combine(day, time())
    real = [minute for minute in range(0, 1440, grid) if exists(midnight + timedelta(minutes=minute), zone)]
    assert len(starts) == len(real)


@given(zoned_days)
@settings(max_examples=100, deadline=None)
def test_days_follow_each_other_without_gap_or_overlap(where: tuple[str, date]) -> None:
    zone, day = ZoneInfo(where[0]), where[1]
    assert local_day(day, zone).end == local_day(day + timedelta(days=1), zone).start


@given(zoned_days, st.integers(0, 1439))
@settings(max_examples=150, deadline=None)
def test_a_skipped_time_stands_for_the_change_itself(where: tuple[str, date], minute: int) -> None:
    zone = ZoneInfo(where[0])
    naive = datetime.combine(where[1], time()) + timedelta(minutes=minute)
    found = instant(naive, zone)
    if exists(naive, zone):
        assert found.astimezone(zone).replace(tzinfo=None) == naive
    else:
        just_before = (found - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
        assert just_before < naive < found.astimezone(zone).replace(tzinfo=None)


@given(
    zoned_days, spans, st.none() | spans, st.integers(1, 40), st.integers(0, 6), st.integers(0, 6),
    st.lists(st.tuples(st.sampled_from([A, B]), st.integers(-60, 300), st.integers(1, 40)), max_size=8),
    st.sampled_from([15, 20, 30]), st.sampled_from([-2, -2, 5, 11, 17]),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_offered_is_bookable_and_not_offered_has_a_reason(
    where: tuple[str, date],
    opening: list[Span],
    own: list[Span] | None,
    length: int,
    before: int,
    after: int,
    taken: list[tuple[UUID, int, int]],
    grid: int,
    hour: int,
) -> None:
    zone, day = ZoneInfo(where[0]), where[1]
    week = dict.fromkeys(range(1, 8), opening)
    own_week = None if own is None else dict.fromkeys(range(1, 8), own)
    salon = salon_in(
        where[0], opening=week, staff_hours=own_week, minutes=length * 5, before=before * 5, after=after * 5, grid=grid
    )
    plan = plan_of(salon)
    midnight = local_day(day, zone).start
    busy: dict[UUID, list[Interval]] = {}
    for who, offset, slots in taken:
        since = midnight + timedelta(minutes=offset * 5)
        busy.setdefault(who, []).append(Interval(since, since + timedelta(minutes=slots * 5)))
    now = midnight - timedelta(hours=3)
    window = Interval(midnight + timedelta(hours=hour), midnight + timedelta(hours=hour + 8))
    offered = {opened.start: opened.staff for opened in free_starts(salon, plan, busy, window, now)}
    # The whole neighbourhood by brute force, on the grid and off it.
    for step in range(int((window.end - window.start) / timedelta(minutes=5))):
        start = window.start + timedelta(minutes=step * 5)
        able = candidates(salon, plan, start, now)
        free = tuple(
            member
            for member in (() if isinstance(able, str) else able)
            if not any(span.overlaps(plan.busy_at(start)) for span in busy.get(member.id, ()))
        )
        assert offered.get(start, ()) == free
        assert all(_works(salon, member, start, start + plan.duration) for member in free)


def _works(salon: Salon, member: Staff, start: datetime, end: datetime) -> bool:
    """Whether every minute of a visit lies in the hours, read off the wall clock; says nothing of repeated hours."""
    moment = start
    while moment < end:
        wall = moment.astimezone(salon.profile.zone)
        moment += timedelta(minutes=5)
        if wall.fold:  # hours run on through a repeated hour
            continue
        minute = wall.hour * 60 + wall.minute
        weeks = [salon.profile.opening] + ([member.hours] if member.hours is not None else [])
        for week in weeks:
            if not any(span.opens <= minute < span.closes for span in week.get(wall.isoweekday(), ())):
                return False
    return True


@pytest.mark.parametrize("name", ["America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Pacific/Chatham"])
def test_a_local_time_that_does_not_exist_is_never_offered(name: str) -> None:
    zone = ZoneInfo(name)
    for day in changes(name, range(2020, 2030)):
        salon = salon_in(name, minutes=15)
        whole = local_day(day, zone)
        offered = free_starts(salon, plan_of(salon), {}, whole, whole.start - timedelta(days=1))
        walls = [opened.start.astimezone(zone) for opened in offered]
        assert all(wall.fold == 0 for wall in walls)
        assert len(walls) == len({wall.replace(tzinfo=None) for wall in walls})


def test_a_visit_may_run_over_midnight_and_over_a_clock_change() -> None:
    salon = salon_in("America/New_York", minutes=120)
    zone = salon.profile.zone
    start = datetime(2026, 3, 7, 23, 30, tzinfo=zone).astimezone(UTC)
    now = start - timedelta(days=1)
    assert candidates(salon, plan_of(salon), start, now) == tuple(salon.staff)
    over = datetime(2026, 3, 8, 1, 30, tzinfo=zone).astimezone(UTC)
    found = free_starts(salon, plan_of(salon), {}, Interval(over, over + timedelta(minutes=1)), now)
    assert (found[0].start + timedelta(hours=2)).astimezone(
        zone
    ).hour == 4  # two hours on the client's chair, not on the wall


def test_a_closed_or_special_day_replaces_the_weekly_hours() -> None:
    day = date(2026, 12, 25)
    zone = ZoneInfo("Europe/Lisbon")
    window, now = local_day(day, zone), datetime(2026, 12, 20, tzinfo=UTC)
    closed = salon_in("Europe/Lisbon", exceptions={day: []})
    special = salon_in("Europe/Lisbon", exceptions={day: [Span(600, 660)]})
    assert free_starts(closed, plan_of(closed), {}, window, now) == []
    assert [opened.start.hour for opened in free_starts(special, plan_of(special), {}, window, now)] == [10, 10]


def test_a_visit_fits_exactly_between_two_others() -> None:
    salon = salon_in("UTC", minutes=30, before=5, after=10)
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    others = [Interval(noon - timedelta(hours=9), noon - timedelta(minutes=5))]
    others.append(Interval(noon + timedelta(minutes=40), noon + timedelta(hours=9)))
    plan = plan_of(salon, A)
    window = Interval(noon - timedelta(hours=4), noon + timedelta(hours=4))
    found = free_starts(salon, plan, {A: others}, window, noon - timedelta(days=1))
    assert [opened.start for opened in found] == [noon]
    others[1] = Interval(noon + timedelta(minutes=39), noon + timedelta(hours=9))
    assert free_starts(salon, plan, {A: others}, window, noon - timedelta(days=1)) == []


def test_equal_loads_are_decided_by_the_salons_order() -> None:
    salon = salon_in("UTC")
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    hour, long = Interval(noon, noon + timedelta(hours=1)), Interval(noon, noon + timedelta(hours=2))
    assert [member.name for member in by_load(salon, salon.staff, {}, noon)] == ["Ana", "Bia"]
    assert [member.name for member in by_load(salon, salon.staff, {A: [hour]}, noon)] == ["Bia", "Ana"]
    assert [member.name for member in by_load(salon, salon.staff, {A: [hour], B: [long]}, noon)] == ["Ana", "Bia"]
    assert [member.name for member in by_load(salon, salon.staff, {A: [hour]}, noon + timedelta(days=1))] == [
        "Ana",
        "Bia",
    ]


@given(st.integers(0, 60), st.integers(1, 20))
def test_spreading_keeps_order_the_first_and_the_limit(count: int, limit: int) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    window = Interval(noon, noon + timedelta(minutes=15 * count))
    salon = salon_in("UTC", minutes=15)
    openings = free_starts(salon, plan_of(salon), {}, window, noon - timedelta(days=1))
    chosen = spread(openings, limit)
    assert len(chosen) == min(count, limit)
    assert chosen == sorted(set(chosen), key=lambda opened: opened.start)
    assert chosen[:1] == openings[:1]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20))),
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20))),
)
def test_merging_and_intersecting_keep_exactly_the_right_instants(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    zero = datetime(2026, 1, 1, tzinfo=UTC)

    def intervals(raw: list[tuple[int, int]]) -> list[Interval]:
        return [Interval(zero + timedelta(minutes=a), zero + timedelta(minutes=a + length)) for a, length in raw]

    def covered(found: list[Interval]) -> set[int]:
        return {m for m in range(80) if any(i.start <= zero + timedelta(minutes=m) < i.end for i in found)}

    one, two = merge(intervals(left)), merge(intervals(right))
    assert covered(one) == covered(intervals(left))
    assert covered(intersect(one, two)) == covered(one) & covered(two)


def test_hours_that_a_clock_change_swallows_do_not_exist() -> None:
    zone = ZoneInfo("America/New_York")
    assert expand([Span(120, 180)], date(2026, 3, 8), zone) == []
    (half,) = expand([Span(150, 240)], date(2026, 3, 8), zone)
    assert half.start.astimezone(zone).hour == 3
    assert half.end - half.start == timedelta(hours=1)


@given(st.sampled_from(["none", "fixed", "percent"]), st.integers(1, 100), st.integers(0, 10**6))
def test_a_deposit_never_exceeds_the_price(kind: Any, value: int, price: int) -> None:
    policy = Policy().with_(PolicyChange(deposit_kind=kind, deposit_value=value))
    deposit = policy.deposit(Money(minor=price, currency="BRL"))
    assert 0 <= deposit.minor <= price


def _held(**change: Any) -> Reservation:
    salon = salon_in("UTC")
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    held = rules.hold(
        salon,
        plan_of(salon),
        salon.staff[0],
        noon + timedelta(days=3),
        id=UUID(int=5),
        any_staff=False,
        now=noon,
        request_id=None,
        conversation_id=None,
        contact_id=None,
        guest_name=None,
    )

    return replace(held, **change)


steps = st.sampled_from(["agree", "expire", "pay", "pay again", "cancel", "complete", "no_show", "time"])


@given(st.lists(steps, max_size=12), st.integers(0, 5000))
@settings(max_examples=300)
def test_whatever_happens_in_whatever_order_the_rules_of_a_reservation_hold(taken: list[str], deposit: int) -> None:

    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    it, now = _held(), noon
    it = replace(it, terms=replace(it.terms, deposit_minor=deposit))
    for step in taken:
        before = it
        outcome: Any = Nothing()
        match step:
            case "agree":
                outcome = rules.agree(it, guest_name="Rui", now=now)
            case "expire":
                outcome = rules.expire(it, now)
            case "pay" | "pay again":
                outcome = rules.pay(it, transaction_id=UUID(int=len(step)), paid_minor=deposit, now=now)
            case "cancel":
                outcome = rules.cancel(it)
            case "complete" | "no_show":
                outcome = rules.finish(it, "completed" if step == "complete" else "no_show", now)
            case _:
                now += timedelta(hours=13)
        if isinstance(outcome, Reseat):
            outcome = outcome.after
        if isinstance(outcome, Nothing | Refused | Unusable):
            continue
        it = outcome
        # The version counts changes of state and time, and the payment of what was confirmed by hand is neither.
        assert it.version == before.version + (1 if _differs(before, it) else 0)
        assert (it.status == "held") <= (it.expires_at is not None)
        assert before.status not in ("completed", "no_show", "cancelled")
        if it.status == "confirmed" and before.status == "held" and deposit:
            assert it.transaction_id is not None
    assert it.segments == _held().segments


def _differs(before: Reservation, after: Reservation) -> bool:
    return (before.status, before.expires_at, before.segments) != (after.status, after.expires_at, after.segments)


@given(st.integers(0, 200), st.integers(0, 100))
def test_the_refund_is_all_in_time_and_nothing_after_and_the_salon_always_pays(hours: int, notice: int) -> None:

    it = _held(status="confirmed", paid_minor=500)
    it = replace(it, terms=replace(it.terms, cancel_notice_hours=notice))
    now = it.start - timedelta(hours=hours)
    assert (it.refund("client", now) is not None) == (hours >= notice)
    assert it.refund("salon", now) == Money(minor=500, currency="BRL")
    assert replace(it, paid_minor=0).refund("salon", now) is None


def test_no_hold_outlasts_the_start_of_its_visit() -> None:
    it = _held()
    late = it.start - timedelta(minutes=5)

    held = replace(it, expires_at=it.start, terms=replace(it.terms, deposit_minor=1))
    due = rules.agree(held, guest_name="Rui", now=late)
    assert isinstance(due, Reservation)
    assert due.expires_at == due.deposit_due_at == it.start
