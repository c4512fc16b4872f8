"""The composition root: what booking is made of."""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI

from booka_booking.api.availability import availability_routes
from booka_booking.api.calendars import calendar_routes, feed_routes
from booka_booking.api.catalogue import catalogue_routes
from booka_booking.api.clients import client_routes
from booka_booking.api.reservations import reservation_routes
from booka_booking.api.steps import step_routes
from booka_booking.api.waitlist import waitlist_routes
from booka_booking.consumers import subscribe
from booka_booking.jobs import job_types
from booka_booking.settings import SERVICE, Settings
from booka_booking.usecases.holding import Holds
from booka_common.consuming import Consumers
from booka_common.db import Database
from booka_common.internal import authenticate
from booka_common.runtime import Runtime, assemble
from booka_common.service import system_clock

__all__ = ["create_app", "describe"]


def create_app(settings: Settings, now: Callable[[], datetime] = system_clock) -> FastAPI:
    """Booking as an application; its lifespan runs the machinery."""
    runtime = Runtime.of(SERVICE, settings, now)
    holds = Holds(runtime.db)
    subscribe(runtime.consumers, runtime.db, holds, now)
    app = assemble(runtime, job_types(now))
    caller = authenticate(settings.secret_set("internal_secrets"), now)
    app.include_router(catalogue_routes(runtime.db, caller, now))
    app.include_router(client_routes(runtime.db, caller, now))
    feeds = settings.secret_set("feed_secrets")
    app.include_router(calendar_routes(runtime.db, caller, feeds, settings.public_url))
    app.include_router(feed_routes(runtime.db, now, feeds))
    app.include_router(availability_routes(runtime.db, caller, now))
    app.include_router(reservation_routes(runtime.db, app.state.hot, holds, caller, now))
    app.include_router(step_routes(runtime.db, caller, now))
    app.include_router(waitlist_routes(runtime.db, caller, now))
    return app


def describe(consumers: Consumers) -> None:
    """Register the subscribers for the AsyncAPI document; nothing is ever opened."""
    db = Database("postgresql://localhost/", SERVICE.name)
    subscribe(consumers, db, Holds(db), system_clock)
