"""Lines of the Cloud API and what Meta sends for them, for tests."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from booka_common.ids import new_id
from booka_common.testing import signed

__all__ = ["APP_SECRET", "OLD_APP_SECRET", "VERIFY_TOKEN", "Line", "body_of", "change", "hub", "text"]

APP_SECRET, OLD_APP_SECRET = "a" * 32, "b" * 32
VERIFY_TOKEN = "the-installation-says-this-0123"


def text(said: str = "olá", *, number: str = "351912345678", id: str | None = None) -> dict[str, Any]:
    """A text message of a client."""
    stamp = str(int(datetime.now(UTC).timestamp()))
    provider_id = id or f"wamid.{new_id().hex}"
    return {"from": number, "id": provider_id, "timestamp": stamp, "type": "text", "text": {"body": said}}


def change(line: str, *messages: Any, field: str = "messages", **value: Any) -> dict[str, Any]:
    """One change of one line."""
    contacts = [{"profile": {"name": "Rui"}, "wa_id": message["from"]} for message in messages if "from" in message]
    metadata = {"display_phone_number": "351210000000", "phone_number_id": line}
    told = {"messaging_product": "whatsapp", "metadata": metadata, "contacts": contacts, "messages": list(messages)}
    return {"field": field, "value": {**told, **value}}


def body_of(*changes: Any) -> bytes:
    """A body with an entry for each change."""
    entries = [{"id": str(number), "changes": [one]} for number, one in enumerate(changes)]
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


def hub(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    """Meta's signature."""
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


class Line:
    """A salon's line, as its salon and Meta see it. With `secret` it has a Meta app of its own."""

    def __init__(self, http: httpx.AsyncClient, tenant_id: UUID, base_url: str, secret: str | None = None) -> None:
        self.http, self.tenant_id, self.auth = http, tenant_id, signed(tenant_id)
        self.id = new_id()
        self.number = str(self.id.int)[-15:]
        self.secret = secret
        self._base_url = f"{base_url}/v23.0"

    async def open(self) -> "Line":
        auth = {"mode": "meta", "secret": self.secret, "verify_token": "v" * 32} if self.secret else None
        order = {
            "gateway": "cloud",
            "instance": self.number,
            "base_url": self._base_url,
            "api_key": "EAA-token-of-the-line",
        }
        answer = await self.http.put(f"/v1/channels/{self.id}", json={**order, "auth": auth}, auth=self.auth)
        assert answer.status_code == 200, answer.text
        return self

    async def post(self, body: bytes, headers: Any = None) -> httpx.Response:
        """To the address that is the line's."""
        given = hub(body, self.secret or APP_SECRET) if headers is None else headers
        path = f"/webhooks/cloud/{self.id}" if self.secret else "/webhooks/cloud"
        return await self.http.post(path, content=body, headers=given)

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path, auth=self.auth)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def texts(self) -> list[str]:
        """What its salon has, conversation by conversation, oldest first."""
        found = []
        for conversation in (await self.get("/v1/conversations"))["items"]:
            page = await self.get(f"/v1/conversations/{conversation['id']}/messages")
            found += [message["text"] for message in reversed(page["items"])]
        return found

    async def unread(self, query: str = "") -> Any:
        return (await self.get(f"/v1/channels/{self.id}/unread{query}"))["items"]
