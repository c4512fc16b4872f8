"""The composition root: what messaging is made of."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from datetime import datetime, timedelta

from fastapi import FastAPI

from booka_common.consuming import Consumers
from booka_common.db import Database
from booka_common.runtime import Runtime, assemble
from booka_common.service import system_clock
from booka_messaging.api.channels import channel_routes
from booka_messaging.api.charges import charge_routes
from booka_messaging.api.contacts import contact_routes
from booka_messaging.api.conversations import conversation_routes
from booka_messaging.api.media import media_routes
from booka_messaging.api.refusals import SIGNED, refusals
from booka_messaging.api.templates import template_routes
from booka_messaging.api.unread import unread_routes
from booka_messaging.api.webhooks import Webhooks, document
from booka_messaging.consumers import subscribe
from booka_messaging.jobs import job_types
from booka_messaging.providers.kind import Calls, Kind, Known
from booka_messaging.providers.media import MediaLimits
from booka_messaging.providers.registry import kinds_of_gateways
from booka_messaging.providers.transcription import OpenAITranscription
from booka_messaging.settings import SERVICE, Settings
from booka_messaging.usecases.channels import Channels
from booka_messaging.usecases.charging import Charges
from booka_messaging.usecases.delivering import Deliveries
from booka_messaging.usecases.directory import Directory
from booka_messaging.usecases.holding import Held
from booka_messaging.usecases.listening import Listening
from booka_messaging.usecases.media import Attachments
from booka_messaging.usecases.receipts import Receipts
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.removing import Removals
from booka_messaging.usecases.rereading import Unread
from booka_messaging.usecases.sending import Sending
from booka_messaging.usecases.sweeping import Sweeps
from booka_messaging.usecases.templates import Templates
from booka_messaging.usecases.transcribing import Transcribing
from booka_messaging.usecases.watching import Lines, Watching

__all__ = ["create_app", "describe"]


def create_app(
    settings: Settings, now: Callable[[], datetime] = system_clock, *, gateways: Sequence[Kind] | None = None
) -> FastAPI:
    """The service as an ASGI application; its lifespan opens and closes everything.

    Args:
        gateways: the kinds that it knows; all that there are unless said otherwise.
    """
    runtime = Runtime.of(SERVICE, settings, now)
    sealer = settings.sealer()
    connect = timedelta(seconds=settings.gateway_connect_seconds)
    total = timedelta(seconds=settings.gateway_total_seconds)
    media = MediaLimits(
        max_bytes=settings.media_max_bytes,
        total=timedelta(seconds=settings.media_seconds),
        hosts=settings.media_sources(),
    )
    kinds = Known({kind.name: kind for kind in (kinds_of_gateways(settings) if gateways is None else gateways)})
    calls = Calls(connect, total, connections=2 * settings.worker_concurrency, media=media)
    called = Known({name: kind.gateway(calls) for name, kind in kinds.items()})
    apps = Known({name: kind.shared for name, kind in kinds.items() if kind.shared is not None})
    recheck = timedelta(seconds=settings.send_recheck_seconds)
    listening = Listening(runtime.db, now)
    sending = Sending(
        runtime.db,
        sealer,
        called,
        recheck=recheck,
        within=timedelta(hours=settings.send_within_hours),
        probe=total,
        listening_since=listening.since,
    )
    directory = Directory(runtime.db, sealer, seconds=settings.channel_cache_seconds)
    channels = Channels(runtime.db, sealer, directory, called, apps=apps)
    secrets = [value for app in apps.values() for known in (app.secrets, app.verify_tokens) for value in known.values]
    unread = Unread(runtime.db, sealer, secrets)
    charges = Charges(runtime.db, runtime.metrics.registry)
    receipts = Receipts(runtime.db, charges, attempts=settings.send_attempts)
    intake = Intake(
        runtime.db,
        stale_after=timedelta(hours=settings.stale_after_hours),
        receipts=receipts,
        transcribes=bool(settings.transcription_url),
    )
    deliveries = Deliveries(runtime.db, directory, intake, unread, Held(runtime.db, secrets), kinds)
    sweeps = Sweeps(
        runtime.db,
        sealer,
        called,
        intake,
        runtime.metrics.registry,
        grace=timedelta(seconds=settings.sweep_grace_seconds),
    )
    watching = Watching(
        runtime.db,
        sealer,
        called,
        sweeps,
        deliveries,
        every=timedelta(seconds=settings.watch_seconds),
        silent_after=timedelta(hours=settings.silent_after_hours),
    )
    attachments = Attachments(runtime.db, sealer, called, runtime.metrics.registry)
    transcription = _transcription(settings, connect)
    transcribing = Transcribing(
        attachments,
        transcription,
        runtime.metrics.registry,
        total=timedelta(seconds=settings.transcription_seconds),
    )
    removals = Removals(runtime.db, sealer, called)
    lines = Lines(runtime.db, runtime.metrics.registry, now, known=kinds)
    subscribe(runtime.consumers, runtime.db, send_attempts=settings.send_attempts, now=now)

    async def resources() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack, transcription or nullcontext():
            for gateway in called.values():
                await stack.enter_async_context(gateway)
            await listening.try_to_say()  # before the first job asks
            yield

    app = assemble(
        runtime,
        job_types(settings, sending, watching, sweeps, transcribing, removals, now),
        resources=resources,
        loops={"lines": lines.keep, "listening": listening.keep},
    )
    app.include_router(channel_routes(runtime, channels, list(kinds.values())), responses=SIGNED)
    app.include_router(
        unread_routes(runtime, channels, unread, deliveries),
        responses=refusals({404: "unknown_channel unknown_unread"}),
    )
    windows = Known({name: gateway.capabilities.window for name, gateway in called.items()})
    app.include_router(
        conversation_routes(runtime, windows=windows, send_attempts=settings.send_attempts), responses=SIGNED
    )
    app.include_router(contact_routes(runtime), responses=SIGNED)
    app.include_router(media_routes(runtime, attachments), responses=SIGNED)
    app.include_router(
        template_routes(runtime, Templates(runtime.db)), responses=refusals({404: "unknown_channel unknown_template"})
    )
    app.include_router(charge_routes(runtime, charges), responses=refusals({400: "bad_range"}))
    document(app, kinds.values())
    # Before all middleware: what it does for other routes costs as much as a webhook itself.
    app.middleware_stack = Webhooks(
        app.build_middleware_stack(),
        directory=directory,
        deliveries=deliveries,
        sealer=sealer,
        kinds=kinds,
        metrics=runtime.metrics,
        max_body_bytes=settings.webhook_max_bytes,
        now=now,
    )
    return app


def _transcription(settings: Settings, connect: timedelta) -> OpenAITranscription | None:
    if not settings.transcription_url:
        return None
    key, total = settings.transcription_key, timedelta(seconds=settings.transcription_seconds)
    return OpenAITranscription(
        settings.transcription_url,
        None if key is None else key.get_secret_value(),
        settings.transcription_model,
        connect=connect,
        total=total,
    )


def describe(consumers: Consumers) -> None:
    """Register the subscribers for the AsyncAPI document; nothing is ever opened."""
    subscribe(consumers, Database("postgresql://localhost/", SERVICE.name), send_attempts=1, now=system_clock)
