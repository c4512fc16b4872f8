"""Free starts of a week and of a month, and how the time for them grows; next to one hand-written query of the free time."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from benchmarks.calendars import Calendars, Chair, calendars, today
from benchmarks.report import Result, percentile
from booka_booking.domain.planning import Ask
from booka_booking.domain.times import Interval
from booka_booking.usecases import availability
from booka_common.contracts.booking import Want
from booka_common.db import Database
from booka_common.service import system_clock

__all__ = ["measure"]

_HOURS = range(9, 19)  # a visit every hour: half of the day is taken
_AROUND = range(-50, 50)
_TEAMS = (1, 5, 10, 20, 40)
_WINDOWS = (1, 7, 31)
_CALLS = 150

#: What is left of the opening hours of these days in everybody's calendar, in seconds, which travel and are read fastest; no
#: zones, no rules, no row level security, and nothing made of it.
_FLOOR = """
WITH opening AS (
    SELECT range_agg(tstzrange($3::timestamptz + day * interval '1 day' + interval '9 hours',
                               $3::timestamptz + day * interval '1 day' + interval '19 hours')) AS hours
    FROM generate_series(0, $4::integer - 1) AS day
)
SELECT k.calendar_id,
    ARRAY(SELECT date_part('epoch', lower(f)) FROM unnest(opening.hours - coalesce(taken.spans, '{}')) AS f) AS begins,
    ARRAY(SELECT date_part('epoch', upper(f)) FROM unnest(opening.hours - coalesce(taken.spans, '{}')) AS f) AS ends
FROM opening, unnest($2::uuid[]) AS k (calendar_id), LATERAL (
    SELECT range_agg(c.during) AS spans FROM booking.claims AS c
    WHERE c.tenant_id = $1 AND c.calendar_id = k.calendar_id AND c.active
      AND c.busy_from >= $3 AND c.busy_from < $3::timestamptz + $4 * interval '1 day'
) AS taken
"""


@dataclass(frozen=True)
class _Times:
    ours: list[float]
    floor: list[float]

    def result(self, name: str, share: float, note: str) -> Result:
        return Result.of(
            name, percentile(self.ours, share) * 1000, "ms", floor=percentile(self.floor, share) * 1000, note=note
        )


async def measure() -> list[Result]:
    """10 000 visits around today in a salon of ten; then a million in the same tables, and other questions."""
    async with calendars() as found, found.database(2) as db:
        ten = await found.open_salon(10, opens=540, closes=1140, grid=15)
        few = await found.fill(ten, _AROUND, _HOURS)
        await found.settle()
        week = await _compare(found, db, ten, 7)
        month = await _compare(found, db, ten, 31)
        results = [
            week.result(
                "availability.week.p50", 0.5, f"a week, one service, 10 people, {few} visits; 50 starts are chosen"
            ),
            week.result("availability.week.p99", 0.99, f"{_CALLS} calls"),
            month.result("availability.month.p50", 0.5, "31 days, what is free on each of them"),
            month.result("availability.month.p99", 0.99, f"{_CALLS} calls"),
        ]
        teams = {10: ten}
        for size in _TEAMS:
            if size not in teams:
                teams[size] = await found.open_salon(size, opens=540, closes=1140, grid=15)
                few += await found.fill(teams[size], _AROUND, _HOURS)
        await found.settle()
        more = await _compare(found, db, ten, 7)
        results.append(
            more.result(f"availability.grows.visits_{few}", 0.5, f"a week of 10 people, {few} visits in the table, p50")
        )
        many = few + await _a_million(found, ten, few)
        await found.settle()
        week = await _compare(found, db, ten, 7)
        month = await _compare(found, db, ten, 31)
        note = f"the same with {many} visits in the table"
        results += [
            week.result("availability.week.million.p50", 0.5, f"{note}, 220000 of them in these ten calendars"),
            month.result("availability.month.million.p50", 0.5, note),
        ]
        results.append(week.result(f"availability.grows.visits_{many}", 0.5, "a week of 10 people, p50"))
        for size, team in sorted(teams.items()):
            times = await _compare(found, db, team, 7)
            results.append(times.result(f"availability.grows.staff_{size}", 0.5, f"a week of {size} people, p50"))
        for days in _WINDOWS:
            times = await _compare(found, db, ten, days)
            results.append(times.result(f"availability.grows.days_{days}", 0.5, f"{days} days of 10 people, p50"))
        return results


async def _a_million(found: Calendars, ten: Sequence[Chair], few: int) -> int:
    """Years of visits in the same calendars, and other salons."""
    count = await found.fill(ten, range(-2150, -50), _HOURS, whole=False)
    others: list[Chair] = []
    while few + count + len(others) * len(_AROUND) * len(_HOURS) < 1_000_000:
        others += await found.open_salon(10)
    return count + await found.fill(others, _AROUND, _HOURS, whole=False)


async def _compare(found: Calendars, db: Database, team: Sequence[Chair], days: int) -> _Times:
    """Turn about, the use case and the floor, one call at a time."""
    chair = team[0]
    start = today() + timedelta(days=1)
    window = Interval(start, start + timedelta(days=days))
    ask = Ask((Want(service_id=chair.service_id),))
    connection = await asyncpg.connect(found.admin_url, server_settings={"jit": "off"})
    floor = await connection.prepare(_FLOOR)
    people = [one.staff_id for one in team]

    async def ours() -> None:
        answer: object
        async with db.tx(chair.tenant_id) as tx:
            if days > 7:
                answer = await availability.by_day(tx, ask, window, system_clock())
            else:
                answer = await availability.find(tx, ask, window, 50, system_clock())
        if not answer or isinstance(answer, str):
            raise RuntimeError(f"nothing is free: {answer}")

    async def bare() -> None:
        await floor.fetch(chair.tenant_id, people, start, days)

    times = _Times([], [])
    for call in range(_CALLS + 20):
        for work, taken in ((ours, times.ours), (bare, times.floor)):
            taken.append(await _timed(work))
        if call == 19:  # plans are made, caches are warm
            times.ours.clear()
            times.floor.clear()
    await connection.close()
    return times


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started
