"""Jobs that run in the process that wrote them, without being looked for in the table, over a real PostgreSQL."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from booka_common import jobs
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.jobs import Done, Job, JobType, NewJob
from booka_common.testing import eventually

from .working import working


@asynccontextmanager
async def idling(db: Database, types: dict[str, JobType], **options):
    """A worker that has looked once and found nothing."""
    async with working(db, types, **options) as worker:

        async def idle():
            return worker.room(types)

        if options.get("concurrency", 16):
            await eventually(idle)
        yield worker


def job(tenant_id, type, n=0, **options):
    defaults = {"scheduled_at": datetime.now(UTC), "correlation_id": new_id()}
    return NewJob(tenant_id=tenant_id, type=type, payload={"n": n}, **{**defaults, **options})


async def prepare(tx, started):
    await tx.fetchval("SELECT 1")
    return [f"for {one.payload['n']}" for one in started]


async def put(db, tenant_id, *new, prepare=prepare):
    async with db.tx(tenant_id) as tx:
        await jobs.put_started(tx, new, prepare, now=datetime.now(UTC))


async def rows(db, tenant_id):
    async with db.tx(tenant_id) as tx:
        found = await tx.fetch("SELECT * FROM jobs WHERE tenant_id = $1 ORDER BY (payload ->> 'n')::int", tenant_id)
    return [(row["status"], row["attempts"]) for row in found]


class Runs:
    """A handler that notes what it is given, and ends when it may."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, object]] = []
        self.go_on = asyncio.Event()

    async def __call__(self, job: Job):
        self.seen.append((job.payload["n"], job.given))
        await self.go_on.wait()
        return Done()


def done(db, tenant_id, count):
    async def look():
        return await rows(db, tenant_id) == [("done", 1)] * count

    return look


async def test_a_due_job_starts_with_the_commit_that_wrote_it(db, tenant_id):
    type, runs = f"t-{tenant_id}", Runs()
    async with idling(db, {type: JobType(runs)}):
        async with db.tx(tenant_id) as tx:
            await jobs.put_started(tx, [job(tenant_id, type, 1)], prepare, now=datetime.now(UTC))
            assert runs.seen == []
        await asyncio.sleep(0)  # not a round trip later
        assert runs.seen == [(1, "for 1")]
        assert await rows(db, tenant_id) == [("running", 1)]
        runs.go_on.set()
        await eventually(done(db, tenant_id, 1))


async def test_nothing_starts_of_what_is_not_committed(db, tenant_id):
    type, runs = f"t-{tenant_id}", Runs()
    runs.go_on.set()
    async with idling(db, {type: JobType(runs)}):
        with pytest.raises(ZeroDivisionError):
            async with db.tx(tenant_id) as tx:
                await jobs.put_started(tx, [job(tenant_id, type)], prepare, now=datetime.now(UTC))
                raise ZeroDivisionError
        async with db.tx(tenant_id) as tx:
            with pytest.raises(ZeroDivisionError):
                async with tx.savepoint():
                    await jobs.put_started(tx, [job(tenant_id, type)], prepare, now=datetime.now(UTC))
                    raise ZeroDivisionError
        await put(db, tenant_id, job(tenant_id, type, 7))
        await eventually(done(db, tenant_id, 1))
    assert runs.seen == [(7, "for 7")]


async def test_what_cannot_start_at_once_waits_in_the_table(db, tenant_id):
    """Later ones, those behind others of their lane, those that are known, and those of other workers."""
    type, runs = f"t-{tenant_id}", Runs()
    later = datetime.now(UTC) + timedelta(minutes=1)
    await put(db, tenant_id, job(tenant_id, type, 0, unique_key="known", scheduled_at=later))  # nobody works here yet
    async with idling(db, {type: JobType(runs)}):
        await put(db, tenant_id, job(tenant_id, "elsewhere", 1))
        await put(
            db,
            tenant_id,
            job(tenant_id, type, 2, unique_key="known"),
            job(tenant_id, type, 3, scheduled_at=later),
            job(tenant_id, type, 5, lane="a", lane_order=2),
            job(tenant_id, type, 4, lane="a", lane_order=1),
        )
        assert await rows(db, tenant_id) == [("ready", 0)] * 3 + [("running", 1), ("ready", 0)]
        await put(db, tenant_id, job(tenant_id, type, 6, lane="a", lane_order=3), job(tenant_id, type, 7, lane="b"))
        assert (await rows(db, tenant_id))[-2:] == [("ready", 0), ("running", 1)]
        runs.go_on.set()

        async def all_done():
            return [row[0] for row in await rows(db, tenant_id)] == ["ready"] * 3 + ["done"] * 4

        await eventually(all_done)
    assert sorted(runs.seen[:2]) == [(4, "for 4"), (7, "for 7")]
    assert runs.seen[2:] == [(5, None), (6, None)]


async def test_without_room_older_ones_go_first(db, tenant_id):
    type, runs = f"t-{tenant_id}", Runs()
    async with idling(db, {type: JobType(runs)}, concurrency=1) as worker:
        await put(db, tenant_id, job(tenant_id, type, 1), job(tenant_id, type, 2))
        await put(db, tenant_id, job(tenant_id, type, 3))
        assert await rows(db, tenant_id) == [("running", 1), ("ready", 0), ("ready", 0)]
        runs.go_on.set()
        assert worker.room([type]) == 0
        await eventually(done(db, tenant_id, 3))
    assert [n for n, _ in runs.seen] == [1, 2, 3]


async def test_what_it_is_too_late_to_start_is_anybodys_once_its_lease_has_run_out(db, tenant_id):
    type, runs = f"t-{tenant_id}", Runs()
    runs.go_on.set()
    async with idling(db, {type: JobType(runs)}, lease=timedelta(seconds=1)) as writer, db.tx(tenant_id) as tx:
        await jobs.put_started(tx, [job(tenant_id, type, 1)], prepare, now=datetime.now(UTC))
        await writer.drain(timedelta(seconds=1))
    assert (runs.seen, await rows(db, tenant_id)) == ([], [("running", 1)])

    async def taken_over():
        return await rows(db, tenant_id) == [("done", 2)]

    async with idling(db, {type: JobType(runs)}, lease=timedelta(seconds=1)):
        await eventually(taken_over)
    assert runs.seen == [(1, None)]


async def test_work_that_is_begun_by_its_writer_shares_the_writers_transaction(db, tenant_id):
    """What the first run needs is done where the job is written: if that fails, there is no job."""
    type, runs = f"t-{tenant_id}", Runs()

    async def failing(tx, started):
        await tx.execute("SELECT 1 / 0")
        return []

    async with idling(db, {type: JobType(runs)}):
        with pytest.raises(Exception, match="division by zero"):
            await put(db, tenant_id, job(tenant_id, type), prepare=failing)
    assert await rows(db, tenant_id) == []
    assert runs.seen == []
