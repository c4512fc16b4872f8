"""A worker that runs while a test does something, and what became of its jobs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from booka_common import jobs
from booka_common.db import Database
from booka_common.faults import FaultPoints
from booka_common.ids import new_id
from booka_common.jobs import JobType
from booka_common.observability import Metrics
from booka_common.worker import Worker


@asynccontextmanager
async def working(db: Database, types: dict[str, JobType], **options: Any) -> AsyncIterator[Worker]:
    """It is drained at the end."""
    worker = Worker(db, Metrics("test"), FaultPoints(), types, lambda: datetime.now(UTC), **options)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.drain(timedelta(seconds=2))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def add(db: Database, tenant_id: UUID, type: str, **options) -> UUID | None:
    defaults = {"scheduled_at": datetime.now(UTC), "correlation_id": new_id()}
    async with db.tx(tenant_id) as tx:
        return await jobs.put(tx, type, {"n": options.pop("n", 0)}, **{**defaults, **options})


async def state(db: Database, tenant_id: UUID, job_id: UUID):
    async with db.tx(tenant_id) as tx:
        return await tx.fetchrow("SELECT * FROM jobs WHERE tenant_id = $1 AND id = $2", tenant_id, job_id)


def ends_as(db, tenant_id, job_id, status):
    async def look():
        row = await state(db, tenant_id, job_id)
        return row if row["status"] == status else None

    return look
