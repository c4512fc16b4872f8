"""What webhooks did not bring is taken from the gateway's own store, through the same intake.

A sweep reads a stretch of time, from where the last one ended. Everything in it that is stored already is passed over, so a sweep
that is broken off, repeated or run twice at once changes nothing more. `swept_through` moves only when all of it is committed.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter

from booka_common.db import Database, Tx
from booka_common.errors import BookaError, Unavailable, is_transient
from booka_common.jobs import Done, Job, Outcome, RetryIn
from booka_common.sealing import Sealer
from booka_messaging import store
from booka_messaging.domain.model import ChatMessage
from booka_messaging.domain.together import by_person
from booka_messaging.providers.gateway import Gateway, Line
from booka_messaging.store import Channel
from booka_messaging.store.watching import known_messages, set_swept, unresolved_texts
from booka_messaging.usecases.channels import api_key
from booka_messaging.usecases.naming import name_sent
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.rounds import put_sweep

__all__ = ["Sweeps", "Swept", "line_of"]

_log = logging.getLogger(__name__)

#: Clocks differ, and a gateway stores a message a moment after the time it gives it.
_OVERLAP = timedelta(minutes=2)
#: How often a gateway that does not tell all at once is asked in one run.
_STRETCHES = 10
#: What we send was asked for no longer before.
_SENT_WITHIN = timedelta(days=3)
#: No further back; what a line has missed for longer is history that nobody waits for.
_LOOK_BACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Swept:
    """How far a sweep came. `again_in`: there is more; None: that was all."""

    through: datetime
    again_in: timedelta | None


class Sweeps:
    """Looks through the stores of gateways.

    Args:
        grace: what was said more recently may still come by itself.
    """

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        gateways: Mapping[str, Gateway],
        intake: Intake,
        registry: CollectorRegistry,
        *,
        grace: timedelta,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._gateways = gateways
        self._intake = intake
        self._grace = grace
        self._missed = Counter(
            "booka_messaging_missed_messages_total",
            "Messages that no webhook brought, found in the gateway's store: accepted, stale, duplicate, failed.",
            ["outcome"],
            registry=registry,
        )

    async def sweep(self, channel: Channel, since: datetime, *, now: datetime) -> Swept:
        """Take in what was missed since then, as much of it as the gateway tells at once, from the oldest on.

        Raises:
            Unavailable: the store cannot be asked, with code `no_store` if there is none; or something could not be stored.
            NotConfigured: no encryption key opens the line's.
        """
        through = max(since - _OVERLAP, channel.created_at - _OVERLAP, now - _LOOK_BACK)
        gateway, line = self._gateways[channel.gateway], line_of(channel, self._sealer)
        for _ in range(_STRETCHES):
            found = await gateway.received_between(line, through, now)
            missing = await self._missing(channel, found.messages, now)
            due = [message for message in missing if message.sent_at <= now - self._grace]
            for together in by_person(due):
                work = (self._take(channel, message, now) for message in together)
                for outcome in await asyncio.gather(*work, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
                    self._missed.labels(outcome).inc()
            if len(due) < len(missing):
                return Swept(min(found.through, missing[len(due)].sent_at), self._grace)
            through = found.through
            if found.complete:
                return Swept(through, None)
        # Whoever begins again begins before `since`: if that was not passed now, it would not be then.
        return Swept(through, timedelta(0) if through > since else None)

    async def _take(self, channel: Channel, message: ChatMessage, now: datetime) -> str:
        """Take a message in; one that cannot be stored, whatever is tried, keeps nobody else's from it."""
        try:
            return await self._intake.receive(channel, [message], now=now)
        except Exception as error:
            if isinstance(error, BookaError) or is_transient(error):
                raise
            _log.exception("message %s was found in the gateway's store and cannot be taken in", message.provider_id)
            return "failed"

    async def run(self, job: Job, now: datetime) -> Outcome:
        """Look through the gap of a `sweep_gap` job; what one run leaves is the next job's."""
        channel_id, since = UUID(job.payload["channel_id"]), datetime.fromisoformat(job.payload["since"])
        async with self._db.tx(job.tenant_id) as tx:
            channel = await store.get_channel(tx, channel_id)
        if channel is None or not channel.active:
            return Done()
        try:
            swept = await self.sweep(channel, since, now=now)
        except Unavailable as error:
            return Done() if error.code == "no_store" else RetryIn(error.detail)

        async def record(tx: Tx) -> None:
            await set_swept(tx, channel_id, swept.through)
            if swept.again_in is not None:
                await put_sweep(tx, channel_id, job.correlation_id, since=swept.through, at=now + swept.again_in)

        return Done(record)

    async def _missing(self, channel: Channel, found: tuple[ChatMessage, ...], now: datetime) -> list[ChatMessage]:
        """What is not stored and was not sent by us; what was sent by us and had no id has one then.

        The store was asked before the table: whatever of ours is in it was marked as an attempt before its call.
        """
        if not found:
            return []
        async with self._db.tx(channel.tenant_id) as tx:
            known = await known_messages(tx, channel.id, [message.provider_id for message in found])
            missing = [message for message in found if message.provider_id not in known]
            by_salon = {message.text for message in missing if message.author == "salon"}
            if not by_salon:
                return missing
            ours = await unresolved_texts(tx, channel.id, by_salon, asked_since=found[0].sent_at - _SENT_WITHIN)
        sent = {
            message.provider_id: message for message in missing if message.author == "salon" and message.text in ours
        }
        for message in sent.values():
            async with self._db.tx(channel.tenant_id) as tx:
                await name_sent(tx, channel.tenant_id, channel.id, message, now=now)
        return [message for message in missing if message.provider_id not in sent]


def line_of(channel: Channel, sealer: Sealer) -> Line:
    """Where to call for a channel.

    Raises:
        NotConfigured: no encryption key opens its key.
    """
    key = api_key(channel.tenant_id, channel.id, channel.api_key, sealer)
    return Line(channel.base_url, channel.instance, key)
