"""What an Evolution server knows: instances (one WhatsApp number each), and the phones that talk with them."""

import asyncio
import hashlib
import secrets
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from booka_sandbox.delivery import Webhook

ALL_EVENTS = (
    "MESSAGES_UPSERT",
    "MESSAGES_UPDATE",
    "SEND_MESSAGE",
    "CONNECTION_UPDATE",
    "QRCODE_UPDATED",
)
KEPT_PER_PHONE = 500


@dataclass
class Message:
    """One message of a conversation. `from_me` = from the salon. `timestamp` in unix seconds."""

    id: str
    number: str
    key: dict[str, Any]
    from_me: bool
    text: str
    timestamp: int
    message_type: str
    content: dict[str, Any]
    push_name: str
    status: str

    def for_phone(self) -> dict[str, Any]:
        """What the browser phone shows."""
        return {
            "id": self.id,
            "side": "salon" if self.from_me else "client",
            "text": self.text,
            "timestamp": self.timestamp,
            "type": self.message_type,
            "status": self.status,
        }


@dataclass
class Phone:
    """A client's phone. `exists=False`: the number has no WhatsApp. `wa_id`: how WhatsApp spells its number."""

    number: str
    lid: str
    wa_id: str
    exists: bool = True
    push_name: str = ""
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=KEPT_PER_PHONE))
    watchers: set[asyncio.Queue[dict[str, Any]]] = field(default_factory=set)

    def tell(self, change: dict[str, Any]) -> None:
        """Show a change on every open screen of this phone."""
        for watcher in self.watchers:
            watcher.put_nowait(change)

    def find(self, message_id: str) -> Message | None:
        """The message with that id, looking from the newest."""
        return next((m for m in reversed(self.messages) if m.id == message_id), None)


@dataclass
class WebhookTarget:
    """Where an instance's events go and how they are authenticated."""

    url: str = ""
    enabled: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    jwt_key: str | None = None
    hmac_secret: str | None = None
    events: tuple[str, ...] = ALL_EVENTS
    by_events: bool = False

    def wants(self, event: str) -> bool:
        """Whether the dotted event name is subscribed."""
        return self.enabled and bool(self.url) and event.upper().replace(".", "_") in self.events


@dataclass
class Instance:
    """One connected WhatsApp number. `version` is the Evolution version it behaves like."""

    name: str
    own_number: str
    display_name: str
    version: str = "2.3.7"
    state: str = "open"
    addressing: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str = field(default_factory=lambda: secrets.token_hex(16).upper())
    webhook: WebhookTarget = field(default_factory=WebhookTarget)
    phones: dict[str, Phone] = field(default_factory=dict)
    held: list[Webhook] | None = None
    """Webhooks that wait for their release; None: they leave at once."""

    def phone(self, number: str) -> Phone:
        """The phone with that number (digits), however it is spelt; made on first sight."""
        phone = self.phones.get(number) or next((p for p in self.phones.values() if p.wa_id == number), None)
        if phone is None:
            phone = self.phones[number] = Phone(number, lid_of(number), number)
        return phone

    @property
    def own_jid(self) -> str:
        """The salon's own address on WhatsApp."""
        return f"{self.own_number}@s.whatsapp.net"


def lid_of(number: str) -> str:
    """A made-up but stable 15-digit WhatsApp LID for a number."""
    return str(10**14 + int.from_bytes(hashlib.sha256(number.encode()).digest()[:8], "big") % (9 * 10**14))


def digits(text: str) -> str:
    """Only the digits: +34 600-11 → 3460011."""
    return "".join(c for c in text if c.isdigit())


def new_message_id(*, from_api: bool) -> str:
    """A WhatsApp-looking message id: 3EB0… for messages sent by the API, 3A… for those of a phone."""
    return ("3EB0" if from_api else "3A") + secrets.token_hex(9).upper()
