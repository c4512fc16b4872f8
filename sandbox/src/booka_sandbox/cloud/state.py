"""What WhatsApp's servers know: lines (one business phone number each), and the phones that talk with them."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from booka_sandbox import lines

FIELDS = ("messages", "smb_message_echoes")
WINDOW_SECONDS = 24 * 3600

Window = Literal["status", "error", "off"]
"""What becomes of a free text outside the 24 hours: accepted and failed later, refused at once, or sent."""


@dataclass(kw_only=True)
class Message(lines.Message):
    """One message with what the Cloud API's statuses tell of it."""

    category: str = "service"
    in_window: bool = True
    callback: str | None = None
    choices: list[dict[str, str]] = field(default_factory=list)

    def for_phone(self) -> dict[str, Any]:
        """With its buttons, or the rows of its list."""
        return {**super().for_phone(), "choices": self.choices}


@dataclass
class Phone(lines.Phone[Message]):
    """A client's phone. `username`: webhooks no longer tell the number. `fails_with`: what is sent to it is accepted
    and then fails with that error code."""

    user_id: str = ""
    username: str | None = None
    fails_with: int | None = None
    last_said: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.user_id = self.user_id or user_id_of(self.number)

    def described(self) -> dict[str, Any]:
        """With what only the Cloud API knows."""
        own = {"user_id": self.user_id, "username": self.username, "fails_with": self.fails_with}
        return {**super().described(), **own}


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


@dataclass(kw_only=True)
class Line(lines.Line[Phone, Change]):
    """One business phone number with its app's webhook."""

    id: str
    waba_id: str
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
    media: dict[str, Medium] = field(default_factory=dict)

    def new_phone(self, number: str) -> Phone:
        """A phone whose number everybody is told."""
        return Phone(number)

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
