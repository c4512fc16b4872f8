"""Every route of the console: what it tells of its refusals, and that another salon finds nothing by it."""

import re
from typing import Any

import httpx
import pytest

from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import signed

from .console import IN_PATH, post, say, talk

pytestmark = pytest.mark.usefixtures("every_refusal_is_documented", "somebody_wrote")


async def test_every_route_tells_how_it_refuses(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    looked_at = 0
    for path, operations in paths.items():
        if not path.startswith("/v1"):
            continue
        for method, operation in operations.items():
            looked_at += 1
            what, responses = f"{method} {path}", operation["responses"]
            needed = {"401", "422", "503"} | ({"404"} if IN_PATH.search(path) else set())
            named = {one["name"] for one in operation.get("parameters", [])}
            needed |= {"400", "409"} if "Idempotency-Key" in named else set()
            assert needed <= responses.keys(), f"{what} does not tell of {needed - responses.keys()}"
            for status, told in responses.items():
                if status >= "400":
                    assert re.search(r"`[a-z_]+`", told["description"]), f"{what}: {status} without a code"
            assert operation.get("summary"), what
    assert looked_at >= 15


async def ids_of(salon: Any, db: Database) -> dict[str, object]:
    """Ids of everything that a route may name."""
    view = await talk(salon)
    (message,) = await salon.messages()
    async with db.tx(salon.tenant_id) as tx:
        template = "INSERT INTO channel_templates VALUES ($1, $2, 'follow_up', 'pt', 'fu_1', 'pt_BR', 1, now())"
        await tx.execute(template, salon.tenant_id, salon.channel_id)
        unread = new_id()
        await tx.execute(
            """INSERT INTO unread_deliveries (tenant_id, id, channel_id, digest, body, error, received_at)
               VALUES ($1, $2, $3, '\\x00', '\\x00', 'odd', now())""",
            salon.tenant_id,
            unread,
            salon.channel_id,
        )
    await post(salon, f"/v1/conversations/{view['id']}/messages", say())
    job = (await salon.get("/v1/jobs"))["items"][0]["id"]
    return {
        "channel_id": salon.channel_id,
        "conversation_id": view["id"],
        "contact_id": view["contact"]["id"],
        "message_id": message["id"],
        "unread_id": unread,
        "job_id": job,
        "name": "follow_up",
        "locale": "pt",
    }


def bodies(salon: Any) -> dict[str, Any]:
    """What each route takes, so that only the id can be what is wrong."""
    return {
        "put /v1/channels/{channel_id}": salon.order("http://127.0.0.1:9"),
        "post /v1/channels/{channel_id}/rotate-secret": {"secret": "another-webhook-secret-0123456789abcdef"},
        "put /v1/channels/{channel_id}/templates/{name}/{locale}": {
            "provider_name": "fu_1", "language": "pt_BR", "parameters": 1,
        },
        "post /v1/conversations/{conversation_id}/messages": say(),
    }  # fmt: skip


async def test_another_salon_finds_nothing_by_any_route(
    salon: Any, client: httpx.AsyncClient, db: Database, gateway: Any
) -> None:
    """Whatever routes there are: a new one is tried without being told of here, or this test asks for an id of its kind."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    ids, stranger, tried = await ids_of(salon, db), signed(new_id()), 0
    before = [one["text"] for one in await salon.messages()]
    for path, operations in paths.items():
        names = set(IN_PATH.findall(path))
        if not path.startswith("/v1") or not names:
            continue
        assert names <= set(ids), f"{path}: tell this test an id of a salon"
        where = IN_PATH.sub(lambda found: str(ids[found[1]]), path)
        for method, operation in operations.items():
            body = bodies(salon).get(f"{method} {path}", {}) if "requestBody" in operation else None
            answer = await client.request(method, where, json=body, auth=stranger)
            assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
            assert answer.json()["code"].startswith("unknown_") or "jobs" in path, answer.text
            assert (await client.request(method, where, json=body)).status_code == 401
            tried += 1
            if method == "get":  # it was the salon that was wrong; a gateway may have its own reasons
                mine = await client.get(where, auth=salon.auth)
                assert mine.status_code != 404 or mine.json()["code"] == "no_media", f"{path}: {mine.text}"
    assert tried >= 14
    assert [one["text"] for one in await salon.messages()] == before
    assert (await talk(salon))["attended"]["by"] == "console", "the owner's doing, which nobody else ended"
    secrets = [str(ids[name]) for name in ("channel_id", "conversation_id", "contact_id", "message_id", "job_id")]
    for path, operations in paths.items():
        if path.startswith("/v1") and not IN_PATH.search(path) and "get" in operations:
            text = (await client.get(path, auth=stranger, params={"channel_id": str(salon.channel_id)})).text
            assert not [secret for secret in secrets if secret in text], path
