"""Who waits for what, whose turn it is, and what is news: pure decisions, judged by looking at every start."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_booking.domain import lifecycle
from booka_booking.domain.availability import choose
from booka_booking.domain.diary import Diary, Hours
from booka_booking.domain.planning import Plan
from booka_booking.domain.policy import Client
from booka_booking.domain.reservation import Claim, Reservation
from booka_booking.domain.times import Interval, Span
from booka_booking.domain.waitlist import (
    Entry,
    EntryStatus,
    Look,
    Outcome,
    Waiting,
    after_offer,
    as_it_was,
    candidates,
    days_to_wait,
    in_turn,
    outcome_of,
)
from booka_booking.usecases.waitlist_jobs import Planned

from .domain_salons import DAY, person, plan_of, resource, salon_of, service

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
MONDAY = date(2026, 3, 2)
SAO_PAULO, BERLIN, LORD_HOWE = ZoneInfo("America/Sao_Paulo"), ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
CHAIRS = UUID(int=9)
CUT = service(1, 30, pool_id=CHAIRS)
LONG = service(2, 60, buffer_before_minutes=15)
ANA, BIA = person("Ana", CUT, LONG), person("Bia", CUT)
SALON = salon_of(
    [CUT, LONG],
    [ANA, BIA],
    grid=30,
    exceptions={MONDAY + n * DAY: (Span(540, 780),) for n in range(-1, 4)},
    pools={CHAIRS: [resource(1), resource(2)]},
    lead=60,
)
PLANS = [plan_of(SALON, CUT), plan_of(SALON, (CUT, ANA)), plan_of(SALON, LONG), plan_of(SALON, CUT, LONG)]
CALENDARS = [ANA.id, BIA.id, resource(1).id, resource(2).id]
WINDOW = Interval(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))


def entry_of(number: int = 1, *, plan: Plan = PLANS[0], **more: Any) -> Entry:
    known: dict[str, Any] = {"first_day": MONDAY, "last_day": MONDAY, "from_minute": 0, "until_minute": 1440, **more}
    return Entry(
        id=UUID(int=number),
        request_id=UUID(int=1000 + number),
        conversation_id=UUID(int=2),
        contact_id=UUID(int=3),
        contact_name=None,
        phone=None,
        wants=plan.wants,
        created_at=known.pop("created_at", NOW),
        **known,
    )


def visit(start: datetime, plan: Plan = PLANS[2]) -> Reservation:
    seating = choose(Diary(Hours(SALON, WINDOW), {}), plan, start)
    assert seating is not None
    return lifecycle.hold(SALON, seating, id=UUID(int=7), client=Client(), now=NOW)


# --- who waits for what

minutes = st.integers(0, 1440)


@given(
    zone=st.sampled_from([SAO_PAULO, BERLIN, LORD_HOWE]),
    # Around the changes of clocks in Berlin and on Lord Howe.
    hour=st.integers(-60, 60).flatmap(
        lambda h: st.sampled_from([datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)]).map(
            lambda d: d + timedelta(minutes=30 * h)
        )
    ),
    first=st.integers(-2, 2),
    days=st.integers(0, 2),
    part=st.tuples(minutes, minutes).filter(lambda pair: pair[0] < pair[1]),
)
def test_a_start_fits_by_the_clock_on_the_wall(
    zone: ZoneInfo, hour: datetime, first: int, days: int, part: tuple[int, int]
) -> None:
    on = hour.date() + first * DAY
    it = entry_of(first_day=on, last_day=on + days * DAY, from_minute=part[0], until_minute=part[1])
    day, clock = hour.astimezone(zone).strftime("%Y-%m-%d %H:%M").split()
    shown = int(clock[:2]) * 60 + int(clock[3:])
    assert it.fits(hour, zone) == (day in [str(on + n * DAY) for n in range(days + 1)] and part[0] <= shown < part[1])


@given(first=st.dates(), last=st.dates(), begins=minutes, ends=minutes, horizon=st.integers(1, 730))
def test_days_to_wait_are_ahead_and_of_those_asked_for(
    first: date, last: date, begins: int, ends: int, horizon: int
) -> None:
    profile = replace(SALON.profile, zone=SAO_PAULO, horizon_days=horizon)
    found = days_to_wait(profile, first, last, begins, ends, NOW)
    if found == "in_the_past":
        assert last <= MONDAY
    elif found == "not_offered":
        assert first > last or begins >= ends or first > MONDAY + horizon * DAY
    else:
        assert max(first, MONDAY) == found[0] <= found[1] <= last
        assert (found[1] - MONDAY).days <= max(366, horizon)


def test_today_is_over_once_its_part_is() -> None:
    profile = replace(SALON.profile, zone=SAO_PAULO)  # three in the morning
    assert days_to_wait(profile, MONDAY, MONDAY, 0, 180, NOW) == "in_the_past"
    assert days_to_wait(profile, MONDAY, MONDAY, 0, 181, NOW) == (MONDAY, MONDAY)


def test_a_wish_is_the_same_whoever_writes_it_down_and_when() -> None:
    it = entry_of()
    later = replace(it, id=UUID(int=5), request_id=UUID(int=6), created_at=NOW + DAY, offers=2, status="offered")
    assert later.like(it)
    assert not later.like(replace(it, until_minute=600))
    assert not later.like(replace(it, wants=PLANS[1].wants))


# --- what is offered to whom

starts = st.integers(0, 96).map(lambda n: WINDOW.start + timedelta(minutes=30 * n))
claims = st.builds(
    lambda calendar, start, length: Claim(calendar, start, start + timedelta(minutes=15 * length)),
    st.sampled_from(CALENDARS),
    starts,
    st.integers(1, 12),
)
waiting = st.builds(
    lambda plan, offers, age, days, part, offered, status: Waiting(
        entry_of(
            plan=plan,
            offers=offers,
            created_at=NOW - timedelta(seconds=age),
            first_day=MONDAY + days[0] * DAY,
            last_day=MONDAY + days[1] * DAY,
            from_minute=part[0],
            until_minute=part[1],
            status=status,
        ),
        frozenset(offered),
    ),
    st.sampled_from(PLANS),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([(0, 0), (0, 1), (1, 1)]),
    st.sampled_from([(0, 1440), (0, 660), (660, 1440), (570, 600)]),
    st.lists(starts, max_size=3),
    st.sampled_from(["waiting", "waiting", "waiting", "offered", "left"]),
)


def apart(spans: list[Claim]) -> dict[UUID, list[Interval]]:
    """Those that fit beside each other: what is taken of a calendar never overlaps."""
    found: dict[UUID, list[Interval]] = {}
    for claim in spans:
        own = found.setdefault(claim.calendar_id, [])
        span = Interval(claim.busy_from, claim.busy_until)
        if not any(span.overlaps(other) for other in own):
            own.append(span)
    return found


@given(
    taken=st.lists(claims, max_size=8).map(apart),
    freed=st.lists(claims, max_size=3),
    people=st.lists(waiting, max_size=5),
    spared=st.sets(st.integers(0, 4), max_size=2),
)
def test_candidates_are_all_that_is_new_and_fits_in_turn(
    taken: dict[UUID, list[Interval]], freed: list[Claim], people: list[Waiting], spared: set[int]
) -> None:
    people = [replace(item, entry=replace(item.entry, id=UUID(int=n))) for n, item in enumerate(people)]
    besides = tuple(UUID(int=n) for n in spared)
    if freed:
        window = Interval(min(claim.busy_from for claim in freed), max(claim.busy_until for claim in freed))
        look = Look(window, MONDAY - DAY, MONDAY + 2 * DAY, tuple(freed), besides)
    else:
        look = Look.at_days(MONDAY, MONDAY + DAY, SALON.profile.zone)
        look = replace(look, besides=besides)
    hours = Hours(SALON, Interval(WINDOW.start - DAY, WINDOW.end + DAY))
    diary = Diary(hours, taken)
    before = as_it_was(hours, taken, freed) if freed else None
    plans = {plan.wants: plan for plan in PLANS[:3]}  # what the last of them asks for, the salon does not do any more
    found = list(candidates(diary, before, look, people, plans, NOW))

    def reach(item: Waiting) -> timedelta:
        return -timedelta(minutes=15) if LONG.id in {want.service_id for want in item.entry.wants} else timedelta()

    earliest = NOW + timedelta(minutes=60)
    every = [WINDOW.start + timedelta(minutes=30 * n) for n in range(-48, 144)]
    expected = [
        (item.entry, start)
        for item in sorted(people, key=lambda item: (item.entry.offers, item.entry.created_at, item.entry.id))
        if item.entry.status == "waiting" and item.entry.id not in besides and item.entry.wants in plans
        for start in sorted(every, key=lambda start: (bool(freed) and start + reach(item) < look.window.start, start))
        if start >= earliest
        and item.entry.fits(start, SALON.profile.zone)
        and start not in item.offered
        and choose(diary, plans[item.entry.wants], start)
        and (before is None or choose(before, plans[item.entry.wants], start) is None)
    ]
    assert found == expected


def test_what_begins_with_the_freed_time_comes_before_what_breaks_up_the_time_before_it() -> None:
    freed = (Claim(ANA.id, datetime(2026, 3, 2, 10, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)),)
    look = Look(Interval(freed[0].busy_from, freed[0].busy_until), MONDAY, MONDAY, freed)
    hours = Hours(SALON, Interval(WINDOW.start, WINDOW.end))
    plan = PLANS[2]  # an hour by Ana, a quarter of an hour before it
    found = candidates(
        Diary(hours, {}), as_it_was(hours, {}, freed), look, [Waiting(entry_of(plan=plan), frozenset())],
        {plan.wants: plan}, NOW,
    )  # fmt: skip
    assert [start.strftime("%H:%M") for _, start in found] == ["10:30", "11:00", "11:30", "12:00", "09:30", "10:00"]


@given(st.lists(waiting, max_size=6), st.randoms(use_true_random=False))
def test_whose_turn_it_is_does_not_hang_on_the_order_in_which_they_are_read(people: list[Waiting], random: Any) -> None:
    people = [replace(item, entry=replace(item.entry, id=UUID(int=n))) for n, item in enumerate(people)]
    shuffled = list(people)
    random.shuffle(shuffled)
    assert in_turn(shuffled) == in_turn(people)
    offers = [item.entry.offers for item in in_turn(people)]
    assert offers == sorted(offers)


# --- what a change of a reservation means


def test_time_is_freed_by_what_gives_it_up_and_by_nothing_else() -> None:
    held = visit(datetime(2026, 3, 2, 10, tzinfo=UTC))
    confirmed = held._replace(status="confirmed", version=2)
    moved = confirmed._replace(claims=visit(datetime(2026, 3, 2, 11, tzinfo=UTC)).claims, version=3)
    window = Interval(datetime(2026, 3, 2, 9, 45, tzinfo=UTC), datetime(2026, 3, 2, 11, tzinfo=UTC))
    for before, after in (
        (held, held._replace(status="expired")),
        (held, held._replace(status="cancelled")),
        (confirmed, confirmed._replace(status="cancelled")),
        (confirmed, moved),
    ):
        look = Look.after(before, after, NOW)
        assert look is not None
        assert (look.window, look.freed) == (window, held.claims)
        assert (look.first_day, look.last_day) == (MONDAY - DAY, MONDAY)
        assert Look.after(before, after, window.end - timedelta(seconds=1)) == look
        assert Look.after(before, after, window.end) is None
    for before, after in (
        (held, confirmed),
        (confirmed, confirmed._replace(status="completed")),
        (confirmed, confirmed._replace(status="no_show")),
        (held._replace(status="expired"), confirmed),
        (held._replace(status="expired"), held._replace(status="expired")),
    ):
        assert Look.after(before, after, NOW) is None


@pytest.mark.parametrize(
    ("before", "after", "by_client", "outcome"),
    [
        ("held", "confirmed", True, "booked"),
        ("expired", "confirmed", False, "booked"),
        ("held", "cancelled", True, "declined"),
        ("held", "cancelled", False, "withdrawn"),
        ("held", "expired", False, "unanswered"),
        ("held", "held", True, None),
        ("confirmed", "cancelled", True, None),
        ("confirmed", "confirmed", False, None),
        ("confirmed", "completed", False, None),
    ],
)
def test_what_becomes_of_an_offer(before: Any, after: Any, *, by_client: bool, outcome: str | None) -> None:
    it = visit(datetime(2026, 3, 2, 10, tzinfo=UTC))
    found = outcome_of(it._replace(status=before), it._replace(status=after), by_client=by_client)
    assert found == outcome


@pytest.mark.parametrize("status", ["waiting", "offered", "booked", "left", "over"])
@pytest.mark.parametrize("outcome", ["booked", "declined", "unanswered", "withdrawn"])
@pytest.mark.parametrize("over", [False, True])
def test_what_becomes_of_an_entry(
    status: EntryStatus, outcome: Outcome, *, over: Literal[False] | Literal[True]
) -> None:
    now = datetime(2026, 3, 3, 3, tzinfo=UTC) - timedelta(seconds=not over)
    found = after_offer(entry_of(status=status), outcome, now, SAO_PAULO)
    if status in ("booked", "left", "over"):
        assert found == status
    else:
        assert found == ("booked" if outcome == "booked" else "over" if over else "waiting")


def test_a_look_survives_being_written_down() -> None:
    held = visit(datetime(2026, 3, 2, 10, tzinfo=UTC))
    look = Look.after(held, held._replace(status="expired"), NOW)
    assert look is not None
    one = replace(look.besides_too(UUID(int=4)), only=UUID(int=5))
    for planned in (Planned(one, "a", 3), Planned(Look.at_days(MONDAY, MONDAY, BERLIN), "b").next(look)):
        assert Planned.of(orjson.loads(orjson.dumps(planned.payload()))) == planned
