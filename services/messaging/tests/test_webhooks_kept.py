"""What could not be read or stored of a webhook is kept, for whom it concerns and no longer than it may."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.db import Database
from booka_common.errors import Unavailable
from booka_common.ids import new_id
from booka_common.runtime import clean_up
from booka_common.service import system_clock
from booka_messaging.settings import SERVICE, Settings
from booka_messaging.usecases import contacts
from booka_messaging.usecases.directory import Directory
from booka_messaging.usecases.receiving import Intake
from booka_messaging.usecases.rereading import Unread

from .meta import body_of, change, text
from .salon import code
from .taking import deliveries


@pytest.fixture
async def client(with_app: Settings, started: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with started(with_app) as http:
        yield http


async def test_what_could_be_stored_in_part_is_to_be_repeated(open_line: Any, db: Database, settings: Settings) -> None:
    one, away = await open_line(), await open_line()
    body = body_of(change(away.number, text("away")), change(one.number, text("one")))
    taking, partly = deliveries(
        db, settings, away, Unavailable("the database is away"), Intake(db, stale_after=timedelta(days=1))
    )
    with pytest.raises(Unavailable):
        await taking.of_app("cloud", body, now=system_clock())
    assert (await one.texts(), await away.texts()) == (["one"], []), "what could be committed is"
    partly.broken = False
    for outcome in ("accepted", "duplicate"):
        assert (await taking.of_app("cloud", body, now=system_clock())).outcome == outcome
    assert (await one.texts(), await away.texts()) == (["one"], ["away"])


async def test_a_message_that_makes_us_fail_is_kept_and_read_again(
    open_line: Any, db: Database, settings: Settings, client: httpx.AsyncClient
) -> None:
    one, failing = await open_line(), await open_line()
    body = body_of(change(failing.number, text("failing")), change(one.number, text("one of another salon")))
    taking, _ = deliveries(
        db, settings, failing, ValueError("a bug of ours"), Intake(db, stale_after=timedelta(days=1))
    )
    assert (await taking.of_app("cloud", body, now=system_clock())).outcome == "kept"
    assert await taking.of_app("cloud", body, now=system_clock())
    assert (await one.texts(), await failing.texts()) == (["one of another salon"], [])
    (kept,) = await failing.unread()
    assert (kept["error"], kept["deliveries"]) == ("the intake failed: ValueError", 2)
    whole = await failing.get(f"/v1/channels/{failing.id}/unread/{kept['id']}")
    assert "another salon" not in whole["body"]
    assert await one.unread() == []

    replay = f"/v1/channels/{failing.id}/unread/replay"
    for tenant in (one, failing):
        answer = await client.post(replay, json={}, auth=tenant.auth)
        if tenant is one:
            assert code(answer) == (404, "unknown_channel")
    assert answer.json()["items"] == [{"id": kept["id"], "outcome": "accepted", "error": None}]
    assert await failing.texts() == ["failing"]
    assert (await client.post(replay, json={}, auth=failing.auth)).json() == {"read": 0, "items": [], "next": None}
    again = await client.post(replay, json={"id": kept["id"]}, auth=failing.auth)
    assert again.json()["items"][0]["outcome"] == "duplicate"
    assert await failing.unread() == []
    assert len(await failing.unread("?also=read")) == 1


async def test_what_is_no_json_is_kept_for_the_one_line_that_it_names(
    open_line: Any, client: httpx.AsyncClient
) -> None:
    one, other = await open_line(), await open_line()
    broken = body_of(change(one.number, text("cut off")))[:-4]
    assert code(await one.post(broken)) == (400, "malformed")
    both = body_of(change(one.number, text()), change(other.number, text()))[:-4]
    for nobodys in (both, b"\xff\xfe", b"[]", b'"phone_number_id":"12345678"'):
        assert code(await one.post(nobodys)) == (400, "malformed")
    (kept,) = await one.unread()
    assert (kept["error"], await other.unread()) == ("the body is not JSON", [])
    answer = await client.post(f"/v1/channels/{one.id}/unread/replay", json={"id": kept["id"]}, auth=one.auth)
    assert answer.json()["items"][0]["error"] == "the body is not JSON"
    missing = await client.post(f"/v1/channels/{one.id}/unread/replay", json={"id": str(new_id())}, auth=one.auth)
    assert code(missing) == (404, "unknown_unread")


async def test_what_is_no_json_and_of_several_lines_or_none_is_kept_for_no_salon(open_line: Any, db: Database) -> None:
    one, other = await open_line(), await open_line()
    both = body_of(change(one.number, text("segredo")), change(other.number, text(str(new_id()))))[:-4]
    none = f"{new_id()}".encode()
    for body in (both, none, both):
        assert code(await one.post(body)) == (400, "malformed")
    assert (await one.unread(), await other.unread()) == ([], [])
    wanted = (
        "SELECT body, error, deliveries FROM unread_of_nobody WHERE digest = ANY ($1::bytea[]) ORDER BY received_at"
    )
    digests = [hashlib.sha256(body).digest() for body in (both, none)]
    async with db.system_tx() as tx:
        rows = await tx.fetch(wanted, digests)
    assert [(row["body"], row["error"], row["deliveries"]) for row in rows] == [
        (both, "the body is not JSON", 2),
        (none, "the body is not JSON", 1),
    ]
    for tenant in (one, other):
        async with db.tx(tenant.tenant_id) as tx:
            assert await tx.fetch(wanted, digests) == []


async def test_of_what_is_nobodys_the_oldest_makes_room_and_credentials_go(
    open_line: Any, db: Database, settings: Settings, client: httpx.AsyncClient
) -> None:
    line = await open_line()
    sealer = settings.sealer()
    channel = (await Directory(db, sealer, seconds=0).find(line.id)).channel
    unread = Unread(db, sealer, ("the-installations-secret",))
    async with db.system_tx() as tx:
        await tx.execute("DELETE FROM unread_of_nobody")
    for minute in range(5):
        body = b"%d the-installations-secret EAA-token-of-the-line" % minute
        now = system_clock() + timedelta(minutes=minute)
        await unread.keep_nobodys([channel], body, error="odd", now=now, most=3)
    async with db.system_tx() as tx:
        rows = await tx.fetch("SELECT body FROM unread_of_nobody ORDER BY received_at DESC")
    bodies = [row["body"] for row in rows]
    assert [body[:1] for body in bodies] == [b"4", b"3", b"2"]
    assert not [body for body in bodies if b"the-installations-secret" in body or b"EAA-token-of-the-line" in body]


async def test_kept_webhooks_are_bare_counted_and_few(
    client: httpx.AsyncClient, salon_of: Any, db: Database, settings: Settings, tenant_id: UUID
) -> None:
    salon = salon_of(tenant_id, client)
    await salon.provision()
    for _ in range(3):
        assert (await salon.deliver({"key": "odd", "apikey": "sk-live", "text": salon.secret})).json() == {
            "outcome": "kept"
        }
    channel = f"/v1/channels/{salon.channel_id}"
    (kept,) = (await salon.get(f"{channel}/unread"))["items"]
    assert kept["deliveries"] == 3
    whole = (await salon.get(f"{channel}/unread/{kept['id']}"))["body"]
    for credential in ("live-token", "sk-live", salon.secret, "key-of-the-gateway"):
        assert credential not in whole
    assert json.loads(whole)["instance"] == salon.instance

    unread = Unread(db, settings.sealer(), ())
    found = (await Directory(db, settings.sealer(), seconds=0).find(salon.channel_id)).channel
    for number in range(5):
        await unread.keep(found, b"%d" % number, path_event=None, error="odd", now=system_clock(), most=3)
    rows = await unread.listed(tenant_id, salon.channel_id, before=None, limit=10, also_read=True)
    bodies = [await unread.one(tenant_id, salon.channel_id, row.id) for row in rows]
    assert [one.body for one in bodies if one] == [b"4", b"3", b"2"], "the oldest makes room"
    assert await unread.one(new_id(), salon.channel_id, rows[0].id) is None


async def test_who_is_forgotten_is_forgotten_here_too(
    open_line: Any, client: httpx.AsyncClient, db: Database, tenant_id: UUID
) -> None:
    line = await open_line(tenant_id=tenant_id)
    for number in ("351912345678", "351919999999"):
        odd = {**text(number=number), "id": None}
        assert (await line.post(body_of(change(line.number, odd)))).json() == {"outcome": "kept"}
    assert (await line.post(body_of(change(line.number, text())))).json() == {"outcome": "accepted"}
    async with db.tx(tenant_id) as tx:
        contact_id = await tx.fetchval("SELECT contact_id FROM conversations WHERE tenant_id = $1", tenant_id)
    async with db.tx(tenant_id) as tx:
        await contacts.erase(tx, contact_id, system_clock())
    (left,) = await line.unread()
    assert "351919999999" in (await line.get(f"/v1/channels/{line.id}/unread/{left['id']}"))["body"]


async def test_what_was_kept_for_long_is_removed(
    open_line: Any, db: Database, settings: Settings, tenant_id: UUID
) -> None:
    line = await open_line(tenant_id=tenant_id)
    for said in ("old", "new"):
        assert (await line.post(body_of(change(line.number, {**text(said), "id": None})))).json() == {"outcome": "kept"}
    (new, old) = await line.unread()
    async with db.tx(tenant_id) as tx:
        await tx.execute(
            "UPDATE unread_deliveries SET received_at = now() - interval '31 days' WHERE id = $1", UUID(old["id"])
        )
    await clean_up(db, SERVICE)
    assert [one["id"] for one in await line.unread()] == [new["id"]]
