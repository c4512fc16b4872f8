"""The scheduler's jobs."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from booka_common.db import Tx
from booka_common.jobs import Done, Job, JobType
from booka_scheduler import usecases

__all__ = ["job_types"]


def job_types(now: Callable[[], datetime]) -> Mapping[str, JobType]:
    """What the worker runs: `remind`, due when a reminder is."""

    async def remind(job: Job) -> Done:
        # All of it happens in the transaction that finishes the job: without its lease, a worker announces nothing.
        async def record(tx: Tx) -> None:
            await usecases.remind(
                tx, job.tenant_id, UUID(job.payload["reminder_id"]), correlation_id=job.correlation_id, now=now()
            )

        return Done(record)

    return {usecases.REMIND: JobType(remind)}
