"""What WhatsApp's servers know: lines (one business phone number each), and the phones that talk with them."""

import asyncio
import base64
import hashlib
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

KEPT_PER_PHONE = 500
FIELDS = ("messages", "smb_message_echoes")
WINDOW_SECONDS = 24 * 3600

Window = Literal["status", "error", "off"]
"""What becomes of a free text outside the 24 hours: accepted and failed later, refused at once, or sent."""


@dataclass
class Message:
    """One message of a conversation. `timestamp` in unix seconds; `status` in the words of the phone page."""

    id: str
    number: str
    from_salon: bool
    text: str
    timestamp: int
    type: str
    status: str
    category: str = "service"
    in_window: bool = True
    callback: str | None = None
    choices: list[dict[str, str]] = field(default_factory=list)

    def for_phone(self) -> dict[str, Any]:
        """What the browser phone shows."""
        return {
            "id": self.id,
            "side": "salon" if self.from_salon else "client",
            "text": self.text,
            "timestamp": self.timestamp,
            "type": self.type,
            "status": self.status,
            "choices": self.choices,
        }


@dataclass
class Phone:
    """A client's phone. `wa_id`: how WhatsApp spells its number. `username`: webhooks no longer tell the number.
    `fails_with`: what is sent to it is accepted and then fails with that error code."""

    number: str
    wa_id: str
    user_id: str
    push_name: str = ""
    username: str | None = None
    fails_with: int | None = None
    last_said: int | None = None
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=KEPT_PER_PHONE))
    watchers: set[asyncio.Queue[dict[str, Any]]] = field(default_factory=set)

    def tell(self, change: dict[str, Any]) -> None:
        """Show a change on every open screen of this phone."""
        for watcher in self.watchers:
            watcher.put_nowait(change)

    def find(self, message_id: str) -> Message | None:
        """The message with that id, looking from the newest."""
        return next((m for m in reversed(self.messages) if m.id == message_id), None)


@dataclass(frozen=True)
class Change:
    """One `changes[]` element that is on its way to the webhook."""

    field: str
    value: dict[str, Any]
    number: str | None
    about: str | None
    """The message it is about."""


@dataclass(frozen=True)
class Medium:
    """Bytes that a client sent."""

    id: str
    mime_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class Line:
    """One business phone number with its app's webhook."""

    id: str
    waba_id: str
    own_number: str
    display_name: str
    access_token: str
    app_secret: str
    verify_token: str
    webhook_url: str = ""
    token_expired: bool = False
    fields: tuple[str, ...] = FIELDS
    window: Window = "status"
    service_billable: bool = False
    """Whether free-form replies cost, as they do from October 2026 on."""
    templates: dict[str, dict[str, int]] = field(default_factory=dict)
    """Approved templates: name → language → number of body parameters."""
    phones: dict[str, Phone] = field(default_factory=dict)
    media: dict[str, Medium] = field(default_factory=dict)
    held: list[Change] | None = None
    """Changes that wait for their release; None: they leave at once."""

    def phone(self, number: str) -> Phone:
        """The phone with that number (digits), however it is spelt; made on first sight."""
        phone = self.phones.get(number) or next((p for p in self.phones.values() if p.wa_id == number), None)
        if phone is None:
            phone = self.phones[number] = Phone(number, number, user_id_of(number))
        return phone

    def phone_of_user(self, user_id: str) -> Phone | None:
        """The phone of a business-scoped user id."""
        return next((p for p in self.phones.values() if p.user_id == user_id), None)


_COUNTRIES = {"1": "US", "34": "ES", "351": "PT", "44": "GB", "49": "DE", "52": "MX", "54": "AR", "55": "BR"}


def user_id_of(number: str) -> str:
    """A made-up but stable business-scoped user id for a number: country, dot, digits."""
    country = next((_COUNTRIES[number[:n]] for n in (3, 2, 1) if number[:n] in _COUNTRIES), "US")
    return f"{country}.{int.from_bytes(hashlib.sha256(number.encode()).digest()[:8], 'big'):020d}"


def new_message_id() -> str:
    """A WhatsApp message id as the Cloud API writes them."""
    return "wamid." + base64.b64encode(secrets.token_bytes(30)).decode()
