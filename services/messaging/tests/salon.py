"""A salon with one channel, as its gateway and its clients see it."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from booka_common.ids import new_id
from booka_common.testing import signed

SECRET = "the-salon's-webhook-secret-0123456789"


class Salon:
    """A salon with one channel at the stub, as its gateway and its clients see it."""

    def __init__(self, tenant_id: UUID, client: httpx.AsyncClient) -> None:
        self.tenant_id = tenant_id
        self.channel_id = new_id()
        self.instance = f"salon-{self.channel_id.hex[-8:]}"
        self.http = client
        self.auth = signed(tenant_id)
        self.secret = SECRET

    @property
    def path(self) -> str:
        return f"/webhooks/evolution/{self.channel_id}"

    def order(self, base_url: str, **changes: Any) -> dict[str, Any]:
        return {
            "gateway": "evolution",
            "instance": self.instance,
            "base_url": base_url,
            "api_key": "key-of-the-gateway",
            "auth": {"mode": "hmac", "secret": self.secret},
            **changes,
        }

    async def provision(self, base_url: str = "http://127.0.0.1:9", **changes: Any) -> dict[str, Any]:
        answer = await self.http.put(
            f"/v1/channels/{self.channel_id}", json=self.order(base_url, **changes), auth=self.auth
        )
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def text(self, text: str = "oi", **key: Any) -> dict[str, Any]:
        """The data of a text message; `key` overrides fields of its key."""
        return {
            "key": {"remoteJid": "5511987654321@s.whatsapp.net", "fromMe": False, "id": new_id().hex.upper(), **key},
            "pushName": "Bia",
            "message": {"conversation": text},
            "messageType": "conversation",
            "messageTimestamp": int(datetime.now(UTC).timestamp()),
        }

    def body(self, data: Any, event: str | None = "messages.upsert", **extra: Any) -> bytes:
        payload = {"event": event, "instance": self.instance, "data": data, "apikey": "live-token", **extra}
        return json.dumps(payload).encode()

    def sign(self, body: bytes, secret: str | None = None) -> dict[str, str]:
        digest = hmac.new((secret or self.secret).encode(), body, hashlib.sha256).hexdigest()
        return {"x-booka-signature": f"sha256={digest}", "content-type": "application/json"}

    async def deliver(self, data: Any, event: str | None = "messages.upsert", **extra: Any) -> httpx.Response:
        body = self.body(data, event, **extra)
        return await self.http.post(self.path, content=body, headers=self.sign(body))

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path, auth=self.auth)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def conversation(self) -> UUID:
        """The id of the conversation that was active last."""
        return UUID((await self.get("/v1/conversations"))["items"][0]["id"])

    async def messages(self) -> list[dict[str, Any]]:
        """All messages of that conversation, oldest first."""
        items = (await self.get(f"/v1/conversations/{await self.conversation()}/messages"))["items"]
        return list(reversed(items))


def code(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]
