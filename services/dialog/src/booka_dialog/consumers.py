"""Messages in: each one goes to its use case."""

import logging
from typing import get_args

from prometheus_client import Counter

from booka_common.consuming import Consumers
from booka_common.contracts import booking, llm, messaging
from booka_common.contracts.envelope import Envelope
from booka_common.observability import Metrics
from booka_dialog import usecases
from booka_dialog.domain import Answer
from booka_dialog.usecases import Deps

__all__ = ["register"]

_log = logging.getLogger(__name__)

#: The salon wants it so: one of its people answers, or nobody should.
_WANTED = frozenset({"attended", "blocked", "erased"})


def register(consumers: Consumers, deps: Deps, metrics: Metrics) -> None:
    """Subscribe to everything that dialog hears."""
    undelivered = Counter(
        "booka_dialog_undelivered_total",
        "Replies that will not reach the client, by code.",
        ["code"],
        registry=metrics.registry,
    )

    async def message_received(envelope: Envelope[messaging.MessageReceived]) -> None:
        await usecases.take_turn(deps, envelope)

    async def message_failed(envelope: Envelope[messaging.MessageFailed]) -> None:
        # Nothing can be said to somebody who cannot be reached; an operator sees the count.
        undelivered.labels(envelope.data.code).inc()
        if envelope.data.code not in _WANTED:
            _log.warning("a reply will not reach the client: %s", envelope.data.code)

    async def contact_merged(envelope: Envelope[messaging.ContactMerged]) -> None:
        await usecases.merge(deps, envelope)

    async def contact_erased(envelope: Envelope[messaging.ContactErased]) -> None:
        await usecases.forget(deps, envelope)

    async def catalogue_changed(envelope: Envelope[booking.CatalogueChanged]) -> None:
        await usecases.keep_catalogue(deps, envelope)

    async def llm_settings_changed(envelope: Envelope[llm.LlmSettingsChanged]) -> None:
        await usecases.keep_llm_setting(deps, envelope)

    async def answered(envelope: Envelope[Answer]) -> None:
        await usecases.take_answer(deps, envelope, envelope.data.conversation_id, envelope.data)

    consumers.subscribe(messaging.MessageReceived, message_received)
    consumers.subscribe(messaging.MessageFailed, message_failed)
    consumers.subscribe(messaging.ContactMerged, contact_merged)
    consumers.subscribe(messaging.ContactErased, contact_erased)
    consumers.subscribe(booking.CatalogueChanged, catalogue_changed)
    consumers.subscribe(llm.LlmSettingsChanged, llm_settings_changed)
    for answer in get_args(Answer):  # all of it is taken in the same way
        consumers.subscribe(answer, answered)
