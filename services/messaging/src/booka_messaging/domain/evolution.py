"""Reads what Evolution API 2.2.3 to 2.4 sends to a webhook. Pure, and total: any JSON gives events, never an exception."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from booka_messaging.domain.model import (
    Alias,
    ChatEvent,
    ChatMessage,
    ConnectionChanged,
    Delivery,
    Ignored,
    Kind,
    Receipt,
)

__all__ = ["MAX_TEXT", "read", "read_stored"]

MAX_TEXT = 4096
_MAX_ITEMS = 100
_MAX_ID = 128

_RECEIPTS: Mapping[str, Delivery] = {
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
    "ERROR": "failed",
}
_SERVERS: Mapping[str, Literal["pn", "lid"]] = {"s.whatsapp.net": "pn", "c.us": "pn", "lid": "lid"}
_WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
)
#: Signals between phones, and what comes as an event of its own: nobody said anything.
_SILENT = frozenset(
    {
        "protocolMessage",
        "editedMessage",
        "reactionMessage",
        "encReactionMessage",
        "pollUpdateMessage",
        "keepInChatMessage",
        "pinInChatMessage",
        "senderKeyDistributionMessage",
        "messageContextInfo",
        "base64",
        "mediaUrl",
        "speechToText",
    }
)
_MEDIA: Mapping[str, Kind] = {
    "audioMessage": "audio",
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "documentMessage": "document",
    "locationMessage": "location",
    "liveLocationMessage": "location",
}
#: Facts about a medium that are worth keeping; its content, thumbnails, keys and signed addresses are not.
_MEDIA_FACTS = ("mimetype", "seconds", "fileLength", "fileName", "ptt", "degreesLatitude", "degreesLongitude")


def read(payload: Mapping[str, Any], now: datetime, *, path_event: str | None = None) -> tuple[ChatEvent, ...]:
    """The events of one webhook body, at least one.

    Args:
        payload: Evolution's envelope `{event, instance, data, …}`.
        now: times that the gateway does not tell, or tells from the future, become this.
        path_event: the event's name at the end of the webhook's path, for bodies without one.
    """
    data = payload.get("data")
    items = data[:_MAX_ITEMS] if isinstance(data, list) else [data]
    match _spelling(payload.get("event") or path_event):
        case "messages.upsert":
            own = _alias(payload.get("sender"))
            events = tuple(_message(item, own, now) for item in items)
        case "messages.update":
            events = tuple(_receipt(item) for item in items)
        case "connection.update":
            events = tuple(_connection(item) for item in items)
        case _:
            events = (Ignored("event"),)
    return events or (Ignored("empty"),)


def read_stored(record: object, now: datetime) -> ChatMessage | None:
    """A message of ours out of Evolution's own store; None for anything else."""
    message = _message(record, None, now)
    return message if isinstance(message, ChatMessage) and message.author == "salon" else None


def _spelling(event: object) -> str:
    """`MESSAGES_UPSERT`, `messages-upsert` and `messages.upsert` are one event."""
    return event.lower().replace("_", ".").replace("-", ".") if isinstance(event, str) else ""


def _message(data: object, own: Alias | None, now: datetime) -> ChatEvent:
    if not isinstance(data, Mapping) or not isinstance(key := data.get("key"), Mapping):
        return Ignored("shape")
    provider_id = _line(key.get("id"), _MAX_ID + 1)
    if not provider_id or len(provider_id) > _MAX_ID:
        return Ignored("shape")
    from_me = key.get("fromMe") is True
    aliases = _aliases(key, from_me=from_me)
    if not aliases or (from_me and own in aliases):
        return Ignored("chat")
    name, body = _content(data)
    if not name:
        return Ignored("silent")
    content = _read(name, body, data)
    return ChatMessage(
        author="salon" if from_me else "client",
        provider_id=provider_id,
        aliases=aliases,
        name=None if from_me else _name(data.get("pushName")),
        kind=content.kind,
        text=content.text[:MAX_TEXT],
        choice_id=content.choice_id,
        sent_at=_time(data.get("messageTimestamp"), now),
        metadata=_metadata(name, body, key, data),
    )


def _aliases(key: Mapping[str, Any], *, from_me: bool) -> tuple[Alias, ...]:
    """The client's aliases; none for groups, broadcasts and newsletters.

    `senderPn` and `senderLid` name the author, which is the salon itself in a message that it wrote.
    """
    chat = _alias(key.get("remoteJid"))
    if chat is None:
        return ()
    others = ("remoteJidAlt",) if from_me else ("remoteJidAlt", "senderPn", "senderLid", "previousRemoteJid")
    return tuple(sorted({chat, *(alias for name in others if (alias := _alias(key.get(name))))}))


def _alias(jid: object) -> Alias | None:
    if not isinstance(jid, str):
        return None
    user, _, server = jid.partition("@")
    digits = user.partition(":")[0]  # a device number may follow
    kind = _SERVERS.get(server)
    if kind is None or not (digits.isascii() and digits.isdigit()) or not 5 <= len(digits) <= 20:
        return None
    return Alias(kind, digits)


