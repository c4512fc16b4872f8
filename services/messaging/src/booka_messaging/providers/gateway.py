"""The port to a messaging gateway: what any of them must be able to do, and what can come of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from booka_messaging.domain.model import Alias

__all__ = ["Gateway", "Line", "NotNow", "OutcomeUnknown", "Refused", "SendOutcome", "Sent", "StoredMessage"]


@dataclass(frozen=True, slots=True)
class Line:
    """Where to call for one channel, and with what key."""

    base_url: str
    instance: str
    api_key: str

    def __repr__(self) -> str:
        return f"Line({self.base_url}, {self.instance})"


@dataclass(frozen=True, slots=True)
class Sent:
    """The gateway took it, as `provider_id` if it said so."""

    provider_id: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never take it. `code`: `recipient_unknown`, or `refused_<status>`."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """It did not take it; later it may. `delay` None: the usual backoff."""

    reason: str
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """It was asked and did not answer in a way that tells: it may have the message."""

    reason: str


SendOutcome = Sent | Refused | NotNow | OutcomeUnknown


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message from us in the gateway's own store."""

    provider_id: str
    to: tuple[Alias, ...]
    text: str
    sent_at: datetime


class Gateway(Protocol):
    """A way to clients' phones."""

    async def send_text(self, line: Line, to: Alias, text: str) -> SendOutcome:
        """Send a text. Never raises for what the gateway does."""
        ...

    async def sent_between(self, line: Line, start: datetime, end: datetime) -> Sequence[StoredMessage]:
        """What the gateway sent in that time, by its own store.

        Raises:
            Unavailable: it does not tell now.
        """
        ...
