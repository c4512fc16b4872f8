"""Reads what Evolution API 2.2.3 to 2.4 sends to a webhook. Pure, and total: any JSON gives events, never an exception."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from booka_messaging.domain.media import Media, natural
from booka_messaging.domain.model import (
    Alias,
    ChatEvent,
    ChatMessage,
    ConnectionChanged,
    Deleted,
    Delivery,
    Echoed,
    Edited,
    Ignored,
    Kind,
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
    text,
)

__all__ = ["MAX_TEXT", "alias_of", "read", "read_kept", "read_stored"]

_RECEIPTS: Mapping[str, Delivery] = {
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
    "ERROR": "failed",
}
_SERVERS: Mapping[str, Literal["pn", "lid"]] = {
    "s.whatsapp.net": "pn",
    "c.us": "pn",
    "hosted": "pn",
    "lid": "lid",
    "hosted.lid": "lid",
}
#: Chats with more than one person, or with none; nobody expects an answer of a salon there.
_CROWDS: Mapping[str, str] = {"g.us": "group", "broadcast": "broadcast", "newsletter": "newsletter", "bot": "chat"}
#: WhatsApp itself, with its notices.
_WHATSAPP = frozenset({"0@s.whatsapp.net", "0@c.us"})
#: Where a version names the person besides `remoteJid`, in `key` or (some builds) beside it.
_ALSO_CHAT = ("remoteJidAlt", "previousRemoteJid")
_ALSO_AUTHOR = (
    "senderPn",
    "senderLid",
    "participant",
    "participantAlt",
    "participantPn",
    "participantLid",
)
_ALSO_ANYBODY = (*_ALSO_CHAT, *_ALSO_AUTHOR)
_WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "associatedChildMessage",
)
_WRAPPER_NAMES = frozenset(_WRAPPERS)
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
        "secretEncryptedMessage",  # an edit whose words Evolution does not tell
        "albumMessage",  # its pictures follow, one by one
        "placeholderMessage",
        "callLogMesssage",
        "encCommentMessage",
        "encEventResponseMessage",
        "messageContextInfo",
        "base64",
        "mediaUrl",
        "speechToText",
    }
)
_REACTIONS = frozenset({"reactionMessage", "encReactionMessage"})
_MEDIA: Mapping[str, Kind] = {
    "audioMessage": "audio",
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "documentMessage": "document",
    "locationMessage": "location",
    "liveLocationMessage": "location",
}
#: A revocation as a `protocolMessage` says it: by name, or by its number.
_REVOKED = ("REVOKE", 0)


def read(payload: Mapping[str, Any], now: datetime, *, path_event: str | None = None) -> tuple[ChatEvent, ...]:
    """The events of one webhook body, at least one.

    Args:
        payload: Evolution's envelope `{event, instance, data, …}`.
        now: times that the gateway does not tell, or tells from the future, become this.
        path_event: the event's name at the end of the webhook's path, for bodies without one.
    """
    reader = _READERS.get(_spelling(payload.get("event") or path_event))
    if reader is None:
        return (Ignored("event"),)
    data, own = payload.get("data"), alias_of(payload.get("sender"))
    if not isinstance(data, list):
        return (reader(data, own, now),)
    found = tuple([reader(item, own, now) for item in data[:MAX_EVENTS]]) or (Ignored("empty"),)
    return found if len(data) <= MAX_EVENTS else (*found, Ignored(UNREADABLE))


def read_stored(record: object, now: datetime) -> ChatMessage | None:
    """A message of ours out of Evolution's own store; None for anything else."""
    message = read_kept(record, None, now)
    return message if message is not None and message.author == "salon" else None


def read_kept(record: object, own: Alias | None, now: datetime) -> ChatMessage | None:
    """What somebody said, out of Evolution's own store, as its webhook would have told it; None for anything else.

    Args:
        own: the salon's own address, which a webhook tells as `sender`.
    """
    message = _message(record, own, now)
    return message if isinstance(message, ChatMessage) else None


def alias_of(jid: object) -> Alias | None:
    """The person whom a WhatsApp address names: `351912345678@s.whatsapp.net`, `77001122334455@lid`; None for others."""
    return _alias(jid) if isinstance(jid, str) else None


@lru_cache(maxsize=2048)  # the same few people write, and the salon is named in each of their messages
def _alias(jid: str) -> Alias | None:
    user, _, server = jid.partition("@")
    digits = user.partition(":")[0].partition("_")[0]  # a device or an agent number may follow
    kind = _SERVERS.get(server)
    if kind is None or not (digits.isascii() and digits.isdigit()) or not 5 <= len(digits) <= 20:
        return None
    return Alias(kind, digits)


