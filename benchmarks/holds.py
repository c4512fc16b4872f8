"""Holding starts: each client its own, and fifty after the same one; next to a bare insert under the same constraint."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import asyncpg
import orjson

from benchmarks.calendars import HALF_AN_HOUR, Calendars, Chair, calendars, pgbench, today
from benchmarks.report import Result, percentile
from benchmarks.running import cpu_seconds
from benchmarks.serving import Serving, serving
from booka_booking.domain.planning import Ask
from booka_booking.usecases.holding import Holds
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.wishes import Held, Wish
from booka_common.cli import tidy_less
from booka_common.contracts.booking import Want
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.service import system_clock

__all__ = ["measure"]

_CLIENTS = 50
_SECONDS = float(os.environ.get("SECONDS", "3"))
_ROUNDS = int(os.environ.get("ROUNDS", "3"))
_STORMS = int(os.environ.get("STORMS", "1000"))

#: The table that the constraint is on, alone, with as many rows in it.
_BARE = """
CREATE TABLE public.bare (
    tenant_id uuid NOT NULL,
    calendar_id uuid NOT NULL,
    busy_from timestamptz NOT NULL,
    busy_until timestamptz NOT NULL,
    during tstzrange NOT NULL GENERATED ALWAYS AS (tstzrange(busy_from, busy_until, '[)')) STORED,
    reservation_id uuid NOT NULL,
    active boolean NOT NULL,
    EXCLUDE USING gist (tenant_id WITH =, calendar_id WITH =, during WITH &&) WHERE (active)
);
ALTER TABLE public.bare ALTER COLUMN during SET STORAGE PLAIN;
INSERT INTO public.bare (tenant_id, calendar_id, busy_from, busy_until, reservation_id, active)
SELECT tenant_id, calendar_id, busy_from, busy_until, reservation_id, active FROM booking.claims;
"""
_BARE_INSERT = """
INSERT INTO public.bare (tenant_id, calendar_id, busy_from, busy_until, reservation_id, active)
VALUES ($1, $2, $3, $4, $5, true) ON CONFLICT DO NOTHING RETURNING 1
"""
#: `calendar` is a client of pgbench, which knows no UUIDs of ours; `n` counts up in each of them.
_PGBENCH = """\\set n :n + 1
INSERT INTO public.bare (tenant_id, calendar_id, busy_from, busy_until, reservation_id, active)
VALUES ('{tenant}', lpad({round} || '0' || :client_id, 32, '0')::uuid, timestamptz '2001-01-01' + :n * interval '30 minutes',
        timestamptz '2001-01-01' + (:n + 1) * interval '30 minutes', gen_random_uuid(), true);
