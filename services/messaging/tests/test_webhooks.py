"""Webhooks of Meta: one body of many lines, all of it or another attempt; and what every webhook is answered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.service import system_clock
from booka_messaging.settings import Settings
from booka_messaging.usecases.directory import Directory

from .meta import APP_SECRET, OLD_APP_SECRET, VERIFY_TOKEN, Line, body_of, change, hub, text
from .salon import code
from .taking import Noting, taking_in

OWN = "the-salon's-own-meta-app-secret-01"


@pytest.fixture
async def client(with_app: Settings, started: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with started(with_app) as http:
        yield http


async def test_one_body_of_many_lines_of_many_salons(open_line: Any, client: httpx.AsyncClient) -> None:
    one, other = await open_line(), await open_line()
    second = await open_line(tenant_id=one.tenant_id)
    said = [text(f"{number}", number=f"35191000{number % 4:04}") for number in range(20)]
    body = body_of(
        change(one.number, *said),
        change("999999999999", text("of a stranger")),
        change(other.number, text("other")),
        change(second.number, text("second", number="351930000000")),
        change(one.number, text("later", number="351910000000")),
    )
    answers = await asyncio.gather(*(one.post(body) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert {answer.json()["outcome"] for answer in answers} <= {"accepted", "duplicate"}
    texts = await one.texts()
    assert sorted(texts) == sorted([*map(str, range(20)), "later", "second"])
    for person in range(4):
        of_person = [said for said in texts if said.isdigit() and int(said) % 4 == person]
        assert of_person == sorted(of_person, key=int), "each person's messages in the order in which they were told"
    assert await other.texts() == ["other"]
    metrics = (await client.get("/metrics")).text
    assert "booka_messaging_unknown_lines_total 3.0" in metrics
    assert (await one.get(f"/v1/channels/{one.id}"))["heard_at"] is not None


async def test_what_evolution_tells_at_once_is_taken_person_by_person(
    client: httpx.AsyncClient, salon_of: Any, db: Database, settings: Settings, tenant_id: UUID
) -> None:
    salon = salon_of(tenant_id, client)
    await salon.provision()
    one, other, lid = "351910000001@s.whatsapp.net", "351910000002@s.whatsapp.net", "77001122334455@lid"
    before = "77005544332211@lid"
    said = [
        salon.text("a", remoteJid=lid),
        salon.text("b", remoteJid=other),
        salon.text("c", remoteJid=before, senderPn=one),
        salon.text("d", remoteJid=lid),
        salon.text("e", remoteJid=lid, senderPn=one),
        salon.text("f", remoteJid=other, fromMe=True),
        salon.text("g", remoteJid=before),  # which the message that made them one does not name
    ]
    noting: Any = Noting()
    directory = Directory(db, settings.sealer(), seconds=0)
    taking = taking_in(db, settings, noting)
    channel = (await directory.find(salon.channel_id)).channel
    for event in (None, "messages-upsert"):
        await taking.of_channel(channel, salon.body(said, event), path_event="MESSAGES_UPSERT", now=system_clock())
        assert sorted(noting.together) == [["a", "c", "d", "e", "g"], ["b", "f"]]
        noting.together.clear()


async def test_what_one_person_said_stays_in_order(open_line: Any, db: Database, settings: Settings) -> None:
    """Two ids are one person as soon as a message names both; what was said before it was said by the same one, in its place."""
    line = await open_line()

    def by(said: str, number: str | None = None, user: str | None = None) -> dict[str, Any]:
        return change(line.number, {**text(said), "from": number, "from_user_id": user}, contacts=[])

    one, other, third = "351910000001", "351910000002", "351910000003"
    read = {"id": "wamid.1", "status": "read"}
    body = body_of(
        by("a", one), by("b", other), by("c", user="PT.7"), by("d", third), by("e", other), by("x", one),
        by("f", one, "PT.7"), by("g", third),
        change(line.number, statuses=[read, read]),
    )  # fmt: skip
    noting: Any = Noting()
    taking = taking_in(db, settings, noting)
    await taking.of_app("cloud", body, now=system_clock())
    assert sorted(noting.together) == [["a", "c", "x", "f"], ["b", "e"], ["d", "g"], ["read", "read"]]


async def test_what_is_of_nobody_is_answered_200(open_line: Any) -> None:
    """404 would make Meta repeat it for a week and switch the address off for everybody."""
    line = await open_line()
    stranger = body_of(change("999999999999", text()))
    assert (await line.post(stranger)).json() == {"outcome": "unknown"}
    for other in (b'{"object":"page"}', b"{}", body_of({"field": "account_update", "value": {}})):
        assert (await line.post(other)).json() == {"outcome": "ignored"}
    own = await open_line(OWN)
    assert (await own.post(stranger)).json() == {"outcome": "unknown"}
    mixed = body_of(change(line.number, text("not for you")), change(own.number, text("for you")))
    assert (await own.post(mixed)).json() == {"outcome": "accepted"}
    assert (await own.texts(), await line.texts()) == (["for you"], [])
    # A line with an app of its own is no business of the installation's.
    assert (await line.post(body_of(change(own.number, text("smuggled"))))).json() == {"outcome": "unknown"}
    assert await own.texts() == ["for you"]


async def test_apps_do_not_speak_for_each_other(open_line: Any, client: httpx.AsyncClient) -> None:
    shared, own = await open_line(), await open_line(OWN)
    body = body_of(change(shared.number, text()), change(own.number, text()))
    for secret in (APP_SECRET, OLD_APP_SECRET):
        assert (await shared.post(body, hub(body, secret))).status_code == 200
        assert code(await own.post(body, hub(body, secret))) == (401, "bad_signature")
    assert code(await shared.post(body, hub(body, OWN))) == (401, "bad_signature")
    assert code(await shared.post(body + b" ", hub(body))) == (401, "bad_signature")
    for path in (f"/webhooks/cloud/{shared.id}", f"/webhooks/evolution/{shared.id}", f"/webhooks/evolution/{own.id}"):
        answer = await client.post(path, content=body, headers=hub(body))
        assert code(answer) == (404, "unknown_channel")


@pytest.mark.parametrize("own", [False, True])
async def test_metas_question(open_line: Any, client: httpx.AsyncClient, *, own: bool) -> None:
    line = await open_line(OWN) if own else None
    path = f"/webhooks/cloud/{line.id}" if line else "/webhooks/cloud"
    token = "v" * 32 if own else VERIFY_TOKEN

    async def ask(query: str) -> httpx.Response:
        return await client.get(f"{path}?{query}")

    right = await ask(f"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}")
    assert (right.status_code, right.text) == (200, "1158201444")
    assert right.headers["content-type"].startswith("text/plain")
    for query in (
        "",
        f"hub.mode=subscribe&hub.challenge=1&hub.verify_token={token}x",
        f"hub.mode=subscribe&hub.challenge=1&hub.verify_token={token.upper()}",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        f"hub.mode=unsubscribe&hub.challenge=1&hub.verify_token={token}",
        f"hub.mode=subscribe&hub.challenge=<script>&hub.verify_token={token}",
        f"hub.mode=subscribe&hub.challenge=1&hub.challenge=2&hub.verify_token={token}",
        f"hub.mode=subscribe&hub.challenge=1&hub.verify_token={token}&hub.verify_token={token}",
    ):
        wrong = await ask(query)
        assert wrong.status_code == 403, query
        assert wrong.headers["content-type"] == "application/problem+json"
    assert code(await client.get(f"/webhooks/cloud/{new_id()}?hub.mode=subscribe")) == (404, "unknown_channel")


async def test_without_its_settings_only_the_shared_address_is_closed(
    settings: Settings, started: Any, gateway: Any, tenant_id: UUID
) -> None:
    short = settings.model_copy(
        update={"cloud_app_secrets": (SecretStr(""),), "cloud_verify_token": SecretStr("short")}
    )
    for bare in (settings, short):
        async with started(bare) as client:
            own = await Line(client, tenant_id, gateway.url, OWN).open()
            body = body_of(change(own.number, text()))
            refused = await client.post("/webhooks/cloud", content=body, headers=hub(body, ""))
            assert code(refused) == (503, "config_missing")
            assert refused.json()["variable"] == "MESSAGING_CLOUD_APP_SECRETS"
            asked = await client.get("/webhooks/cloud?hub.mode=subscribe&hub.challenge=1&hub.verify_token=short")
            assert code(asked) == (503, "config_missing")
            assert asked.json()["variable"] == "MESSAGING_CLOUD_VERIFY_TOKEN"
            assert (await own.post(body)).json() == {"outcome": "accepted"}


async def test_the_answer_to_every_webhook(
    open_line: Any, client: httpx.AsyncClient, salon_of: Any, settings: Settings, started: Any, tenant_id: UUID
) -> None:
    """providers.md 2.6: what is taken or a duplicate 200, forged 401, unknown address 404, too large 413, ours 503."""
    salon, own, shared = salon_of(tenant_id, client), await open_line(OWN), await open_line()
    await salon.provision()
    two_days_ago = int(system_clock().timestamp()) - 2 * 86400

    def bodies(line: Line) -> dict[str, bytes]:
        return {
            "accepted": (said := body_of(change(line.number, text()))),
            "duplicate": said,
            "stale": body_of(change(line.number, {**text(), "timestamp": str(two_days_ago)})),
            "ignored": body_of(change(line.number, {**text(), "type": "reaction", "reaction": {}})),
            "kept": body_of(change(line.number, {**text(), "id": None})),
            "unknown": body_of(change("999999999999", text())),
        }

    said = salon.text()
    evolution = {
        "accepted": salon.body(said),
        "duplicate": salon.body(said),
        "stale": salon.body({**salon.text(), "messageTimestamp": two_days_ago}),
        "ignored": salon.body({}, "from.the.future"),
        "kept": salon.body({"key": {}}),
    }
    lines: tuple[tuple[str, Any, dict[str, bytes]], ...] = (
        (salon.path, salon.sign, evolution),
        (f"/webhooks/cloud/{own.id}", lambda body: hub(body, OWN), bodies(own)),
        ("/webhooks/cloud", hub, bodies(shared)),
    )
    large = b'{"a":"' + b"a" * settings.webhook_max_bytes + b'"}'
    away = settings.model_copy(
        update={
            "database_url": SecretStr("postgresql://x@127.0.0.1:9/booka"),
            "cloud_app_secrets": (SecretStr(APP_SECRET),),
        }
    )
    async with started(away) as without_database:
        for path, sign, delivered in lines:
            for outcome, body in delivered.items():
                answer = await client.post(path, content=body, headers=sign(body))
                assert (answer.status_code, answer.json()) == (200, {"outcome": outcome}), path
                assert answer.headers["content-type"] == "application/json"
            body = delivered["accepted"]
            assert code(await client.post(path, content=body)) == (401, "bad_signature")
            assert code(await client.post(f"{path}/a/b/c", content=body, headers=sign(body)))[0] == 404
            assert code(await client.post(path, content=large, headers=sign(large))) == (413, "too_large")
            wrong = await client.put(path, content=body, headers=sign(body))
            assert code(wrong) == (405, "method_not_allowed")
            assert "POST" in wrong.headers["allow"]
            refused = await without_database.post(path, content=body, headers=sign(body))
            assert refused.status_code == 503
            assert "retry-after" in refused.headers
    for path in ("/webhooks/", "/webhooks/pigeon", "/webhooks/evolution", "/webhooks/evolution/"):
        assert (await client.post(path, content=b"{}")).status_code == 404
    labels = 'booka_http_requests_total{code="200",method="POST",route="/webhooks/cloud/{channel}"}'
    assert f"{labels} 6.0" in (await client.get("/metrics")).text


async def test_the_document_tells_of_the_webhooks(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert {path for path in paths if path.startswith("/webhooks/")} == {
        "/webhooks/evolution/{channel}",
        "/webhooks/evolution/{channel}/{event}",
        "/webhooks/cloud",
        "/webhooks/cloud/{channel}",
    }
    assert set(paths["/webhooks/cloud"]) == {"get", "post"}
