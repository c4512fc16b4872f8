"""Somebody works one Saturday by exception: hours of a person on one date, instead of those of their week."""

from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_booking.domain.times import Span
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, signed

from .provisioning import Desk, day
from .salon import Salon, at

SATURDAY = "2026-03-07"
WEEK = {"tue": day("09:00-18:00")}


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def free_on(client: httpx.AsyncClient, want: str, when: str = SATURDAY) -> list[str]:
    """The free starts of a day, as local clock times."""
    window: dict[str, Any] = {"want": want, "from": f"{when}T03:00:00Z", "to": f"{when}T23:59:00Z", "limit": 50}
    found = (await client.get("/v1/availability", params=window)).json()
    return [f"{int(slot['start'][11:13]) - 3:02}:{slot['start'][14:16]}" for slot in found["slots"] if found["exact"]]


async def reasons(client: httpx.AsyncClient, want: str, start: str) -> list[str]:
    answer = (await client.get("/v1/availability/explain", params={"want": want, "start": start})).json()
    return [reason["code"] for reason in answer["reasons"]]


async def test_a_saturday_by_exception_is_offered_and_booked(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    cut = await desk.service("Corte", duration_minutes=60)
    ana = await desk.staff("Ana", cut, hours=WEEK)
    want, path = f"{cut}:{ana}", f"/v1/staff/{ana}/special-hours/{SATURDAY}"
    assert await free_on(client, want) == []
    assert await reasons(client, want, f"{SATURDAY}T13:00:00Z") == ["not_working"]
    extra = {"hours": [*day("14:00-15:30"), *day("10:00-11:00")], "reason": "Casamento"}
    written = await desk.put(path, extra)
    assert written == {
        "day": SATURDAY, "hours": day("10:00-11:00", "14:00-15:30"), "reason": "Casamento", "version": 1, "conflicts": 0
    }  # fmt: skip
    assert await free_on(client, want) == ["10:00", "14:00", "14:30"]
    assert await reasons(client, want, f"{SATURDAY}T13:00:00Z") == []
    assert await reasons(client, want, f"{SATURDAY}T13:30:00Z") == ["not_working"]
    booked = await desk.book(f"{SATURDAY}T13:00:00Z", (cut, ana))
    # Time off is taken off it, and the salon has to be open.
    off = f"/v1/staff/{ana}/time-off/{new_id()}"
    await desk.put(off, {"starts_on": SATURDAY, "ends_on": SATURDAY, "begins": "15:00", "ends": "16:00"})
    assert await free_on(client, want) == ["14:00"]
    await desk.profile(exceptions=[{"day": SATURDAY, "hours": day("09:00-14:30")}])
    assert await free_on(client, want) == []
    await desk.profile()
    # Without them her week counts again, and the visit is in conflict with it.
    gone = await desk.delete(path)
    assert (gone.status_code, gone.json()) == (200, {"conflicts": 1})
    assert await desk.conflicts() == [(booked["id"], ["not_working"])]
    assert (await client.get(path)).json()["code"] == "unknown_special_hours"


async def test_a_day_cut_short_or_taken_out_of_the_week(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    cut = await desk.service("Corte", duration_minutes=60)
    ana, bia = await desk.staff("Ana", cut, hours=WEEK), await desk.staff("Bia", cut)
    tuesday = "2026-03-03"
    booked = await desk.book(f"{tuesday}T18:00:00Z", (cut, ana))
    path = f"/v1/staff/{ana}/special-hours/{tuesday}"
    assert (await desk.put(path, {"hours": day("09:00-10:00")}))["conflicts"] == 1
    assert await desk.conflicts() == [(booked["id"], ["not_working"])]
    assert await free_on(client, f"{cut}:{ana}", tuesday) == ["09:00"]
    assert (await desk.put(path, {"hours": []}))["conflicts"] == 1
    assert await free_on(client, f"{cut}:{ana}", tuesday) == []
    assert (await desk.put(path, {"hours": day("15:00-16:00")}))["conflicts"] == 0
    # Whoever has no week of their own is there whenever the salon is open, but for that date.
    await desk.put(f"/v1/staff/{bia}/special-hours/{tuesday}", {"hours": day("11:00-12:00")})
    assert await free_on(client, f"{cut}:{bia}", tuesday) == ["11:00"]
    assert len(await free_on(client, f"{cut}:{bia}", "2026-03-04")) == 17


async def test_on_a_closed_day_they_say_when_somebody_would_come(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    cut = await desk.service("Corte", duration_minutes=60)
    ana = await desk.staff("Ana", cut, hours=WEEK)
    path = f"/v1/staff/{ana}/special-hours/2026-03-08"
    body = {
        "wants": [{"service_id": cut, "staff_id": ana}], "by": "salon", "agreed": True, "outside_hours": True,
        "start": "2026-03-08T13:00:00Z",
    }  # fmt: skip
    booked = (await client.post("/v1/reservations", json=body)).json()
    assert booked["outside_hours"] == ["salon_closed"]
    assert (await desk.put(path, {"hours": day("10:00-11:00")}))["conflicts"] == 0
    assert (await desk.put(path, {"hours": day("10:30-12:00")}))["conflicts"] == 1
    assert await desk.conflicts() == [(booked["id"], ["not_working"])]


async def test_a_remembered_salon_sees_them_at_once(salon: Salon) -> None:
    wish = salon.wish(at(7, 10), staff=salon.caio)
    assert (await salon.refused(wish)).code == "not_offered"
    await salon.works(salon.caio, date(2026, 3, 7), Span(600, 645))
    assert [slot.start for slot in (await salon.find(7, staff=salon.caio)).slots] == [at(7, 10)]
    await salon.held(at(7, 10), staff=salon.caio)
    await salon.works(salon.caio, date(2026, 3, 7), Span(660, 720))
    assert (await salon.refused(salon.wish(at(7, 10), staff=salon.caio))).code == "not_offered"
    assert await salon.problems() == []


# --- what every part of the catalogue does over HTTP


async def test_bodies_that_make_no_sense_are_refused(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    ana = await desk.staff("Ana")
    path, fine = f"/v1/staff/{ana}/special-hours/{SATURDAY}", {"hours": day("09:00-10:00")}
    for where, body, status, code in (
        (path, {}, 422, "invalid"),
        (path, {"hours": day("10:00-10:00")}, 422, "invalid"),
        (path, {"hours": day("09:00-11:00", "10:00-12:00")}, 422, "invalid"),
        (path, {**fine, "version": 1}, 422, "invalid"),
        (path, {**fine, "reason": ""}, 422, "invalid"),
        (path.replace(SATURDAY, "2026-02-30"), fine, 422, "invalid"),
        (path.replace(ana, str(new_id())), fine, 404, "unknown_staff"),
    ):
        answer = await client.put(where, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (where, body, answer.text)


async def test_a_change_names_the_version_it_was_made_for(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    ana = await desk.staff("Ana")
    path, body = f"/v1/staff/{ana}/special-hours/{SATURDAY}", {"hours": day("09:00-10:00")}
    await desk.put(path, body)

    async def code(method: str, version: str | None) -> tuple[int, Any]:
        headers = {} if version is None else {"If-Match": version}
        answer = await client.request(method, path, json=body if method == "PUT" else None, headers=headers)
        return answer.status_code, answer.json().get("code")

    for method in ("PUT", "DELETE"):
        assert await code(method, None) == (428, "version_required")
        assert await code(method, '"2"') == (412, "version_conflict")
    assert await code("PUT", '"1"') == (200, None)
    assert (await client.get(path)).headers["etag"] == '"2"'
    assert await code("DELETE", '"1"') == (412, "version_conflict")
    assert await code("DELETE", '"2"') == (200, None)
    assert await code("DELETE", '"2"') == (404, "unknown_special_hours")


async def test_they_are_listed_by_date_in_pages(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    ana, bia = await desk.staff("Ana"), await desk.staff("Bia")
    days = [f"2026-03-{n:02}" for n in (9, 1, 5)]
    for n, when in enumerate(days):
        await desk.put(f"/v1/staff/{ana}/special-hours/{when}", {"hours": day("09:00-10:00")[:n]})
    await desk.put(f"/v1/staff/{bia}/special-hours/{days[0]}", {"hours": []})
    path = f"/v1/staff/{ana}/special-hours"
    whole = (await client.get(path)).json()
    assert [item["day"] for item in whole["items"]] == sorted(days)
    found, cursor = [], None
    for _ in days:
        page = (await client.get(path, params={"limit": 1, **({"cursor": cursor} if cursor else {})})).json()
        found += page["items"]
        cursor = page["next"]
    assert (found, cursor) == (whole["items"], None)
    for bad in ("nonsense", "bm9uc2Vuc2U", "W10", "WzFd"):
        answer = await client.get(path, params={"cursor": bad})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), bad
    assert (await client.get(f"/v1/staff/{new_id()}/special-hours")).json()["code"] == "unknown_staff"


async def test_another_salon_finds_and_changes_nothing(
    client: httpx.AsyncClient, desk: Desk, clock: FrozenClock
) -> None:
    await desk.profile()
    ana = await desk.staff("Ana")
    path = f"/v1/staff/{ana}/special-hours/{SATURDAY}"
    await desk.put(path, {"hours": []})
    stranger = signed(new_id(), clock)
    assert (await client.get(path, auth=stranger)).json()["code"] == "unknown_special_hours"
    assert (await client.get(path.rpartition("/")[0], auth=stranger)).json()["code"] == "unknown_staff"
    assert (await client.delete(path, headers={"If-Match": '"1"'}, auth=stranger)).status_code == 404
    assert (await client.put(path, json={"hours": []}, auth=stranger)).json()["code"] == "unknown_staff"


async def test_somebody_has_a_thousand_at_most(
    client: httpx.AsyncClient, desk: Desk, db: Database, tenant_id: UUID
) -> None:
    await desk.profile()
    ana = await desk.staff("Ana")
    async with db.tx(tenant_id) as tx:
        await tx.execute(
            "INSERT INTO special_hours (tenant_id, staff_id, day, opens, closes) "
            "SELECT $1, $2, date '2026-01-01' + n, '{}', '{}' FROM generate_series(1, 1000) AS n",
            tenant_id,
            UUID(ana),
        )
    path = f"/v1/staff/{ana}/special-hours"
    one_more = await client.put(f"{path}/2026-01-01", json={"hours": []})
    assert (one_more.status_code, one_more.json()["code"]) == (409, "too_many")
    known = await client.put(f"{path}/2026-01-02", json={"hours": []}, headers={"If-Match": '"1"'})
    assert known.status_code == 200
