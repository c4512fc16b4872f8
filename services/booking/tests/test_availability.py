"""What is offered, chosen and explained, in random salons, against trying everybody minute by minute."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from booka_booking.domain.availability import Opening, choose, free_starts, on_grid, refused, spread
from booka_booking.domain.diary import Diary, Hours, Seating
from booka_booking.domain.explaining import explain
from booka_booking.domain.planning import Party
from booka_booking.domain.salon import Staff
from booka_booking.domain.times import Interval

from .domain_salons import between, diary_of, person, plan_of, resource, salon_of, service
from .oracle import MINUTE
from .situations import POOLS, Situation, situations

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def offered(it: Situation) -> Sequence[Opening]:
    return free_starts(it.diary, it.plan, it.window, it.now)


def starts_of(it: Situation) -> list[datetime]:
    return [item.start for item in offered(it)]


def people_of(seating: Seating | None) -> list[str]:
    assert seating is not None
    return [who.name for who in seating.team.people]


@given(situations())
@settings(max_examples=150, deadline=None)
def test_offered_is_exactly_what_trying_everybody_at_every_start_finds(it: Situation) -> None:
    assert starts_of(it) == it.truly_free


@given(situations())
@settings(max_examples=70, deadline=None)
def test_every_team_of_an_offer_could_really_do_it(it: Situation) -> None:
    for item in offered(it):
        minute = it.truth.minute(item.start)
        for team in item.teams:
            assert it.truth.fits(it.plan.services, team.people, minute)
        alone = {
            tuple(_names(cast))
            for cast in it.truth.casts(it.plan)
            if len({who.id for who, want in zip(cast, it.plan.wants, strict=True) if want.staff_id is None}) < 2
            and it.truth.fits(it.plan.services, cast, minute)
        }
        assert {tuple(_names(team.people)) for team in item.teams} == alone, (
            "those in which one does all that is left open"
        )


@given(situations(hours=6))
@settings(max_examples=70, deadline=None)
def test_offered_can_be_booked_at_that_instant_and_what_is_not_has_a_reason(it: Situation) -> None:
    diary = it.diary
    for step in range(0, int((it.window.end - it.window.start) / MINUTE), 5):
        start = it.window.start + step * MINUTE
        seating, reasons = choose(diary, it.plan, start), explain(diary, it.plan, start, it.now)
        if it.truly_bookable(start):
            note(f"{start} {reasons}")
            assert seating is not None
            assert seating.start == start
            assert reasons == ()
            assert refused(it.salon, it.plan, start, it.now) is None
            assert it.truth.fits(it.plan.services, seating.team.people, it.truth.minute(start))
        else:
            assert reasons, start
            assert seating is None or refused(it.salon, it.plan, start, it.now) is not None


@given(situations(hours=6))
@settings(max_examples=60, deadline=None)
def test_reasons_are_true(it: Situation) -> None:
    diary, profile = it.diary, it.salon.profile
    truth = it.truth
    grid = set(truth.wall.grid(profile.slot_grid_minutes))
    by_salon = it.plan.by == "salon"
    lead, back = timedelta(minutes=0 if by_salon else profile.lead_minutes), timedelta(hours=12 if by_salon else 0)
    furthest = timedelta(days=400 if by_salon else profile.horizon_days)
    people = {who.id: who for who in it.salon.staff}
    for step in range(0, int((it.window.end - it.window.start) / MINUTE), 25):
        start = it.window.start + step * MINUTE
        codes = {reason.code for reason in explain(diary, it.plan, start, it.now)}
        assert ("in_the_past" in codes) == (start < it.now - back if by_salon else start <= it.now)
        assert ("before_lead_time" in codes) == (it.now < start < it.now + lead)
        assert ("beyond_horizon" in codes) == (start > it.now + furthest)
        if not codes & {
            "in_the_past",
            "beyond_horizon",
            "before_lead_time",
        }:  # those are looked at first, and are enough
            assert ("off_grid" in codes) == (not by_salon and truth.minute(start) not in grid)
        for reason in explain(diary, it.plan, start, it.now):
            if reason.span is None:
                continue
            minutes = _mask(it, reason.span)
            match reason.code:
                case "salon_closed":
                    assert minutes & ~truth.opening
                case "not_working":
                    assert reason.calendar_id is not None
                    assert minutes & ~truth.working[people[reason.calendar_id].id]
                case "busy":
                    assert reason.calendar_id is not None
                    assert reason.span in it.taken[reason.calendar_id]
                case "no_resource":
                    assert reason.calendar_id is not None
                    chairs = it.salon.pools.get(reason.calendar_id, ())
                    assert all(minutes & truth.taken.get(chair.id, 0) for chair in chairs)
                case code:
                    raise AssertionError(code)


def _mask(it: Situation, span: Interval) -> int:
    first, end = it.truth.minute(span.start), it.truth.minute(span.end)
    return ((1 << (end - first)) - 1) << first


@given(situations(), st.booleans())
@settings(max_examples=90, deadline=None)
def test_who_does_it_is_one_if_one_can_and_the_least_booked_of_the_day(it: Situation, knows: bool) -> None:
    prefer = it.salon.staff[-1].id if knows else None
    diary = it.diary
    for item in offered(it)[::3]:
        seating = choose(diary, it.plan, item.start, prefer=prefer)
        assert seating is not None
        assert _names(seating.team.people) == _names(_best(it, item.start, prefer))
        assert choose(diary, it.plan, item.start, prefer=prefer, among=item.teams) == seating, (
            "what is shown is what is booked"
        )
        assert all(
            who.id == want.staff_id
            for who, want in zip(seating.team.people, it.plan.wants, strict=True)
            if want.staff_id is not None
        )


def _names(people: Sequence[Staff]) -> list[str]:
    return [who.name for who in people]


def _best(it: Situation, start: datetime, prefer: UUID | None) -> Sequence[Staff]:
    """Of all who could: one for all that is left open; else few changes. Then the preferred, the least booked, by name."""
    truth, minute = it.truth, it.truth.minute(start)
    open_ones = [n for n, want in enumerate(it.plan.wants) if want.staff_id is None]
    order = {who.id: n for n, who in enumerate(it.salon.staff)}

    def rank(who: Staff) -> tuple[bool, int, int]:
        return who.id != prefer, truth.load(who, minute), order[who.id]

    def cost(cast: Sequence[Staff]) -> tuple[object, ...]:
        if len({cast[n].id for n in open_ones}) < 2:
            return 0, 0, [rank(cast[n]) for n in open_ones[:1]]
        changes = sum(a.id != b.id for a, b in pairwise(cast))
        # Whoever is at it goes on if that costs no change more; where there is a choice, it goes by rank.
        return 1, changes, [(n > 0 and cast[n].id != cast[n - 1].id, rank(who)) for n, who in enumerate(cast)]

    return min((cast for cast in truth.casts(it.plan) if truth.fits(it.plan.services, cast, minute)), key=cost)


@given(situations(hours=6, most=4))
@settings(max_examples=50, deadline=None)
def test_several_people_are_found_whenever_any_combination_of_them_fits(it: Situation) -> None:
    diary = it.diary
    for minute in it.truth.starts(it.window)[::4]:
        found = choose(diary, it.plan, it.truth.instant(minute))
        assert (found is not None) == it.truth.free(it.plan, minute)


@given(situations(), st.integers(0, 3), st.integers(0, 500), st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_taking_more_never_frees_a_start(it: Situation, whose: int, after: int, length: int) -> None:
    who = it.salon.staff[whose % len(it.salon.staff)].id
    more = between(it.window.start + after * MINUTE, minutes=length)
    if any(more.overlaps(span) for span in it.taken.get(who, ())):
        return
    fuller = replace(it, taken={**it.taken, who: [*it.taken.get(who, ()), more]})
    assert set(starts_of(fuller)) <= set(starts_of(it))


@given(situations(), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_in_which_things_are_listed_changes_nothing_that_is_offered(it: Situation, random: object) -> None:
    shuffle = random.shuffle  # type: ignore[attr-defined]
    salon = it.salon
    services, staff, taken, pools = (
        list(salon.services.items()), list(salon.staff), [(k, list(v)) for k, v in it.taken.items()], list(salon.pools.items())
    )  # fmt: skip
    for things in (services, staff, taken, pools, *(spans for _, spans in taken)):
        shuffle(things)
    mixed_up = replace(salon, services=dict(services), staff=staff, pools=dict(pools))
    wanted = [(salon.services[want.service_id], want.staff_id) for want in it.plan.wants]
    people = {who.id: who for who in staff}
    plan = plan_of(mixed_up, *((item, people[id]) if id else item for item, id in wanted), by=it.plan.by)
    again = free_starts(diary_of(mixed_up, it.window, dict(taken)), plan, it.window, it.now)
    assert [item.start for item in again] == starts_of(it)
    # People are listed by name, and that alone decides between equals: the rest of the order does not matter.
    in_order = replace(mixed_up, staff=salon.staff)
    plan = replace(plan, able=it.plan.able)
    diary = Diary(Hours(in_order, it.window), dict(taken))
    for start in starts_of(it)[::5]:
        here, there = choose(it.diary, it.plan, start), choose(diary, plan, start)
        assert people_of(here) == people_of(there)


@given(situations(hours=8, most=2), st.data())
@settings(max_examples=60, deadline=None)
def test_a_wider_window_offers_the_same_and_more(it: Situation, data: st.DataObject) -> None:
    cut = it.window.start + data.draw(st.integers(0, 480)) * MINUTE
    halves = [replace(it, window=Interval(*pair)) for pair in ((it.window.start, cut), (cut, it.window.end))]
    assert [start for half in halves for start in starts_of(half)] == starts_of(it)


def test_the_least_booked_that_day_goes_first_and_equals_by_the_salons_order() -> None:
    cut = service(1, 45)
    ana, bia, caio = (person(name, cut) for name in ("Ana", "Bia", "Caio"))
    salon = salon_of((cut,), (ana, bia, caio))
    plan, window = plan_of(salon, cut), between(NOON, hours=1)
    hour, two = between(NOON - timedelta(hours=6), hours=1), between(NOON - timedelta(hours=6), hours=2)
    yesterday = between(NOON - timedelta(days=1), hours=5)

    def chosen(**taken: Interval) -> list[str]:
        named = {"ana": ana, "bia": bia, "caio": caio}
        return people_of(choose(diary_of(salon, window, {named[k].id: [v] for k, v in taken.items()}), plan, NOON))

    assert chosen() == ["Ana"]
    assert chosen(ana=hour) == ["Bia"]
    assert chosen(ana=hour, bia=two) == ["Caio"]
    assert chosen(ana=hour, bia=two, caio=two) == ["Ana"]
    assert chosen(ana=yesterday) == ["Ana"], "yesterday does not count"


def test_the_last_stylist_goes_first_however_booked_and_only_if_free() -> None:
    cut = service(1, 45)
    ana, bia = person("Ana", cut), person("Bia", cut)
    salon = salon_of((cut,), (ana, bia))
    plan, window = plan_of(salon, cut), between(NOON, hours=1)
    booked = diary_of(salon, window, {bia.id: [between(NOON - timedelta(hours=6), hours=5)]})
    assert people_of(choose(booked, plan, NOON, prefer=bia.id)) == ["Bia"]
    assert people_of(choose(booked, plan, NOON)) == ["Ana"]
    away = diary_of(salon, window, {bia.id: [between(NOON, hours=1)]})
    assert people_of(choose(away, plan, NOON, prefer=bia.id)) == ["Ana"]
    assert people_of(choose(booked, plan, NOON, prefer=UUID(int=7))) == ["Ana"], "somebody who left does not matter"
    assert people_of(choose(booked, plan_of(salon, (cut, ana)), NOON, prefer=bia.id)) == ["Ana"], "a wish goes before"


def test_every_choice_is_made_among_those_who_are_named_for_it() -> None:
    cut = service(1, 45)
    salon = salon_of((cut,), [person(name, cut) for name in ("Ana", "Bia", "Caio", "Duda")])
    plan, diary = plan_of(salon, cut), diary_of(salon, between(NOON, hours=1))
    for first, second in ((0, 1), (2, 3), (1, 2), (0, 3)):
        # A new sequence each time, which may well lie where the last one did.
        seating = choose(diary, plan, NOON, among=(plan.teams[first], plan.teams[second]))
        assert people_of(seating) == [salon.staff[first].name]


def test_one_person_goes_before_several_and_few_changes_before_many() -> None:
    wash, cut, dry = (service(n, 30) for n in range(3))
    ana, bia, caio = person("Ana", wash, dry), person("Bia", cut), person("Caio", wash, cut, dry)
    salon = salon_of((wash, cut, dry), (ana, bia, caio))
    plan, window = plan_of(salon, wash, cut, dry), between(NOON, hours=1)
    all_morning = [between(NOON - timedelta(hours=8), hours=7)]
    assert people_of(choose(diary_of(salon, window, {caio.id: all_morning}), plan, NOON)) == ["Caio"] * 3
    at_first = {caio.id: [between(NOON, minutes=10)]}
    assert people_of(choose(diary_of(salon, window, at_first), plan, NOON)) == ["Ana", "Caio", "Caio"], (
        "one change, not two"
    )
    at_last = {caio.id: [between(NOON + timedelta(minutes=80), minutes=10)]}
    assert people_of(choose(diary_of(salon, window, at_last), plan, NOON)) == ["Caio", "Caio", "Ana"]
    all_of_it = {caio.id: [between(NOON, hours=2)]}
    assert people_of(choose(diary_of(salon, window, all_of_it), plan, NOON)) == ["Ana", "Bia", "Ana"]


@pytest.mark.parametrize("where", [0, 1, 2])
def test_several_people_are_no_help_where_a_chair_is_missing(where: int) -> None:
    wanted = [service(n, 30, pool_id=POOLS[0] if n == where else None) for n in range(3)]
    chair = resource(1)
    salon = salon_of(wanted, [person(f"Person {n}", item) for n, item in enumerate(wanted)], pools={POOLS[0]: (chair,)})
    plan, window, now = plan_of(salon, *wanted), between(NOON, minutes=15), NOON - timedelta(days=1)
    assert free_starts(diary_of(salon, window), plan, window, now)
    last_minute = between(NOON + (30 * where + 29) * MINUTE, minutes=1)
    diary = diary_of(salon, window, {chair.id: [last_minute]})
    assert not free_starts(diary, plan, window, now)
    assert choose(diary, plan, NOON) is None
    assert [reason.code for reason in explain(diary, plan, NOON, now)] == ["no_resource"]


def test_a_combination_that_fails_gives_no_reason_but_itself() -> None:
    wash, cut = service(1, 30), service(2, 30, buffer_before_minutes=30)
    ana, bia = person("Ana", wash), person("Bia", cut)
    salon = salon_of((wash, cut), (ana, bia))
    diary = diary_of(salon, between(NOON, hours=1), {bia.id: [between(NOON, minutes=10)]})
    plan = plan_of(salon, wash, cut)
    (reason,) = explain(diary, plan, NOON, NOON - timedelta(hours=1))
    assert (reason.code, reason.position, reason.calendar_id) == ("busy", 1, bia.id)
    assert reason.span == between(NOON, minutes=10)


def test_ten_services_that_no_combination_can_do_are_refused_at_once() -> None:
    """All eight can do everything and are free, but there is no chair: no need to try all the thousand million ways."""
    pool = POOLS[0]
    wanted = [service(n, 15, pool_id=pool, buffer_after_minutes=5) for n in range(10)]
    staff = [person(f"Person {n}", *wanted) for n in range(8)]
    chair = resource(1)
    salon = salon_of(wanted, staff, pools={pool: (chair,)})
    window = between(NOON, hours=3)
    diary = diary_of(salon, window, {chair.id: [between(NOON - timedelta(hours=1), hours=9)]})
    plan = plan_of(salon, *wanted)
    assert free_starts(diary, plan, window, NOON - timedelta(days=1)) == []
    assert {reason.code for reason in explain(diary, plan, NOON, NOON - timedelta(days=1))} == {"no_resource"}


def test_ten_services_of_which_the_last_finds_nobody_free_are_refused_at_once() -> None:
    wanted = [service(n, 15, buffer_after_minutes=5) for n in range(10)]
    # Each by a length of their own, so that the last may begin at many times.
    staff = [person(f"Person {n}", *wanted[:9]) for n in range(7)]
    last = person("Zoe", wanted[9])
    salon = salon_of(wanted, [*staff, last])
    window = between(NOON, hours=3)
    diary = diary_of(salon, window, {last.id: [between(NOON, hours=9)]})
    assert free_starts(diary, plan_of(salon, *wanted), window, NOON - timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("start", "by", "expected"),
    [
        (NOON, "client", "in_the_past"),
        (NOON - timedelta(hours=12), "salon", None),  # the walk-in of the morning
        (NOON - timedelta(hours=12, microseconds=1), "salon", "in_the_past"),
        (NOON - timedelta(minutes=15), "client", "in_the_past"),
        (NOON + timedelta(minutes=45), "client", "not_offered"),  # lead time
        (NOON + timedelta(minutes=45), "salon", None),
        (NOON + timedelta(minutes=60), "client", None),
        (NOON + timedelta(minutes=61), "client", "not_offered"),  # off the grid
        (NOON + timedelta(minutes=61), "salon", None),
        (NOON + timedelta(minutes=60, microseconds=1), "client", "not_offered"),
        (NOON + timedelta(days=2), "client", None),
        (NOON + timedelta(days=2, minutes=15), "client", "not_offered"),  # horizon
        (NOON + timedelta(days=400), "salon", None),
        (NOON + timedelta(days=400, minutes=15), "salon", "not_offered"),
    ],
)
def test_what_is_refused_whoever_is_free(start: datetime, by: Party, expected: str | None) -> None:
    cut = service(1)
    salon = salon_of((cut,), (person("Ana", cut),), lead=60, horizon=2)
    plan = plan_of(salon, cut, by=by)
    assert refused(salon, plan, start, NOON) == expected


@pytest.mark.parametrize(("grid", "minute"), [(15, 45), (20, 40), (60, 0), (7, 56), (1, 13), (1440, 0)])
def test_the_grid_is_counted_from_local_midnight(grid: int, minute: int) -> None:
    cut = service(1)
    salon = salon_of((cut,), (person("Ana", cut),), zone="Asia/Kathmandu", grid=grid)
    midnight = datetime(2026, 3, 1, 18, 15, tzinfo=UTC)
    assert on_grid(salon, midnight)
    assert on_grid(salon, midnight + minute * MINUTE)
    if grid > 1:
        assert not on_grid(salon, midnight + (minute + 1) * MINUTE)
    assert not on_grid(salon, midnight + timedelta(seconds=1))


@given(st.integers(0, 60), st.integers(1, 20))
def test_spreading_keeps_order_the_first_and_the_limit(count: int, limit: int) -> None:
    openings = [Opening(NOON + n * MINUTE, ()) for n in range(count)]
    chosen = spread(openings, limit)
    assert len(chosen) == min(count, limit)
    assert chosen == sorted(chosen, key=lambda item: item.start)
    assert len({item.start for item in chosen}) == len(chosen)
    assert chosen[:1] == openings[:1]
    steps = [int((b.start - a.start) / MINUTE) for a, b in pairwise(chosen)]
    assert not steps or max(steps) - min(steps) <= 1
