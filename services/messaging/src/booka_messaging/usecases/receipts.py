"""What gateways report of messages that were sent through them."""

from datetime import datetime

from booka_common import outbox
from booka_common.contracts import Envelope
from booka_common.db import Database
from booka_common.ids import derived_id
from booka_messaging import store
from booka_messaging.domain.model import Receipt
from booka_messaging.store import Channel
from booka_messaging.usecases.news import delivery_news

__all__ = ["receive_receipt"]


async def receive_receipt(db: Database, channel: Channel, receipt: Receipt, *, now: datetime) -> bool:
    """Raise a message's delivery state; false for receipts that come late or twice, which change nothing."""
    async with db.tx(channel.tenant_id) as tx:
        touched = await store.record_receipt(tx, channel.id, receipt, now=now)
        if touched is None:
            return False
        if (data := delivery_news(receipt.status, touched)) is not None:
            await outbox.put(
                tx, Envelope.of(data, tenant_id=channel.tenant_id, now=now, id=derived_id(touched.id, receipt.status))
            )
    return True
