"""Reads what WhatsApp's Cloud API sends to a webhook. Pure, and total: any JSON gives events, never an exception.

One body may hold many entries, changes and messages, also of several lines: Meta signs with the app's secret, and an app may
serve many salons.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from booka_messaging.domain.cloud_codes import Verdict, failure
from booka_messaging.domain.media import Media, natural
from booka_messaging.domain.model import (
    Alias,
    ChatEvent,
    ChatMessage,
    Deleted,
    Delivery,
    Edited,
    Ignored,
    Kind,
    Linked,
    Price,
    Receipt,
)
from booka_messaging.domain.reading import (
    MAX_EVENTS,
    MAX_TEXT,
    UNREADABLE,
    fact,
    identifier,
    instant,
    line,
    mapping,
    person_name,
    sequence,
    text,
)

__all__ = ["LineEvent", "alias_of_number", "alias_of_user", "lines_of", "part_of", "read", "read_for"]

_OBJECT = "whatsapp_business_account"
_RECEIPTS: Mapping[str, Delivery] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}
#: Meta charges for what arrives, and tells the price of what does not as well.
_CHARGED = ("delivered", "read")
_MEDIA: Mapping[str, Kind] = {
    "audio": "audio",
    "image": "image",
    "video": "video",
    "document": "document",
    "sticker": "other",
}


#: How long a message that failed for a passing reason waits if its code does not say.
_AGAIN = timedelta(seconds=30)
_Contacts = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class LineEvent:
    """An event and the line that it belongs to, by its phone number id; empty if the payload does not say."""

    line_id: str
    event: ChatEvent


class _Content(NamedTuple):
    kind: Kind
    text: str
    choice_id: str | None = None


def read(payload: Mapping[str, Any], now: datetime) -> tuple[LineEvent, ...]:
    """The events of one webhook body, at least one, in the order in which it tells them.

    Args:
        payload: Meta's envelope `{object, entry: [{changes: [{field, value}]}]}`.
        now: times that are not told, or told from the future, become this.
    """
    if payload.get("object") != _OBJECT:
        return (LineEvent("", Ignored("event")),)
    return _at_most(_events(payload, now)) or (LineEvent("", Ignored("empty")),)


def read_for(payload: Mapping[str, Any], line_id: str, now: datetime) -> tuple[ChatEvent, ...]:
    """The events of `payload` that belong to one line; empty if none does."""
    if payload.get("object") != _OBJECT:
        return ()
    return tuple(found.event for found in _at_most(_events(payload, now, of=line_id)))


def lines_of(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines that `payload` tells anything of, in the order in which it names them."""
    return tuple(dict.fromkeys(line_id for _, _, line_id in _changes(payload) if line_id))


def part_of(payload: Mapping[str, Any], line_id: str) -> Mapping[str, Any]:
    """`payload` without what belongs to other lines, which may be other salons'."""
    kept: dict[int, dict[str, Any]] = {}
    for number, change, told in _changes(payload):
        if told == line_id:
            whole = mapping(sequence(payload.get("entry"))[number])
            kept.setdefault(number, {**whole, "changes": []})["changes"].append(change)
    return {"object": payload.get("object"), "entry": list(kept.values())}


def _events(payload: Mapping[str, Any], now: datetime, *, of: str | None = None) -> Iterator[LineEvent]:
    """What `payload` tells, of one line only if `of` says which."""
    for _, change, line_id in _changes(payload):
        if of is None or line_id == of:
            for event in _change(change.get("field"), mapping(change.get("value")), now):
                yield LineEvent(line_id, event)


def _at_most(events: Iterator[LineEvent]) -> tuple[LineEvent, ...]:
    """`events`, and after the last one that is taken a word that there are more."""
    found = tuple(islice(events, MAX_EVENTS))
    more = next(events, None)
    return found if more is None else (*found, LineEvent(more.line_id, Ignored(UNREADABLE)))


