"""What `intake` is compared with: the webhook as it is usually written, and a route that does nothing.

`python -m benchmarks.plain_endpoint plain|empty` serves one of them, on the server and with the options of the services. Plain:
FastAPI, the signature checked, the body parsed, a message row and an outbox row by one statement of its own, 200 once it is
committed. Nobody's identity is looked up, no turn is counted, nothing is published.
"""

import hashlib
import hmac
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, HTTPException, Request

__all__ = ["INSERT"]

#: The rows of one message. The same for pgbench.
INSERT = """
WITH message AS (
    INSERT INTO messaging.messages (tenant_id, id, channel_id, conversation_id, direction, author, provider_id, kind, text,
        metadata, status, turn, sent_at, received_at)
    VALUES ($1, $2, $3, $4, 'in', 'client', $5, 'text', $6, $7, 'received', $8, $9, $10)
)
INSERT INTO messaging.outbox (id, tenant_id, routing_key, correlation_id, body, next_attempt_at)
VALUES ($11, $1, 'messaging.message.received.v1', $11, $12, clock_timestamp() + interval '1 day')
"""


def plain() -> FastAPI:
    """`POST /{channel}`. The environment says which database, tenant, channel, conversations and secret."""
    secret = os.environ["PLAIN_SECRET"].encode()
    tenant_id, channel_id = uuid.UUID(os.environ["PLAIN_TENANT"]), uuid.UUID(os.environ["PLAIN_CHANNEL"])
    conversations: dict[str, str] = json.loads(os.environ["PLAIN_CONVERSATIONS"])
    pools: list[Any] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["PLAIN_DATABASE_URL"], min_size=12, max_size=12) as pool:
            pools.append(pool)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/webhooks/evolution/{channel}")
    async def webhook(channel: str, request: Request) -> dict[str, str]:
        body = await request.body()
        expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers.get("x-booka-signature", "")):
            raise HTTPException(401)
        payload = json.loads(body)
        data, now, said = payload["data"], datetime.now(UTC), uuid.uuid4()
        phone = data["key"]["remoteJid"].partition("@")[0]
        message = {
            "id": str(said),
            "tenant_id": str(tenant_id),
            "occurred_at": now.isoformat(),
            "data": {
                "message_id": str(said),
                "conversation_id": conversations[phone],
                "text": data["message"]["conversation"],
                "contact_name": data["pushName"],
                "phone": phone,
                "sent_at": data["messageTimestamp"],
            },
        }
        await pools[0].execute(
            INSERT,
            tenant_id,
            said,
            channel_id,
            uuid.UUID(conversations[phone]),
            data["key"]["id"],
            data["message"]["conversation"],
            json.dumps({"source": data["source"], "instanceId": data["instanceId"]}),
            None,
            datetime.fromtimestamp(data["messageTimestamp"], UTC),
            now,
            uuid.uuid4(),
            json.dumps(message).encode(),
        )
        return {"outcome": "accepted"}

    return app


async def empty(scope: Any, receive: Any, send: Any) -> None:
    """Reads the request and answers 200, to whatever it is."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


if __name__ == "__main__":
    uvicorn.run(
        plain() if sys.argv[1] == "plain" else empty,
        host="127.0.0.1",
        port=int(os.environ["PLAIN_PORT"]),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on" if sys.argv[1] == "plain" else "off",
        timeout_keep_alive=61,
    )