def _spelling(event: object) -> str:
    """`MESSAGES_UPSERT`, `messages-upsert` and `messages.upsert` are one event."""
    return event.lower().replace("_", ".").replace("-", ".") if isinstance(event, str) else ""


def _message(data: object, own: Alias | None, now: datetime) -> ChatEvent:
    if not isinstance(data, dict) or not isinstance(key := data.get("key"), dict):
        return Ignored(UNREADABLE)
    provider_id = identifier(key.get("id"))
    if provider_id is None:
        return Ignored(UNREADABLE)
    from_me = key.get("fromMe") is True
    chat = alias_of(key.get("remoteJid"))
    if chat is None:
        return Ignored(_crowd(key.get("remoteJid")) or UNREADABLE)
    if chat == own:
        return Ignored("chat")
    name, body = _content(data)
    if not name:
        return Ignored("reaction" if _REACTIONS & mapping(data.get("message")).keys() else "silent")
    content = _read(name, body, data)
    return ChatMessage(
        author="salon" if from_me else "client",
        provider_id=provider_id,
        aliases=_aliases(chat, key, data, own, from_me=from_me),
        name=None if from_me else person_name(data.get("pushName")),
        kind=content.kind,
        text=content.text[:MAX_TEXT],
        choice_id=content.choice_id,
        sent_at=instant(data.get("messageTimestamp"), now),
        metadata=_metadata(name, body, key, data, provider_id),
    )


def _crowd(jid: object) -> str | None:
    if not isinstance(jid, str):
        return None
    return "chat" if jid in _WHATSAPP else _CROWDS.get(jid.rpartition("@")[2])


def _aliases(
    chat: Alias, key: Mapping[str, Any], data: Mapping[str, Any], own: Alias | None, *, from_me: bool
) -> tuple[Alias, ...]:
    """The client's aliases: the chat's, and every other name that this version gives the same person.

    `sender…` and `participant…` name the author, which is the salon itself in a message that it wrote.
    """
    names = _ALSO_CHAT if from_me else _ALSO_ANYBODY
    told = {chat}
    for place in (key, data):
        for name in names:
            if (jid := place.get(name)) and (alias := alias_of(jid)) is not None and alias != own:
                told.add(alias)
    return tuple(sorted(told))


def _echo(data: object, own: Alias | None, now: datetime) -> ChatEvent:
    """What was sent through the gateway's API, as the gateway shows it afterwards."""
    message = _message(data, own, now)
    if not isinstance(message, ChatMessage) or message.author != "salon":
        return Ignored("event")
    return Echoed("echo", message.provider_id, message.aliases, message.text, message.sent_at)


def _edit(data: object, _own: Alias | None, _now: datetime) -> ChatEvent:
    """A `protocolMessage`: a new text for an old message, or, in some versions, its revocation."""
    whole = mapping(data)
    key = mapping(whole.get("key"))
    provider_id = identifier(key.get("id"))
    if provider_id is None:
        return Ignored("shape")
    if (crowd := _crowd(key.get("remoteJid"))) is not None:
        return Ignored(crowd)
    edited = whole.get("editedMessage", whole.get("message"))
    if not isinstance(edited, dict):
        kind = whole.get("type")
        revoked = not isinstance(kind, bool | float) and kind in _REVOKED
        return Deleted("deleted", provider_id) if revoked else Ignored("protocol")
    name, body = _content({"message": edited})
    return Edited("edited", provider_id, _read(name, body, {}).text[:MAX_TEXT])


def _deletion(data: object, _own: Alias | None, _now: datetime) -> ChatEvent:
    """The key of the message that was taken back, bare or as `key`."""
    whole = mapping(data)
    key = mapping(whole.get("key"))
    provider_id = identifier(whole.get("id")) or identifier(key.get("id"))
    if provider_id is None:
        return Ignored("shape")
    crowd = _crowd(whole.get("remoteJid") or key.get("remoteJid"))
    return Deleted("deleted", provider_id) if crowd is None else Ignored(crowd)


def _content(data: Mapping[str, Any]) -> tuple[str, Any]:
    """The name and body of what was said, out of its wrappers; `("", None)` if nothing was."""
    message = data.get("message")
    for _ in range(4):
        if not isinstance(message, dict):
            return "", None
        if _WRAPPER_NAMES.isdisjoint(message):
            break
        wrapped = next((message[name] for name in _WRAPPERS if isinstance(message.get(name), dict)), None)
        if wrapped is None:
            break
        message = wrapped.get("message")
    if not isinstance(message, dict):
        return "", None
    said = [name for name, body in message.items() if body is not None and name not in _SILENT]
    declared = data.get("messageType")
    if not isinstance(declared, str):
        declared = ""
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
        return _Content("text", text(body))
    fields = body if isinstance(body, dict) else {}
    if name == "extendedTextMessage":
        return _Content("text", text(fields.get("text")))
    if (choice := _choice(name, fields)) is not None:
        return choice
    kind = _MEDIA.get(name, "other")
    if kind == "location":
        return _Content(kind, text(fields.get("name")) or text(fields.get("address")))
    if kind == "audio":
        message = data.get("message")
        heard = message.get("speechToText") if isinstance(message, dict) else None
        return _Content(kind, text(heard).removeprefix("[audio]").strip())
    return _Content(kind, text(fields.get("caption")))


