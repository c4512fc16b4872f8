"""Changing the catalogue over HTTP: once for each key, for the version it was made for, within limits, and with what follows."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_booking.usecases import waitlist
from booka_common.contracts.booking import Want
from booka_common.contracts.waitlist import WaitlistRequested
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import FrozenClock

from .provisioning import Desk
from .salon import Salon

CUT = {"name": "Corte", "duration_minutes": 60, "price_minor": 1}
OFF = {"starts_on": "2026-03-02"}
SOMEBODY = {"name": "Ana", "services": []}


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def test_a_change_happens_once(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    path, headers = f"/v1/services/{new_id()}", {"Idempotency-Key": "the-same"}
    first, again = [await client.put(path, json=CUT, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert (again.headers["idempotent-replayed"], again.headers["etag"]) == ("true", '"1"')
    reused = await client.put(path, json={**CUT, "price_minor": 2}, headers=headers)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


async def test_of_two_changes_for_one_version_one_wins(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    for _ in range(5):
        path = f"/v1/services/{new_id()}"
        for headers, refusal in (({}, 428), ({"If-Match": '"1"'}, 412)):
            answers = await asyncio.gather(
                *(client.put(path, json={**CUT, "price_minor": n}, headers=headers) for n in range(6))
            )
            assert sorted(answer.status_code for answer in answers) == [200] + [refusal] * 5
            (won,) = (answer.json() for answer in answers if answer.status_code == 200)
            assert (await client.get(path)).json()["price_minor"] == won["price_minor"]


async def test_openapi_shows_what_a_change_needs(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            if method == "get" or "jobs" in path:
                continue
            named = {item["name"] for item in operation.get("parameters", [])}
            assert "Idempotency-Key" in named, (method, path)
            assert {"400", "409", "422"} <= operation["responses"].keys(), (method, path)
            if method in ("put", "patch") or (method == "delete" and not path.endswith("/calendar")):
                assert "If-Match" in named, (method, path)
                assert {"412", "428"} <= operation["responses"].keys(), (method, path)


async def test_what_a_change_makes_free_is_offered_to_those_who_wait(
    desk: Desk, salon: Salon, db: Database, clock: FrozenClock
) -> None:
    async def looks() -> list[Any]:
        async with db.tx(salon.tenant_id) as tx:
            return list(
                await tx.fetch(
                    "SELECT scheduled_at, payload FROM jobs WHERE type = 'offer_freed' AND unique_key LIKE 'catalogue:%'"
                )
            )

    off = f"/v1/staff/{salon.ana}/time-off/{new_id()}"
    await desk.put(off, {"starts_on": "2026-03-03", "ends_on": "2026-03-03"})
    assert await looks() == []
    asked = WaitlistRequested(
        request_id=new_id(),
        conversation_id=new_id(),
        contact_id=new_id(),
        wants=(Want(service_id=salon.cut, staff_id=salon.ana),),
        first_day=date(2026, 3, 3),
        last_day=date(2026, 3, 3),
    )
    await waitlist.answer(db, salon.envelope(asked), clock())
    await desk.delete(off)
    await desk.put(off, {"starts_on": "2026-03-04"})
    (look,) = await looks()
    assert timedelta(seconds=15) <= look["scheduled_at"] - clock() <= timedelta(seconds=45)
    assert (look["payload"]["first_day"], look["payload"]["last_day"]) == ("2026-03-02", "2026-04-01")
    clock.advance(timedelta(seconds=30))
    await desk.delete(off)
    assert len(await looks()) == 2


async def test_a_salon_has_so_many_things_at_most(
    client: httpx.AsyncClient, desk: Desk, db: Database, tenant_id: UUID
) -> None:
    await desk.profile()
    pool, (chair,) = await desk.pool("Cadeiras", "Cadeira")
    service = await desk.service()
    staff = await desk.staff("Ana", service)
    off = f"/v1/staff/{staff}/time-off"
    lunch = f"{off}/{new_id()}"
    await desk.put(lunch, OFF)
    for table, most, column, path, body in (
        ("services", 1000, "name", f"/v1/services/{service}", CUT),
        ("resource_pools", 200, "name", f"/v1/resource-pools/{pool}", {"name": "Cadeiras"}),
        ("resources", 1000, "name", f"/v1/resources/{chair}", {"name": "Cadeira", "pool_id": pool}),
        ("staff", 500, "name", f"/v1/staff/{staff}", SOMEBODY),
        ("time_off", 500, "reason", lunch, OFF),
    ):
        async with db.tx(tenant_id) as tx:
            await tx.execute(
                f"""INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object(
                        'id', gen_random_uuid(), '{column}', 'n' || n))).*
                    FROM {table} AS t, generate_series(2, $2::integer) AS n WHERE t.tenant_id = $1 AND t.id = $3""",  # noqa: S608
                tenant_id,
                most,
                UUID(path.rpartition("/")[2]),
            )
        one_more = await client.put(f"{path.rpartition('/')[0]}/{new_id()}", json=body)
        assert (one_more.status_code, one_more.json()["code"]) == (409, "too_many"), table
        assert (await client.put(path, json=body, headers={"If-Match": '"1"'})).status_code == 200, table
