"""What becomes of a channel that is deleted: nobody reaches it or is reached by it, its line is free, and what was said stays."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.contracts import Envelope
from booka_common.contracts.messaging import MessageFailed, MessageReceived, SendRequested
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.jobs import Done
from booka_common.service import system_clock
from booka_common.testing import Tap, eventually, publish, signed
from booka_messaging import store
from booka_messaging.errors import UnknownChannel
from booka_messaging.settings import Settings
from booka_messaging.usecases.removing import REMOVE, Removals, forget_key_of, remove
from booka_messaging.usecases.rounds import SWEEP, WATCH
from booka_messaging.usecases.watching import Lines

from .console import post, say
from .meta import body_of, change, text
from .outside import KEY, Outside
from .salon import Salon, code
from .watched import Watched

OWN = "the-salon's-own-meta-app-secret-01"


@pytest.fixture
async def client(with_app: Settings, started: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with started(with_app) as http:
        yield http


async def delete(http: httpx.AsyncClient, channel_id: UUID, tenant_id: UUID, key: str | None = None) -> httpx.Response:
    headers = {"idempotency-key": key or str(new_id())}
    return await http.delete(f"/v1/channels/{channel_id}", auth=signed(tenant_id), headers=headers)


async def row(db: Database, tenant_id: UUID, channel_id: UUID) -> dict[str, Any]:
    async with db.tx(tenant_id) as tx:
        (found,) = await tx.fetch("SELECT * FROM channels WHERE tenant_id = $1 AND id = $2", tenant_id, channel_id)
    return dict(found)


@pytest.mark.usefixtures("somebody_wrote", "every_refusal_is_documented")
async def test_a_deleted_channel_is_gone_and_its_conversations_stay(salon: Salon, gateway: Any, db: Database) -> None:
    picture = {**salon.text(), "messageType": "imageMessage", "message": {"imageMessage": {"mimetype": "image/png"}}}
    await salon.deliver(picture)
    await salon.deliver({"key": "odd"})
    channel = f"/v1/channels/{salon.channel_id}"
    template = {"provider_name": "fu_1", "language": "pt_BR", "parameters": 1}
    put = await salon.http.put(f"{channel}/templates/follow_up/pt", json=template, auth=salon.auth)
    assert put.status_code == 200
    conversation = await salon.conversation()

    assert code(await delete(salon.http, salon.channel_id, new_id())) == (404, "unknown_channel")
    unkeyed = await salon.http.delete(channel, auth=salon.auth, headers={"idempotency-key": ""})
    assert code(unkeyed) == (400, "idempotency_key_malformed")
    answers = [await delete(salon.http, salon.channel_id, salon.tenant_id, "once") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert code(await delete(salon.http, salon.channel_id, salon.tenant_id)) == (404, "unknown_channel")

    assert (await salon.get("/v1/channels"))["items"] == []
    for path in ("", "/connection", "/pairing", "/unread", "/templates"):
        assert code(await salon.http.get(f"{channel}{path}", auth=salon.auth)) == (404, "unknown_channel"), path
    assert code(await salon.http.patch(channel, json={"active": True}, auth=salon.auth)) == (404, "unknown_channel")
    for what, body in (("rotate-secret", {"secret": "r" * 32}), ("test", {}), ("unread/replay", {})):
        assert code(await post(salon, f"{channel}/{what}", body)) == (404, "unknown_channel"), what
    for path, order in (("", salon.order(gateway.url)), ("/templates/follow_up/pt", template)):
        refused = await salon.http.put(f"{channel}{path}", json=order, auth=salon.auth)
        assert code(refused) == (404, "unknown_channel"), path
    assert code(await salon.deliver(salon.text("olá?"))) == (404, "unknown_channel")

    read = await salon.get(f"/v1/conversations/{conversation}/messages")
    assert [one["text"] for one in read["items"]][-1] == "Olá, bom dia"
    (media,) = [one["id"] for one in read["items"] if one["kind"] == "image"]
    assert code(await salon.http.get(f"/v1/messages/{media}/media", auth=salon.auth)) == (410, "media_gone")
    refused = await post(salon, f"/v1/conversations/{conversation}/messages", say())
    assert code(refused) == (409, "channel_deleted")

    async def forgotten() -> bool:
        return bool((await row(db, salon.tenant_id, salon.channel_id))["api_key"] == b"")

    await eventually(forgotten)
    left = await row(db, salon.tenant_id, salon.channel_id)
    assert [left[name] for name in ("secret", "previous_secret", "verify_token", "active")] == [b"", None, None, False]
    async with db.tx(salon.tenant_id) as tx:
        for table in ("channel_templates", "unread_deliveries"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608


@pytest.mark.parametrize("secret", [None, OWN])
async def test_its_phone_number_id_is_free(open_line: Any, secret: str | None) -> None:
    line, other = await open_line(secret), await open_line()
    body = body_of(change(line.number, text()))
    assert (await line.post(body)).json() == {"outcome": "accepted"}
    assert (await delete(line.http, line.id, line.tenant_id)).status_code == 204
    if secret is None:
        assert (await line.post(body)).json() == {"outcome": "unknown"}
    else:
        assert code(await line.post(body)) == (404, "unknown_channel")
    other.number = line.number
    await other.open()
    assert (await other.post(body)).json() == {"outcome": "accepted"}


async def test_its_instance_is_free(client: httpx.AsyncClient, salon: Salon) -> None:
    other = Salon(new_id(), client)
    other.instance = salon.instance
    taken = await client.put(
        f"/v1/channels/{other.channel_id}", json=other.order("http://127.0.0.1:9"), auth=other.auth
    )
    assert code(taken) == (409, "line_taken")
    assert (await delete(client, salon.channel_id, salon.tenant_id)).status_code == 204
    await other.provision()
    assert (await other.deliver(other.text())).json() == {"outcome": "accepted"}


async def test_what_was_to_be_sent_fails_and_says_why(
    client: httpx.AsyncClient, salon: Salon, settings: Settings
) -> None:
    """What waited for its gateway, and what is asked for afterwards."""
    amqp_url, tenant_id = settings.amqp_url.get_secret_value(), salon.tenant_id
    async with Tap(amqp_url) as tap:

        async def ask(said: str) -> Envelope[SendRequested]:
            data = SendRequested(conversation_id=conversation_id, text=said, purpose="notice")
            asked = Envelope.of(data, tenant_id=tenant_id, now=system_clock())
            await publish(amqp_url, asked)
            return asked

        await salon.deliver(salon.text())
        conversation_id = (await tap.next(MessageReceived, tenant_id=tenant_id)).data.conversation_id
        before = await ask("antes")

        async def tried() -> bool:
            return any(one["text"] == "antes" for one in await salon.messages())

        await eventually(tried)
        assert (await delete(client, salon.channel_id, tenant_id)).status_code == 204
        after = await ask("depois")
        for asked in (before, after):
            failed = await tap.next(MessageFailed, tenant_id=tenant_id, where=partial(_answers, asked.id))
            assert (failed.data.code, failed.data.detail) == (
                "channel_deleted",
                "the channel was deleted before it was sent",
            )
    assert {(one["status"], one["failure"]) for one in await salon.messages() if one["author"] == "booka"} == {
        ("failed", "channel_deleted")
    }


def _answers(request_id: UUID, told: MessageFailed) -> bool:
    return told.request_id == request_id


async def gone(watched: Watched) -> None:
    async with watched.db.tx(watched.tenant_id) as tx:
        assert await remove(tx, watched.channel_id, now=datetime.now(UTC)) is not None


async def test_nobody_looks_after_it_any_more(watched: Watched, outside: Outside) -> None:
    await outside.loses("olá?")
    await gone(watched)
    assert await watched.look() == Done()
    sweep = watched.job(SWEEP, since=datetime.now(UTC).isoformat())
    assert await watched.sweeps.run(sweep, datetime.now(UTC)) == Done()
    await Lines(watched.db, watched.registry, lambda: datetime.now(UTC), known=["evolution"]).look()
    assert (await watched.jobs(WATCH), await watched.messages()) == ([], [])
    async with watched.db.tx(watched.tenant_id) as tx:
        change = await store.note_line_state(tx, watched.channel_id, state="open", reason=None, now=datetime.now(UTC))
    assert change is None, "and nothing is told of it"
    with pytest.raises(UnknownChannel):
        await watched.put(outside)


# --- its webhook


async def webhook(outside: Outside) -> dict[str, Any]:
    found: dict[str, Any] = (await outside.control("GET", f"/evolution/instances/{outside.name}"))["webhook"]
    return found


async def calls(outside: Outside, url: str) -> None:
    order = {"webhook": {"enabled": True, "url": url, "headers": {"x-a": "b"}, "events": ["MESSAGES_UPSERT"]}}
    path = f"/evolution/webhook/set/{outside.name}"
    assert (await outside.http.post(path, json=order, headers={"apikey": KEY})).status_code == 201


def removals(watched: Watched) -> Removals:
    return Removals(watched.db, watched.settings.sealer(), watched.gateways)


async def end(watched: Watched, outcome: Any) -> None:
    """As the worker does."""
    assert isinstance(outcome, Done)
    if outcome.record is not None:
        async with watched.db.tx(watched.tenant_id) as tx:
            await outcome.record(tx)


async def test_its_gateway_is_asked_to_call_no_more(watched: Watched, outside: Outside) -> None:
    url = f"https://booka.example/webhooks/evolution/{watched.channel_id}"
    await calls(outside, url)
    await gone(watched)
    (job,) = await watched.jobs(REMOVE)
    assert job["payload"] == {"channel_id": str(watched.channel_id)}, "no credentials, which jobs are shown with"
    for operation in ("webhook.find", "webhook.set"):
        await outside.fails(operation)
        assert "RetryIn" in repr(await removals(watched).run(watched.job(REMOVE)))
        assert (await webhook(outside))["enabled"]
    await end(watched, await removals(watched).run(watched.job(REMOVE)))
    left = await webhook(outside)
    assert (left["enabled"], left["url"], left["headers"], left["events"]) == (
        False,
        url,
        {"x-a": "b"},
        ["MESSAGES_UPSERT"],
    )
    assert (await row(watched.db, watched.tenant_id, watched.channel_id))["api_key"] == b""
    assert await removals(watched).run(watched.job(REMOVE)) == Done(), "once more, there is nothing to do"


@pytest.mark.parametrize("path", ["/webhooks/evolution/{other}", "/elsewhere?then=/webhooks/evolution/{id}", ""])
async def test_a_webhook_that_is_not_ours_stays(watched: Watched, outside: Outside, path: str) -> None:
    url = "https://booka.example" + path.format(id=watched.channel_id, other=new_id())
    await calls(outside, url)
    await gone(watched)
    await end(watched, await removals(watched).run(watched.job(REMOVE)))
    assert (await webhook(outside))["enabled"]


async def test_its_key_goes_also_if_the_gateway_stays_away(watched: Watched) -> None:
    await gone(watched)
    assert (await row(watched.db, watched.tenant_id, watched.channel_id))["api_key"] != b""
    async with watched.db.tx(watched.tenant_id) as tx:
        await forget_key_of(tx, watched.job(REMOVE))
    assert (await row(watched.db, watched.tenant_id, watched.channel_id))["api_key"] == b""


async def test_a_channel_in_use_keeps_its_key(watched: Watched, outside: Outside) -> None:
    await calls(outside, f"https://booka.example/webhooks/evolution/{watched.channel_id}")
    async with watched.db.tx(watched.tenant_id) as tx:
        await forget_key_of(tx, watched.job(REMOVE))
    assert await removals(watched).run(watched.job(REMOVE)) == Done()
    assert (await webhook(outside))["enabled"]
    assert (await watched.channel()).api_key != b""
