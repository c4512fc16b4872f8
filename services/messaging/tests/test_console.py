"""What somebody at the salon does over HTTP: reading, writing, taking over, handing back, silence, forgetting."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

from booka_common.contracts.messaging import ConversationHandedBack, ConversationTakenOver, MessageReceived
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import Tap, eventually
from booka_messaging.settings import Settings

from .console import post, say, talk
from .salon import code

pytestmark = pytest.mark.usefixtures("every_refusal_is_documented", "somebody_wrote")


async def test_somebody_writes_and_booka_falls_silent(
    salon: Any, gateway: Any, settings: Settings, tenant_id: UUID
) -> None:
    path = f"/v1/conversations/{await salon.conversation()}"
    async with Tap(settings.amqp_url.get_secret_value()) as tap:
        answer = await post(salon, f"{path}/messages", say())
        assert answer.status_code == 201, answer.text
        message = answer.json()
        assert (message["author"], message["written_by"], message["purpose"]) == ("salon", "Ana", None)
        assert message["request_id"]
        assert answer.headers["location"] == f"/v1/messages/{message['id']}"

        async def sent() -> bool:
            return bool((await salon.get(answer.headers["location"]))["status"] == "sent")

        await eventually(sent)
        assert gateway.texts() == ["Já vejo isso"]
        taken = await tap.next(ConversationTakenOver, tenant_id=tenant_id)
        assert taken.data.by == "console"
        view = await talk(salon)
        assert view["attended"]["by"] == "console"
        assert (view["last_message"]["text"], view["unanswered"]) == ("Já vejo isso", 0)
        await salon.deliver(salon.text("obrigada"))
        heard = await tap.next(MessageReceived, tenant_id=tenant_id, where=lambda data: data.text == "obrigada")
        assert heard.data.attended
        # As the gateway shows it to us: nobody typed on the phone.
        await salon.deliver({**gateway.sent[-1], "pushName": "Salon"})
        assert [one["text"] for one in await salon.messages()] == ["Olá, bom dia", "Já vejo isso", "obrigada"]
        back = await post(salon, f"{path}/hand-back")
        assert back.json()["attended"] is None
        assert (await tap.next(ConversationHandedBack, tenant_id=tenant_id)).data.by == "console"
        again = await post(salon, f"{path}/hand-back")
        assert again.status_code == 200
        await salon.deliver(salon.text("e então?"))
        heard = await tap.next(MessageReceived, tenant_id=tenant_id, where=lambda data: data.text == "e então?")
        assert not heard.data.attended
        assert len(tap.seen(ConversationTakenOver, tenant_id=tenant_id)) == 1


async def test_what_is_asked_for_again_is_said_once(salon: Any, gateway: Any) -> None:
    path, key = f"/v1/conversations/{await salon.conversation()}/messages", {"idempotency-key": "one"}
    answers = await asyncio.gather(*(post(salon, path, say(), **key) for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    replayed = await post(salon, path, say(), **key)
    assert replayed.headers["idempotent-replayed"] == "true"
    assert code(await post(salon, path, say("something else"), **key)) == (422, "idempotency_key_reused")
    assert [one["text"] for one in await salon.messages()] == ["Olá, bom dia", "Já vejo isso"]


async def test_what_cannot_be_said_is_refused_at_once_and_takes_nothing_over(
    salon: Any, client: httpx.AsyncClient, gateway: Any, db: Database
) -> None:
    view = await talk(salon)
    path, person = f"/v1/conversations/{view['id']}/messages", f"/v1/contacts/{view['contact']['id']}"
    for wrong in ({}, say(""), say(" \n"), say("x" * 4097), say(written_by=""), say(more=1), {"text": "oi"}):
        assert code(await post(salon, path, wrong)) == (422, "invalid"), wrong
    assert code(await post(salon, path, say("nul \x00"))) == (400, "unstorable_text")
    nobodys = f"/v1/conversations/{new_id()}/messages"
    assert code(await post(salon, nobodys, say())) == (404, "unknown_conversation")
    assert (await post(salon, f"{person}/block")).json()["blocked_at"] is not None
    assert code(await post(salon, path, say())) == (409, "contact_blocked")
    assert (await talk(salon))["contact"]["blocked"]
    assert (await post(salon, f"{person}/unblock")).json()["blocked_at"] is None
    await salon.provision(gateway.url, active=False)
    assert code(await post(salon, path, say())) == (409, "channel_inactive")
    await salon.provision(gateway.url)
    async with db.tx(salon.tenant_id) as tx:
        await tx.execute("UPDATE channels SET gateway = 'cloud' WHERE tenant_id = $1", salon.tenant_id)
        await tx.execute(
            "INSERT INTO channel_templates VALUES ($1, $2, 'follow_up', 'pt', 'fu_1', 'pt_BR', 1, now())",
            salon.tenant_id,
            salon.channel_id,
        )
        day = datetime.now(UTC) - timedelta(hours=24, minutes=1)
        await tx.execute("UPDATE conversations SET client_at = $2 WHERE tenant_id = $1", salon.tenant_id, day)
    closed = await post(salon, path, say())
    assert code(closed) == (409, "window_closed")
    assert closed.json()["templates"] == [{"name": "follow_up", "locale": "pt", "parameters": 1}]
    for template in ({"name": "other", "locale": "pt"}, {"name": "follow_up", "locale": "en"}):
        assert code(await post(salon, path, say(template=template))) == (409, "window_closed")
    assert (await talk(salon))["attended"] is None
    assert [one["text"] for one in await salon.messages()] == ["Olá, bom dia"]
    used = {"name": "follow_up", "locale": "pt-BR", "parameters": ["Bia"]}
    assert (await post(salon, path, say(template=used))).status_code == 201
    assert (await talk(salon))["attended"]["by"] == "console"


async def test_for_how_long_is_said_by_who_takes_over(salon: Any) -> None:
    path = f"/v1/conversations/{await salon.conversation()}/take-over"

    async def until(body: Any) -> Any:
        answer = await post(salon, path, body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["attended"]["by"] == "console"
        return answer.json()["attended"]["until"]

    def minutes(instant: str) -> int:
        return round((datetime.fromisoformat(instant) - datetime.now(UTC)).total_seconds() / 60)

    assert minutes(await until({})) == 120, "as the channel says"
    assert minutes(await until({"minutes": 30})) == 30, "no longer than that, whatever was said before"
    assert await until({"minutes": None}) is None
    assert await until({}) is None, "nothing shortens it but a word"
    assert minutes(await until({"minutes": 45})) == 45
    for wrong in ({"minutes": 0}, {"minutes": -5}, {"minutes": 10**9}, {"hours": 1}, []):
        assert code(await post(salon, path, wrong)) == (422, "invalid"), wrong


async def test_a_takeover_that_was_shortened_ends_when_it_was_said(salon: Any, db: Database) -> None:
    path = f"/v1/conversations/{await salon.conversation()}"
    for body in ({"minutes": None}, {"minutes": 60}, {"minutes": 30}, {"minutes": 30}):
        await post(salon, f"{path}/take-over", body)
    async with db.tx(salon.tenant_id) as tx:
        # The worker's clock is ours: only the instant can be brought nearer.
        now = datetime.now(UTC)
        await tx.execute("UPDATE conversations SET attended_until = $2 WHERE tenant_id = $1", salon.tenant_id, now)
        jobs = "UPDATE jobs SET scheduled_at = $2 WHERE tenant_id = $1 AND type = 'hand_back'"
        assert await tx.execute(jobs, salon.tenant_id, now) == 3, "one for each end that was said"

    async def handed_back() -> bool:
        async with db.tx(salon.tenant_id) as tx:
            return bool(
                await tx.fetchval("SELECT attended_by IS NULL FROM conversations WHERE tenant_id = $1", salon.tenant_id)
            )

    await eventually(handed_back)
    assert (await talk(salon))["attended"] is None


async def test_people_are_exported_and_forgotten(salon: Any) -> None:
    view = await talk(salon)
    path, person = f"/v1/conversations/{view['id']}", f"/v1/contacts/{view['contact']['id']}"
    found = await salon.get(person)
    assert {"kind": "pn", "value": "5511987654321"} in found["aliases"]
    assert found["conversation_ids"] == [view["id"]]
    assert [one["id"] for one in (await salon.get("/v1/contacts?q=98765-4321"))["items"]] == [found["id"]]
    exported = await salon.get(f"{person}/export")
    assert [one["text"] for one in exported["messages"]] == ["Olá, bom dia"]
    assert exported["contact"]["phone"] == "+5511987654321"
    gone = await post(salon, f"{person}/erase")
    assert gone.status_code == 200, gone.text
    assert (gone.json()["name"], gone.json()["phone"], gone.json()["aliases"]) == (None, None, [])
    assert gone.json()["erased_at"]
    assert (await post(salon, f"{person}/erase")).json() == gone.json(), "once and for all"
    assert (await salon.get("/v1/contacts?q=98765-4321"))["items"] == []
    assert (await salon.get(path))["contact"]["erased"]
    for change, body in (("messages", say()), ("take-over", {}), ("hand-back", None)):
        assert code(await post(salon, f"{path}/{change}", body)) == (409, "contact_erased"), change
    for change in ("block", "unblock"):
        assert code(await post(salon, f"{person}/{change}")) == (409, "contact_erased"), change
    assert "Olá" not in str(await salon.get(f"{path}/messages"))
    await salon.deliver(salon.text("sou eu outra vez"))
    listed = (await salon.get("/v1/conversations"))["items"]
    assert len({one["contact"]["id"] for one in listed}) == 2, "somebody new"


async def test_lists_over_http(salon: Any, client: httpx.AsyncClient) -> None:
    for n in range(4):
        await salon.deliver(salon.text(f"mensagem {n}", remoteJid=f"551198765432{n}@s.whatsapp.net"))
    everything = await salon.get("/v1/conversations?limit=200")
    assert everything["next"] is None
    ids: list[str] = []
    cursor = ""
    while True:
        page = await salon.get(f"/v1/conversations?limit=3{cursor}")
        ids += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert ids == [one["id"] for one in everything["items"]]
    assert len(set(ids)) == 4
    (found,) = (await salon.get("/v1/conversations?q=mensagem%202"))["items"]
    assert (found["match"]["snippet"], found["match"]["author"]) == ("mensagem 2", "client")
    assert (await salon.get("/v1/conversations?attended=true"))["items"] == []
    assert (await salon.get("/v1/conversations?blocked=true"))["items"] == []
    assert len((await salon.get(f"/v1/conversations?unanswered=true&channel_id={salon.channel_id}"))["items"]) == 4
    assert (await salon.get(f"/v1/conversations?channel_id={new_id()}"))["items"] == []
    assert (await salon.get("/v1/contacts?blocked=true"))["items"] == []
    assert len((await salon.get("/v1/contacts?blocked=false"))["items"]) == 4
    assert (await salon.get("/v1/conversations?until=2026-01-01T00:00:00Z"))["items"] == []
    people = await salon.get("/v1/contacts?limit=2")
    assert len(people["items"]) == 2
    assert len((await salon.get(f"/v1/contacts?limit=5&cursor={people['next']}"))["items"]) == 2

    path = f"/v1/conversations/{ids[0]}/messages"
    page = await salon.get(path)
    assert (page["next"], page["more"]) == (None, False)
    assert (await salon.get(f"{path}?after={page['newer']}"))["items"] == []
    newest = "5511987654323@s.whatsapp.net"
    await salon.deliver(salon.text("mais uma", remoteJid=newest))
    news = await salon.get(f"{path}?after={page['newer']}")
    assert [one["text"] for one in news["items"]] == ["mais uma"]
    assert (await salon.get(f"{path}?after={news['newer']}"))["items"] == []
    one = await salon.get(f"/v1/messages/{news['items'][0]['id']}")
    assert one == news["items"][0]

    async def refused(path: str) -> tuple[int, str]:
        return code(await client.get(path, auth=salon.auth))

    for bad in ("x", "W10", "e30", page["newer"]):
        assert await refused(f"/v1/conversations?cursor={bad}") == (400, "bad_cursor")
        assert await refused(f"/v1/contacts?cursor={bad}") == (400, "bad_cursor")
        assert await refused(f"{path}?cursor={bad}") == (400, "bad_cursor")
    assert await refused(f"{path}?after={people['next']}") == (400, "bad_cursor")
    assert await refused(f"{path}?after={page['newer']}&cursor={people['next']}") == (400, "cursor_and_after")
    ends = ("9999-12-31T23:59:59.999999-14:00", "0001-01-01T00:00:00+14:00")
    for end in ends:
        walk = [end, ids[0], end, end, []]
        cursor = base64.urlsafe_b64encode(json.dumps(walk).encode()).decode().rstrip("=")
        assert await refused(f"/v1/conversations?cursor={cursor}") == (400, "bad_cursor"), end
        assert await refused(f"/v1/conversations?since={quote(end)}") == (422, "invalid"), end
    for wrong in ("q=x", "limit=0", "limit=201", "since=2026-01-01T00:00:00", "attended=maybe", "channel_id=1"):
        assert await refused(f"/v1/conversations?{wrong}") == (422, "invalid"), wrong


async def test_media_facts_are_told_apart_from_other_facts(salon: Any) -> None:
    voice = {
        **salon.text(),
        "message": {
            "audioMessage": {"mimetype": "audio/ogg; codecs=opus", "seconds": 4, "ptt": True, "fileLength": "9120"}
        },
        "messageType": "audioMessage",
    }
    await salon.deliver(voice)
    message = (await salon.messages())[-1]
    assert message["kind"] == "audio"
    assert message["media"] == {
        "mime_type": "audio/ogg; codecs=opus", "bytes": 9120, "seconds": 4, "file_name": None, "voice": True,
    }  # fmt: skip
