"""What an Evolution server knows: instances (one WhatsApp number each), and the phones that talk with them."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from booka_sandbox import lines
from booka_sandbox.delivery import Webhook

ALL_EVENTS = (
    "MESSAGES_UPSERT",
    "MESSAGES_UPDATE",
    "SEND_MESSAGE",
    "CONNECTION_UPDATE",
    "QRCODE_UPDATED",
)


@dataclass(kw_only=True)
class Message(lines.Message):
    """One message with what Evolution's webhooks and store tell of it."""

    key: dict[str, Any]
    content: dict[str, Any]
    push_name: str
    medium: bytes | None = None
    """The bytes of an audio, image …, which stay at WhatsApp until somebody asks for them."""


@dataclass
class Phone(lines.Phone[Message]):
    """A client's phone. `exists=False`: the number has no WhatsApp."""

    exists: bool = True
    lid: str = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lid = lid_of(self.number)

    def described(self) -> dict[str, Any]:
        """With what only Evolution knows."""
        return {**super().described(), "lid": self.lid, "exists": self.exists}


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


@dataclass(kw_only=True)
class Instance(lines.Line[Phone, Webhook]):
    """One connected WhatsApp number. `version` is the Evolution version it behaves like."""

    name: str
    version: str = "2.3.7"
    state: str = "open"
    addressing: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str = field(default_factory=lambda: secrets.token_hex(16).upper())
    webhook: WebhookTarget = field(default_factory=WebhookTarget)

    def new_phone(self, number: str) -> Phone:
        """A phone that is on WhatsApp."""
        return Phone(number)

    @property
    def own_jid(self) -> str:
        """The salon's own address on WhatsApp."""
        return f"{self.own_number}@s.whatsapp.net"


def lid_of(number: str) -> str:
    """A made-up but stable 15-digit WhatsApp LID for a number."""
    return str(10**14 + int.from_bytes(hashlib.sha256(number.encode()).digest()[:8], "big") % (9 * 10**14))


def new_message_id(*, from_api: bool) -> str:
    """A WhatsApp-looking message id: 3EB0… for messages sent by the API, 3A… for those of a phone."""
    return ("3EB0" if from_api else "3A") + secrets.token_hex(9).upper()
