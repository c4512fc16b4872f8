"""Local time as instants: availability over every clock change of eleven zones, judged by reading the clock each minute."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booka_booking.domain.availability import choose, free_starts, on_grid
from booka_booking.domain.explaining import explain
from booka_booking.domain.salon import Salon, TimeOff
from booka_booking.domain.times import (
    Interval,
    Span,
    days_between,
    exists,
    expand,
    instant,
    intersect,
    local_day,
    merge,
    starts_on,
    subtract,
)

from .domain_salons import between, diary_of, person, plan_of, salon_of, service
from .oracle import DAY, MARGIN, MINUTE, ZONES, Truth, Wall, changes, offset, wall_of

CHANGES = [(zone, change) for zone in ZONES for change in changes(zone)]
#: Round the clock; borders inside the hours that are skipped and repeated; late and over midnight.
WEEKS: tuple[Sequence[Span], ...] = (
    (Span(0, 1440),),
    (Span(15, 135), Span(150, 165), Span(195, 1440)),
    (Span(0, 45), Span(90, 180), Span(1320, 1410)),
)
CUT, LONG = service(1, 45), service(2, 150, buffer_before_minutes=10, buffer_after_minutes=5)


def night_salon(zone: str, week: Sequence[Span], grid: int = 15) -> Salon:
    """Two people, one of whom only works at night, around the hours in which clocks change."""
    night = dict.fromkeys(range(1, 8), (Span(0, 210), Span(1290, 1440)))
    return salon_of(
        (CUT, LONG),
        (person("Ana", CUT, LONG), person("Bia", CUT, LONG, hours=night)),
        zone=zone,
        grid=grid,
        opening=dict.fromkeys(range(1, 8), week),
    )


def around(change: datetime) -> tuple[Interval, datetime, int]:
    """The hours around a change, and the origin and length of the minutes to know for it: no visit here is longer than four."""
    window = Interval(change - timedelta(hours=9), change + timedelta(hours=9))
    return window, window.start - timedelta(hours=4), 26 * 60


def test_the_zones_have_the_traps_that_they_were_chosen_for() -> None:
    walls = {zone: {change.astimezone(ZoneInfo(zone)).time() for change in changes(zone)} for zone in ZONES}
    steps = {
        zone: {abs(offset(change, zone) - offset(change - MINUTE, zone)) for change in changes(zone)} for zone in ZONES
    }
    assert len(CHANGES) > 200
    assert time(1) in walls["America/Sao_Paulo"], "midnight is skipped"
    assert time(23) in walls["America/Sao_Paulo"], "the hour before midnight is repeated"
    assert max(changes("America/Sao_Paulo")).year == 2019
    assert steps["Australia/Lord_Howe"] == {timedelta(minutes=30)}
    assert all(change.astimezone(ZoneInfo("Pacific/Chatham")).minute == 45 for change in changes("Pacific/Chatham"))
    assert max(changes("Asia/Tehran")).year == 2022
    assert len(changes("Africa/Casablanca")) > 30
    assert changes("Africa/Lagos") == changes("Asia/Kathmandu") == ()


@pytest.mark.parametrize("zone", ZONES)
def test_what_is_offered_around_every_clock_change_is_what_the_clock_on_the_wall_allows(zone: str) -> None:
    # A zone without changes is judged on two quiet days.
    for number, change in enumerate(
        changes(zone) or (datetime(2024, 2, 29, 3, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    ):
        window, origin, minutes = around(change)
        salon = night_salon(zone, WEEKS[number % len(WEEKS)], grid=(15, 20, 30, 5)[number % 4])
        truth = Truth(salon, {}, origin, minutes)
        diary = diary_of(salon, window)
        for wanted in (CUT, LONG):
            plan = plan_of(salon, wanted)
            offered = free_starts(diary, plan, window, window.start - DAY)
            expected = [truth.instant(start) for start in truth.starts(window) if truth.free(plan, start)]
            assert [item.start for item in offered] == expected, (change, wanted)
            for item in offered:
                able = {p.name for p in salon.staff if truth.fits([wanted], [p], truth.minute(item.start))}
                assert {team.people[0].name for team in item.teams} == able, (change, item.start)


@pytest.mark.parametrize("zone", [zone for zone in ZONES if changes(zone)])
def test_no_start_is_offered_that_the_clock_skips_and_each_only_once_that_it_repeats(zone: str) -> None:
    where = ZoneInfo(zone)
    for change in changes(zone):
        window, _, _ = around(change)
        salon = night_salon(zone, WEEKS[0], grid=5)
        diary, plan = diary_of(salon, window), plan_of(salon, CUT)
        starts = [item.start for item in free_starts(diary, plan, window, window.start - DAY)]
        shown = [start.astimezone(where).replace(tzinfo=None) for start in starts]
        assert len(set(shown)) == len(shown), "every local time is offered once at most"
        assert shown == sorted(shown), "and in the order of the day"
        assert [instant(naive, where) for naive in shown] == starts, "so the local time alone says which instant it is"
        step = offset(change, zone) - offset(change - MINUTE, zone)
        if step < timedelta():
            # The first pass of the repeated time is offered, the second is not, and says why.
            assert change - MINUTE * 5 in starts
            again = [change + n * 5 * MINUTE for n in range(int(-step / (5 * MINUTE)))]
            assert not set(again) & set(starts)
            for start in (again[0], again[-1]):
                assert not on_grid(salon, start)
                assert [reason.code for reason in explain(diary, plan, start, window.start - DAY)] == ["off_grid"]
        else:
            skipped = [
                change.astimezone(where).replace(tzinfo=None) - n * 5 * MINUTE
                for n in range(1, int(step / (5 * MINUTE)) + 1)
            ]
            assert not set(skipped) & set(shown)
            assert not any(exists(naive, where) for naive in skipped)


@pytest.mark.parametrize("zone", ZONES)
def test_the_starts_of_a_day_are_those_of_the_wall_clock(zone: str) -> None:
    for change in changes(zone) or (datetime(2024, 2, 29, 12, tzinfo=UTC),):
        origin = change - timedelta(hours=30)
        wall = Wall(zone, origin, 58 * 60)
        day = change.astimezone(ZoneInfo(zone)).date()
        for grid in (10, 60):
            expected = [origin + m * MINUTE for m in wall.grid(grid) if wall.shown[m].date() == day]
            assert starts_on(day, ZoneInfo(zone), grid) == expected, (day, grid)


@pytest.mark.parametrize("zone", [zone for zone in ZONES if changes(zone)])
def test_any_local_time_around_a_change_is_its_first_instant_or_that_of_the_jump(zone: str) -> None:
    where = ZoneInfo(zone)
    for change in changes(zone):
        _, origin, minutes = around(change)
        wall = wall_of(zone, origin, minutes)
        shown = set(wall.shown)
        here = change.astimezone(where).replace(tzinfo=None)
        for step in range(-30, 30):
            naive = here + step * 5 * MINUTE
            assert instant(naive, where) == origin + wall.first(naive) * MINUTE, naive
            assert exists(naive, where) == (naive in shown), naive


def test_hours_that_span_the_change_are_as_long_as_the_clock_makes_them() -> None:
    zone = ZoneInfo("America/New_York")
    hours = (Span(60, 240),)
    (short,) = expand(hours, date(2026, 3, 8), zone)
    (long,) = expand(hours, date(2026, 11, 1), zone)
    assert short.end - short.start == timedelta(hours=2)
    assert long.end - long.start == timedelta(hours=4)
    assert expand((Span(120, 180),), date(2026, 3, 8), zone) == [], "an hour that is skipped is not there"
    (half,) = expand((Span(150, 240),), date(2026, 3, 8), zone)
    assert half == between(datetime(2026, 3, 8, 7, tzinfo=UTC), hours=1), "what begins in it begins with the change"


def test_hours_that_close_in_the_repeated_hour_close_the_first_time() -> None:
    (span,) = expand((Span(0, 90),), date(2026, 11, 1), ZoneInfo("America/New_York"))
    assert span == between(datetime(2026, 11, 1, 4, tzinfo=UTC), minutes=90)
    (until_midnight,) = expand((Span(1320, 1440),), date(2018, 2, 17), ZoneInfo("America/Sao_Paulo"))
    assert until_midnight.end - until_midnight.start == timedelta(hours=3), "24:00 is after both passes of 23:00"


def test_the_day_that_apia_skipped_has_no_time_at_all() -> None:
    zone = ZoneInfo("Pacific/Apia")
    skipped = date(2011, 12, 30)
    whole = local_day(skipped, zone)
    assert whole.start == whole.end
    assert starts_on(skipped, zone, 15) == []
    assert expand((Span(0, 1440),), skipped, zone) == []
    salon = salon_of((CUT,), (person("Ana", CUT),), zone="Pacific/Apia")
    window = Interval(local_day(skipped - DAY, zone).start, local_day(skipped + DAY, zone).end)
    days = {
        item.start.astimezone(zone).date()
        for item in free_starts(diary_of(salon, window), plan_of(salon, CUT), window, window.start - DAY)
    }
    assert days == {skipped - DAY, skipped + DAY}


def test_a_visit_runs_over_midnight_only_if_the_hours_do_to_the_minute() -> None:
    late = dict.fromkeys(range(1, 8), (Span(0, 60), Span(1380, 1440)))
    zone = ZoneInfo("Europe/Lisbon")
    day = local_day(date(2026, 12, 31), zone)
    window = Interval(day.start, day.end + timedelta(hours=2))
    salon = salon_of((LONG, CUT), (person("Ana", CUT, LONG),), zone="Europe/Lisbon", opening=late)
    starts = [
        item.start.astimezone(zone)
        for item in free_starts(diary_of(salon, window), plan_of(salon, CUT), window, window.start - DAY)
    ]
    assert [f"{start:%d %H:%M}" for start in starts] == [
        "31 00:00", "31 00:15", "31 23:00", "31 23:15", "31 23:30", "31 23:45", "01 00:00", "01 00:15",
    ]  # fmt: skip
    gap = dict.fromkeys(range(1, 8), (Span(0, 60), Span(1380, 1439)))
    short = salon_of((CUT,), (person("Ana", CUT),), zone="Europe/Lisbon", opening=gap)
    found = free_starts(diary_of(short, window), plan_of(short, CUT), window, window.start - DAY)
    assert [f"{item.start.astimezone(zone):%d %H:%M}" for item in found] == [
        "31 00:00", "31 00:15", "31 23:00", "01 00:00", "01 00:15",
    ]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_the_29th_of_february_and_the_turn_of_the_year_are_days_like_others(zone: str) -> None:
    for day in (date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1), date(2027, 12, 31), date(2028, 1, 1)):
        window = local_day(day, ZoneInfo(zone))
        salon = night_salon(zone, WEEKS[1])
        truth = Truth(salon, {}, window.start - MARGIN * MINUTE, 2 * MARGIN + 1500)
        plan = plan_of(salon, LONG)
        offered = [item.start for item in free_starts(diary_of(salon, window), plan, window, window.start - DAY)]
        assert offered == [truth.instant(m) for m in truth.starts(window) if truth.free(plan, m)]
        assert {start.astimezone(ZoneInfo(zone)).date() for start in offered} == {day}


def test_a_rule_for_the_29th_of_february_holds_on_that_day_alone() -> None:
    zone, leap = ZoneInfo("Africa/Lagos"), date(2028, 2, 29)
    always_off_then = TimeOff(leap, leap, None, Span(0, 1440))
    salon = salon_of(
        (CUT,), (person("Ana", CUT, time_off=(always_off_then,)),), zone=zone.key, exceptions={date(2028, 2, 28): ()}
    )
    window = Interval(local_day(date(2028, 2, 27), zone).start, local_day(date(2028, 3, 1), zone).end)
    found = free_starts(diary_of(salon, window), plan_of(salon, CUT), window, window.start - DAY)
    days = {item.start.astimezone(zone).date() for item in found}
    assert days == {date(2028, 2, 27), date(2028, 3, 1)}


@pytest.mark.parametrize(("zone", "change"), [pair for n, pair in enumerate(CHANGES) if n % 6 == 0])
def test_lead_time_and_horizon_are_lengths_of_real_time_whatever_the_clock_does(zone: str, change: datetime) -> None:
    salon = salon_of((CUT,), (person("Ana", CUT),), zone=zone, grid=5, lead=180, horizon=1)
    plan = plan_of(salon, CUT)
    for now in (change - timedelta(hours=2), change - timedelta(hours=23)):
        window = Interval(now - DAY, now + 3 * DAY)
        starts = [item.start for item in free_starts(diary_of(salon, window), plan, window, now)]
        wall = Wall(zone, now - timedelta(hours=2), 30 * 60)
        every = [wall.origin + m * MINUTE for m in wall.grid(5)]
        assert starts == [at for at in every if now + timedelta(minutes=180) <= at <= now + timedelta(hours=24)]


def test_the_bounds_of_lead_time_and_horizon_are_offered_themselves() -> None:
    salon = salon_of((CUT,), (person("Ana", CUT),), lead=60, horizon=1)
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    window = Interval(now, now + 9 * DAY)
    starts = [item.start for item in free_starts(diary_of(salon, window), plan_of(salon, CUT), window, now)]
    assert (starts[0], starts[-1]) == (now + timedelta(minutes=60), now + DAY)
    later = now + timedelta(microseconds=1)
    starts = [item.start for item in free_starts(diary_of(salon, window), plan_of(salon, CUT), window, later)]
    assert (starts[0], starts[-1]) == (now + timedelta(minutes=75), now + DAY)
    at_once = salon_of((CUT,), (person("Ana", CUT),), lead=0, horizon=1)
    starts = [item.start for item in free_starts(diary_of(at_once, window), plan_of(at_once, CUT), window, now)]
    assert starts[0] == now + timedelta(minutes=15), "what begins now cannot be booked, so it is not offered"
    by_salon = plan_of(salon, CUT, by="salon")
    starts = [item.start for item in free_starts(diary_of(salon, window), by_salon, window, now)]
    assert starts[0] == now, "the salon waits for nothing"
    late = Interval(now - DAY, now)
    starts = [item.start for item in free_starts(diary_of(salon, late), by_salon, late, now)]
    assert starts[0] == now - timedelta(hours=12), "and may enter what has begun"


def test_a_window_holds_its_start_and_not_its_end() -> None:
    salon = salon_of((CUT,), (person("Ana", CUT),))
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    plan, now = plan_of(salon, CUT), noon - DAY
    for window, expected in (
        (between(noon, minutes=15), [noon]),
        (between(noon, minutes=16), [noon, noon + timedelta(minutes=15)]),
        (between(noon + MINUTE, minutes=14), []),
        (between(noon, minutes=0), []),
        (Interval(noon, noon - DAY), []),
    ):
        assert [item.start for item in free_starts(diary_of(salon, window), plan, window, now)] == expected


def test_hours_mean_the_new_zone_once_the_salon_has_moved_and_what_is_taken_stays_where_it_is() -> None:
    nine_to_ten = dict.fromkeys(range(1, 8), (Span(540, 600),))
    cut = service(1, 30)
    taken_at = datetime(2026, 1, 15, 12, tzinfo=UTC)  # 09:00 in São Paulo
    window = Interval(datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 1, 16, tzinfo=UTC))
    starts = {}
    for zone in ("America/Sao_Paulo", "Africa/Lagos", "Asia/Kathmandu"):
        salon = salon_of((cut,), (person("Ana", cut),), zone=zone, grid=30, opening=nine_to_ten)
        diary = diary_of(salon, window, {salon.staff[0].id: [between(taken_at, minutes=30)]})
        found = free_starts(diary, plan_of(salon, cut), window, window.start - DAY)
        starts[zone] = [f"{item.start:%H:%M}" for item in found]
        assert diary.conflict(salon.staff[0].id, between(taken_at, minutes=1)) is not None
    assert starts == {
        "America/Sao_Paulo": ["12:30"],
        "Africa/Lagos": ["08:00", "08:30"],
        "Asia/Kathmandu": ["03:15", "03:45"],
    }


def test_the_load_of_a_day_counts_the_local_day_and_not_the_one_of_utc() -> None:
    cut = service(1, 30)
    ana, bia = person("Ana", cut), person("Bia", cut)
    salon = salon_of((cut,), (ana, bia), zone="Pacific/Apia")  # 13 hours ahead of UTC
    start = datetime(2026, 3, 2, 12, tzinfo=UTC)  # 01:00 on 3 March there
    window = between(start, hours=1)
    yesterday, today = start - timedelta(hours=3), start + timedelta(hours=20)
    for busy, chosen in ((yesterday, "Ana"), (today, "Bia")):
        diary = diary_of(salon, window, {ana.id: [between(busy, minutes=60)]})
        seating = choose(diary, plan_of(salon, cut), start)
        assert seating is not None
        assert seating.team.people[0].name == chosen
    over_midnight = diary_of(salon, window, {ana.id: [between(datetime(2026, 3, 2, 10, 40, tzinfo=UTC), minutes=60)]})
    assert over_midnight.load(ana, start) == timedelta(minutes=40), "only what lies within the day"


@given(st.sampled_from(CHANGES), st.integers(-3, 3))
@settings(max_examples=60, deadline=None)
def test_days_follow_each_other_without_gap_or_overlap(where: tuple[str, datetime], offset: int) -> None:
    zone = ZoneInfo(where[0])
    day = where[1].astimezone(zone).date() + offset * DAY
    whole = local_day(day, zone)
    assert whole.end == local_day(day + DAY, zone).start
    assert whole.start.astimezone(zone).date() == day
    assert (whole.end - timedelta(seconds=1)).astimezone(zone).date() == day
    assert list(days_between(whole.start, whole.end - MINUTE, zone)) == [day]


stretches = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=8)


@given(stretches, stretches)
def test_merging_intersecting_and_subtracting_keep_exactly_the_right_instants(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    zero = datetime(2026, 1, 1, tzinfo=UTC)

    def intervals(raw: list[tuple[int, int]]) -> list[Interval]:
        return [between(zero + a * MINUTE, minutes=length) for a, length in raw]

    def covered(found: list[Interval]) -> set[int]:
        return {m for m in range(80) if any(i.start <= zero + m * MINUTE < i.end for i in found)}

    one, two = merge(intervals(left)), merge(intervals(right))
    assert covered(one) == covered(intervals(left))
    assert covered(intersect(one, two)) == covered(one) & covered(two)
    assert covered(subtract(one, two)) == covered(one) - covered(two)
    for found in (one, intersect(one, two), subtract(one, two)):
        assert all(earlier.end < later.start for earlier, later in pairwise(found))
        assert all(item.start < item.end for item in found)


def test_the_reader_of_the_clock_is_itself_right_about_what_everybody_knows() -> None:
    wall = Wall("America/New_York", datetime(2026, 11, 1, tzinfo=UTC), 1440)
    assert wall.first(datetime.combine(date(2026, 11, 1), time(1, 30))) == 5 * 60 + 30
    assert wall.first(datetime.combine(date(2026, 11, 1), time(2))) == 7 * 60
    assert len([m for m in wall.grid(60) if wall.shown[m].date() == date(2026, 11, 1)]) == 19, "from 00:00 to 18:00"