def _content(data: Mapping[str, Any]) -> tuple[str, Any]:
    """The name and body of what was said, out of its wrappers; `("", None)` if nothing was."""
    message = data.get("message")
    for _ in range(4):
        if not isinstance(message, Mapping):
            return "", None
        wrapped = next((message[name] for name in _WRAPPERS if isinstance(message.get(name), Mapping)), None)
        if wrapped is None:
            break
        message = wrapped.get("message")
    if not isinstance(message, Mapping):
        return "", None
    said = [name for name in message if isinstance(name, str) and name not in _SILENT and message[name] is not None]
    declared = data["messageType"] if isinstance(data.get("messageType"), str) else ""
    if not said or (declared in _SILENT and declared in message):
        return "", None
    name = declared if declared in said else said[0]
    return name, message[name]


class _Content(NamedTuple):
    kind: Kind
    text: str
    choice_id: str | None = None


def _read(name: str, body: Any, data: Mapping[str, Any]) -> _Content:
    if name == "conversation":
        return _Content("text", _text(body))
    fields = body if isinstance(body, Mapping) else {}
    if name == "extendedTextMessage":
        return _Content("text", _text(fields.get("text")))
    if (choice := _choice(name, fields)) is not None:
        return choice
    kind = _MEDIA.get(name, "other")
    if kind == "location":
        return _Content(kind, _text(fields.get("name")) or _text(fields.get("address")))
    if kind == "audio":
        message = data.get("message")
        heard = message.get("speechToText") if isinstance(message, Mapping) else None
        return _Content(kind, _text(heard).removeprefix("[audio]").strip())
    return _Content(kind, _text(fields.get("caption")))


def _choice(name: str, body: Mapping[str, Any]) -> _Content | None:
    """A reply to buttons or a list; an id is what makes it one."""
    title: object
    if name == "listResponseMessage":
        reply = body.get("singleSelectReply")
        chosen, title = (reply.get("selectedRowId") if isinstance(reply, Mapping) else None), body.get("title")
    elif name == "buttonsResponseMessage":
        chosen, title = body.get("selectedButtonId"), body.get("selectedDisplayText")
    elif name == "templateButtonReplyMessage":
        chosen, title = body.get("selectedId"), body.get("selectedDisplayText")
    elif name == "interactiveResponseMessage":
        chosen, title = _native_flow(body)
    else:
        return None
    return _Content("choice", _text(title), _line(chosen, 256) or None)


def _native_flow(body: Mapping[str, Any]) -> tuple[object, object]:
    flow, shown = body.get("nativeFlowResponseMessage"), body.get("body")
    title = shown.get("text") if isinstance(shown, Mapping) else None
    raw = flow.get("paramsJson") if isinstance(flow, Mapping) else None
    if not isinstance(raw, str) or len(raw) > 10_000:
        return None, title
    try:
        params = json.loads(raw)
    except (ValueError, RecursionError):
        return None, title
    return (params.get("id") if isinstance(params, Mapping) else None), title


def _metadata(name: str, body: Any, key: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Chosen facts only, so that no credential, key, address or content can slip in with a new version."""
    facts: dict[str, Any] = {"type": _line(name, 64)}
    for field in ("source", "instanceId"):
        if value := _line(data.get(field), 64):
            facts[field] = value
    for field in ("remoteJid", "addressingMode"):
        if value := _line(key.get(field), 64):
            facts[field] = value
    context = data.get("contextInfo")
    if isinstance(context, Mapping) and (quoted := _line(context.get("stanzaId"), _MAX_ID)):
        facts["quoted"] = quoted
    if name in _MEDIA and isinstance(body, Mapping):
        facts["media"] = {field: _fact(body[field]) for field in _MEDIA_FACTS if body.get(field) is not None}
    return facts


def _fact(value: Any) -> Any:
    if isinstance(value, str):
        return _line(value, 256)
    if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 2**53):
        return value
    return None


def _receipt(data: object) -> ChatEvent:
    if not isinstance(data, Mapping):
        return Ignored("shape")
    provider_id, status = data.get("keyId"), data.get("status")
    delivery = _RECEIPTS.get(status) if isinstance(status, str) else None
    if delivery is None or data.get("fromMe") is False:
        return Ignored("receipt")
    provider_id = _line(provider_id, _MAX_ID + 1)
    return Receipt(provider_id, delivery) if 0 < len(provider_id) <= _MAX_ID else Ignored("shape")


def _connection(data: object) -> ChatEvent:
    if not isinstance(data, Mapping) or not (state := _line(data.get("state"), 32)):
        return Ignored("shape")
    reason = data.get("statusReason")
    return ConnectionChanged(state, str(reason)[:32] if isinstance(reason, int | str) else None)


def _name(push_name: object) -> str | None:
    """What a client calls themselves; gateways put digits of a number, or "Você" for the salon, where a name is missing."""
    name = " ".join(_line(push_name, 120).split())
    if not any(letter.isalpha() for letter in name) or name.casefold() == "você":
        return None
    return name


def _time(value: object, now: datetime) -> datetime:
    """Unix seconds as int, text or `{low, high}`; milliseconds are recognised by their size."""
    if isinstance(value, Mapping):
        value = value.get("low")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e14:
        return now
    seconds = value / 1000 if value > 1e11 else value
    return min(datetime.fromtimestamp(seconds, UTC), now)


def _text(value: object) -> str:
    """`value` if it is text, without what PostgreSQL cannot store."""
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _line(value: object, longest: int) -> str:
    return _text(value)[:longest].strip()
