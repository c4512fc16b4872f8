"""Messages from the broker -> use cases."""

from collections.abc import Callable
from datetime import datetime

from booka_common.consuming import Consumers
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import SendRequested
from booka_common.db import Database
from booka_messaging.usecases.requesting import Requests

__all__ = ["subscribe"]


def subscribe(consumers: Consumers, db: Database, *, send_attempts: int, now: Callable[[], datetime]) -> None:
    """Register what messaging hears."""
    requests = Requests(db, attempts=send_attempts)

    async def send_requested(envelope: Envelope[SendRequested]) -> None:
        await requests.take(envelope, now=now())

    consumers.subscribe(SendRequested, send_requested)
