"""Visits that were booked when their service needed no chair, or another kind of chair, are told to a person."""

from typing import Any

import httpx
import pytest

from .provisioning import Desk

TUESDAY = "2026-03-03T13:00:00Z"  # 10:00 in São Paulo


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def reasons(client: httpx.AsyncClient) -> list[Any]:
    items = (await client.get("/v1/conflicts")).json()["items"]
    return [[(reason["code"], reason["position"], reason["about"]) for reason in item["reasons"]] for item in items]


async def test_a_service_that_needs_a_chair_now(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    cut, brow = await desk.service("Corte"), await desk.service("Sobrancelha", duration_minutes=30)
    ana, bia = await desk.staff("Ana", cut, brow), await desk.staff("Bia", cut)
    await desk.book(TUESDAY, (brow, ana), (cut, ana))
    pool, _ = await desk.pool("Cadeiras", "Cadeira 1")
    body = {"name": "Corte", "duration_minutes": 60, "price_minor": 5000, "pool_id": pool}
    assert (await desk.put(f"/v1/services/{cut}", body))["conflicts"] == 1
    assert await reasons(client) == [[("resource_missing", 1, pool)]]
    await desk.book(TUESDAY, (cut, bia))  # on the only chair, at the same time: so somebody has to look
    assert len(await reasons(client)) == 1
    assert (await desk.put(f"/v1/services/{cut}", {**body, "pool_id": None}))["conflicts"] == 0


async def test_a_chair_that_is_elsewhere_now(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    chairs, (chair,) = await desk.pool("Cadeiras", "Cadeira 1")
    rooms, _ = await desk.pool("Salas")
    cut = await desk.service("Corte", pool_id=chairs)
    ana = await desk.staff("Ana", cut)
    await desk.book(TUESDAY, (cut, ana))
    moved = {"name": "Cadeira 1", "pool_id": rooms}
    assert (await desk.put(f"/v1/resources/{chair}", moved))["conflicts"] == 1
    assert await reasons(client) == [[("resource_missing", 0, chairs)]]
    await desk.delete(f"/v1/resources/{chair}")
    assert await reasons(client) == [[("resource_retired", 0, chair)]]
    assert (await desk.put(f"/v1/resources/{chair}", {**moved, "pool_id": chairs}))["conflicts"] == 0


async def test_moved_by_hand_the_visit_has_its_chair(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    cut = await desk.service("Corte")
    ana = await desk.staff("Ana", cut)
    booked = await desk.book(TUESDAY, (cut, ana))
    pool, (chair,) = await desk.pool("Cadeiras", "Cadeira 1")
    await desk.put(
        f"/v1/services/{cut}", {"name": "Corte", "duration_minutes": 60, "price_minor": 5000, "pool_id": pool}
    )
    after = await desk.step(booked["id"], "move", start=TUESDAY)
    assert after["segments"][0]["resource_id"] == chair
    assert await reasons(client) == []
