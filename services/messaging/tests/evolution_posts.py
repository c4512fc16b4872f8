"""What Evolution API sends, for tests of what is read in it."""

from datetime import UTC, datetime
from typing import Any

from booka_messaging.domain.evolution import read
from booka_messaging.domain.model import (
    Alias,
    ChatMessage,
    Ignored,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PN, LID = Alias("pn", "351912345678"), Alias("lid", "77001122334455")
PN_JID, LID_JID = "351912345678@s.whatsapp.net", "77001122334455@lid"
GROUP_JID = "120363020202020202@g.us"


def upsert(message: Any = None, *, key: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    """The envelope of one new message."""
    body = {"conversation": "bom dia"} if message is None else message
    whole_key = {"remoteJid": PN_JID, "fromMe": False, "id": "A1", **(key or {})}
    return {
        "event": "messages.upsert",
        "instance": "salon",
        "sender": "351210000000@s.whatsapp.net",
        "data": {
            "key": whole_key,
            "pushName": "Rui",
            "message": body,
            "messageTimestamp": int(NOW.timestamp()) - 5,
            **data,
        },
    }


def message(payload: dict[str, Any]) -> ChatMessage:
    """The one message in `payload`."""
    (event,) = read(payload, NOW)
    assert isinstance(event, ChatMessage), event
    return event


def ignored(payload: dict[str, Any]) -> bool:
    return all(isinstance(event, Ignored) for event in read(payload, NOW))
