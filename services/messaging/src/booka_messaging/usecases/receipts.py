"""What gateways report of messages that were sent through them: receipts, and echoes.

They come late, twice, in any order, before the answer to the send, and instead of it. A state only ever rises, and what proves
that a message was sent ends its send.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from booka_common import jobs, outbox
from booka_common.contracts import Envelope, Message
from booka_common.db import Database, Tx
from booka_common.ids import derived_id
from booka_messaging.domain.model import Echoed, Receipt
from booka_messaging.store import Channel, TakenMeanwhile, Touched, record_receipt
from booka_messaging.store.outgoing import echo_of, send_anew, send_as_template, sent_by_software, sent_job
from booka_messaging.usecases.charging import Charges
from booka_messaging.usecases.circuits import Circuits, LineOfSalon
from booka_messaging.usecases.identifying import sighted
from booka_messaging.usecases.naming import name_sent
from booka_messaging.usecases.news import delivery_news, sent_news
from booka_messaging.usecases.requesting import JOB_TYPE

__all__ = ["Receipts"]

_log = logging.getLogger(__name__)
#: Of the gateway's clock against ours.
_CLOCK_TOLERANCE = timedelta(seconds=30)
#: An attempt of which nothing is known is not older than that.
_UNKNOWN_FOR = timedelta(days=1)


class Receipts:
    """Takes in what gateways report.

    Args:
        charges: counts what they say of prices, if anybody does.
        attempts: tries to send a message once more that failed.
    """

    def __init__(self, db: Database, charges: Charges | None = None, *, attempts: int = 12) -> None:
        self._db = db
        self._charges = charges
        self._attempts = attempts
        self._circuits = Circuits(db)

    async def receive(self, channel: Channel, receipt: Receipt, *, now: datetime) -> bool:
        """Take a receipt in; false if nothing was learnt of a message of ours."""
        learnt = await _at_last(lambda: self._receive(channel, receipt, now))
        if learnt and receipt.line_down:
            line = LineOfSalon(channel.tenant_id, channel.id, channel.state)
            await self._circuits.failed(line, f"the gateway reports {receipt.code}", down=True, now=now)
        return learnt

    async def _receive(self, channel: Channel, receipt: Receipt, now: datetime) -> bool:
        async with self._db.tx(channel.tenant_id) as tx:
            # Identities are locked before messages are.
            await sighted(tx, channel.tenant_id, channel.id, receipt.aliases, now=now)
            if receipt.price is not None and self._charges is not None:
                await self._charges.note(tx, channel.id, receipt.provider_id, receipt.price, now=now)
            return await self._apply(tx, channel, receipt, _reference(receipt.reference), now)

    async def echo(self, channel: Channel, echoed: Echoed, *, now: datetime) -> bool:
        """Take in that the gateway shows what was sent through it; false if that is known, or other software sent it."""
        return await _at_last(lambda: self._echo(channel, echoed, now))

    async def _echo(self, channel: Channel, echoed: Echoed, now: datetime) -> bool:
        since = _oldest(now - _UNKNOWN_FOR)
        by = echoed.sent_at + _CLOCK_TOLERANCE
        async with self._db.tx(channel.tenant_id) as tx:
            message_id = await echo_of(tx, channel.id, echoed.aliases, echoed.text, since=since, by=by)
            if message_id is None:
                if await name_sent(tx, channel.tenant_id, channel.id, echoed, now=now):
                    return True
                await sent_by_software(tx, channel.id, echoed.provider_id, now=now)
                return False
            return await self._apply(tx, channel, Receipt(echoed.provider_id, "sent"), message_id, now)

    async def _apply(self, tx: Tx, channel: Channel, receipt: Receipt, about: UUID | None, now: datetime) -> bool:
        touched = await record_receipt(tx, channel.id, receipt, about=about, now=now)
        if touched is None:
            return False
        failed = touched.status == "failed"
        job = await sent_job(tx, JOB_TYPE, touched.request_id, now=now) if touched.proven or failed else None
        if touched.raised and failed and job is not None and await self._again(tx, touched, receipt, job[0], now):
            return True
        said: list[tuple[Message, str]] = []
        if touched.proven:
            said.append((sent_news(touched), "sent"))
        news = delivery_news(touched.status, touched, receipt.code) if touched.raised else None
        if news is not None:
            said.append((news, touched.status))
        for data, what in said:
            envelope = Envelope.of(
                data,
                tenant_id=channel.tenant_id,
                now=now,
                correlation_id=job[0] if job else None,
                id=derived_id(touched.id, what),
            )
            await outbox.put(tx, envelope.model_copy(update={"traceparent": job[1]}) if job else envelope)
        return True

    async def _again(self, tx: Tx, message: Touched, receipt: Receipt, correlation_id: UUID, now: datetime) -> bool:
        """Send a message that failed once more, before what waits in its conversation, if that may help; whether it may.

        As a template if the provider's window was closed after all, as it was if the reason passes; each of that once.
        """
        if receipt.code == "window_closed":
            if not await send_as_template(tx, message.id):
                return False
            how, wait = "template", timedelta(0)
        elif receipt.again is not None:
            how, wait = "again", receipt.again
        else:
            return False
        queued = await jobs.put(
            tx,
            JOB_TYPE,
            {"message_id": str(message.id)},
            scheduled_at=now + wait,
            correlation_id=correlation_id,
            unique_key=f"{message.request_id} {how}",
            lane=str(message.conversation_id),
            max_attempts=self._attempts,
        )
        if queued is None:
            return False
        if how == "again":
            await send_anew(tx, message.id)
        _log.info("a message that failed with %s goes once more", receipt.code)
        return True


async def _at_last(work: Callable[[], Awaitable[bool]]) -> bool:
    """The same once more if the echo of what it is about was being stored as a person's words: then that is seen."""
    try:
        return await work()
    except TakenMeanwhile:
        return await work()


def _reference(text: str | None) -> UUID | None:
    """Which of our messages a receipt says it is about; other programs may use the same line."""
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None


def _oldest(moment: datetime) -> UUID:
    """Ids of messages that were asked for since are greater: they begin with the time."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
