"""The worker: claims due jobs of its service, runs them, and records how they end."""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never
from uuid import UUID

import asyncpg

from booka_common.batching import Batcher
from booka_common.db import Database, Tx, load_queries
from booka_common.errors import is_transient
from booka_common.faults import FaultPoints
from booka_common.ids import new_id
from booka_common.jobs import (
    LOOK_EVERY,
    Dead,
    Done,
    Job,
    JobType,
    Outcome,
    Postponed,
    Record,
    RetryIn,
    backoff,
)
from booka_common.observability import Metrics, work

__all__ = ["Worker"]

_log = logging.getLogger(__name__)
_queries = load_queries("booka_common", "jobs.sql")


class _LeaseLost(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Ended:
    """A job whose result waits to be written."""

    job: Job
    result: Any


@dataclass(slots=True)
class Worker:
    """Claims due jobs and runs them, `concurrency` at a time. Any number of workers may run at once."""

    db: Database
    metrics: Metrics
    faults: FaultPoints
    types: Mapping[str, JobType]
    now: Callable[[], datetime]
    concurrency: int = 16
    lease: timedelta = timedelta(seconds=30)
    _running: dict[asyncio.Task[None], UUID] = field(default_factory=dict)  # with the token of its lease
    _claiming: asyncio.Lock = field(default_factory=asyncio.Lock)
    _more: bool = True  # there may be due jobs that only wait for one of ours to finish
    _full: bool = True  # there may be due jobs for which there was no room
    _stopping: bool = False
    _ended: Batcher[_Ended, None] = field(init=False)

    def __post_init__(self) -> None:
        self._ended = Batcher(self._end_all)

    async def run(self) -> None:
        """Work until cancelled."""
        self.db.signals.starter = self
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_leases())
                group.create_task(self._loop())
        finally:
            self.db.signals.starter = None

    def room(self, types: Collection[str]) -> int:
        """How many jobs of these types it would start now: none while older ones may be waiting for room."""
        if self._stopping or self._full or self._claiming.locked() or not set(types) <= self.types.keys():
            return 0
        return max(self.concurrency - len(self._running), 0)

    def start(self, jobs: Sequence[Job]) -> None:
        """Run jobs that were committed as claimed by it. What it is too late for is left to its lease."""
        if not self._stopping:
            for job in jobs:
                self._begin(job)

    async def drain(self, timeout: timedelta) -> None:
        """Take nothing new and wait for what is running; what is not finished in time is left to its lease."""
        self._stopping = True
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                async with self._claiming:  # a claim that is under way still starts what it got
                    pass
                if self._running:
                    await asyncio.wait(self._running)
        except TimeoutError:
            _log.warning("%d jobs are left to their lease", len(self._running))
        for task in self._running:
            task.cancel()

    async def _loop(self) -> None:
        failures = 0
        while not self._stopping:
            try:
                async with self._claiming:
                    wait = timedelta(0) if self._stopping else await self._claim()
                failures = 0
            except Exception as error:
                if not is_transient(error):
                    _log.exception("claiming jobs failed")
                failures += 1
                wait = timedelta(seconds=min(0.1 * 2**failures, 2.0))
            if wait:
                await self.db.signals.jobs_written.wait(wait)

    async def _claim(self) -> timedelta:
        """Start what is due; return how long there is nothing to do unless the signal is set."""
        self._more = self._full = True  # until it is known better, every job that finishes wakes the loop
        idle = LOOK_EVERY
        free = self.concurrency - len(self._running)
        if free <= 0:
            return idle
        token = new_id()
        now = self.now()
        names = list(self.types)
        rows = await self.db.system_fetch(_queries["job_claim"], now, names, free, token, self.lease)
        for row in rows:
            if row["id"] is None:
                continue
            fields = {name: value for name, value in row.items() if name not in ("held_back", "next_due")}
            self._begin(Job(**fields, lease_token=token))
        if len(self._running) >= self.concurrency:
            return idle
        self._more, self._full = rows[0]["held_back"], False
        next_due: datetime | None = rows[0]["next_due"]
        return idle if next_due is None else min(idle, max(next_due - self.now(), timedelta(milliseconds=1)))

    def _begin(self, job: Job) -> None:
        late = (self.now() - job.scheduled_at).total_seconds()
        self.metrics.job_lag.labels(job.type).observe(max(late, 0))
        # Whoever wrote it may have begun it: what they log is not of this job.
        task = asyncio.get_running_loop().create_task(self._run(job), context=contextvars.Context())
        self._running[task] = job.lease_token
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        del self._running[task]
        if self._more:
            self.db.signals.jobs_written.set()

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            try:
                async with self.db.system_tx(durable=False) as tx:
                    if self._running:
                        await tx.execute(_queries["job_heartbeat"], list(set(self._running.values())), self.lease)
                    if await tx.execute(_queries["job_reclaim"]):
                        tx.wake(self.db.signals.jobs_written)
            except Exception as error:
                _log.warning("lease heartbeat failed: %r", error)

    async def _run(self, job: Job) -> None:
        kind = self.types[job.type]
        with work(
            traceparent=job.traceparent,
            tenant_id=job.tenant_id,
            correlation_id=job.correlation_id,
            job_id=job.id,
            job_type=job.type,
        ):
            outcome = await self._outcome(job, kind)
            self.faults.hit("worker.called")
            self.faults.hit(f"worker.called.{job.type}")
            try:
                await self._finish(job, kind, outcome)
            except _LeaseLost:
                self.metrics.jobs.labels(job.type, "lease_lost").inc()
                _log.warning("lease lost, outcome dropped")
            except Exception:
                # The outcome is unknown to the table: the lease runs out and the job runs again with the same idempotency key.
                _log.exception("outcome not recorded")

    async def _outcome(self, job: Job, kind: JobType) -> Outcome:
        if job.attempts > job.max_attempts:  # else what kills its worker would kill workers for ever
            return RetryIn("its workers ended before it did")
        try:
            async with asyncio.timeout(kind.timeout.total_seconds()):
                return await kind.handler(job)
        except Exception as error:
            if not is_transient(error):
                _log.exception("job failed")
            return RetryIn(f"{type(error).__name__}: {error}"[:500])

    async def _finish(self, job: Job, kind: JobType, outcome: Outcome) -> None:
        if isinstance(outcome, RetryIn) and job.attempts >= job.max_attempts:
            reason = f"gave up after {job.attempts} attempts: {outcome.reason}"
            outcome = Dead(reason, _given_up(kind, job, reason, outcome.record))
        match outcome:
            case Done(None, result) if result is not None:
                await self._ended.do(_Ended(job, result))
            case Done(record):
                await self._end(job, "done", record, _queries["job_done"], job.id, job.lease_token)
            case Dead(reason, record):
                _log.error("job is dead: %s", reason)
                await self._end(job, "dead", record, _queries["job_dead"], job.id, job.lease_token, reason[:2000])
            case RetryIn(reason, delay, record):
                wait = backoff(job.attempts, kind.first_delay, kind.longest_delay) if delay is None else delay
                at = self.now() + wait
                await self._end(job, "retry", record, _queries["job_retry"], job.id, job.lease_token, at, reason[:2000])
            case Postponed(reason, until, record):
                again = _queries["job_postpone"]
                await self._end(job, "postponed", record, again, job.id, job.lease_token, until, reason[:2000])
            case _:
                assert_never(outcome)

    async def _end_all(self, batch: Sequence[_Ended]) -> list[BaseException | None]:
        """Finish jobs in one transaction; the error of each that may not be finished any more."""
        try:
            return await self._end_together(batch)
        except asyncpg.UniqueViolationError:
            return await self._end_together(batch)  # what somebody else was writing meanwhile is seen now

    async def _end_together(self, batch: Sequence[_Ended]) -> list[BaseException | None]:
        async with self.db.shared_tx([ended.job.tenant_id for ended in batch]) as tx:
            rows = await tx.fetch(
                _queries["job_done_all"],
                [ended.job.id for ended in batch],
                [ended.job.lease_token for ended in batch],
            )
            wakes = {row["id"]: row["wake"] for row in rows}
            ours = [ended for ended in batch if ended.job.id in wakes]
            for name in {ended.job.type for ended in ours}:
                record_all = self.types[name].record_all
                if record_all is None:
                    raise RuntimeError(f"{name} returns a result and has no record_all")
                await record_all(tx, [ended.result for ended in ours if ended.job.type == name])
            if any(wakes.values()):
                tx.wake(self.db.signals.jobs_written)
        for ended in ours:
            self.metrics.jobs.labels(ended.job.type, "done").inc()
        return [None if ended.job.id in wakes else _LeaseLost() for ended in batch]

    async def _end(self, job: Job, label: str, record: Record | None, query: str, *args: object) -> None:
        async with self.db.tx(job.tenant_id) as tx:
            wake = await tx.fetchval(query, *args)
            if wake is None:
                raise _LeaseLost
            if record is not None:
                await record(tx)
            if wake:
                tx.wake(self.db.signals.jobs_written)
        self.metrics.jobs.labels(job.type, label).inc()


def _given_up(kind: JobType, job: Job, reason: str, last: Record | None) -> Record:
    """What is written when the attempts are used up: what the last one found out, and what follows."""

    async def record(tx: Tx) -> None:
        if last is not None:
            await last(tx)
        if kind.on_dead is not None:
            await kind.on_dead(tx, job, reason)

    return record