def _changes(payload: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    """Every change with the place of its entry and its line; an empty one if it does not say."""
    for number, entry in enumerate(sequence(payload.get("entry"))):
        for change in sequence(mapping(entry).get("changes")):
            metadata = mapping(mapping(mapping(change).get("value")).get("metadata"))
            yield number, mapping(change), identifier(metadata.get("phone_number_id"), 64) or ""


def alias_of_number(value: object) -> Alias | None:
    """A `wa_id`: digits, perhaps with the plus of a number that a person wrote."""
    digits = value.removeprefix("+") if isinstance(value, str) else ""
    return Alias("pn", digits) if digits.isascii() and digits.isdigit() and 5 <= len(digits) <= 20 else None


def alias_of_user(value: object) -> Alias | None:
    """A business-scoped user id: a country's two letters, a dot, and up to 128 letters and digits."""
    if not isinstance(value, str):
        return None
    country, _, name = value.partition(".")
    good = len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()
    parts = name.split(".")  # some carry a second dot
    if not good or len(name) > 128 or not all(part.isascii() and part.isalnum() for part in parts):
        return None
    return Alias("bsuid", value)


def _change(field: object, value: Mapping[str, Any], now: datetime) -> Iterator[ChatEvent]:
    if field == "messages":
        contacts = _contacts(value)
        for message in sequence(value.get("messages")):
            yield _message(message, contacts, now)
        for status in sequence(value.get("statuses")):
            yield _receipt(status, contacts, now)
        if sequence(value.get("errors")):
            yield Ignored("errors")
    elif field == "smb_message_echoes":
        own = alias_of_number(mapping(value.get("metadata")).get("display_phone_number"))
        for echo in sequence(value.get("message_echoes")):
            yield _typed_by_salon(echo, own, now)
    else:
        yield Ignored("event")


def _message(data: object, contacts: _Contacts, now: datetime) -> ChatEvent:
    message = mapping(data)
    provider_id = identifier(message.get("id"))
    if provider_id is None:
        return Ignored(UNREADABLE)
    if message.get("type") == "system":
        return _system(message, now)
    if isinstance(message.get("group_id"), str):
        return Ignored("group")
    contact = _contact(contacts, message.get("from"), message.get("from_user_id"))
    aliases = _aliases(message.get("from"), message.get("from_user_id"), contact.get("wa_id"), contact.get("user_id"))
    if not aliases:
        return Ignored(UNREADABLE)
    name = mapping(contact.get("profile")).get("name")
    return _said("client", provider_id, aliases, person_name(name), message, now)


def _typed_by_salon(data: object, own: Alias | None, now: datetime) -> ChatEvent:
    """A person at the salon wrote in WhatsApp's own app."""
    message = mapping(data)
    provider_id = identifier(message.get("id"))
    aliases = tuple(alias for alias in _aliases(message.get("to"), message.get("to_user_id")) if alias != own)
    if provider_id is None or not aliases:
        return Ignored(UNREADABLE)
    return _said("salon", provider_id, aliases, None, message, now)


def _said(
    author: Any,
    provider_id: str,
    aliases: tuple[Alias, ...],
    name: str | None,
    message: Mapping[str, Any],
    now: datetime,
) -> ChatEvent:
    kind = message.get("type")
    if kind == "reaction":
        return Ignored("reaction")
    if not isinstance(kind, str):
        return Ignored(UNREADABLE)
    if kind in ("edit", "revoke"):
        return _changed(kind, mapping(message.get(kind)))
    content = _read(kind, mapping(message.get(kind)))
    return ChatMessage(
        author=author,
        provider_id=provider_id,
        aliases=aliases,
        name=name,
        kind=content.kind,
        text=content.text[:MAX_TEXT],
        choice_id=content.choice_id,
        sent_at=instant(message.get("timestamp"), now),
        metadata=_metadata(kind, message),
    )


def _changed(kind: str, change: Mapping[str, Any]) -> ChatEvent:
    """An earlier message has other words, or is taken back; told of lines that the salon's own app uses as well."""
    original = identifier(change.get("original_message_id"))
    if original is None:
        return Ignored("shape")
    if kind == "revoke":
        return Deleted("deleted", original)
    whole = mapping(change.get("message"))
    of_type = text(whole.get("type"))
    return Edited("edited", original, _read(of_type, mapping(whole.get(of_type))).text[:MAX_TEXT])


def _read(kind: str, body: Mapping[str, Any]) -> _Content:
    match kind:
        case "text":
            return _Content("text", text(body.get("body")))
        case "interactive":
            return _choice(body)
        case "button":
            return _Content("choice", text(body.get("text")), _choice_id(body.get("payload")))
        case "location":
            return _Content("location", text(body.get("name")) or text(body.get("address")))
        case _:
            return _Content(_MEDIA.get(kind, "other"), text(body.get("caption")))


def _choice(body: Mapping[str, Any]) -> _Content:
    for name in ("button_reply", "list_reply"):
        reply = body.get(name)
        if isinstance(reply, dict):
            return _Content("choice", text(reply.get("title")), _choice_id(reply.get("id")))
    form = mapping(body.get("nfm_reply"))
    return _Content("other", text(form.get("body")))


def _choice_id(value: object) -> str | None:
    return line(value, 256) or None


def _metadata(kind: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """Chosen facts only: no address, no content, nothing that a new version may add."""
    facts: dict[str, Any] = {"type": line(kind, 64)}
    context = mapping(message.get("context"))
    if quoted := identifier(context.get("id")):
        facts["quoted"] = quoted
    if context.get("forwarded") is True or context.get("frequently_forwarded") is True:
        facts["forwarded"] = True
    body = mapping(message.get(kind))
    if kind == "location":
        place = {name: fact(body.get(name)) for name in ("latitude", "longitude")}
        facts["place"] = {name: degrees for name, degrees in place.items() if degrees is not None}
    elif kind in _MEDIA and (ref := identifier(body.get("id"))) is not None:
        facts["media"] = Media(
            ref,
            mime_type=line(body.get("mime_type"), 256) or None,
            bytes=natural(body.get("file_size")),
            file_name=line(body.get("filename"), 256) or None,
            voice=body.get("voice") is True,
            sha256=line(body.get("sha256"), 64) or None,
        ).facts()
    elif kind == "unsupported":
        codes = [natural(mapping(error).get("code")) for error in sequence(message.get("errors"))]
        facts["errors"] = [code for code in codes if code is not None][:5]
    return facts


def _system(message: Mapping[str, Any], now: datetime) -> ChatEvent:
    """The client has another number or another user id: the old and the new are one person."""
    system = mapping(message.get("system"))
    if system.get("type") not in ("user_changed_number", "user_changed_user_id"):
        return Ignored("system")
    numbers = (message.get("from"), system.get("wa_id"), system.get("new_wa_id"))
    users = (message.get("from_user_id"), system.get("user_id"), system.get("previous_user_id"))
    told = {*(alias_of_number(number) for number in numbers), *(alias_of_user(user) for user in users)}
    aliases = tuple(sorted(alias for alias in told if alias is not None))
    return Linked("system", aliases, _at(message, now)) if len(aliases) > 1 else Ignored("system")


def _receipt(data: object, contacts: _Contacts, now: datetime) -> ChatEvent:
    status = mapping(data)
    name, provider_id = status.get("status"), identifier(status.get("id"))
    delivery = _RECEIPTS.get(name) if isinstance(name, str) else None
    if delivery is None:
        return Ignored("receipt")
    if provider_id is None:
        return Ignored("shape")
    failed = _failure(status) if delivery == "failed" else None
    contact = _contact(contacts, status.get("recipient_id"), status.get("recipient_user_id"))
    return Receipt(
        provider_id,
        delivery,
        code=failed.code if failed else None,
        reference=identifier(status.get("biz_opaque_callback_data"), 512),
        price=_price(status.get("pricing")) if delivery in _CHARGED else None,
        aliases=_aliases(
            status.get("recipient_id"), status.get("recipient_user_id"), contact.get("wa_id"), contact.get("user_id")
        ),
        again=(failed.delay or _AGAIN) if failed and failed.meaning != "never" else None,
        line_down=failed is not None and failed.meaning == "line_down",
        at=_at(status, now),
    )


def _at(told: Mapping[str, Any], now: datetime) -> datetime | None:
    return instant(told["timestamp"], now) if "timestamp" in told else None


def _failure(status: Mapping[str, Any]) -> Verdict:
    errors = sequence(status.get("errors"))
    return failure(natural(mapping(errors[0]).get("code")) if errors else None)


def _price(data: object) -> Price | None:
    pricing = mapping(data)
    category = line(pricing.get("category"), 64)
    if not category:
        return None
    # Versions say `billable`, `type`, or both: `regular`, or why it is free.
    free = pricing.get("billable") is False or text(pricing.get("type")).startswith("free")
    return Price(not free, category, line(pricing.get("pricing_model"), 64))


def _contacts(value: Mapping[str, Any]) -> _Contacts:
    """The people of a change by user id and by number; one body may tell of several, in any order."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for contact in map(mapping, sequence(value.get("contacts"))):
        for name in ("user_id", "wa_id"):
            if isinstance(told := contact.get(name), str):
                found.setdefault((name, told), contact)
    return found


def _contact(contacts: _Contacts, number: object, user: object) -> Mapping[str, Any]:
    """The contact that is this person."""
    for name, told in (("user_id", user), ("wa_id", number)):
        if isinstance(told, str) and (contact := contacts.get((name, told))) is not None:
            return contact
    return {}


def _aliases(number: object, user: object, *more: object) -> tuple[Alias, ...]:
    """Number and user id of one person, twice if the contact repeats them."""
    wa_id, user_id = more if more else (None, None)
    told = (alias_of_number(number), alias_of_user(user), alias_of_number(wa_id), alias_of_user(user_id))
    return tuple(sorted({alias for alias in told if alias is not None}))
