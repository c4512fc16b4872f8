"""What became of an attempt that was never answered: the gateway's own store tells, or a receipt."""

from datetime import datetime, timedelta
from uuid import UUID

from booka_common.db import Database
from booka_messaging import store
from booka_messaging.domain.model import Alias, same_number
from booka_messaging.providers.gateway import Gateway, Line
from booka_messaging.store import OutboundMessage

__all__ = ["find_in_store"]

#: The gateway's clock and ours may differ, and its times have a resolution of 1 s.
_CLOCK_TOLERANCE = timedelta(seconds=30)


async def find_in_store(
    db: Database,
    gateway: Gateway,
    line: Line,
    tenant_id: UUID,
    message: OutboundMessage,
    since: datetime,
    now: datetime,
) -> str | None:
    """The gateway's id of this very message, if its store has it and it is not that of another one of ours.

    Raises:
        Unavailable: the gateway does not tell now.
    """
    stored = await gateway.sent_between(line, since - _CLOCK_TOLERANCE, now + _CLOCK_TOLERANCE)
    candidates = sorted(
        (one for one in stored if one.text == message.text and _is_for(message.aliases, one.to)),
        key=lambda one: one.sent_at,
    )
    if not candidates:
        return None
    async with db.tx(tenant_id) as tx:
        ours = await store.ours_among(tx, message.channel_id, [one.provider_id for one in candidates])
    return next((one.provider_id for one in candidates if one.provider_id not in ours), None)


def _is_for(client: tuple[Alias, ...], to: tuple[Alias, ...]) -> bool:
    return any(same_number(mine, theirs) for mine in client for theirs in to)
