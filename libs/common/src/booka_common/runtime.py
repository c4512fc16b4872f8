"""A running service: how it is put together, how it starts and in which order it stops.

open:   database → relay, worker, housekeeping → consumers
close:  consumers and the service's own loops → worker → relay (flushes the outbox) → database
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import FastAPI

from booka_common.consuming import Consumers
from booka_common.db import Database, load_queries
from booka_common.faults import FaultPoints
from booka_common.internal import authenticate
from booka_common.jobs import JobType
from booka_common.migrate import migrations
from booka_common.observability import Metrics
from booka_common.outbox import Relay
from booka_common.publisher import Publisher
from booka_common.service import Service, system_clock
from booka_common.settings import ServiceSettings
from booka_common.web import create_web, jobs_api
from booka_common.worker import Worker

__all__ = ["Runtime", "assemble", "clean_up"]

_log = logging.getLogger(__name__)

_KEEP = {
    ("outbox.sql", "outbox_prune"): timedelta(days=7),
    ("inbox.sql", "inbox_prune"): timedelta(days=30),
    ("jobs.sql", "job_prune"): timedelta(days=7),
    ("idempotency.sql", "idempotency_prune"): timedelta(days=7),
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """The machinery of one running service, handed to its `api`, `consumers` and jobs."""

    service: Service
    settings: ServiceSettings
    db: Database
    metrics: Metrics
    consumers: Consumers
    now: Callable[[], datetime]
    faults: FaultPoints

    @classmethod
    def of(cls, service: Service, settings: ServiceSettings, now: Callable[[], datetime] = system_clock) -> "Runtime":
        """Put the machinery together; nothing is opened yet."""
        metrics = Metrics(service.name)
        faults = FaultPoints.parse(settings.crash_at)
        amqp_url = settings.amqp_url.get_secret_value()
        return cls(
            service=service,
            settings=settings,
            db=Database(
                settings.database_url.get_secret_value(),
                service.name,
                pool_size=settings.db_pool_size,
                planner=service.planner,
            ),
            metrics=metrics,
            consumers=Consumers(service.name, amqp_url, metrics, faults, prefetch=settings.prefetch),
            now=now,
            faults=faults,
        )


def assemble(
    runtime: Runtime,
    job_types: Mapping[str, JobType],
    *,
    resources: Callable[[], "AsyncIterator[None]"] | None = None,
    loops: Mapping[str, Callable[[], Coroutine[object, object, None]]] | None = None,
) -> FastAPI:
    """The application of a service: shared routes plus the machinery as its lifespan. The service adds its routers.

    Args:
        job_types: what its worker runs.
        resources: an async generator function that opens the service's own clients before its one `yield`, and closes
            them after it.
        loops: what else goes on as long as requests are taken, and is ended before anything else.
    """
    settings, db, metrics = runtime.settings, runtime.db, runtime.metrics
    publisher = Publisher(settings.amqp_url.get_secret_value(), runtime.service.name)
    relay = Relay(db, publisher, metrics, runtime.faults)
    worker = Worker(db, metrics, runtime.faults, job_types, runtime.now, concurrency=settings.worker_concurrency,
                    lease=timedelta(seconds=settings.job_lease_seconds))  # fmt: skip
    tasks: list[asyncio.Task[None]] = []
    own_loops = loops or {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        own = asynccontextmanager(resources)() if resources else None
        async with db:
            if own:
                await own.__aenter__()
            for name, loop in (
                ("relay", relay.run()),
                ("worker", worker.run()),
                ("housekeeping", _housekeeping(db, runtime.service)),
                ("consumers", runtime.consumers.run()),
                *((name, loop()) for name, loop in own_loops.items()),
            ):
                tasks.append(asyncio.create_task(loop, name=name))
            try:
                yield
            finally:
                await _end(task for task in tasks if task.get_name() in {"consumers", *own_loops})
                await runtime.consumers.stop()
                await worker.drain(timedelta(seconds=10))
                await _end(tasks)
                tasks.clear()
                await relay.flush(timedelta(seconds=5))
                await publisher.close()
                if own:
                    await own.__aexit__(None, None, None)

    app = create_web(
        title=f"Booka {runtime.service.name}",
        description=runtime.service.description,
        db=db,
        metrics=metrics,
        required_migrations=frozenset(migrations(runtime.service.package)),
        checks={"rabbitmq": runtime.consumers.ping},
        alive=lambda: not any(task.done() for task in tasks),
        lifespan=lifespan,
        max_body_bytes=settings.max_body_bytes,
        asyncapi=runtime.consumers.asyncapi(),
    )
    caller = authenticate(settings.secret_set("internal_secrets"), runtime.now)
    app.include_router(jobs_api(db, caller, runtime.now))
    return app


async def _end(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel `tasks` and wait for them, but not for ever: a library may swallow a cancellation while it connects."""
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    if cancelled:
        _, stuck = await asyncio.wait(cancelled, timeout=5)
        if stuck:
            _log.warning("still running at shutdown: %s", ", ".join(task.get_name() for task in stuck))


async def _housekeeping(db: Database, service: Service) -> None:
    """Once an hour, remove what is kept long enough: sent messages, finished jobs and answers 7 days, inbox 30 days."""
    while True:
        await asyncio.sleep(3600)
        await clean_up(db, service)


async def clean_up(db: Database, service: Service) -> None:
    """Remove what has been kept long enough, of the plumbing and of the service. What fails is tried again next time.

    A statement is repeated until it removes nothing more: after an outage of a day there is more than one of them may take time
    for, and what never ends in time would never remove anything again.
    """
    for package, kept in (("booka_common", _KEEP), (service.package, service.keep)):
        for (filename, query), age in kept.items():
            statement = load_queries(package, filename)[query]
            try:
                removed = 1
                while removed:
                    async with db.system_tx(durable=False) as tx:
                        removed = await tx.execute(statement, age)
            except Exception as error:
                _log.warning("housekeeping failed: %r", error)
