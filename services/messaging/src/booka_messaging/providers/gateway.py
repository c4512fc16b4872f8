"""The port to a messaging gateway: what any of them must be able to do, and what can come of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, Self

from booka_messaging.domain.media import Media
from booka_messaging.domain.model import Alias, ChatMessage

__all__ = [
    "Capabilities",
    "Choices",
    "Connection",
    "FetchOutcome",
    "Gateway",
    "Line",
    "Medium",
    "Missed",
    "NotNow",
    "Option",
    "OutcomeUnknown",
    "Pairing",
    "Refused",
    "SendOutcome",
    "Sent",
    "StoredMessage",
    "Template",
]


@dataclass(frozen=True, slots=True)
class Line:
    """Where to call for one channel, and with what key. `instance`: the gateway's own name or id of the line."""

    base_url: str
    instance: str
    api_key: str

    def __repr__(self) -> str:
        return f"Line({self.base_url}, {self.instance})"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one kind of gateway can do.

    Attributes:
        proof: what resolves an unknown outcome. `store`: `sent_between` tells. `receipts`: the gateway's receipts bring
            back the `reference` that the message was sent with; if none comes, it was not sent.
        interactive: buttons and lists arrive on the client's phone.
        window: how long after the client's last message free texts are taken; None: always. Later, only templates are.
    """

    proof: Literal["store", "receipts"]
    interactive: bool
    window: timedelta | None


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """A question with a few possible answers.

    Attributes:
        text: all of it as text with numbered options: what is sent where nothing else arrives, or if it does not fit.
        lead: the text above the options, where they are shown as buttons or as a list.
        button: what opens the list.
    """

    text: str
    lead: str
    options: tuple[Option, ...]
    button: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text that the provider has approved.

    Attributes:
        language: as the provider spells it, for example `pt_BR`.
        parameters: the words for its gaps, in order.
        text: all of it as text, for gateways that know no templates.
    """

    name: str
    language: str
    parameters: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The gateway took it, as `provider_id` if it said so. `aliases`: how it calls the person, as far as it said that."""

    provider_id: str | None
    aliases: tuple[Alias, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never take it.

    Attributes:
        code: `recipient_unknown`, `window_closed`, `template_rejected`, `withheld`, `opted_out`, or `refused_<code>` with
            the provider's own code or the HTTP status.
    """

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """It did not take it; later it may.

    Attributes:
        delay: at least this long; None: the usual backoff.
        line_down: nothing can be sent on this line until somebody acts: its token, permissions or payment.
        unreachable: there was no connection to the gateway.
    """

    reason: str
    delay: timedelta | None = None
    line_down: bool = False
    unreachable: bool = False


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


@dataclass(frozen=True, slots=True)
class Missed:
    """What a gateway's store has of a stretch of time.

    Attributes:
        messages: oldest first; those of clients, those that were typed on the salon's phone, and those that were sent through
            the gateway. Read by the parser of its webhooks.
        through: up to here, nothing is left out.
        complete: that is the end of what was asked for.
    """

    messages: tuple[ChatMessage, ...]
    through: datetime
    complete: bool


@dataclass(frozen=True, slots=True)
class Medium:
    """What a client sent, in full; `mime_type` is one that is handed on, and fits the content."""

    content: bytes
    mime_type: str

    def __repr__(self) -> str:
        return f"Medium({self.mime_type}, {len(self.content)} bytes)"


FetchOutcome = Medium | Refused | NotNow


@dataclass(frozen=True, slots=True)
class Connection:
    """Whether a line can send now. `refused`: its key is wrong or its line unknown. `away`: the gateway does not answer."""

    state: Literal["open", "connecting", "close", "refused", "away"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Pairing:
    """How a phone is tied to a line: it scans a picture, or somebody types a code on it.

    Attributes:
        connected: there is one already; nothing has to be done.
        qr: what the picture says.
        image: the picture, as a data URL.
    """

    connected: bool
    code: str | None = None
    qr: str | None = None
    image: str | None = None

    def __repr__(self) -> str:
        return f"Pairing({'connected' if self.connected else 'waiting'})"


class Gateway(Protocol):
    """A way to clients' phones. No method ever raises for what the gateway does, except those that ask its store.

    Its connections are open while it is entered. `reference` is ours; a gateway whose `proof` is `receipts` brings it back with
    them.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    async def send_text(self, line: Line, to: Alias, text: str, *, reference: str | None = None) -> SendOutcome:
        """Send a text."""
        ...

    async def send_choices(
        self, line: Line, to: Alias, choices: Choices, *, reference: str | None = None
    ) -> SendOutcome:
        """Ask a question in the best way that arrives."""
        ...

    async def send_template(
        self, line: Line, to: Alias, template: Template, *, reference: str | None = None
    ) -> SendOutcome:
        """Send an approved text."""
        ...

    async def show_typing(self, line: Line, to: Alias, answering: str | None) -> bool:
        """Show that an answer is being written to the message of that provider's id. False: it is not shown."""
        ...

    async def connection(self, line: Line) -> Connection:
        """Whether the line can send."""
        ...

    async def sent_between(self, line: Line, start: datetime, end: datetime) -> Sequence[StoredMessage]:
        """What the gateway sent in that time, by its own store.

        Raises:
            Unavailable: it does not tell now; code `no_store` if it never does.
        """
        ...

    async def received_between(self, line: Line, start: datetime, end: datetime) -> Missed:
        """What was said in that time, by the gateway's own store: as much of it as one call reads, from the oldest on.

        Raises:
            Unavailable: it does not tell now; code `no_store` if it never does.
        """
        ...

    async def fetch_media(self, line: Line, media: Media) -> FetchOutcome:
        """Fetch what a client sent. `Refused.code`: `media_gone`, `media_too_large`, `media_type`, `media_host`."""
        ...

    async def take_webhook_back(self, line: Line, path: str) -> bool | NotNow:
        """Have the gateway call an address of ours no more. False: it does not, or that is not for us to say.

        Args:
            path: what the address ends with; any other stays as it is.
        """
        ...

    async def pairing(self, line: Line, number: str | None) -> Pairing | Refused | NotNow | None:
        """How a phone is tied to the line now; None: its lines are not tied to phones.

        Args:
            number: of the phone, in digits: for a code to be typed on it.
        """
        ...
