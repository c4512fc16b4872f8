"""Seating visit after visit: nobody is ever in two places, however people, chairs, gaps and buffers are mixed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from booka_booking.domain.availability import choose, free_starts
from booka_booking.domain.diary import Diary
from booka_booking.domain.lifecycle import claims_of
from booka_booking.domain.reservation import Claim
from booka_booking.domain.times import Interval, Span

from .domain_salons import between, diary_of, person, plan_of, resource, salon_of, service
from .oracle import MINUTE
from .situations import POOLS, Situation, plans, situations

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def no_overlap(taken: Mapping[UUID, list[Interval]]) -> None:
    for spans in taken.values():
        ordered = sorted(spans)
        assert all(a.end <= b.start for a, b in pairwise(ordered)), ordered


@given(situations(hours=6), st.data())
@settings(max_examples=60, deadline=None)
def test_visits_that_are_put_into_the_diary_one_after_the_other_never_overlap(
    it: Situation, data: st.DataObject
) -> None:
    taken = {calendar: list(spans) for calendar, spans in it.taken.items()}
    for _ in range(4):
        plan = data.draw(plans(it.salon, 3))
        diary = diary_of(it.salon, it.window, taken)
        free = free_starts(diary, plan, it.window, it.now)
        if not free:
            continue
        start = free[data.draw(st.integers(0, len(free) - 1))].start
        seating = choose(diary, plan, start)
        assert seating is not None
        claims = claims_of(seating)
        for claim in claims:
            taken.setdefault(claim.calendar_id, []).append(Interval(claim.busy_from, claim.busy_until))
        no_overlap(taken)
        after = diary_of(it.salon, it.window, taken)
        for claim in claims:
            assert after.conflict(claim.calendar_id, Interval(claim.busy_from, claim.busy_until))
        for part, chair in zip(seating.team.parts, seating.resources, strict=True):
            assert (chair is None) == (part.service.pool_id is None)
            assert chair is None or chair in it.salon.pools[part.service.pool_id or UUID(int=0)]


@given(situations())
@settings(max_examples=60, deadline=None)
def test_claims_are_sorted_and_disjoint_and_take_exactly_what_the_team_does(it: Situation) -> None:
    for item in list(free_starts(it.diary, it.plan, it.window, it.now))[::7]:
        seating = choose(it.diary, it.plan, item.start)
        assert seating is not None
        claims = claims_of(seating)
        assert list(claims) == sorted(claims), "in the order in which everybody locks"
        for a, b in pairwise(claims):
            assert a.calendar_id != b.calendar_id or a.busy_until < b.busy_from
        assert all(claim.busy_until - claim.busy_from <= timedelta(days=1) for claim in claims)
        people = {Claim(s.staff.id, item.start + s.begins, item.start + s.ends) for s in seating.team.claims}
        staff = {who.id for who in it.salon.staff}
        assert {claim for claim in claims if claim.calendar_id in staff} == people
        chairs = {chair.id for chair in seating.resources if chair}
        assert {claim.calendar_id for claim in claims} - staff == chairs


def test_a_gap_is_free_for_others_to_the_minute() -> None:
    colour = service(1, 90, gap_start_minutes=20, gap_minutes=30)
    cut = service(2, 30)
    ana = person("Ana", colour, cut)
    salon = salon_of((colour, cut), (ana,), grid=5)
    window = between(NOON, hours=2)
    seating = choose(diary_of(salon, window), plan_of(salon, colour), NOON)
    assert seating is not None
    taken = {ana.id: [Interval(claim.busy_from, claim.busy_until) for claim in claims_of(seating)]}
    assert taken == {ana.id: [between(NOON, minutes=20), between(NOON + 50 * MINUTE, minutes=40)]}
    free = free_starts(diary_of(salon, window, taken), plan_of(salon, cut), window, NOON - timedelta(days=1))
    assert [item.start for item in free][:2] == [NOON + 20 * MINUTE, NOON + 90 * MINUTE], "20 to 50 fits exactly once"


def test_a_visit_fits_exactly_between_two_others_and_not_a_minute_less() -> None:
    cut = service(1, 30, buffer_before_minutes=5, buffer_after_minutes=10)
    ana = person("Ana", cut)
    salon = salon_of((cut,), (ana,))
    window = between(NOON - timedelta(hours=4), hours=8)
    before = Interval(NOON - timedelta(hours=9), NOON - timedelta(minutes=5))

    def free(after: int) -> list[datetime]:
        taken = {ana.id: [before, between(NOON + after * MINUTE, hours=9)]}
        plan = plan_of(salon, cut)
        return [
            item.start for item in free_starts(diary_of(salon, window, taken), plan, window, NOON - timedelta(days=1))
        ]

    assert free(40) == [NOON]
    assert free(39) == []


def test_the_gap_and_the_buffers_need_no_working_hours_but_the_client_needs_an_open_salon() -> None:
    colour = service(1, 90, gap_start_minutes=20, gap_minutes=30, buffer_before_minutes=60, buffer_after_minutes=60)
    hours = dict.fromkeys(range(1, 8), (Span(720, 740), Span(770, 810)))
    ana = person("Ana", colour, hours=hours)
    salon = salon_of((colour,), (ana,), grid=10)
    window = between(NOON - timedelta(hours=2), hours=5)
    free = free_starts(diary_of(salon, window), plan_of(salon, colour), window, NOON - timedelta(days=1))
    assert [item.start for item in free] == [NOON]
    shut = salon_of((colour,), (ana,), grid=10, opening=hours)
    assert not free_starts(diary_of(shut, window), plan_of(shut, colour), window, NOON - timedelta(days=1))


def test_two_services_in_a_row_keep_one_chair_though_each_alone_would_find_another() -> None:
    pool = POOLS[0]
    wash, cut = service(1, 30, pool_id=pool), service(2, 30, pool_id=pool)
    ana, one, two = person("Ana", wash, cut), resource(1), resource(2)
    salon = salon_of((wash, cut), (ana,), pools={pool: (one, two)})
    window = between(NOON, minutes=15)
    first_half, second_half = between(NOON, minutes=30), between(NOON + 30 * MINUTE, minutes=30)

    def chairs(**taken: Interval) -> list[str] | None:
        at = {"one": one.id, "two": two.id}
        found = choose(diary_of(salon, window, {at[k]: [v] for k, v in taken.items()}), plan_of(salon, wash, cut), NOON)
        return None if found is None else [item.name for item in found.resources if item]

    assert chairs() == ["Chair 1", "Chair 1"]
    assert chairs(one=second_half) == ["Chair 2", "Chair 2"]
    assert chairs(one=first_half, two=second_half) is None, "nobody moves a client with wet hair"


def test_a_day_of_load_is_counted_whatever_is_taken_around_it() -> None:
    cut = service(1)
    ana = person("Ana", cut)
    salon = salon_of((cut,), (ana,))
    midnight = NOON.replace(hour=0)
    spans = [
        between(midnight - timedelta(hours=1), hours=2),
        between(NOON, hours=3),
        between(midnight + timedelta(hours=23), hours=5),
    ]
    diary: Diary = diary_of(salon, between(NOON, hours=1), {ana.id: spans})
    assert diary.load(ana, NOON) == timedelta(hours=5)
