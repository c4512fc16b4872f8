"""Puts payments together."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from fastapi import FastAPI

from booka_common.consuming import Consumers
from booka_common.db import Database
from booka_common.internal import authenticate
from booka_common.runtime import Runtime, assemble
from booka_common.service import system_clock
from booka_payments import consumers
from booka_payments.api import payments_api
from booka_payments.jobs import PaymentJobs
from booka_payments.metrics import PaymentMetrics
from booka_payments.providers.stripe_checkout import StripeProvider
from booka_payments.settings import SERVICE, Settings
from booka_payments.webhooks import webhooks_api

__all__ = ["create_app", "describe"]


def create_app(settings: Settings, now: Callable[[], datetime] = system_clock) -> FastAPI:
    """The service as an ASGI application; nothing is opened before its lifespan."""
    runtime = Runtime.of(SERVICE, settings, now)
    provider = StripeProvider(settings)
    metrics = PaymentMetrics(runtime.metrics.registry)
    consumers.register(runtime.consumers, runtime.db, now)

    async def resources() -> AsyncIterator[None]:
        provider.open()
        yield
        await provider.close()

    app = assemble(runtime, PaymentJobs(runtime.db, provider, metrics, now).types(), resources=resources)
    app.include_router(
        webhooks_api(runtime.db, settings.secret_set("stripe_webhook_secrets"), runtime.metrics, metrics, now)
    )
    caller = authenticate(settings.secret_set("internal_secrets"), now)
    app.include_router(payments_api(runtime.db, provider, caller, now))
    return app


def describe(into: Consumers) -> None:
    """Register the subscribers for the AsyncAPI document; they are never run."""
    consumers.register(into, Database("postgresql://nobody@localhost/none", SERVICE.name), system_clock)
