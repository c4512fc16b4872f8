"""What both gateways are made of: lines, the phones that talk with them, and what is kept back on its way."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

KEPT_PER_PHONE = 500

Order = Literal["said", "reversed", "shuffled"]
"""In which order what was kept back leaves."""


@dataclass(kw_only=True)
class Message:
    """One message of a conversation. `timestamp` in unix seconds; `status` in the words of the phone page."""

    id: str
    number: str
    from_salon: bool
    text: str
    timestamp: int
    type: str
    status: str

    def for_phone(self) -> dict[str, Any]:
        """What the browser phone shows."""
        return {
            "id": self.id,
            "side": "salon" if self.from_salon else "client",
            "text": self.text,
            "timestamp": self.timestamp,
            "type": self.type,
            "status": self.status,
        }


M = TypeVar("M", bound=Message)


@dataclass
class Phone(Generic[M]):
    """A client's phone. `wa_id`: how WhatsApp spells its number; the same unless told otherwise."""

    number: str
    wa_id: str = ""
    push_name: str = ""
    messages: deque[M] = field(default_factory=lambda: deque(maxlen=KEPT_PER_PHONE))
    watchers: set[asyncio.Queue[dict[str, Any]]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.wa_id = self.wa_id or self.number

    def tell(self, change: dict[str, Any]) -> None:
        """Show a change on every open screen of this phone."""
        for watcher in self.watchers:
            watcher.put_nowait(change)

    def keep(self, message: M) -> None:
        """A message that the phone has from now on."""
        self.messages.append(message)
        self.tell({"type": "message", "message": message.for_phone()})

    def tick(self, message: M, status: str) -> None:
        """A message has come further."""
        message.status = status
        self.tell({"type": "status", "id": message.id, "status": status})

    def find(self, message_id: str) -> M | None:
        """The message with that id, looking from the newest."""
        return next((m for m in reversed(self.messages) if m.id == message_id), None)

    def described(self) -> dict[str, Any]:
        """What the control API tells of it."""
        return {
            "number": self.number,
            "wa_id": self.wa_id,
            "push_name": self.push_name,
            "messages": len(self.messages),
        }


P = TypeVar("P", bound=Phone[Any])
W = TypeVar("W")


@dataclass(kw_only=True)
class Line(ABC, Generic[P, W]):
    """One WhatsApp number of a salon. `W`: what is on its way to the salon's webhook."""

    own_number: str
    display_name: str
    phones: dict[str, P] = field(default_factory=dict)
    held: list[W] | None = None
    """What waits for its release; None: everything leaves at once."""

    @abstractmethod
    def new_phone(self, number: str) -> P:
        """A phone that nobody has heard of."""

    def phone(self, number: str) -> P:
        """The phone with that number (digits), however it is spelt; made on first sight."""
        phone = self.phones.get(number) or next((p for p in self.phones.values() if p.wa_id == number), None)
        if phone is None:
            phone = self.phones[number] = self.new_phone(number)
        return phone

    def hold(self) -> None:
        """Keep back everything from now on."""
        self.held = self.held or []

    def kept_back(self, thing: W, copies: int) -> bool:
        """Whether `thing` has to wait for the release; it leaves `copies` times then."""
        if self.held is None:
            return False
        self.held.extend([thing] * copies)
        return True

    def let_go(self, order: Order, *, keep_holding: bool = False) -> list[W]:
        """What was kept back, in the order in which it is to leave."""
        things, self.held = self.held or [], [] if keep_holding else None
        if order == "reversed":
            return things[::-1]
        if order == "shuffled":
            random.shuffle(things)
        return things


def digits(text: str) -> str:
    """Only the digits: +34 600-11 → 3460011."""
    return "".join(c for c in text if c.isdigit())
