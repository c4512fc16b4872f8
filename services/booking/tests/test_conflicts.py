"""Whatever changes in the catalogue, what is booked stays where it is, and a person is told what does not fit any more."""

import base64
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from booka_common.ids import new_id
from booka_common.testing import FrozenClock

from .provisioning import Desk, day

TUESDAY = "2026-03-03T13:00:00Z"  # 10:00 in São Paulo


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def test_every_change_says_how_many_visits_it_leaves_in_conflict(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    pool, (chair, _) = await desk.pool("Cadeiras", "Cadeira 1", "Cadeira 2")
    cut = await desk.service("Corte", pool_id=pool)
    ana = await desk.staff("Ana", cut)
    booked = await desk.book(TUESDAY, (cut, ana))
    before = (await client.get(f"/v1/reservations/{booked['id']}")).json()
    staff, hours = f"/v1/staff/{ana}", {"tue": day("11:00-18:00")}
    skills = {"name": "Ana", "services": [{"service_id": cut}]}
    off = f"{staff}/time-off/{new_id()}"

    async def check(written: dict[str, Any], *codes: str) -> None:
        assert written["conflicts"] == bool(codes)
        assert await desk.conflicts() == ([(booked["id"], list(codes))] if codes else [])

    await check(await desk.profile(hours=hours), "salon_closed")
    await check(await desk.profile(exceptions=[{"day": "2026-03-03"}]), "salon_closed")
    await check(await desk.profile(zone="Asia/Tokyo"), "salon_closed")
    await check(await desk.profile())
    await check(await desk.put(staff, {**skills, "hours": hours}), "not_working")
    await check(await desk.put(staff, {"name": "Ana", "services": []}), "not_performed")
    await check(await desk.put(staff, {**skills, "active": False}), "staff_retired")
    await check(await desk.put(staff, skills))
    lunch = {"starts_on": "2026-03-01", "weekdays": ["tue"], "begins": "10:30", "ends": "12:00"}
    await check(await desk.put(off, lunch), "not_working")
    await check(await desk.put(off, {**lunch, "begins": "11:00"}))
    await check(await desk.put(off, {**lunch, "ends_on": "2026-03-02"}))
    await desk.delete(off)
    await check((await desk.delete(f"/v1/resources/{chair}")).json(), "resource_retired")
    await desk.put(f"/v1/resources/{chair}", {"name": "Cadeira 1", "pool_id": pool})
    await check((await desk.delete(f"/v1/services/{cut}")).json(), "service_retired")
    await check((await desk.delete(staff)).json(), "service_retired", "staff_retired")
    after = (await client.get(f"/v1/reservations/{booked['id']}")).json()
    assert after == before


async def test_a_longer_or_dearer_service_leaves_what_is_booked_alone(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    cut = await desk.service("Corte")
    ana = await desk.staff("Ana", cut)
    booked = await desk.book(TUESDAY, (cut, ana))
    body = {"name": "Corte longo", "duration_minutes": 600, "price_minor": 9, "buffer_after_minutes": 240}
    assert (await desk.put(f"/v1/services/{cut}", body))["conflicts"] == 0
    now = (await client.get(f"/v1/reservations/{booked['id']}")).json()
    assert now["visit"] == booked["visit"]


async def test_time_off_in_the_gap_of_a_service_is_no_conflict(desk: Desk) -> None:
    await desk.profile()
    colour = await desk.service("Cor", duration_minutes=120, gap_start_minutes=30, gap_minutes=60)
    ana = await desk.staff("Ana", colour)
    await desk.book(TUESDAY, (colour, ana))
    off = f"/v1/staff/{ana}/time-off/{new_id()}"
    gap = {"starts_on": "2026-03-03", "begins": "10:30", "ends": "11:30"}
    assert (await desk.put(off, gap))["conflicts"] == 0
    assert (await desk.put(off, {**gap, "ends": "11:31"}))["conflicts"] == 1


async def test_conflicts_are_listed_by_start_with_their_reasons(
    desk: Desk, client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await desk.profile()
    cut = await desk.service("Corte")
    ana, bia = await desk.staff("Ana", cut), await desk.staff("Bia", cut)
    visits = [await desk.book(f"2026-03-0{n}T13:00:00Z", (cut, ana), guest_name=f"Rui {n}") for n in (5, 3, 4)]
    await desk.book(TUESDAY, (cut, bia))
    held = await desk.book("2026-03-06T13:00:00Z", (cut, ana), confirm=False)
    gone = await desk.book("2026-03-06T15:00:00Z", (cut, ana))
    await desk.step(gone["id"], "cancel")
    written = await desk.put(f"/v1/staff/{ana}", {"name": "Ana", "services": [{"service_id": cut}], "active": False})
    assert written["conflicts"] == 4
    by_start = [visits[1]["id"], visits[2]["id"], visits[0]["id"], held["id"]]
    assert [id for id, _ in await desk.conflicts()] == by_start
    first = (await client.get("/v1/conflicts", params={"limit": 3})).json()
    rest = (await client.get("/v1/conflicts", params={"limit": 3, "cursor": first["next"]})).json()
    assert [item["reservation_id"] for item in first["items"] + rest["items"]] == by_start
    assert rest["next"] is None
    item = first["items"][0]
    assert (item["status"], item["guest_name"], item["start"]) == ("confirmed", "Rui 3", TUESDAY)
    assert item["reasons"] == [{"code": "staff_retired", "position": 0, "about": ana, "start": None, "end": None}]
    window = {"from": "2026-03-04T00:00:00Z", "to": "2026-03-05T13:00:00Z"}
    assert [id for id, _ in await desk.conflicts(**window)] == [visits[2]["id"]]
    clock.advance(timedelta(days=1, hours=5))  # the first has begun, the hold is over
    assert [id for id, _ in await desk.conflicts()] == [visits[2]["id"], visits[0]["id"]]


async def test_times_at_the_ends_of_the_calendar_are_times_too(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    first, last, id = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", str(new_id())
    cursors = [base64.urlsafe_b64encode(orjson.dumps([time, id])).decode() for time in (first, last)]
    for params in (
        {"from": first, "to": last},
        {"to": first},
        {"from": last},
        {"cursor": cursors[0]},
        {"cursor": cursors[1]},
    ):
        assert await desk.conflicts(**params) == []
    huge = base64.urlsafe_b64encode(orjson.dumps([2**40, "x", id])).decode()
    assert (await client.get("/v1/services", params={"cursor": huge})).json()["code"] == "bad_cursor"


async def test_a_salon_without_a_profile_has_no_conflicts(desk: Desk) -> None:
    assert await desk.conflicts() == []
