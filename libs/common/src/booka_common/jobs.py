"""Jobs: calls to the outside and work that is due later, as rows that a worker of the same service claims.

A handler does its slow part without a transaction and returns an outcome. `Done.record` then runs in the transaction that also
finishes the job: the outcome and what follows from it are committed together. A worker that lost its lease changes nothing.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_common.ids import new_id
from booka_common.observability import current_traceparent

__all__ = [
    "LOOK_EVERY", "Dead", "Done", "Handler", "Job", "JobType", "NewJob", "Outcome", "Postponed", "Prepare", "Record", "RetryIn",
    "Starter", "backoff", "cancel", "put", "put_all", "put_started", "replay",
]  # fmt: skip

_queries = load_queries("booka_common", "jobs.sql")

Record = Callable[[Tx], Awaitable[None]]
#: An idle worker looks by itself so often: what is due later than this is found without being told.
LOOK_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `attempts` counts this run, so it is 1 on the first.

    Attributes:
        given: what was prepared for this run by whoever wrote the job (see `put_started`); None if it was claimed.
    """

    id: UUID
    tenant_id: UUID
    type: str
    payload: Mapping[str, Any]
    attempts: int
    max_attempts: int
    scheduled_at: datetime
    correlation_id: UUID
    traceparent: str | None
    lease_token: UUID
    given: Any = None


@dataclass(frozen=True, slots=True)
class Done:
    """It worked. `record` writes what came of it; a `result` is written by the type's `record_all`, with those of others."""

    record: Record | None = None
    result: Any = None


@dataclass(frozen=True, slots=True)
class RetryIn:
    """Not now. Does not end the job unless its attempts are used up; `delay` None means the standard backoff.

    `record` writes what is known now, even so.
    """

    reason: str
    delay: timedelta | None = None
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """It will never work. `record` writes what follows from that."""

    reason: str
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Postponed:
    """It was not tried, because its time is not before `until`. Uses up no attempt. `record` writes what is known now."""

    reason: str
    until: datetime
    record: Record | None = None


