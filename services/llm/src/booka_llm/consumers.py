"""What llm hears: texts to read, and what to keep for context."""

from collections.abc import Callable
from datetime import datetime

from booka_common import topology
from booka_common.consuming import Consumers
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import ContextGiven, InterpretationRequested
from booka_common.contracts.messaging import ContactErased
from booka_common.db import Database
from booka_common.service import system_clock
from booka_llm import usecases
from booka_llm.settings import SERVICE, Settings

__all__ = ["describe", "subscribe"]


def subscribe(consumers: Consumers, db: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Read what is asked, keep what is said."""
    requested = topology.subscription(SERVICE.name, InterpretationRequested).queue
    given = topology.subscription(SERVICE.name, ContextGiven).queue

    async def interpretation_requested(envelope: Envelope[InterpretationRequested]) -> None:
        await usecases.interpretation_requested(db, settings, envelope, consumer=requested, now=now())

    async def context_given(envelope: Envelope[ContextGiven]) -> None:
        await usecases.keep_context(db, settings, envelope, consumer=given, now=now())

    async def contact_erased(envelope: Envelope[ContactErased]) -> None:
        await usecases.forget(db, envelope, now=now())

    consumers.subscribe(InterpretationRequested, interpretation_requested)
    consumers.subscribe(ContextGiven, context_given)
    consumers.subscribe(ContactErased, contact_erased)


def describe(consumers: Consumers) -> None:
    """Register the subscribers on consumers that are never started, for the AsyncAPI document."""
    nowhere = "postgresql://localhost"
    db = Database(nowhere, SERVICE.name)
    settings = Settings.model_validate({"database_url": nowhere, "amqp_url": "amqp://localhost"})
    subscribe(consumers, db, settings, system_clock)
