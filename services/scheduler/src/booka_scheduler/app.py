"""The scheduler put together."""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI

from booka_common.internal import authenticate
from booka_common.runtime import Runtime, assemble
from booka_common.service import system_clock
from booka_scheduler.api import reminders_api
from booka_scheduler.consumers import describe, subscribe
from booka_scheduler.jobs import job_types
from booka_scheduler.settings import SERVICE, Settings

__all__ = ["create_app", "describe"]


def create_app(settings: Settings, now: Callable[[], datetime] = system_clock) -> FastAPI:
    """The scheduler as an application; its lifespan runs the machinery."""
    runtime = Runtime.of(SERVICE, settings, now)
    subscribe(runtime.consumers, runtime.db, now)
    app = assemble(runtime, job_types(now))
    caller = authenticate(settings.secret_set("internal_secrets"), now)
    app.include_router(reminders_api(runtime.db, caller, now))
    return app
