"""What llm hears: texts to read, and messages to keep for context."""

from collections.abc import Callable
from datetime import datetime

from booka_common import topology
from booka_common.consuming import Consumers
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import InterpretationRequested
from booka_common.contracts.messaging import ContactErased, MessageReceived
from booka_common.db import Database
from booka_common.service import system_clock
from booka_llm import usecases
from booka_llm.remembered_settings import RememberedSettings
from booka_llm.settings import SERVICE, Settings

__all__ = ["describe", "subscribe"]


def subscribe(
    consumers: Consumers,
    db: Database,
    settings: Settings,
    known: RememberedSettings,
    now: Callable[[], datetime],
) -> None:
    """Read what is asked, keep what is said."""
    requested = topology.subscription(SERVICE.name, InterpretationRequested).queue
    received = topology.subscription(SERVICE.name, MessageReceived).queue

    async def interpretation_requested(envelope: Envelope[InterpretationRequested]) -> None:
        await usecases.interpretation_requested(db, settings, envelope, consumer=requested, now=now())

    async def message_received(envelope: Envelope[MessageReceived]) -> None:
        if await known.keeps_messages(envelope.tenant_id):
            await usecases.message_received(db, settings, envelope, consumer=received, now=now())

    consumers.subscribe(InterpretationRequested, interpretation_requested)

    async def contact_erased(envelope: Envelope[ContactErased]) -> None:
        await usecases.forget(db, envelope, now=now())

    consumers.subscribe(MessageReceived, message_received)
    consumers.subscribe(ContactErased, contact_erased)


def describe(consumers: Consumers) -> None:
    """Register the subscribers on consumers that are never started, for the AsyncAPI document."""
    nowhere = "postgresql://localhost"
    db = Database(nowhere, SERVICE.name)
    settings = Settings.model_validate({"database_url": nowhere, "amqp_url": "amqp://localhost"})
    subscribe(consumers, db, settings, RememberedSettings(db, system_clock), system_clock)