def _choice(name: str, body: Mapping[str, Any]) -> _Content | None:
    """A reply to buttons or a list; an id is what makes it one."""
    title: object
    if name == "listResponseMessage":
        reply = body.get("singleSelectReply")
        chosen, title = (reply.get("selectedRowId") if isinstance(reply, dict) else None), body.get("title")
    elif name == "buttonsResponseMessage":
        chosen, title = body.get("selectedButtonId"), body.get("selectedDisplayText")
    elif name == "templateButtonReplyMessage":
        chosen, title = body.get("selectedId"), body.get("selectedDisplayText")
    elif name == "interactiveResponseMessage":
        chosen, title = _native_flow(body)
    else:
        return None
    return _Content("choice", text(title), line(chosen, 256) or None)


def _native_flow(body: Mapping[str, Any]) -> tuple[object, object]:
    flow, shown = body.get("nativeFlowResponseMessage"), body.get("body")
    title = shown.get("text") if isinstance(shown, dict) else None
    raw = flow.get("paramsJson") if isinstance(flow, dict) else None
    if not isinstance(raw, str) or len(raw) > 10_000:
        return None, title
    try:
        params = json.loads(raw)
    except (ValueError, RecursionError):
        return None, title
    return (params.get("id") if isinstance(params, dict) else None), title


def _metadata(
    name: str, body: Any, key: Mapping[str, Any], data: Mapping[str, Any], provider_id: str
) -> dict[str, Any]:
    """Chosen facts only, so that no credential, key, address or content can slip in with a new version."""
    facts: dict[str, Any] = {"type": line(name, 64)}
    for field in ("source", "instanceId"):
        if value := line(data.get(field), 64):
            facts[field] = value
    for field in ("remoteJid", "addressingMode"):
        if value := line(key.get(field), 64):
            facts[field] = value
    if (context := data.get("contextInfo")) and (quoted := identifier(mapping(context).get("stanzaId"))):
        facts["quoted"] = quoted
    kind = _MEDIA.get(name)
    if kind is None:
        return facts
    fields = mapping(body)
    if kind == "location":
        place = {word: fact(fields.get(f"degrees{word.title()}")) for word in ("latitude", "longitude")}
        facts["place"] = {word: degrees for word, degrees in place.items() if degrees is not None}
    else:
        facts["media"] = Media(
            provider_id,
            mime_type=line(fields.get("mimetype"), 256) or None,
            bytes=natural(fields.get("fileLength")),
            seconds=natural(fields.get("seconds")),
            file_name=line(fields.get("fileName"), 256) or None,
            voice=fields.get("ptt") is True,
        ).facts()
    return facts


def _receipt(data: object, _own: Alias | None, _now: datetime) -> ChatEvent:
    if not isinstance(data, dict):
        return Ignored("shape")
    status = data.get("status")
    provider_id = identifier(data.get("keyId"))
    if status == "DELETED" and provider_id is not None:
        return Deleted("deleted", provider_id)
    delivery = _RECEIPTS.get(status) if isinstance(status, str) else None
    if delivery is None or data.get("fromMe") is False:
        return Ignored("receipt")
    if _crowd(data.get("remoteJid")) is not None:
        return Ignored("receipt")
    return Ignored("shape") if provider_id is None else Receipt(provider_id, delivery)


def _connection(data: object, _own: Alias | None, _now: datetime) -> ChatEvent:
    if not isinstance(data, dict) or not (state := line(data.get("state"), 32)):
        return Ignored("shape")
    if state == "refused":  # by WhatsApp; of a line, the word says that the gateway refuses us
        state = "close"
    reason = fact(data.get("statusReason"))
    return ConnectionChanged(state, None if reason is None else str(reason)[:32])


_READERS: Mapping[str, Callable[[object, Alias | None, datetime], ChatEvent]] = {
    "messages.upsert": _message,
    "send.message": _echo,
    "messages.update": _receipt,
    "messages.edited": _edit,
    "messages.delete": _deletion,
    "connection.update": _connection,
}