"""


@dataclass(frozen=True)
class _Run:
    """Seconds of each operation, and of all; and of CPU: this process, PostgreSQL, and the service where there is one."""

    each: list[float]
    seconds: float
    cpu: tuple[float, float, float]

    @property
    def rate(self) -> float:
        return len(self.each) / self.seconds

    @property
    def per_1000(self) -> tuple[float, float, float]:
        """CPU seconds."""
        ours, postgres, service = (seconds / len(self.each) * 1000 for seconds in self.cpu)
        return ours, postgres, service


class _Starts:
    """The next free half hour of every calendar; nobody ever asks for one twice."""

    def __init__(self) -> None:
        self._next: dict[Chair, count[int]] = {}

    def of(self, chair: Chair) -> datetime:
        return today() + timedelta(days=1) + next(self._next.setdefault(chair, count())) * HALF_AN_HOUR


async def measure() -> list[Result]:
    """The use case next to its floors, then the service next to them: disjoint holds in turn, a few rounds; then storms."""
    async with calendars() as found:
        chairs = [chair for _ in range(_CLIENTS // 2) for chair in await found.open_salon(2)]
        rows = await found.fill(chairs, range(-200, 0), range(10))
        admin = await asyncpg.connect(found.admin_url)
        await admin.execute(_BARE)
        await found.settle()
        tidy_less()  # as every service does: what is called directly is measured in a process like theirs, and its floor too
        starts = _Starts()
        bench = _Pgbench(found, chairs[0])
        async with found.database(_CLIENTS) as db, _bare(found) as bare:
            way = _Direct(db, starts)
            runs = await _in_turn(bench, {"asyncpg": bare.hold, "usecase": way.hold}, chairs, (found.postgres_pid, 0))
            results = _usecase(runs, bench.middle(), rows)
            results += await _contended("usecase", way, chairs, starts)
        # Nobody has told anybody of these yet: the service would do so for all of them while it is measured.
        await admin.execute("UPDATE booking.outbox SET sent_at = now()")
        async with serving(found) as service:
            post = _Posting(service, starts)
            runs |= await _in_turn(bench, {"http": post.hold}, chairs, (found.postgres_pid, service.pid))
            results += _http(runs, bench.middle())
            await _told(admin)  # what the bursts before left to be published is not of the storms
            results += await _contended("http", post, chairs, starts)
        await _judge(admin)
        await admin.close()
        return results


class _Pgbench:
    """The bare insert, without our language and our driver."""

    def __init__(self, found: Calendars, chair: Chair) -> None:
        self._url = found.admin_url
        self._chair = chair
        self._round = count(1)
        self._rates: list[float] = []

    async def run(self) -> None:
        script = _PGBENCH.format(tenant=self._chair.tenant_id, round=next(self._round))
        self._rates.append(await asyncio.to_thread(pgbench, self._url, script, clients=_CLIENTS, seconds=_SECONDS))

    def middle(self) -> float:
        """The rate of the rounds since it was asked last, without the first."""
        rates, self._rates = sorted(self._rates[1:]), []
        return rates[len(rates) // 2]


async def _in_turn(
    bench: _Pgbench, ways: dict[str, Callable[[Chair], Awaitable[None]]], chairs: Sequence[Chair], pids: tuple[int, int]
) -> dict[str, _Run]:
    """The middle one of some rounds of each way. A first round is for plans and caches."""
    runs: dict[str, list[_Run]] = {name: [] for name in ways}
    for number in range(_ROUNDS + 1):
        await bench.run()
        for name, hold in ways.items():
            run = await _closed_loop(chairs, hold, *pids)
            if number:
                runs[name].append(run)
    return {name: sorted(some, key=lambda run: run.rate)[len(some) // 2] for name, some in runs.items()}


def _usecase(runs: dict[str, _Run], bench: float, rows: int) -> list[Result]:
    run, plain = runs["usecase"], runs["asyncpg"]
    return [
        Result.of("holds.asyncpg", plain.rate, "/s", floor=bench, note=f"one INSERT … ON CONFLICT; floor: pgbench, {rows} rows"),
        Result.of("holds.usecase", run.rate, "/s", floor=plain.rate, note="floor: the asyncpg statement"),
        Result.of("holds.usecase.p99", _ms(run, 0.99), "ms", floor=_ms(plain, 0.99), note=f"{_CLIENTS} clients"),
        _cpu("usecase", run, plain, (0, 1)),
    ]  # fmt: skip


def _http(runs: dict[str, _Run], bench: float) -> list[Result]:
    run, plain = runs["http"], runs["asyncpg"]
    return [
        Result.of("holds.http", run.rate, "/s", floor=bench, note="signed, with a key, validated, relayed; floor: pgbench"),
        Result.of("holds.http.p99", _ms(run, 0.99), "ms", floor=_ms(plain, 0.99), note=f"{_CLIENTS} connections"),
        _cpu("http", run, plain, (2, 1)),
    ]  # fmt: skip


def _cpu(name: str, run: _Run, plain: _Run, parts: tuple[int, int]) -> Result:
    """What other processes do changes rates much and this little."""
    python, postgres = (run.per_1000[part] for part in parts)
    note = f"CPU seconds of 1000 holds: Python {python:.2f}, PostgreSQL {postgres:.2f}; floor: the asyncpg statement"
    return Result.of(f"holds.{name}.cpu", python + postgres, "s/1000", floor=sum(plain.per_1000[:2]), note=note)


async def _contended(name: str, way: "_Direct | _Posting", chairs: Sequence[Chair], starts: _Starts) -> list[Result]:
    each: list[float] = []
    whole: list[float] = []
    for number in range(_STORMS):
        chair = chairs[number % len(chairs)]
        start = starts.of(chair)
        began = time.perf_counter()
        outcomes = await asyncio.gather(*(_timed(way.try_to_hold, chair, start) for _ in range(_CLIENTS)))
        whole.append(time.perf_counter() - began)
        each += [seconds for seconds, _ in outcomes]
        if sum(won for _, won in outcomes) != 1:
            raise RuntimeError(f"{sum(won for _, won in outcomes)} of {_CLIENTS} hold {start} of {chair.staff_id}")
    note = f"{_STORMS} storms of {_CLIENTS} on one start, one winner each, three alternatives for everybody else"
    return [
        Result.of(f"holds.storm.{name}.p50", percentile(each, 0.5) * 1000, "ms", note=note),
        Result.of(f"holds.storm.{name}.p99", percentile(each, 0.99) * 1000, "ms", note="of one client"),
        Result.of(f"holds.storm.{name}.longest", max(whole) * 1000, "ms", note="the storm that took longest"),
    ]


async def _told(admin: Any) -> None:
    async with asyncio.timeout(60):
        while await admin.fetchval("SELECT EXISTS (SELECT FROM booking.outbox WHERE sent_at IS NULL)"):  # noqa: ASYNC110 - no signal
            await asyncio.sleep(0.1)


async def _judge(admin: Any) -> None:
    doubled = await admin.fetchval(
        """SELECT count(*) FROM booking.claims AS a JOIN booking.claims AS b
               ON a.calendar_id = b.calendar_id AND a.busy_from = b.busy_from AND a.ctid < b.ctid
           WHERE a.active AND b.active"""
    )
    if doubled:
        raise RuntimeError(f"{doubled} starts were given twice")


class _Direct:
    """The use case, in this process."""

    def __init__(self, db: Database, starts: _Starts) -> None:
        self._holds = Holds(db)
        self._starts = starts

    async def hold(self, chair: Chair) -> None:
        if not await self.try_to_hold(chair, self._starts.of(chair)):
            raise RuntimeError("a start of its own was refused")

    async def try_to_hold(self, chair: Chair, start: datetime) -> bool:
        wish = Wish(
            Ask((Want(service_id=chair.service_id, staff_id=chair.staff_id),)),
            start,
            request_id=new_id(),
            conversation_id=new_id(),
            contact_id=new_id(),
            contact_name="Maria",
        )
        outcome = await self._holds.hold(wish, Occasion.request(chair.tenant_id, system_clock()))
        return isinstance(outcome, Held)


class _Posting:
    """The same over HTTP, with everything that comes with it."""

    def __init__(self, service: Serving, starts: _Starts) -> None:
        self._service = service
        self._starts = starts
        self.turned_away = 0

    async def hold(self, chair: Chair) -> None:
        if not await self.try_to_hold(chair, self._starts.of(chair)):
            raise RuntimeError("a start of its own was refused")

    async def try_to_hold(self, chair: Chair, start: datetime) -> bool:
        body = orjson.dumps(
            {
                "request_id": new_id(),
                "wants": [{"service_id": chair.service_id, "staff_id": chair.staff_id}],
                "start": start,
                "contact_id": new_id(),
                "contact_name": "Maria",
            }
        )
        while (status := await self._service.post(chair.tenant_id, "/v1/reservations", body)) == 503:
            self.turned_away += 1  # no connection to the database within two seconds: a busy machine; ask again
        if status not in (200, 201, 409):
            raise RuntimeError(f"answered {status}")
        return status != 409


class _Bare:
    """One statement, prepared, on a connection for each client."""

    def __init__(self, statements: Sequence[Any]) -> None:
        self._free = list(statements)
        self._next = count()

    async def hold(self, chair: Chair) -> None:
        statement = self._free.pop()
        start = datetime(2040, 1, 1, tzinfo=today().tzinfo) + next(self._next) * HALF_AN_HOUR
        won = await statement.fetchval(chair.tenant_id, chair.staff_id, start, start + HALF_AN_HOUR, new_id())
        self._free.append(statement)
        if won is None:
            raise RuntimeError("a start of its own was refused")


class _bare:  # noqa: N801 - a context manager that is used like a function
    def __init__(self, found: Calendars) -> None:
        self._url = found.admin_url
        self._open: list[Any] = []

    async def __aenter__(self) -> _Bare:
        self._open = [await asyncpg.connect(self._url) for _ in range(_CLIENTS)]
        return _Bare([await connection.prepare(_BARE_INSERT) for connection in self._open])

    async def __aexit__(self, *_error: object) -> None:
        for connection in self._open:
            await connection.close()


async def _closed_loop(
    chairs: Sequence[Chair], hold: Callable[[Chair], Awaitable[None]], postgres: int, service: int
) -> _Run:
    """Every client holds one start after the other in a calendar of its own."""
    each: list[float] = []
    pids = tuple(filter(None, (postgres, service)))
    own, used = time.process_time(), cpu_seconds(pids)
    began = time.perf_counter()

    async def client(chair: Chair) -> None:
        while (started := time.perf_counter()) < began + _SECONDS:
            await hold(chair)
            each.append(time.perf_counter() - started)

    await asyncio.gather(*(client(chair) for chair in chairs))
    took = time.perf_counter() - began
    now = cpu_seconds(pids)
    postgres_used, service_used = (now[pid] - used[pid] if pid else 0.0 for pid in (postgres, service))
    return _Run(each, took, (time.process_time() - own, postgres_used, service_used))


async def _timed(
    try_to_hold: Callable[[Chair, datetime], Awaitable[bool]], chair: Chair, start: datetime
) -> tuple[float, bool]:
    started = time.perf_counter()
    won = await try_to_hold(chair, start)
    return time.perf_counter() - started, won


def _ms(run: _Run, share: float) -> float:
    return percentile(run.each, share) * 1000
