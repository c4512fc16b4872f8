"""A worker that runs while a test does something."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from booka_common.db import Database
from booka_common.faults import FaultPoints
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
