"""The job queue over a real PostgreSQL: leases, retries, death, replay, lanes, unique keys."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_common import jobs
from booka_common.db import Database
from booka_common.faults import FaultPoints
from booka_common.ids import new_id
from booka_common.jobs import Dead, Done, Job, JobType, Postponed, RetryIn, backoff
from booka_common.observability import Metrics
from booka_common.testing import eventually
from booka_common.worker import Worker

from .working import add, ends_as, state, working


async def note(tx, text):
    await tx.execute("INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, $3)", tx.tenant_id, new_id(), text)


async def notes(db, tenant_id):
    async with db.tx(tenant_id) as tx:
        return [row["text"] for row in await tx.fetch("SELECT text FROM notes WHERE tenant_id = $1", tenant_id)]


async def test_the_outcome_is_recorded_with_the_end_of_the_job(db, tenant_id):
    type = f"t-{tenant_id}"

    async def handler(job: Job):
        return Done(lambda tx: note(tx, f"n={job.payload['n']}"))

    async with working(db, {type: JobType(handler)}):
        job_id = await add(db, tenant_id, type, n=7)
        await eventually(ends_as(db, tenant_id, job_id, "done"))
    assert await notes(db, tenant_id) == ["n=7"]


async def test_a_failing_job_backs_off_dies_visibly_and_can_be_replayed(db, tenant_id):
    type = f"t-{tenant_id}"
    healthy = asyncio.Event()

    async def handler(job: Job):
        if not healthy.is_set():
            raise ConnectionError("the gateway is away")
        return Done()

    async def on_dead(tx, job, reason):
        await note(tx, reason)

    kind = JobType(handler, on_dead=on_dead, first_delay=timedelta(milliseconds=10))
    async with working(db, {type: kind}):
        job_id = await add(db, tenant_id, type, max_attempts=3)
        row = await eventually(ends_as(db, tenant_id, job_id, "dead"))
        assert row["attempts"] == 3
        assert "the gateway is away" in row["last_error"]
        assert await notes(db, tenant_id) == [row["last_error"]]
        healthy.set()
        async with db.tx(tenant_id) as tx:
            assert await jobs.replay(tx, job_id, now=datetime.now(UTC))
        await eventually(ends_as(db, tenant_id, job_id, "done"))


async def test_a_job_whose_workers_die_of_it_is_dead_after_its_attempts(db, tenant_id):
    type = f"t-{tenant_id}"
    runs = []

    async def handler(job: Job):
        runs.append(job.id)
        return Done()

    async def on_dead(tx, job, reason):
        await note(tx, reason)

    job_id = await add(db, tenant_id, type, max_attempts=3)
    async with db.tx(tenant_id) as tx:  # as three workers leave it that were killed
        await tx.execute("UPDATE jobs SET attempts = 3 WHERE tenant_id = $1", tenant_id)
    async with working(db, {type: JobType(handler, on_dead=on_dead)}):
        row = await eventually(ends_as(db, tenant_id, job_id, "dead"))
    assert runs == []
    assert "its workers ended" in row["last_error"]
    assert await notes(db, tenant_id) == [row["last_error"]]


async def test_dead_at_once_and_retry_with_a_delay_of_its_own(db, tenant_id):
    type = f"t-{tenant_id}"
    runs = []

    async def handler(job: Job):
        runs.append(job.attempts)
        if job.payload["n"] == 1:
            return Dead("no such number", lambda tx: note(tx, "told"))
        return RetryIn("not yet", timedelta(milliseconds=5)) if job.attempts == 1 else Done()

    async with working(db, {type: JobType(handler)}):
        dead, retried = await add(db, tenant_id, type, n=1), await add(db, tenant_id, type, n=2)
        await eventually(ends_as(db, tenant_id, dead, "dead"))
        await eventually(ends_as(db, tenant_id, retried, "done"))
    assert sorted(runs) == [1, 1, 2]
    assert await notes(db, tenant_id) == ["told"]


async def test_what_is_postponed_uses_up_no_attempt(db, tenant_id):
    type = f"t-{tenant_id}"
    runs = []

    async def handler(job: Job):
        runs.append(job.attempts)
        if len(runs) < 4:
            later = datetime.now(UTC) + timedelta(milliseconds=20)
            return Postponed("the line is away", later, lambda tx: note(tx, f"postponed {len(runs)}"))
        if len(runs) == 4:
            return RetryIn("now it was tried", timedelta(0), lambda tx: note(tx, "tried"))
        return Done()

    async with working(db, {type: JobType(handler)}):
        job_id = await add(db, tenant_id, type, max_attempts=2)
        row = await eventually(ends_as(db, tenant_id, job_id, "done"))
    assert runs == [1, 1, 1, 1, 2]
    assert row["attempts"] == 2
    assert sorted(await notes(db, tenant_id)) == ["postponed 1", "postponed 2", "postponed 3", "tried"]


async def test_what_the_last_attempt_found_out_is_written_with_the_giving_up(db, tenant_id):
    type = f"t-{tenant_id}"

    async def handler(job: Job):
        return RetryIn("no", timedelta(0), lambda tx: note(tx, f"attempt {job.attempts}"))

    async def on_dead(tx, job, reason):
        await note(tx, "given up")

    async with working(db, {type: JobType(handler, max_attempts=2, on_dead=on_dead)}):
        await eventually(ends_as(db, tenant_id, await add(db, tenant_id, type, max_attempts=2), "dead"))
    assert sorted(await notes(db, tenant_id)) == ["attempt 1", "attempt 2", "given up"]


async def test_what_is_postponed_keeps_its_lane_waiting(db, tenant_id):
    type = f"t-{tenant_id}"
    runs = []

    async def handler(job: Job):
        runs.append(job.payload["n"])
        later = datetime.now(UTC) + timedelta(milliseconds=50)
        return Postponed("not yet", later) if runs == [1] else Done()

    async with working(db, {type: JobType(handler)}):
        await add(db, tenant_id, type, n=1, lane="x")
        second = await add(db, tenant_id, type, n=2, lane="x")
        await eventually(ends_as(db, tenant_id, second, "done"))
    assert runs == [1, 1, 2]


async def test_a_unique_key_makes_a_job_exist_once(db, tenant_id):
    type = f"t-{tenant_id}"
    made = await asyncio.gather(*(add(db, tenant_id, type, unique_key="k") for _ in range(5)))
    assert sum(job_id is not None for job_id in made) == 1
    assert await add(db, new_id(), type, unique_key="k") is not None


async def test_a_lane_runs_one_at_a_time_and_in_order(db, tenant_id):
    type = f"t-{tenant_id}"
    order, inside = [], 0

    async def handler(job: Job):
        nonlocal inside
        inside += 1
        assert inside == 1
        order.append(job.payload["n"])
        await asyncio.sleep(0)
        inside -= 1
        return RetryIn("again", timedelta(milliseconds=2)) if job.payload["n"] == 3 and job.attempts == 1 else Done()

    ids = [await add(db, tenant_id, type, n=n, lane="conversation") for n in range(8)]
    async with working(db, {type: JobType(handler)}), working(db, {type: JobType(handler)}):
        await eventually(ends_as(db, tenant_id, ids[-1], "done"))
    assert order == [0, 1, 2, 3, 3, 4, 5, 6, 7]


async def test_the_order_within_a_lane_goes_before_the_order_of_putting(db, tenant_id):
    type = f"t-{tenant_id}"
    order = []

    async def handler(job: Job):
        order.append(job.payload["n"])
        return Done()

    ids = {n: await add(db, tenant_id, type, n=n, lane="conversation", lane_order=n) for n in (3, 1, 2)}
    async with working(db, {type: JobType(handler)}):
        await eventually(ends_as(db, tenant_id, ids[3], "done"))
    assert order == [1, 2, 3]


@pytest.mark.parametrize("lane", [None, "conversation"])
async def test_what_waits_for_another_job_starts_as_soon_as_that_one_ends(db, tenant_id, lane):
    type = f"t-{tenant_id}"

    async def handler(job: Job):
        return RetryIn("again", timedelta(milliseconds=2)) if job.payload["n"] == 3 and job.attempts == 1 else Done()

    ids = [await add(db, tenant_id, type, n=n, lane=lane) for n in range(12)]

    async def all_done():
        return [await ends_as(db, tenant_id, job_id, "done")() for job_id in ids].count(None) == 0

    async with working(db, {type: JobType(handler)}, concurrency=1 if lane is None else 16):
        await eventually(all_done, timeout=6)  # looking once a second would take 12


async def test_the_next_of_a_lane_starts_at_once_though_another_replica_put_it(db, settings, tenant_id):
    type = f"t-{tenant_id}"
    started, go_on = asyncio.Event(), asyncio.Event()

    async def handler(job: Job):
        started.set()
        await go_on.wait()
        return Done()

    async with (
        Database(settings.database_url.get_secret_value(), "booking") as elsewhere,
        working(db, {type: JobType(handler)}),
        asyncio.timeout(6),
    ):
        for _ in range(10):  # looking once a second would take as many seconds
            started.clear()
            go_on.clear()
            await add(db, tenant_id, type, lane="conversation")
            await started.wait()
            last = await add(elsewhere, tenant_id, type, lane="conversation")
            go_on.set()
            await eventually(ends_as(db, tenant_id, last, "done"))


async def test_a_job_is_not_started_before_its_time_and_can_be_called_back(db, tenant_id):
    type = f"t-{tenant_id}"

    async def handler(job: Job):
        return Done()

    later = datetime.now(UTC) + timedelta(hours=1)
    job_id = await add(db, tenant_id, type, scheduled_at=later, unique_key="r")
    soon = await add(db, tenant_id, type)
    async with working(db, {type: JobType(handler)}):
        await eventually(ends_as(db, tenant_id, soon, "done"))
    assert (await state(db, tenant_id, job_id))["status"] == "ready"
    async with db.tx(tenant_id) as tx:
        assert await jobs.cancel(tx, type, "r")
        assert not await jobs.cancel(tx, type, "r")


@pytest.mark.parametrize(
    "late",
    [
        Done,
        lambda record: RetryIn("no", timedelta(0), record),
        lambda record: Postponed("not yet", datetime.now(UTC), record),
    ],
    ids=["done", "retry", "postponed"],
)
async def test_the_job_of_a_dead_worker_is_taken_over_and_the_dead_one_changes_nothing(db, tenant_id, late):
    type = f"t-{tenant_id}"
    hang, taken = asyncio.Event(), asyncio.Event()

    async def slow(job: Job):
        taken.set()
        await hang.wait()
        return late(lambda tx: note(tx, "late"))

    async def quick(job: Job):
        return Done(lambda tx: note(tx, "in time"))

    job_id = await add(db, tenant_id, type)
    async with working(db, {type: JobType(slow, timeout=timedelta(seconds=20))}, concurrency=1) as first:
        await taken.wait()
        # The first worker loses its lease, as if its machine had frozen.
        async with db.tx(tenant_id) as tx:
            await tx.execute(
                "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE tenant_id = $1", tenant_id
            )
        async with working(db, {type: JobType(quick)}, lease=timedelta(seconds=0.3)):
            await eventually(ends_as(db, tenant_id, job_id, "done"))
        hang.set()

        async def lost():
            return first.metrics.jobs.labels(type, "lease_lost")._value.get() == 1

        await eventually(lost)
    assert await notes(db, tenant_id) == ["in time"]
    assert (await state(db, tenant_id, job_id))["attempts"] == 2


async def test_a_claim_under_way_when_the_end_comes_is_finished_too(db, tenant_id):
    type = f"t-{tenant_id}"

    async def handler(job: Job):
        return Done()

    worker = Worker(db, Metrics("test"), FaultPoints(), {type: JobType(handler)}, lambda: datetime.now(UTC))
    job_id = await add(db, tenant_id, type)
    ending = asyncio.Event()

    async def end():
        ending.set()
        await worker.drain(timedelta(seconds=10))

    async with db.tx(tenant_id) as tx:
        await tx.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        running = asyncio.create_task(worker.run())
        try:

            async def claiming():
                return await tx.fetchval(
                    "SELECT count(*) FROM pg_locks WHERE relation = 'jobs'::regclass AND NOT granted"
                )

            await eventually(claiming)
            draining = asyncio.create_task(end())
            await ending.wait()
        except BaseException:
            running.cancel()
            raise
    await draining
    assert (await state(db, tenant_id, job_id))["status"] == "done"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_two_workers_run_each_job_once(db, tenant_id):
    type = f"t-{tenant_id}"

    async def handler(job: Job):
        return Done(lambda tx: note(tx, str(job.payload["n"])))

    async with working(db, {type: JobType(handler)}), working(db, {type: JobType(handler)}):
        await asyncio.gather(*(add(db, tenant_id, type, n=n) for n in range(60)))

        async def all_done():
            return len(await notes(db, tenant_id)) >= 60

        await eventually(all_done)
    assert sorted(map(int, await notes(db, tenant_id))) == list(range(60))


@given(attempts=st.integers(1, 200))
def test_backoff_stays_within_its_bounds(attempts):
    delay = backoff(attempts, timedelta(seconds=1), timedelta(minutes=5))
    assert timedelta(0) <= delay <= min(timedelta(minutes=5), timedelta(seconds=1) * 2 ** min(attempts - 1, 30))
