"""One turn: a signed webhook in, until its reply is requested at the gateway; one conversation at a time, and 50."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx

from benchmarks.clients import Chair, Phones, open_chairs
from benchmarks.floor import Bare, PerTurn
from benchmarks.report import Result, percentile
from benchmarks.running import cpu_seconds, private_stack, processes
from booka_stack.layout import SERVICES
from booka_stack.stack import Stack

__all__ = ["AT_ONCE", "Phase", "Rehearsed", "measure", "rehearsed"]

#: A turn's worth of each; smaller ones are for trying out (`TURNS=300`).
_TURNS = int(os.environ.get("TURNS", "3600"))
_SEQUENTIAL = max(_TURNS // 12, 50)
AT_ONCE = 50
_LINE = re.compile(
    r"^(booka_messages_consumed_total|booka_outbox_published_total|booka_job_runs_total)\{.*\} (\S+)$", re.M
)


@dataclass(frozen=True)
class _Counts:
    """Totals since the start."""

    transactions: int
    writing: int
    syncs: int
    consumed: float
    published: float
    jobs: float

    def since(self, before: "_Counts", turns: int) -> dict[str, float]:
        """Per turn."""
        return {name: (value - getattr(before, name)) / turns for name, value in vars(self).items()}


@dataclass(frozen=True)
class Phase:
    """What so many turns took: seconds of each and of all together, what they set in motion, and CPU seconds by part."""

    turns: list[float]
    seconds: float
    per_turn: dict[str, float]
    cpu: dict[str, float]  # seconds by part


async def measure() -> list[Result]:
    """Both phases on one stack, then their floors on the same servers."""
    with private_stack() as stack:
        async with rehearsed(stack, AT_ONCE, clients=10, turns=_TURNS // 12) as salons:
            alone = await salons.run(_SEQUENTIAL, clients=1)
            at_once = await salons.run(_TURNS)
        for process in stack.processes():  # the floor has the machine to itself
            process.stop()
        await asyncio.sleep(1)
        return await _with_floors(stack, alone, at_once)


@dataclass(frozen=True)
class Rehearsed:
    """Clients at their chairs in the salons of a stack that has been warmed up, and a connection that watches its database."""

    stack: Stack
    phones: Phones
    chairs: list[Chair]
    admin: Any

    async def run(self, turns: int, *, clients: int | None = None) -> Phase:
        """Have clients (all of them) converse until that many turns are through."""
        phase = await _run_phase(self.stack, self.admin, self.phones, self.chairs[:clients], turns)
        if self.phones.problems:
            raise RuntimeError(f"{len(self.phones.problems)} surprises at the gateway, first {self.phones.problems[0]}")
        return phase


@asynccontextmanager
async def rehearsed(stack: Stack, chairs: int, *, clients: int | None = None, turns: int) -> AsyncIterator[Rehearsed]:
    """So many chairs, after so many turns by so many clients (all) to warm up."""
    phones = Phones(stack.layout.url("messaging"))
    admin = await asyncpg.connect(stack.database_url())
    try:
        async with phones.gateway() as gateway:
            found = Rehearsed(stack, phones, await open_chairs(stack.layout, gateway.url, chairs), admin)
            await _until_quiet(admin)
            await found.run(turns, clients=clients)
            # Autovacuum would do it within a minute: plans that were made for empty tables pick indexes at random.
            await admin.execute("ANALYZE")
            yield found
    finally:
        await admin.close()


async def _with_floors(stack: Stack, alone: Phase, at_once: Phase) -> list[Result]:
    share = min(alone.per_turn["syncs"] / alone.per_turn["writing"], 1.0)
    floors = []
    for phase, turns, concurrency in ((alone, _SEQUENTIAL, 1), (at_once, _TURNS, AT_ONCE)):
        counted = phase.per_turn
        per_turn = PerTurn(
            synced=counted["writing"] * share,
            relaxed=counted["writing"] * (1 - share),
            published=counted["published"],
            delivered=min(counted["consumed"], counted["published"]),  # one message may go to two services
        )
        async with Bare.open(stack.database_url(), stack.amqp_url, concurrency=concurrency) as bare:
            await bare.run(per_turn, turns=turns // 10, concurrency=concurrency)
            pids = processes(stack).values()
            own, before = time.process_time(), cpu_seconds(pids)
            seconds, took = await bare.run(per_turn, turns=turns, concurrency=concurrency)
            cpu = time.process_time() - own + sum(cpu_seconds(pids).values()) - sum(before.values())
        floors.append((seconds, took, cpu / turns * 1000, per_turn))
    return [
        *_latency("turn.alone", alone, floors[0][0], _counted(alone, floors[0][3])),
        *_latency(f"turn.{AT_ONCE}_at_once", at_once, floors[1][0], _counted(at_once, floors[1][3])),
        Result.of(
            "turn.per_second",
            len(at_once.turns) / at_once.seconds,
            "turns/s",
            floor=len(floors[1][0]) / floors[1][1],
            note=f"{AT_ONCE} conversations, the load client included, on {os.cpu_count()} cores",
        ),
        *_cpu(at_once, floors[1][2]),
    ]


def _latency(name: str, phase: Phase, floor: list[float], note: str) -> list[Result]:
    return [
        Result.of(
            f"{name}.p{share * 100:g}",
            percentile(phase.turns, share) * 1000,
            "ms",
            floor=percentile(floor, share) * 1000,
            note=note if share == 0.5 else f"{len(phase.turns)} turns",
        )
        for share in (0.5, 0.99)
    ]


def _counted(phase: Phase, floor: PerTurn) -> str:
    counted = phase.per_turn
    return (
        f"a turn: {counted['transactions']:.1f} transactions, {counted['writing']:.1f} of them write "
        f"({floor.synced:.1f} wait for the disk), {counted['published']:.1f} messages published, "
        f"{counted['consumed']:.1f} consumed, {counted['jobs']:.1f} jobs"
    )


def _cpu(phase: Phase, floor: float) -> list[Result]:
    per_1000 = {name: seconds / len(phase.turns) * 1000 for name, seconds in phase.cpu.items()}
    client = per_1000.pop("client")
    services = sum(per_1000[name] for name in SERVICES)
    return [
        Result.of(
            "turn.cpu",
            sum(per_1000.values()),
            "s/1000",
            floor=floor,
            note=f"CPU seconds of 1000 turns; load client {client:.2g} more",
        ),
        Result.of("turn.cpu.services", services, "s/1000", note="the six services together"),
        *(Result.of(f"turn.cpu.{name}", value, "s/1000") for name, value in per_1000.items() if name != "sandbox"),
    ]


async def _run_phase(stack: Stack, admin: Any, phones: Phones, chairs: list[Chair], turns: int) -> Phase:
    """Have clients converse in `chairs` until that many turns are through."""
    phones.begin(turns)
    pids = processes(stack)
    counts, own, cpu = await _count(stack, admin), time.process_time(), cpu_seconds(pids.values())
    started = time.perf_counter()

    async def watch() -> float:
        await phones.enough.wait()
        return time.perf_counter() - started

    # Rate and times are taken while all are at it; those who finish their conversation afterwards only count as work.
    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(watch())
        for chair in chairs:
            group.create_task(phones.converse(chair))
    took = watcher.result()
    everything = len(phones.turns)
    await _until_quiet(admin)
    used = cpu_seconds(pids.values())
    client = time.process_time() - own
    per_turn = (await _count(stack, admin)).since(counts, everything)
    scale = turns / everything
    return Phase(
        turns=phones.turns[:turns],
        seconds=took,
        per_turn=per_turn,
        cpu={"client": client * scale, **{name: (used[pid] - cpu[pid]) * scale for name, pid in pids.items()}},
    )


async def _until_quiet(admin: Any) -> None:
    """Wait until every outbox is empty and no job is due."""
    unsent = " + ".join(f"(SELECT count(*) FROM {name}.outbox WHERE sent_at IS NULL)" for name in SERVICES)  # noqa: S608
    due = " + ".join(
        f"(SELECT count(*) FROM {name}.jobs WHERE status = 'running' OR status = 'ready' AND scheduled_at <= now())"  # noqa: S608
        for name in SERVICES
    )
    async with asyncio.timeout(60):
        while await admin.fetchval(f"SELECT {unsent} + {due}"):  # noqa: ASYNC110 - the database sends no signal
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.2)  # a backend publishes its statistics at most once a second, when idle


async def _count(stack: Stack, admin: Any) -> _Counts:
    row = await admin.fetchrow(
        """SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS transactions,
                  pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS writing,
                  (SELECT wal_sync FROM pg_stat_wal) AS syncs"""
    )
    totals = {"consumed": 0.0, "published": 0.0, "jobs": 0.0}
    names = {
        "booka_messages_consumed_total": "consumed",
        "booka_outbox_published_total": "published",
        "booka_job_runs_total": "jobs",
    }
    async with httpx.AsyncClient(timeout=10) as http:
        for service in SERVICES:
            page = (await http.get(f"{stack.layout.url(service)}/metrics")).text
            for name, value in _LINE.findall(page):
                totals[names[name]] += float(value)
    return _Counts(row["transactions"], row["writing"], row["syncs"], **totals)
