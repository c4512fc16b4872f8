"""JSON shapes of Evolution's messages, by version. Pure functions."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from booka_sandbox.evolution.state import Instance, Phone
from booka_sandbox.samples import sample

WALL_CLOCK_OFFSET = timedelta(hours=-3)
"""Evolution stamps `date_time` with local wall time and a false Z; this server pretends to stand in São Paulo."""


def version_tuple(version: str) -> tuple[int, ...]:
    """ "2.3.7-rc1" → (2, 3, 7)."""
    return tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())


Addressing = Literal["pn", "lid", "lid_only", "lid_moved"]
"""How a version names the client: by number, by LID, by LID without the number, or with `previousRemoteJid`."""


def message_key(
    instance: Instance,
    phone: Phone,
    message_id: str,
    *,
    from_me: bool,
    addressing: str | None = None,
    group: str | None = None,
) -> dict[str, Any]:
    """`data.key` of a message as that version writes it; `addressing` None = usual for the version.

    In a group (its id without `@g.us`) the chat is the group and the participant is named in the version's way.
    """
    version = version_tuple(instance.version)
    usual = "lid" if version >= (2, 3) else "pn"
    mode = addressing or instance.addressing or usual
    key = {"fromMe": from_me, "id": message_id}
    if group is not None:
        return {"remoteJid": f"{group}@g.us", **key, **_participant(version, phone, mode)}
    return {**_chat(version, phone, mode), **key}


def _chat(version: tuple[int, ...], phone: Phone, mode: str) -> dict[str, Any]:
    pn, lid = f"{phone.wa_id}@s.whatsapp.net", f"{phone.lid}@lid"
    if mode == "lid_only":
        told = {"remoteJid": lid}
        return {**told, "addressingMode": "lid"} if version >= (2, 3, 6) else told
    if version >= (2, 4):
        return {"remoteJid": pn, "remoteJidAlt": lid, "addressingMode": "pn"}
    if version >= (2, 3, 7) and mode != "pn":
        # 2.3.7 overwrites the LID with the number: the LID is lost.
        return {"remoteJid": pn, "remoteJidAlt": pn, "addressingMode": "lid"}
    if version >= (2, 3, 6):
        chat, alt = (pn, lid) if mode == "pn" else (lid, pn)
        return {"remoteJid": chat, "remoteJidAlt": alt, "addressingMode": "pn" if mode == "pn" else "lid"}
    if mode == "pn":
        return {"remoteJid": pn}
    if version >= (2, 3):
        if mode == "lid_moved":
            return {"remoteJid": pn, "senderPn": pn, "previousRemoteJid": lid}
        return {"remoteJid": lid, "senderPn": pn}
    return {"remoteJid": lid}


def _participant(version: tuple[int, ...], phone: Phone, mode: str) -> dict[str, Any]:
    pn, lid = f"{phone.wa_id}@s.whatsapp.net", f"{phone.lid}@lid"
    if mode == "pn":
        return {"participant": pn}
    if mode == "lid_only" or version < (2, 3):
        return {"participant": lid}
    if version >= (2, 3, 6):
        return {"participant": lid, "participantAlt": pn, "addressingMode": "lid"}
    return {"participant": lid, "participantPn": pn}


def client_content(kind: str, text: str, choice_id: str | None) -> tuple[str, dict[str, Any]]:
    """(messageType, message) for something a client does on the phone. ValueError for an unknown kind."""
    match kind:
        case "text":
            return "conversation", {"conversation": text}
        case "extended":
            return "extendedTextMessage", {"extendedTextMessage": {"text": text}}
        case "list":
            reply = {"selectedRowId": choice_id or text}
            return "listResponseMessage", {"listResponseMessage": {"title": text, "singleSelectReply": reply}}
        case "button":
            button = {"selectedButtonId": choice_id or text, "selectedDisplayText": text}
            return "buttonsResponseMessage", {"buttonsResponseMessage": button}
        case "template_button":
            button = {"selectedId": choice_id or text, "selectedDisplayText": text}
            return "templateButtonReplyMessage", {"templateButtonReplyMessage": button}
        case "audio":
            audio = {"mimetype": "audio/ogg; codecs=opus", "seconds": 4, "ptt": True, "fileLength": "9120"}
            return "audioMessage", {"audioMessage": audio}
        case "image":
            return "imageMessage", {"imageMessage": {"mimetype": "image/jpeg", "caption": text, "fileLength": "48213"}}
        case "document":
            return "documentMessage", {"documentMessage": {"mimetype": "application/pdf", "title": text}}
        case "location":
            place = {"degreesLatitude": 40.4168, "degreesLongitude": -3.7038, "name": text}
            return "locationMessage", {"locationMessage": place}
        case "sticker":
            return "stickerMessage", {"stickerMessage": {"mimetype": "image/webp"}}
        case "reaction":
            return "reactionMessage", {"reactionMessage": {"key": {"id": choice_id or ""}, "text": text}}
    raise ValueError(f"unknown kind of message: {kind}")


def with_medium(body: Any, media: bytes | None, mime_type: str | None) -> bytes | None:
    """The bytes of what is sent, whose type and size `body` then tells; None for what has no bytes."""
    if not isinstance(body, dict) or "mimetype" not in body:
        return None
    body["mimetype"] = mime_type or body["mimetype"]
    content = sample(body["mimetype"]) if media is None else media
    body["fileLength"] = str(len(content))
    return content


CLIENT_KINDS = (
    "text",
    "extended",
    "list",
    "button",
    "template_button",
    "audio",
    "image",
    "document",
    "location",
    "sticker",
    "reaction",
)

PLACEHOLDERS = {
    "audio": "🎤 voice message",
    "image": "📷 photo",
    "document": "📄 document",
    "location": "📍 location",
    "sticker": "sticker",
}


def envelope(instance: Instance, event: str, data: Any, server_url: str) -> dict[str, Any]:
    """The body of every webhook."""
    wall = datetime.now(UTC) + WALL_CLOCK_OFFSET
    return {
        "event": event,
        "instance": instance.name,
        "data": data,
        "destination": instance.webhook.url,
        "date_time": wall.strftime("%Y-%m-%dT%H:%M:%S.") + f"{wall.microsecond // 1000:03d}Z",
        "sender": instance.own_jid,
        "server_url": server_url,
        "apikey": instance.token,
    }


def instance_record(instance: Instance) -> dict[str, Any]:
    """One element of fetchInstances."""
    return {
        "id": instance.id,
        "name": instance.name,
        "connectionStatus": instance.state,
        "ownerJid": instance.own_jid,
        "profileName": instance.display_name,
        "profilePicUrl": None,
        "integration": "WHATSAPP-BAILEYS",
        "number": instance.own_number,
        "businessId": None,
        "token": instance.token,
        "clientName": "evolution_exchange",
        "disconnectionReasonCode": None,
        "_count": {"Message": sum(len(p.messages) for p in instance.phones.values()), "Contact": len(instance.phones)},
    }


def webhook_record(instance: Instance) -> dict[str, Any] | None:
    """The answer of webhook/find and webhook/set; None when no webhook was set."""
    target = instance.webhook
    if not target.url:
        return None
    return {
        "id": f"wh-{instance.id[:8]}",
        "url": target.url,
        "headers": target.headers,
        "enabled": target.enabled,
        "events": list(target.events),
        "webhookByEvents": target.by_events,
        "webhookBase64": False,
        "instanceId": instance.id,
    }