Outcome = Done | RetryIn | Dead | Postponed
Handler = Callable[[Job], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class JobType:
    """How jobs of one type are run.

    Attributes:
        handler: does the work; an exception counts as `RetryIn`.
        max_attempts: runs before the job is dead.
        timeout: for one run.
        on_dead: writes what follows when the attempts are used up, in the transaction that marks the job dead.
        record_all: writes the results of jobs that end at the same time, in the transaction that finishes them all. They
            are of several tenants: it is a `Database.shared_tx`.
        first_delay, longest_delay: of the exponential backoff with full jitter.
    """

    handler: Handler
    max_attempts: int = 10
    timeout: timedelta = timedelta(seconds=30)
    on_dead: Callable[[Tx, Job, str], Awaitable[None]] | None = None
    record_all: Callable[[Tx, Sequence[Any]], Awaitable[None]] | None = None
    first_delay: timedelta = timedelta(seconds=1)
    longest_delay: timedelta = timedelta(minutes=5)


def backoff(attempts: int, first: timedelta, longest: timedelta) -> timedelta:
    """Full jitter: anything between 0 and `first` doubled with every attempt, at most `longest`."""
    ceiling: timedelta = min(first * 2 ** min(attempts - 1, 20), longest)
    return ceiling * random.random()  # noqa: S311 - spreads load, guards nothing


async def put(
    tx: Tx,
    type: str,
    payload: Mapping[str, Any],
    *,
    scheduled_at: datetime,
    correlation_id: UUID,
    unique_key: str | None = None,
    lane: str | None = None,
    lane_order: int = 0,
    max_attempts: int = 10,
    id: UUID | None = None,
) -> UUID | None:
    """Write a job into the open transaction; return its id, or None if a job of this `unique_key` exists already.

    Args:
        payload: JSON object.
        scheduled_at: not before this instant.
        lane: jobs of one lane of a tenant run one at a time, in the order they were put.
        lane_order: goes before that order, for jobs that may be put out of order.
    """
    job_id: UUID | None = await tx.fetchval(
        _queries["job_put"],
        id or new_id(),
        tx.tenant_id,
        type,
        payload,
        scheduled_at,
        max_attempts,
        unique_key,
        lane,
        lane_order,
        correlation_id,
        current_traceparent(),
    )
    tx.wake(tx.signals.jobs_written)
    return job_id


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job for `put_all`; the fields are the arguments of `put`."""

    tenant_id: UUID
    type: str
    payload: Mapping[str, Any]
    scheduled_at: datetime
    correlation_id: UUID
    unique_key: str | None = None
    lane: str | None = None
    lane_order: int = 0
    max_attempts: int = 10
    traceparent: str | None = None
    id: UUID = field(default_factory=new_id)


#: The fields of `NewJob` in the order of `job_put_all`.
_COLUMNS = (
    "id", "tenant_id", "type", "payload", "scheduled_at", "max_attempts", "unique_key", "lane", "lane_order", "correlation_id",
    "traceparent",
)  # fmt: skip


async def put_all(tx: Tx, jobs: Sequence[NewJob], *, now: datetime | None = None) -> None:
    """Write jobs of any tenants of `tx`, in this order; one whose unique key exists already is left out.

    With `now`, the worker is not woken for what it will find in time by itself.
    """
    if not jobs:
        return
    await tx.execute(_queries["job_put_all"], *_columns(jobs))
    if now is None or any(job.scheduled_at < now + LOOK_EVERY for job in jobs):
        tx.wake(tx.signals.jobs_written)


class Starter(Protocol):
    """A worker of this process that runs jobs which it need not look for in the table."""

    lease: timedelta

    def room(self, types: Collection[str]) -> int:
        """How many jobs of these types it would start now."""

    def start(self, jobs: Sequence[Job]) -> None:
        """Run jobs that were committed as claimed by it."""


#: Prepares the runs of jobs in the transaction that writes them; returns what each is given.
Prepare = Callable[[Tx, Sequence[Job]], Awaitable[Sequence[Any]]]


async def put_started(tx: Tx, jobs: Sequence[NewJob], prepare: Prepare, *, now: datetime) -> None:
    """Write jobs as `put_all` does; what is due runs in this process as soon as `tx` has committed, if its worker has room.

    Such a job is written as claimed, and `prepare` does in `tx` what its run would do first. If this process dies, it is
    anybody's once its lease has run out. Nobody else may put jobs into their lanes until `tx` has ended.
    """
    starter, chosen = tx.signals.starter, _due(jobs, now)
    if starter is not None and chosen:
        chosen = chosen[: starter.room({job.type for job in chosen})]
    if starter is None or not chosen:
        await put_all(tx, jobs, now=now)
        return
    token = new_id()
    rows = await tx.fetch(
        _queries["job_put_started"], *_columns(jobs), [job in chosen for job in jobs], token, starter.lease
    )
    running = {row["id"] for row in rows if row["running"]}
    started = [_claimed(job, token) for job in chosen if job.id in running]
    if started:
        given = await prepare(tx, started)
        runs = [replace(job, given=one) for job, one in zip(started, given, strict=True)]
        tx.then(partial(starter.start, runs))
    if len(started) < len(jobs):
        tx.wake(tx.signals.jobs_written)


def _due(jobs: Sequence[NewJob], now: datetime) -> list[NewJob]:
    """Those that may start by `now`, as far as these jobs say; the first of each lane only."""
    lanes: set[tuple[UUID, str]] = set()
    due: list[NewJob] = []
    for job in sorted(jobs, key=lambda job: job.lane_order):
        free = job.lane is None or (job.tenant_id, job.lane) not in lanes
        if job.lane is not None:
            lanes.add((job.tenant_id, job.lane))
        if free and job.scheduled_at <= now:
            due.append(job)
    return due


def _columns(jobs: Sequence[NewJob]) -> list[list[Any]]:
    return [[getattr(job, name) for job in jobs] for name in _COLUMNS]


def _claimed(job: NewJob, token: UUID) -> Job:
    return Job(
        id=job.id,
        tenant_id=job.tenant_id,
        type=job.type,
        payload=job.payload,
        attempts=1,
        max_attempts=job.max_attempts,
        scheduled_at=job.scheduled_at,
        correlation_id=job.correlation_id,
        traceparent=job.traceparent,
        lease_token=token,
    )


async def cancel(tx: Tx, type: str, *unique_keys: str) -> bool:
    """Call jobs back that have not been started; False if there are none."""
    return await tx.execute(_queries["job_cancel"], tx.tenant_id, type, unique_keys) > 0


async def replay(tx: Tx, job_id: UUID, *, now: datetime) -> bool:
    """Give a dead job all its attempts again; False if it is not dead."""
    tx.wake(tx.signals.jobs_written)
    return await tx.execute(_queries["job_replay"], tx.tenant_id, job_id, now) > 0
