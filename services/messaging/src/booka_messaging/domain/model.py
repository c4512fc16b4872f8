"""The words of messaging: aliases, chat events as every gateway's adapter reads them, delivery states, identities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

import phonenumbers

__all__ = [
    "STATES",
    "Alias",
    "AliasKind",
    "Author",
    "ChatEvent",
    "ChatMessage",
    "ConnectionChanged",
    "Deleted",
    "Delivery",
    "Echoed",
    "Edited",
    "Ignored",
    "Kind",
    "Linked",
    "Merge",
    "Person",
    "Price",
    "Receipt",
    "address",
    "merge",
    "phone_of",
    "same_number",
    "told_at",
]

AliasKind = Literal["pn", "lid", "bsuid"]
Author = Literal["client", "salon", "booka"]
Kind = Literal["text", "choice", "audio", "image", "video", "document", "location", "other"]
Delivery = Literal["sent", "failed", "delivered", "read"]

#: From the least to the most that is known of an outgoing message. Receipts come in any order; a state only ever rises.
STATES: tuple[str, ...] = ("queued", "sent", "failed", "delivered", "read")


class Alias(NamedTuple):
    """One name by which a gateway knows a person: phone number digits (`pn`), LID digits, or business-scoped id."""

    kind: AliasKind
    value: str


class ChatMessage(NamedTuple):
    """Something that was written in a chat.

    Attributes:
        author: the client, or a person of the salon who typed on the salon's own phone.
        provider_id: the gateway's id of the message, unique within a channel.
        aliases: of the client, never of the salon; at least one.
        name: what the client calls themselves, if it is usable as a name.
        text: at most 4096 characters; may be empty.
        choice_id: the row or button id of an interactive reply.
        sent_at: the gateway's time, 1 s resolution, never later than the time of reading.
        metadata: further facts, free of credentials and of content.
    """

    author: Literal["client", "salon"]
    provider_id: str
    aliases: tuple[Alias, ...]
    name: str | None
    kind: Kind
    text: str
    choice_id: str | None
    sent_at: datetime
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Price:
    """What a provider says of the cost of one outgoing message.

    Attributes:
        category: for example `service`, `utility`, `marketing`.
        model: how it is priced, for example `PMP` (per message).
    """

    billable: bool
    category: str
    model: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an outgoing message.

    Attributes:
        code: why it failed, as `providers.gateway.Refused.code`; None if it did not, or the gateway does not say.
        reference: what the message was sent with, if the gateway brings it back.
        price: if the gateway tells it.
        aliases: of the client, as far as the gateway names them here.
        again: it failed for a reason that passes; it may be sent once more after so long. None: never.
        line_down: nothing can be sent on the line until somebody acts.
        at: when the gateway says that this was; None: it does not say.
    """

    provider_id: str
    status: Delivery
    code: str | None = None
    reference: str | None = None
    price: Price | None = None
    aliases: tuple[Alias, ...] = ()
    again: timedelta | None = None
    line_down: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """The gateway's connection to WhatsApp: `open`, `connecting` or `close`."""

    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to answer. `reason` is from a small fixed set."""

    reason: str


@dataclass(frozen=True, slots=True)
class Edited(Ignored):
    """A client or the salon changed the text of an earlier message. What was answered stays answered."""

    provider_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Deleted(Ignored):
    """An earlier message was taken back."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Echoed(Ignored):
    """The gateway shows what we sent through it: the proof that an attempt without an answer went through."""

    provider_id: str
    aliases: tuple[Alias, ...]
    text: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Linked(Ignored):
    """The gateway tells that these aliases, at least two, are one person; nobody said anything. `at`: when, if it says that."""

    aliases: tuple[Alias, ...]
    at: datetime | None = None


ChatEvent = ChatMessage | Receipt | ConnectionChanged | Ignored


def told_at(event: ChatEvent) -> datetime | None:
    """When the gateway says that something was of which contacts are made; None: it does not say, or none are made of it."""
    if isinstance(event, ChatMessage | Echoed):
        return event.sent_at
    return event.at if isinstance(event, Receipt | Linked) else None


def phone_of(aliases: Sequence[Alias]) -> str | None:
    """The phone number in E.164: the first valid one, else the first that is possible.

    WhatsApp knows some people by a spelling that their network has given up: Brazilian mobiles without the ninth digit.
    """
    possible: str | None = None
    for alias in aliases:
        if alias.kind != "pn":
            continue
        try:
            number = phonenumbers.parse(f"+{alias.value}")
        except phonenumbers.NumberParseException:
            continue
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if phonenumbers.is_valid_number(number):
            return written
        if possible is None and phonenumbers.is_possible_number(number):
            possible = written
    return possible


def address(aliases: Sequence[Alias]) -> Alias | None:
    """The alias to write to, given oldest first: the newest phone number, else the newest LID.

    Gateways refuse many LIDs, so a phone number is always preferred.
    """
    for kind in ("pn", "lid", "bsuid"):
        found = [alias for alias in aliases if alias.kind == kind]
        if found:
            return found[-1]
    return None


@dataclass(frozen=True, slots=True)
class Person:
    """A stored contact with its conversation on one channel, for deciding who is who."""

    contact_id: UUID
    name: str | None
    phone: str | None
    conversation_id: UUID | None
    active_at: datetime | None


@dataclass(frozen=True, slots=True)
class Merge:
    """Several contacts are one person: `survivor` goes on, `others` become part of it."""

    survivor: Person
    others: tuple[Person, ...]


def merge(people: Sequence[Person]) -> Merge:
    """Which of `people` (at least one) goes on: the one who wrote last, because a dialog may be under way there."""
    ranked = sorted(
        people,
        key=lambda person: (person.active_at.timestamp() if person.active_at else 0.0, person.contact_id.int),
        reverse=True,
    )
    return Merge(ranked[0], tuple(ranked[1:]))


def same_number(one: Alias, other: Alias) -> bool:
    """Whether two aliases name one person, as gateways write them.

    Evolution adds or drops the ninth digit of Brazilian mobiles and the extra digit of Mexican and Argentinian ones, so
    a phone number may come back different from how it was sent.
    """
    if one.kind != other.kind or one.kind != "pn":
        return one == other
    return _bare(one.value) == _bare(other.value)


def _bare(digits: str) -> str:
    if digits.startswith("55") and len(digits) == 13 and digits[4] == "9":
        return digits[:4] + digits[5:]
    if digits.startswith(("521", "549")) and len(digits) == 13:
        return digits[:2] + digits[3:]
    return digits
