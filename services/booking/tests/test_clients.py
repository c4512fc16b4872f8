"""Clients: found, counted, changed, exported whole, and forgotten wherever booking kept something of them."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, signed

from .provisioning import Desk

ANA = {"name": "Ana Sousa", "phone": "+55 11 98765-4321", "notes": "allergic to\nammonia"}


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def added(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/clients", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/clients/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


async def test_a_client_is_written_in_found_and_changed(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    ana = await added(client, **ANA)
    assert {name: ana[name] for name in ANA} == ANA
    assert (ana["completed"], ana["upcoming"], ana["last_staff_id"], ana["version"]) == (0, 0, None, 1)
    for name in ("Ana Braga", "Bia 100%", "Bia_x", "Zoë"):
        await added(client, name=name)

    async def names(**params: str) -> list[str]:
        return [item["name"] for item in (await client.get("/v1/clients", params=params)).json()["items"]]

    assert await names() == ["Ana Braga", "Ana Sousa", "Bia 100%", "Bia_x", "Zoë"]
    assert await names(q="ana") == ["Ana Braga", "Ana Sousa"]
    assert await names(q="98765") == ["Ana Sousa"]
    assert await names(q="%") == ["Bia 100%"]
    assert await names(q="_") == ["Bia_x"]
    assert await names(q="\\") == []
    first = (await client.get("/v1/clients", params={"limit": 3})).json()
    rest = (await client.get("/v1/clients", params={"limit": 3, "cursor": first["next"]})).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == await names()

    path = f"/v1/clients/{ana['id']}"
    for given, change, status in (
        (None, {}, 428),
        ('"2"', {}, 412),
        ('"1"', {"name": "A\x00"}, 422),
        ('"1"', {"id": 1}, 422),
    ):
        headers = {} if given is None else {"If-Match": given}
        assert (await client.patch(path, json=change, headers=headers)).status_code == status
    changed = await client.patch(path, json={"phone": None, "name": "Ana S."}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert {name: changed.json()[name] for name in ANA} == {**ANA, "phone": None, "name": "Ana S."}
    for phone in ("call me", "+", "1" * 40, "+55\n11"):
        assert (await client.post("/v1/clients", json={"name": "X", "phone": phone})).status_code == 422, phone
    stranger = signed(new_id(), clock)
    assert (await client.get(path, auth=stranger)).json()["code"] == "unknown_client"
    assert (await client.get(f"{path}/export", auth=stranger)).status_code == 404
    assert (await client.post(f"{path}/erase", auth=stranger)).status_code == 404
    assert (await client.patch(path, json={}, headers={"If-Match": '"2"'}, auth=stranger)).status_code == 404
    assert (await client.get("/v1/clients", auth=stranger)).json()["items"] == []


async def test_a_contact_is_one_client(client: httpx.AsyncClient) -> None:
    contact = str(new_id())
    ana = await added(client, **ANA, contact_id=contact)
    again = await client.post("/v1/clients", json={"name": "Somebody else", "contact_id": contact})
    assert (again.status_code, again.json()["code"]) == (409, "contact_known")
    found = (await client.get("/v1/clients", params={"contact_id": contact})).json()["items"]
    assert [item["id"] for item in found] == [ana["id"]]


async def visits(desk: Desk, clock: FrozenClock, contact: str) -> str:
    """One visit of each kind in the past, one ahead; the person of the last is Bia."""
    await desk.profile()
    cut = await desk.service("Corte", pool_id=(await desk.pool("Cadeiras", "Cadeira"))[0])
    ana, bia = await desk.staff("Ana", cut), await desk.staff("Bia", cut)
    who: dict[str, Any] = {"contact_id": contact, "contact_name": "Rui Costa", "phone": "+5511912345678", "guest_name": "Rui jr.",
           "conversation_id": str(new_id()), "request_id": str(new_id())}  # fmt: skip
    done = await desk.book("2026-03-02T12:00:00Z", (cut, ana), **who)
    missed = await desk.book("2026-03-02T14:00:00Z", (cut, ana), **who | {"request_id": str(new_id())})
    gone = await desk.book("2026-03-02T16:00:00Z", (cut, ana), **who | {"request_id": str(new_id())})
    await desk.step(gone["id"], "cancel", by="salon", why="Rui phoned: his mother Inês is ill")
    clock.advance(timedelta(hours=6))
    await desk.step(done["id"], "complete")
    await desk.step(missed["id"], "no-show")
    ahead = await desk.book("2026-03-03T13:00:00Z", (cut, bia), **who | {"request_id": str(new_id())})
    id: str = ahead["id"]
    return id


async def client_of(client: httpx.AsyncClient, contact: str) -> dict[str, Any]:
    (item,) = (await client.get("/v1/clients", params={"contact_id": contact})).json()["items"]
    found: dict[str, Any] = (await client.get(f"/v1/clients/{item['id']}")).json()
    return found


async def test_visits_are_counted_and_exported(client: httpx.AsyncClient, desk: Desk, clock: FrozenClock) -> None:
    contact = str(new_id())
    ahead = await visits(desk, clock, contact)
    rui = await client_of(client, contact)
    counts = {name: rui[name] for name in ("completed", "no_shows", "cancelled", "upcoming", "last_staff_name", "name")}
    assert counts == {
        "completed": 1,
        "no_shows": 1,
        "cancelled": 1,
        "upcoming": 1,
        "last_staff_name": "Bia",
        "name": "Rui Costa",
    }
    export = (await client.get(f"/v1/clients/{rui['id']}/export")).json()
    assert export["client"] == rui
    statuses = [item["status"] for item in export["reservations"]]
    assert statuses == ["completed", "no_show", "cancelled", "confirmed"]
    assert export["reservations"][-1]["id"] == ahead
    assert export["reservations"][-1]["segments"][0]["resource"] == "Cadeira"
    assert [entry["why"] for entry in export["reservations"][2]["history"]][-1] == "Rui phoned: his mother Inês is ill"
    assert export["waitlist"] == []


async def test_a_hold_that_was_given_up_is_no_visit_that_was_cancelled(
    client: httpx.AsyncClient, desk: Desk, clock: FrozenClock
) -> None:
    await desk.profile()
    cut = await desk.service("Corte")
    ana, contact = await desk.staff("Ana", cut), str(new_id())
    held = await desk.book("2026-03-03T12:00:00Z", (cut, ana), confirm=False, contact_id=contact)
    await desk.step(held["id"], "cancel")
    assert (await client_of(client, contact))["cancelled"] == 0
    booked = await desk.book("2026-03-03T12:00:00Z", (cut, ana), contact_id=contact)
    await desk.step(booked["id"], "cancel")
    assert (await client_of(client, contact))["cancelled"] == 1


async def test_nothing_personal_is_left_of_an_erased_client(
    client: httpx.AsyncClient, desk: Desk, clock: FrozenClock, db: Database, tenant_id: Any
) -> None:
    contact = str(new_id())
    ahead = await visits(desk, clock, contact)
    rui = await client_of(client, contact)
    await client.patch(f"/v1/clients/{rui['id']}", json={"notes": "Inês is his mother"}, headers={"If-Match": '"1"'})
    async with db.tx(tenant_id) as tx:
        await tx.execute(
            """WITH entry AS (INSERT INTO waitlist_entries (tenant_id, id, request_id, conversation_id, contact_id,
                   contact_name, phone, wants, first_day, last_day, from_minute, until_minute, status, created_at)
               VALUES ($1, $2, $2, $2, $3, 'Rui Costa', '+5511912345678', '[]', '2026-03-02', '2026-03-02', 0, 1440,
                   'booked', now()) RETURNING id)
               INSERT INTO waitlist_offers (tenant_id, reservation_id, entry_id, starts_at, made_at, outcome)
               SELECT $1, $4, id, now(), now(), 'booked' FROM entry""",
            tenant_id, new_id(), contact, ahead,
        )  # fmt: skip
    export = (await client.get(f"/v1/clients/{rui['id']}/export")).json()
    assert [entry["contact_name"] for entry in export["waitlist"]] == ["Rui Costa"]
    assert len(export["waitlist"][0]["offered"]) == 1
    path = f"/v1/clients/{rui['id']}/erase"
    refused = await client.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "visits_ahead")
    await desk.step(ahead, "cancel")
    async with db.tx(tenant_id) as tx:
        await tx.execute("UPDATE outbox SET sent_at = now() WHERE tenant_id = $1", tenant_id)
    erased = await client.post(path)
    assert erased.status_code == 200, erased.text
    again = await client.post(path)
    assert again.json() == erased.json()
    assert "idempotent-replayed" not in again.headers

    known = (await client.get(f"/v1/clients/{rui['id']}")).json()
    assert [known[name] for name in ("name", "phone", "notes", "contact_id")] == [None] * 4
    assert (known["completed"], known["no_shows"], known["cancelled"]) == (1, 1, 2)
    assert (await client.get("/v1/clients")).json()["items"] == []
    changed = await client.patch(
        f"/v1/clients/{rui['id']}", json={"name": "Rui"}, headers={"If-Match": known_etag(known)}
    )
    assert (changed.status_code, changed.json()["code"]) == (409, "client_erased")
    left = (await client.get(f"/v1/clients/{rui['id']}/export")).json()
    assert [item["price_minor"] for item in left["reservations"]] == [5000] * 4
    async with db.tx(tenant_id) as tx:
        tables = await tx.fetch(
            """SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
               WHERE c.relnamespace = 'booking'::regnamespace AND c.relkind = 'r'"""
        )
        for (table,) in tables:
            rows = await tx.fetch(f"SELECT to_jsonb(t) AS row FROM {table} AS t WHERE tenant_id = $1", tenant_id)  # noqa: S608
            text = orjson.dumps([row["row"] for row in rows]).decode()
            if table in ("outbox", "idempotency_keys"):
                text = " ".join(bytes.fromhex(row["row"]["body"][2:]).decode() for row in rows)
            for secret in ("Rui", "Inês", "912345678", contact):
                assert secret not in text, (table, secret)


def known_etag(view: dict[str, Any]) -> str:
    return f'"{view["version"]}"'


async def test_history_is_append_only_but_for_texts_that_are_erased(
    client: httpx.AsyncClient, desk: Desk, clock: FrozenClock, db: Database, tenant_id: Any
) -> None:
    await visits(desk, clock, str(new_id()))
    for statement in (
        "UPDATE reservation_history SET why = 'x'",
        "UPDATE reservation_history SET why = 'erased', who = 'nobody'",
        "UPDATE reservation_history SET at = now()",
        "DELETE FROM reservation_history",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            async with db.tx(tenant_id) as tx:
                await tx.execute(statement)


async def test_a_hold_while_a_client_is_erased_is_seen_or_for_somebody_new(
    client: httpx.AsyncClient, desk: Desk, db: Database, tenant_id: Any, clock: FrozenClock
) -> None:
    await desk.profile()
    cut = await desk.service()
    ana = await desk.staff("Ana", cut)
    contact = str(new_id())
    rui = await added(client, name="Rui", contact_id=contact)
    held = await desk.book("2026-03-03T13:00:00Z", (cut, ana), contact_id=contact, confirm=False)
    assert (await client.post(f"/v1/clients/{rui['id']}/erase")).status_code == 409
    clock.advance(timedelta(minutes=11))  # the hold's time is up, though no job has ended it
    assert (await client.post(f"/v1/clients/{rui['id']}/erase")).status_code == 200
    late = await client.post(f"/v1/reservations/{held['id']}/confirm", json={})
    assert late.status_code == 410
    await desk.book("2026-03-03T15:00:00Z", (cut, ana), contact_id=contact, contact_name="Rui")
    assert (await client_of(client, contact))["id"] != rui["id"]
