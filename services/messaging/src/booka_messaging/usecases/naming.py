"""A gateway may take a message without saying under which id (a 201 without `key.id`). What it shows of it later, by an echo, as
typed on the salon's phone or in its store, gives the message its id: its receipts count then, and nobody is taken for typing.
"""

from datetime import datetime, timedelta
from uuid import UUID

from booka_common import outbox
from booka_common.contracts import Envelope
from booka_common.db import Tx
from booka_common.ids import derived_id
from booka_messaging.domain.model import ChatMessage, Echoed
from booka_messaging.store import Accepted
from booka_messaging.store.outgoing import finish_shown, unnamed_send
from booka_messaging.usecases.news import delivery_news

__all__ = ["name_sent"]

#: Between when we began to send it and when the gateway says that it was sent, by either clock.
_APART = timedelta(minutes=2)


async def name_sent(tx: Tx, tenant_id: UUID, channel_id: UUID, shown: Echoed | ChatMessage, *, now: datetime) -> bool:
    """Give a message of ours the id of what the gateway shows, if it is in these words and has none; whether one was found.

    Receipts that were faster count from now on. Repeated, it changes nothing. It locks a conversation and messages.
    """
    least = UUID(int=int((shown.sent_at - timedelta(days=1)).timestamp() * 1000) << 80)
    found = await unnamed_send(
        tx, channel_id, shown.aliases, shown.text, provider_id=shown.provider_id, at=shown.sent_at, within=_APART, since=least
    )  # fmt: skip
    if found is None:
        return False
    accepted = Accepted(tenant_id, found.id, channel_id, shown.provider_id, shown.sent_at)
    state = await finish_shown(tx, accepted)
    news = delivery_news(state, found)
    if news is not None:
        await outbox.put(tx, Envelope.of(news, tenant_id=tenant_id, now=now, id=derived_id(found.id, state)))
    return True
