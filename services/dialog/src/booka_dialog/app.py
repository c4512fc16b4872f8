"""The dialog service, put together."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

from fastapi import FastAPI

from booka_common.consuming import Consumers
from booka_common.db import Database
from booka_common.internal import authenticate
from booka_common.observability import Metrics
from booka_common.runtime import Runtime, assemble
from booka_common.service import system_clock
from booka_dialog import consumers
from booka_dialog.api import api
from booka_dialog.jobs import job_types
from booka_dialog.settings import SERVICE, Settings
from booka_dialog.texts import warm_formats
from booka_dialog.understanding import warm
from booka_dialog.usecases import Deps, Limits

__all__ = ["create_app", "describe"]


def create_app(settings: Settings, now: Callable[[], datetime] = system_clock) -> FastAPI:
    """The application; nothing is opened before its lifespan starts."""
    runtime = Runtime.of(SERVICE, settings, now)
    deps = Deps(
        db=runtime.db,
        now=now,
        limits=Limits(
            patience=timedelta(seconds=settings.interpretation_timeout_seconds),
            quote_patience=timedelta(seconds=settings.quote_timeout_seconds),
            answer_patience=timedelta(seconds=settings.answer_patience_seconds),
            gap=timedelta(seconds=settings.gap_seconds),
        ),
    )
    consumers.register(runtime.consumers, deps, runtime.metrics)

    async def resources() -> AsyncIterator[None]:
        warm(now().date())
        warm_formats(now())
        yield

    app = assemble(runtime, job_types(deps), resources=resources)
    app.include_router(api(deps, authenticate(settings.secret_set("internal_secrets"), now)))
    return app


def describe(subscribers: Consumers) -> None:
    """Register what the service hears, for its AsyncAPI document; nothing of it is ever called."""
    deps = Deps(
        db=Database("postgresql://nobody@localhost/none", SERVICE.name),
        now=system_clock,
        limits=Limits(timedelta(), timedelta(), timedelta(), timedelta()),
    )
    consumers.register(subscribers, deps, Metrics(SERVICE.name))
