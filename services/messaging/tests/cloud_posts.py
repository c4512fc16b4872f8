"""What the Cloud API sends, for tests of what is read in it."""

from datetime import UTC, datetime
from typing import Any

from booka_messaging.domain.cloud import read
from booka_messaging.domain.model import Alias, ChatMessage

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LINE, NUMBER, USER_ID = "209000111", "351912345678", "PT.48151623421234567890"
PN, USER = Alias("pn", NUMBER), Alias("bsuid", USER_ID)


def change(field: str = "messages", line: str = LINE, **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "351210000000", "phone_number_id": line}
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def post(*changes: Any) -> dict[str, Any]:
    return {"object": "whatsapp_business_account", "entry": [{"id": "77", "changes": list(changes)}]}


def said(kind: str = "text", content: Any = None, **message: Any) -> dict[str, Any]:
    body = {"body": "bom dia"} if content is None else content
    known = {"from": NUMBER, "from_user_id": USER_ID, "id": "wamid.A", "timestamp": str(int(NOW.timestamp()) - 5)}
    return {**known, "type": kind, kind: body, **message}


def contact(name: Any = "Rui", **fields: Any) -> dict[str, Any]:
    return {"profile": {"name": name}, "wa_id": NUMBER, "user_id": USER_ID, **fields}


def only(payload: dict[str, Any]) -> Any:
    (found,) = read(payload, NOW)
    return found.event


def message(*messages: Any, contacts: Any = None) -> ChatMessage:
    event = only(post(change(messages=list(messages), contacts=[contact()] if contacts is None else contacts)))
    assert isinstance(event, ChatMessage), event
    return event
