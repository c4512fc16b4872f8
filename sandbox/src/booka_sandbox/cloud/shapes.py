"""JSON shapes of the Cloud API's webhooks and answers. Pure functions."""

from collections.abc import Sequence
from typing import Any

from booka_sandbox.cloud.errors import in_status
from booka_sandbox.cloud.state import Change, Line, Message, Phone

PLACEHOLDERS = {
    "audio": "🎤 voice message",
    "image": "📷 photo",
    "video": "🎥 video",
    "document": "📄 document",
    "location": "📍 location",
    "sticker": "sticker",
    "contacts": "contact",
}
MEDIA_TYPES = {
    "audio": "audio/ogg; codecs=opus",
    "image": "image/jpeg",
    "video": "video/mp4",
    "document": "application/pdf",
    "sticker": "image/webp",
}
CLIENT_KINDS = (
    "text",
    "button",
    "list",
    "template_button",
    "location",
    "contacts",
    "reaction",
    "unsupported",
    "number_changed",
    *MEDIA_TYPES,
)


def said(  # noqa: C901 - a list of kinds
    kind: str, text: str, choice_id: str | None, about: str | None, medium: dict[str, Any]
) -> dict[str, Any]:
    """`type` and content of something a client does on the phone. ValueError for an unknown kind."""
    chosen = {"id": choice_id or text, "title": text}
    match kind:
        case "text":
            return {"type": "text", "text": {"body": text}}
        case "button":
            return {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": chosen}}
        case "list":
            reply = {**chosen, "description": ""}
            return {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": reply}}
        case "template_button":
            return {"type": "button", "button": {"payload": choice_id or text, "text": text}}
        case "location":
            place = {"latitude": 40.4168, "longitude": -3.7038, "name": text, "address": "Calle Mayor 1"}
            return {"type": "location", "location": place}
        case "contacts":
            return {"type": "contacts", "contacts": [{"name": {"formatted_name": text, "first_name": text}}]}
        case "reaction":
            return {"type": "reaction", "reaction": {"message_id": about or "", "emoji": text}}
        case "unsupported":
            error = in_status(131051, "Message type is currently not supported.")
            return {"type": "unsupported", "errors": [error]}
        case "number_changed":
            system = {"type": "user_changed_number", "body": f"User changed to {text}", "wa_id": text}
            return {"type": "system", "system": system}
        case "audio":
            return {"type": "audio", "audio": {**medium, "voice": True}}
        case "image" | "video":
            return {"type": kind, kind: {**medium, "caption": text} if text else medium}
        case "document":
            return {"type": "document", "document": {**medium, "filename": text or "file.pdf"}}
        case "sticker":
            return {"type": "sticker", "sticker": {**medium, "animated": False}}
    raise ValueError(f"unknown kind of message: {kind}")


def value(line: Line, **content: Any) -> dict[str, Any]:
    """The value of a change: whose line it is, then the content."""
    metadata = {"display_phone_number": line.own_number, "phone_number_id": line.id}
    return {"messaging_product": "whatsapp", "metadata": metadata, **content}


def contact(phone: Phone) -> dict[str, Any]:
    """One element of `contacts`; no number for a user who took a username."""
    profile: dict[str, Any] = {"name": phone.push_name or phone.number}
    if phone.username is not None:
        return {"profile": {**profile, "username": phone.username}, "user_id": phone.user_id}
    return {"profile": profile, "wa_id": phone.wa_id, "user_id": phone.user_id}


def incoming(phone: Phone, message: Message, content: dict[str, Any], about: str | None) -> dict[str, Any]:
    """One element of `messages`."""
    sender = {} if phone.username is not None else {"from": phone.wa_id}
    whole = {**sender, "from_user_id": phone.user_id, "id": message.id, "timestamp": str(message.timestamp), **content}
    return {**whole, "context": {"id": about}} if about and content["type"] != "reaction" else whole


def echo(line: Line, phone: Phone, message: Message, content: dict[str, Any]) -> dict[str, Any]:
    """One element of `message_echoes`: typed by a person in the salon's own app."""
    to = {} if phone.username is not None else {"to": phone.wa_id}
    whose = {"from": line.own_number, **to, "to_user_id": phone.user_id}
    return {**whose, "id": message.id, "timestamp": str(message.timestamp), **content}


def status(line: Line, phone: Phone, message: Message, name: str, at: int, failure: int | None) -> dict[str, Any]:
    """One element of `statuses`."""
    told: dict[str, Any] = {"id": message.id, "status": name, "timestamp": str(at)}
    if phone.username is None:
        told["recipient_id"] = phone.wa_id
    if failure is None:
        told["recipient_user_id"] = phone.user_id
    if message.callback is not None:
        told["biz_opaque_callback_data"] = message.callback
    if failure is not None:
        return {**told, "errors": [in_status(failure, "ordered by the sandbox")]}
    if name in {"sent", "delivered"}:
        told["conversation"] = {"id": f"c{phone.user_id}", "origin": {"type": message.category}}
        free = message.in_window and not line.service_billable
        told["pricing"] = {
            "billable": not free,
            "pricing_model": "PMP",
            "type": "free_customer_service" if free else "regular",
            "category": message.category,
        }
    return told


def post(line: Line, changes: Sequence[Change]) -> dict[str, Any]:
    """The body of one webhook."""
    told = [{"field": change.field, "value": change.value} for change in changes]
    return {"object": "whatsapp_business_account", "entry": [{"id": line.waba_id, "changes": told}]}


def merged(changes: Sequence[Change]) -> list[Change]:
    """All changes of one field as a single one, with all their contacts, messages and statuses."""
    by_field: dict[str, dict[str, Any]] = {}
    for change in changes:
        whole = by_field.setdefault(change.field, {})
        for name, content in change.value.items():
            if isinstance(content, list):
                whole[name] = [*whole.get(name, []), *(one for one in content if one not in whole.get(name, []))]
            else:
                whole[name] = content
    return [Change(name, content, None, None) for name, content in by_field.items()]
