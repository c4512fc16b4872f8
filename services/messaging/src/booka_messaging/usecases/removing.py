"""What follows when a channel is deleted: its gateway is asked to call us no more, and its key is forgotten.

Best effort: a gateway that calls on is answered 404 like for any address that there is not.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_common import jobs
from booka_common.db import Database, Tx
from booka_common.jobs import Done, Job, Outcome, RetryIn
from booka_common.sealing import Sealer
from booka_messaging import store
from booka_messaging.providers.gateway import Gateway, Line, NotNow
from booka_messaging.providers.kind import webhook_path
from booka_messaging.store.channels import deleted_line, forget_key
from booka_messaging.usecases.directory import key_field

__all__ = ["ATTEMPTS", "REMOVE", "Removals", "forget_key_of", "remove"]

_log = logging.getLogger(__name__)

#: The job that takes a webhook back.
REMOVE = "remove_webhook"
#: The key of the line is kept for no longer than these take.
ATTEMPTS = 6


async def remove(tx: Tx, channel_id: UUID, *, now: datetime) -> store.Channel | None:
    """Delete a channel with what is no use without it: secrets, approved templates, webhooks that could not be read.

    Its conversations stay. Returns it as it was; None: there is no such channel.
    """
    channel = await store.delete_channel(tx, channel_id, now=now)
    if channel is not None:
        payload = {"channel_id": str(channel_id)}
        await jobs.put(
            tx, REMOVE, payload, scheduled_at=now, correlation_id=channel_id, unique_key=str(channel_id), max_attempts=ATTEMPTS
        )  # fmt: skip
    return channel


async def forget_key_of(tx: Tx, job: Job) -> None:
    """The end of a `remove_webhook` job, however it ended."""
    await forget_key(tx, UUID(job.payload["channel_id"]))


@dataclass(frozen=True, slots=True)
class Removals:
    """Runs the `remove_webhook` jobs. `gateways`: by the name in `channels.gateway`."""

    db: Database
    sealer: Sealer
    gateways: Mapping[str, Gateway]

    async def run(self, job: Job) -> Outcome:
        """Have the gateway of a deleted channel call us no more, if it still does."""
        channel_id = UUID(job.payload["channel_id"])
        async with self.db.tx(job.tenant_id) as tx:
            left = await deleted_line(tx, channel_id)
        if left is None:
            return Done()
        key = self.sealer.open(job.tenant_id, key_field(channel_id), left.api_key)
        line = Line(left.base_url, left.instance, key)
        taken = await self.gateways[left.gateway].take_webhook_back(line, webhook_path(left.gateway, channel_id))
        if isinstance(taken, NotNow):
            return RetryIn(taken.reason)
        if taken:
            _log.info("the gateway of channel %s, which was deleted, calls us no more", channel_id)
        return Done(lambda tx: forget_key_of(tx, job))
