"""The HTTP side: what a webhook is answered, provisioning, secrets that stay inside, and a missing secret."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from booka_common.ids import new_id
from booka_common.service import system_clock
from booka_common.testing import running, signed
from booka_messaging.app import create_app
from booka_messaging.settings import Settings

from .salon import code

OTHER = "another-webhook-secret-0123456789abcdef"


async def outcomes(client: httpx.AsyncClient) -> dict[str, float]:
    lines = (await client.get("/metrics")).text.splitlines()
    found = (line for line in lines if line.startswith('booka_webhook_received_total{outcome="'))
    return {line.split('"')[1]: float(line.split()[-1]) for line in found}


async def test_a_message_five_times_at_once(salon: Any, client: httpx.AsyncClient) -> None:
    data = salon.text("oi")
    answers = await asyncio.gather(*(salon.deliver(data) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert sorted(answer.json()["outcome"] for answer in answers) == ["accepted"] + ["duplicate"] * 4
    (message,) = await salon.messages()
    assert (message["turn"], message["text"], message["status"], message["author"]) == (1, "oi", "received", "client")
    assert "live-token" not in json.dumps(message)
    assert await outcomes(client) == {"accepted": 1, "duplicate": 4}


async def test_forged_malformed_and_foreign_webhooks_have_no_effect(
    salon: Any, client: httpx.AsyncClient, salon_of: Any
) -> None:
    body = salon.body(salon.text())
    good = salon.sign(body)

    async def post(content: bytes, headers: Any, path: str = salon.path) -> httpx.Response:
        return await client.post(path, content=content, headers=headers)

    assert code(await post(body, {})) == (401, "bad_signature")
    assert code(await post(body + b" ", good)) == (401, "bad_signature")
    assert code(await post(body, salon.sign(body, OTHER))) == (401, "bad_signature")
    twice = [("x-booka-signature", good["x-booka-signature"])] * 2
    assert code(await post(body, twice)) == (401, "bad_signature")
    assert code(await post(body, {"x-booka-webhook-secret": salon.secret})) == (401, "bad_signature")
    for junk in (b"", b"{", b"[]", b'"x"', b"1", b"null", b"\xff\xfe", b"[" * 5000):
        assert code(await post(junk, salon.sign(junk))) == (400, "malformed")
    for path in (f"/webhooks/evolution/{new_id()}", "/webhooks/evolution/salon", "/webhooks/evolution/%00"):
        assert code(await post(body, good, path)) == (404, "unknown_channel")
    wrong = salon.body(salon.text()).replace(salon.instance.encode(), b"somebody-else")
    assert code(await post(wrong, salon.sign(wrong))) == (404, "unknown_channel")
    empty = b"{}"
    assert code(await post(empty, salon.sign(empty))) == (404, "unknown_channel")

    neighbour = salon_of(new_id(), client)
    neighbour.secret = OTHER
    await neighbour.provision()
    assert code(await post(body, good, neighbour.path)) == (401, "bad_signature")
    assert (await salon.get("/v1/conversations"))["items"] == []
    assert await outcomes(client) == {"bad_signature": 6, "malformed": 8, "unknown": 5}


async def test_too_large_is_refused_before_it_is_read(
    salon: Any, client: httpx.AsyncClient, settings: Settings
) -> None:
    largest = salon.body(salon.text("a" * (settings.webhook_max_bytes - 1000)))
    assert (await client.post(salon.path, content=largest, headers=salon.sign(largest))).status_code == 200
    larger = salon.body(salon.text("a" * settings.webhook_max_bytes))
    assert (await client.post(salon.path, content=larger, headers=salon.sign(larger))).status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(400):
            yield b" " * 10_000

    assert (await client.post(salon.path, content=chunks(), headers=salon.sign(b""))).status_code == 413


@pytest.mark.parametrize("event", ["messages.upsert", "MESSAGES_UPSERT", "messages-upsert"])
async def test_every_spelling_in_body_and_path(salon: Any, client: httpx.AsyncClient, event: str) -> None:
    assert (await salon.deliver(salon.text(), event)).json() == {"outcome": "accepted"}
    body = salon.body(salon.text(), None)
    answer = await client.post(f"{salon.path}/{event}", content=body, headers=salon.sign(body))
    assert answer.json() == {"outcome": "accepted"}
    assert [message["turn"] for message in await salon.messages()] == [1, 2]


async def test_unknown_events_are_taken_and_counted(salon: Any, client: httpx.AsyncClient) -> None:
    for event in ("presence.update", "send.message", "from.the.future", None):
        assert (await salon.deliver({"anything": True}, event)).json() == {"outcome": "ignored"}
    for data in ([], salon.text(remoteJid="1203630@g.us")):
        assert (await salon.deliver(data)).json() == {"outcome": "ignored"}
    for odd in (None, "x", {"key": {}}, salon.text(remoteJid="somebody@from.the.future")):
        assert (await salon.deliver(odd)).json() == {"outcome": "kept"}
    assert await outcomes(client) == {"ignored": 6, "kept": 4}


async def test_half_an_emoji_is_no_reason_to_lose_a_message(salon: Any, client: httpx.AsyncClient) -> None:
    body = salon.body(salon.text("HERE")).replace(b"HERE", b"oi \\ud83d")
    assert (await client.post(salon.path, content=body, headers=salon.sign(body))).json() == {"outcome": "accepted"}
    (message,) = await salon.messages()
    assert message["text"] == "oi ?"


async def test_header_secret_and_jwt(client: httpx.AsyncClient, salon_of: Any, tenant_id: UUID) -> None:
    salon = salon_of(tenant_id, client)
    await salon.provision(auth={"mode": "header", "secret": salon.secret})
    body = salon.body(salon.text())
    assert (await client.post(salon.path, content=body, headers={"x-booka-webhook-secret": OTHER})).status_code == 401
    assert (await client.post(salon.path, content=body, headers=salon.sign(body))).status_code == 401
    answer = await client.post(salon.path, content=body, headers={"x-booka-webhook-secret": salon.secret})
    assert answer.json() == {"outcome": "accepted"}

    await salon.provision(auth={"mode": "jwt", "secret": salon.secret})
    made_at = system_clock() - timedelta(minutes=20)  # Evolution's last retry carries the first token
    claims = {"iat": made_at, "exp": made_at + timedelta(minutes=10), "app": "evolution", "action": "webhook"}
    for secret, status in ((OTHER, 401), (salon.secret, 200)):
        token = jwt.encode(claims, secret, "HS256")
        answer = await client.post(salon.path, content=body, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == status


async def test_rotation_loses_nothing_on_the_way(salon: Any, client: httpx.AsyncClient) -> None:
    path = f"/v1/channels/{salon.channel_id}"
    answer = await client.post(f"{path}/rotate-secret", json={"secret": OTHER}, auth=salon.auth)
    assert answer.status_code == 200
    assert answer.json()["previous_secret_until"] is not None
    for secret in (salon.secret, OTHER):
        body = salon.body(salon.text())
        assert (await client.post(salon.path, content=body, headers=salon.sign(body, secret))).status_code == 200
    metrics = (await client.get("/metrics")).text
    assert 'booka_messaging_webhook_secret_total{secret="previous"} 1.0' in metrics
    await client.put(
        path, json=salon.order("http://127.0.0.1:9", auth={"mode": "hmac", "secret": OTHER}), auth=salon.auth
    )
    assert (await salon.deliver(salon.text())).status_code == 401, "replaced, the old secret ends at once"
    weak = await client.post(f"{path}/rotate-secret", json={"secret": "short"}, auth=salon.auth)
    assert code(weak) == (400, "weak_secret")


async def test_channels_are_shown_without_their_secrets(
    client: httpx.AsyncClient, salon_of: Any, gateway: Any, tenant_id: UUID
) -> None:
    salon = salon_of(tenant_id, client)
    await salon.provision(gateway.url)
    await salon.deliver(
        {"state": "open", "statusReason": 200}, "connection.update"
    )  # which is also what its gateway says
    view = await salon.get(f"/v1/channels/{salon.channel_id}")
    assert view["webhook_path"] == salon.path
    assert (view["instance"], view["auth_mode"], view["active"], view["state"]) == (
        salon.instance,
        "hmac",
        True,
        "open",
    )
    listed = await salon.get("/v1/channels")
    assert listed["items"] == [view]
    for text in (json.dumps(view), json.dumps(listed)):
        assert salon.secret not in text
        assert "key-of-the-gateway" not in text
    await salon.provision(active=False)
    assert (await salon.deliver(salon.text())).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"gateway": "pigeon"},
        {"instance": ""},
        {"base_url": "ftp://127.0.0.1"},
        {"base_url": "http://user:secret@127.0.0.1"},
        {"base_url": "http://127.0.0.1?x=1"},
        {"auth": {"mode": "none", "secret": "s" * 40}},
        {"auth": {"mode": "hmac", "secret": "s" * 23}},
        {"auth": {"mode": "jwt", "secret": "s" * 31}},
        {"tenant_id": "0190a000-0000-7000-8000-000000000000"},
    ],
)
async def test_orders_that_make_no_sense(
    client: httpx.AsyncClient, salon_of: Any, tenant_id: UUID, changes: Any
) -> None:
    salon = salon_of(tenant_id, client)
    order = {**salon.order("http://127.0.0.1:9"), **changes}
    answer = await client.put(f"/v1/channels/{salon.channel_id}", json=order, auth=salon.auth)
    assert answer.status_code in (400, 422)
    assert "s" * 23 not in answer.text
    assert (await salon.get("/v1/channels"))["items"] == []


async def test_another_tenant_finds_nothing(salon: Any, client: httpx.AsyncClient) -> None:
    await salon.deliver(salon.text())
    stranger = signed(new_id())
    channel = f"/v1/channels/{salon.channel_id}"
    conversation = f"/v1/conversations/{await salon.conversation()}/messages"
    assert code(await client.get(channel, auth=stranger)) == (404, "unknown_channel")
    taken = await client.put(channel, json=salon.order("http://127.0.0.1:9"), auth=stranger)
    assert code(taken) == (404, "unknown_channel")
    rotated = await client.post(f"{channel}/rotate-secret", json={"secret": OTHER}, auth=stranger)
    assert code(rotated) == (404, "unknown_channel")
    assert code(await client.get(conversation, auth=stranger)) == (404, "unknown_conversation")
    for path in ("/v1/channels", "/v1/conversations"):
        assert (await client.get(path, auth=stranger)).json()["items"] == []
    for method, path in (("GET", channel), ("PUT", channel), ("GET", "/v1/conversations"), ("GET", conversation)):
        assert (await client.request(method, path)).status_code == 401
    assert (await salon.deliver(salon.text())).status_code == 200


async def test_messages_come_in_pages(salon: Any) -> None:
    for number in range(5):
        await salon.deliver(salon.text(str(number)))
    path = f"/v1/conversations/{await salon.conversation()}/messages?limit=2"
    texts, cursor = [], ""
    while True:
        page = await salon.get(path + cursor)
        texts += [message["text"] for message in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert texts == ["4", "3", "2", "1", "0"]


async def test_without_encryption_keys_only_what_needs_them_is_closed(
    settings: Settings, started: Any, salon: Any, salon_of: Any
) -> None:
    bare = settings.model_copy(update={"encryption_keys": ()})
    async with started(bare) as client:
        here = salon_of(salon.tenant_id, client)
        here.channel_id, here.instance = salon.channel_id, salon.instance
        refused = await here.deliver(here.text())
        assert code(refused) == (503, "config_missing")
        assert refused.json()["variable"] == "MESSAGING_ENCRYPTION_KEYS"
        assert "retry-after" in refused.headers
        put = await client.put(f"/v1/channels/{new_id()}", json=here.order("http://127.0.0.1:9"), auth=here.auth)
        assert code(put) == (503, "config_missing")
        assert len((await here.get("/v1/channels"))["items"]) == 1
        assert (await client.get("/readyz")).status_code == 200
    assert (await salon.deliver(salon.text())).status_code == 200


async def test_without_a_database_a_webhook_is_to_be_repeated(settings: Settings, started: Any) -> None:
    away = settings.model_copy(update={"database_url": type(settings.database_url)("postgresql://x@127.0.0.1:9/booka")})
    async with started(away) as client:
        answer = await client.post(f"/webhooks/evolution/{new_id()}", content=b"{}")
        assert answer.status_code == 503
        assert await outcomes(client) == {"unavailable": 1}


async def test_without_a_broker_a_webhook_is_taken(settings: Settings, salon_of: Any, tenant_id: UUID) -> None:
    away = settings.model_copy(update={"amqp_url": type(settings.amqp_url)("amqp://guest:guest@127.0.0.1:9/")})
    async with running(create_app(away)) as client:
        salon = salon_of(tenant_id, client)
        await salon.provision()
        assert (await salon.deliver(salon.text())).json() == {"outcome": "accepted"}
