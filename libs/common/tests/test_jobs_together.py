"""Jobs that end at the same time are finished in one transaction."""

import asyncio
from datetime import UTC, datetime

from booka_common import jobs
from booka_common.ids import new_id
from booka_common.jobs import Done, Job, JobType
from booka_common.testing import eventually

from .working import add, ends_as, state, working


async def test_what_somebody_else_was_writing_meanwhile_is_seen_the_second_time(db, tenant_id):
    type, note = f"t-{tenant_id}", new_id()
    insert = "INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, $3)"
    seen, tried = [], asyncio.Event()

    async def handler(job: Job):
        return Done(result=job.id)

    async def record_all(tx, results):
        seen.append(await tx.fetchval("SELECT text FROM notes WHERE tenant_id = $1 AND id = $2", tenant_id, note))
        tried.set()
        if seen[-1] is None:
            await tx.execute(insert, tenant_id, note, "ours")

    async with working(db, {type: JobType(handler, record_all=record_all)}):
        async with db.tx(tenant_id) as theirs:
            await theirs.execute(insert, tenant_id, note, "theirs")
            job_id = await add(db, tenant_id, type)
            await tried.wait()
        await eventually(ends_as(db, tenant_id, job_id, "done"))
    assert seen == [None, "theirs"]


async def test_jobs_that_end_together_are_recorded_together_and_one_that_cannot_be_does_not_stop_the_others(db):
    tenants, type = [new_id() for _ in range(6)], f"t-{new_id()}"
    all_in = asyncio.Event()
    recorded, running = [], []

    async def handler(job: Job):
        running.append(job.id)
        if len(running) == len(tenants):
            all_in.set()
        await all_in.wait()
        return Done(result=(job.tenant_id, job.payload["n"]))

    async def record_all(tx, results):
        recorded.append(results)
        if any(n == 3 for _, n in results):
            raise ValueError("this one cannot be recorded")
        await jobs.put_all(
            tx,
            [
                jobs.NewJob(tenant, f"after-{type}", {"n": n}, datetime.now(UTC), new_id(), unique_key=str(n))
                for tenant, n in results
            ],
        )

    ids = [await add(db, tenant, type, n=n) for n, tenant in enumerate(tenants)]
    async with working(db, {type: JobType(handler, record_all=record_all)}):
        for n, (tenant, job_id) in enumerate(zip(tenants, ids, strict=True)):
            if n != 3:
                await eventually(ends_as(db, tenant, job_id, "done"))
        assert (await state(db, tenants[3], ids[3]))["status"] == "running", "left to its lease"
    assert len(recorded[0]) > 1
    for n, tenant in enumerate(tenants):
        async with db.tx(tenant) as tx:
            followed = await tx.fetch(
                "SELECT payload FROM jobs WHERE tenant_id = $1 AND type = $2", tenant, f"after-{type}"
            )
        assert [row["payload"] for row in followed] == ([] if n == 3 else [{"n": n}])
