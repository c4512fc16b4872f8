"""The catalogue over HTTP: written and read back, told whole, refused where it makes no sense, never overwritten blindly."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.contracts.booking import CatalogueChanged
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, signed

from .provisioning import PROFILE, Desk, day
from .salon import Salon


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def test_a_whole_salon_is_written_and_read_back(desk: Desk, client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/profile")).json()["code"] == "unknown_profile"
    exceptions = [{"day": "2026-12-25", "hours": []}, {"day": "2026-12-24", "hours": day("08:00-12:00")}]
    hours = {"tue": day("13:00-24:00", "09:00-12:00"), "wed": []}
    await desk.profile(hours=hours, exceptions=exceptions, assignment="last_first")
    pool, (chair, _) = await desk.pool("Cadeiras", "Cadeira 1", "Cadeira 2")
    service = f"/v1/services/{new_id()}"
    colour = {
        "name": " Coloração ", "category": "Cor", "duration_minutes": 120, "buffer_before_minutes": 5,
        "buffer_after_minutes": 10, "gap_start_minutes": 40, "gap_minutes": 45, "pool_id": pool, "price_minor": 20000,
        "online": False, "position": 3,
    }  # fmt: skip
    staff = f"/v1/staff/{new_id()}"
    skill = {"service_id": service[-36:], "duration_minutes": 90, "price_minor": 25000}
    member = {"name": "Ana", "services": [skill], "hours": {"tue": day("10:00-11:00")}}
    lunch = {
        "starts_on": "2026-03-02",
        "weekdays": ["fri", "mon"],
        "begins": "12:00",
        "ends": "13:00",
        "reason": "almoço",
    }
    policy = {
        "deposit_kind": "percent", "deposit_value": 50, "deposit_for": "new_clients", "deposit_waived_after": 5,
        "hold_seconds": 300, "deposit_deadline_seconds": 900, "cancel_notice_hours": 48, "late_kind": "fee",
        "late_value": 3000, "reschedule_limit": 1, "max_holds_per_client": 3, "waitlist_offer_seconds": 600,
    }  # fmt: skip
    for path, body in (
        (service, colour),
        (staff, member),
        (f"{staff}/time-off/{new_id()}", lunch),
        ("/v1/policy", policy),
        (f"{service}/policy", {"late_kind": "refund_share", "late_value": 50}),
    ):
        written = await desk.put(path, body)
        read = await client.get(path)
        assert read.status_code == 200
        assert read.headers["etag"] == '"1"'
        assert read.json() == {name: value for name, value in written.items() if name != "conflicts"}
        assert {name: read.json()[name] for name in body if name not in ("name", "weekdays")} == {
            name: value for name, value in body.items() if name not in ("name", "weekdays")
        }
    profile = (await client.get("/v1/profile")).json()
    assert profile["hours"] == {"tue": day("09:00-12:00", "13:00-24:00")}
    assert [item["day"] for item in profile["exceptions"]] == ["2026-12-24", "2026-12-25"]
    assert (profile["assignment"], profile["version"]) == ("last_first", 1)
    assert (await client.get(service)).json()["name"] == "Coloração"
    listed = (await client.get(f"{staff}/time-off")).json()["items"]
    assert [item["weekdays"] for item in listed] == [["mon", "fri"]]
    pools = (await client.get("/v1/resource-pools")).json()["items"]
    assert [(item["name"], item["resources"]) for item in pools] == [("Cadeiras", 2)]
    resources = (await client.get("/v1/resources", params={"pool_id": pool})).json()["items"]
    assert [item["name"] for item in resources] == ["Cadeira 1", "Cadeira 2"]
    retired = await desk.delete(f"/v1/resources/{chair}")
    assert (retired.json()["active"], retired.json()["version"]) == (False, 2)


async def test_what_clients_may_book_is_told(
    desk: Desk, client: httpx.AsyncClient, db: Database, tenant_id: UUID, clock: FrozenClock
) -> None:
    await desk.profile()
    cut = await desk.service("Corte", price_minor=5000)
    hidden = await desk.service("Noiva", online=False)
    await desk.staff("Ana", {"service_id": cut, "duration_minutes": 90, "price_minor": 9900}, hidden)
    await desk.put("/v1/policy", {"deposit_kind": "percent", "deposit_value": 50})
    await desk.put(f"/v1/services/{cut}/policy", {"deposit_kind": "fixed", "deposit_value": 1000})
    await desk.delete(f"/v1/services/{cut}/policy")
    told = await Salon(db, tenant_id, clock).said(CatalogueChanged)
    deposits = [message.services[0].deposit and message.services[0].deposit.minor for message in told]
    assert deposits == [None, 2500, 1000, 2500]
    assert [message.revision for message in told] == [5, 6, 7, 8]
    (service,) = told[-1].services
    assert (str(service.service_id), service.duration_minutes, service.price.minor) == (cut, 60, 5000)
    assert [str(id) for member in told[-1].staff for id in member.service_ids] == [cut]
    await desk.delete(f"/v1/services/{cut}")
    assert (await client.get(f"/v1/services/{cut}")).json()["active"] is False
    last = (await Salon(db, tenant_id, clock).said(CatalogueChanged))[-1]
    assert (last.services, last.staff) == ((), ())


PROFILES: list[dict[str, Any]] = [
    {"zone": "Mars/Olympus"}, {"zone": "../../etc/passwd"}, {"zone": "/etc/localtime"}, {"locale": "xx-YY-nonsense"},
    {"locale": ""}, {"currency": "ZZZ"}, {"currency": "brl"}, {"hours": {"tue": day("12:00-09:00")}},
    {"hours": {"tue": day("09:00-12:00", "11:00-13:00")}}, {"hours": {"tue": day("9:00-12:00")}}, {"hours": {"someday": []}},
    {"exceptions": [{"day": "2026-12-25"}, {"day": "2026-12-25"}]},
    {"exceptions": [{"day": "2026-12-25", "hours": day("09:00-12:00", "11:00-13:00")}]},
    {"exceptions": [{"day": f"{2000 + n // 300}-{n % 12 + 1:02}-{n % 28 + 1:02}"} for n in range(1001)]},
    {"surprise": 1}, {"name": "a\x00b"}, {"name": "a\x1bb"}, {"name": "\u202eabc"}, {"name": "x" * 121}, {"name": " "},
    {"assignment": "loudest"}, {"slot_grid_minutes": 0}, {"horizon_days": 401},
]  # fmt: skip


async def test_a_profile_that_makes_no_sense_is_refused(client: httpx.AsyncClient) -> None:
    for change in PROFILES:
        answer = await client.put("/v1/profile", json={**PROFILE, **change})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), change
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get("/v1/profile")).status_code == 404


CUT = {"name": "Corte", "duration_minutes": 60, "price_minor": 1}
OFF = {"starts_on": "2026-03-02"}
SOMEBODY = {"name": "Ana", "services": []}


async def test_other_bodies_that_make_no_sense_are_refused(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    service = await desk.service("Corte", duration_minutes=60)
    gapped = await desk.service("Cor", duration_minutes=90, gap_start_minutes=30, gap_minutes=30)
    off = f"/v1/staff/{await desk.staff('Ana', service)}/time-off/{new_id()}"
    new_service, new_staff = f"/v1/services/{new_id()}", f"/v1/staff/{new_id()}"
    skill = {"service_id": gapped, "duration_minutes": 60}
    for path, body, status, code in (
        ("/v1/policy", {"deposit_kind": "percent", "deposit_value": 101}, 422, "invalid"),
        ("/v1/policy", {"deposit_kind": "percent", "deposit_value": 0}, 422, "invalid"),
        ("/v1/policy", {"deposit_kind": "fixed"}, 422, "invalid"),
        ("/v1/policy", {"late_kind": "refund_share", "late_value": 101}, 422, "invalid"),
        ("/v1/policy", {"late_value": 10}, 422, "invalid"),
        ("/v1/policy", {"reschedule_limit": -1}, 422, "invalid"),
        (f"/v1/services/{new_id()}/policy", {}, 404, "unknown_service"),
        (new_service, {**CUT, "name": "Cor\x07te"}, 422, "invalid"),
        (new_service, {**CUT, "category": "\x00"}, 422, "invalid"),
        (new_service, {**CUT, "price_minor": -1}, 422, "invalid"),
        (new_service, {**CUT, "price_minor": 10**13}, 422, "invalid"),
        (new_service, {**CUT, "gap_start_minutes": 0, "gap_minutes": 30}, 422, "invalid"),
        (new_service, {**CUT, "gap_start_minutes": 30, "gap_minutes": 30}, 422, "invalid"),
        (new_service, {**CUT, "gap_start_minutes": 50, "gap_minutes": 20}, 422, "invalid"),
        (new_service, {**CUT, "pool_id": str(new_id())}, 400, "unknown_pool"),
        (new_staff, {**SOMEBODY, "hours": {"tue": []}}, 422, "invalid"),
        (new_staff, {**SOMEBODY, "services": [{"service_id": service}, {"service_id": service}]}, 422, "invalid"),
        (new_staff, {**SOMEBODY, "services": [{"service_id": str(new_id())}]}, 400, "unknown_service"),
        (new_staff, {**SOMEBODY, "services": [skill]}, 422, "gap_outside_duration"),
        (f"/v1/resources/{new_id()}", {"name": "Cadeira", "pool_id": str(new_id())}, 400, "unknown_pool"),
        (off, {**OFF, "ends_on": "2026-03-01"}, 422, "invalid"),
        (off, {**OFF, "begins": "13:00", "ends": "12:00"}, 422, "invalid"),
        (off, {**OFF, "begins": "12:00", "ends": "12:00"}, 422, "invalid"),
        (off, {**OFF, "weekdays": []}, 422, "invalid"),
        (off, {**OFF, "weekdays": ["mon", "mon"]}, 422, "invalid"),
        (off, {**OFF, "starts_on": "2026-02-30"}, 422, "invalid"),
        (f"/v1/staff/{new_id()}/time-off/{new_id()}", OFF, 404, "unknown_staff"),
        ("/v1/staff/nobody", SOMEBODY, 422, "invalid"),
    ):  # fmt: skip
        answer = await client.put(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (path, body, answer.text)
    # The gap of a service may not outgrow what somebody takes for it.
    await desk.staff("Eva", {"service_id": gapped, "duration_minutes": 61})
    longer = {"name": "Cor", "duration_minutes": 120, "price_minor": 1, "gap_start_minutes": 30, "gap_minutes": 31}
    answer = await client.put(f"/v1/services/{gapped}", json=longer, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (422, "gap_outside_duration")
    assert len(answer.json()["staff_ids"]) == 1


async def test_a_change_names_the_version_it_was_made_for(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    pool, (chair,) = await desk.pool("Cadeiras", "Cadeira")
    service = await desk.service()
    staff = await desk.staff("Ana", service)
    off, policy = f"/v1/staff/{staff}/time-off/{new_id()}", f"/v1/services/{service}/policy"
    await desk.put(off, OFF)
    await desk.put(policy, {"hold_seconds": 60})
    await desk.put("/v1/policy", {})
    for path, body in (
        ("/v1/profile", PROFILE),
        (f"/v1/resource-pools/{pool}", {"name": "Cadeiras"}),
        (f"/v1/resources/{chair}", {"name": "Cadeira", "pool_id": pool}),
        (f"/v1/services/{service}", CUT),
        (f"/v1/staff/{staff}", SOMEBODY),
        (off, OFF),
        (policy, {}),
        ("/v1/policy", {}),
    ):

        async def code(method: str, version: str | None, path: str = path, body: Any = body) -> tuple[int, Any]:
            headers = {} if version is None else {"If-Match": version}
            answer = await client.request(method, path, json=body if method == "PUT" else None, headers=headers)
            return answer.status_code, answer.content and answer.json().get("code")

        assert await code("PUT", None) == (428, "version_required"), path
        assert await code("PUT", '"2"') == (412, "version_conflict"), path
        assert await code("PUT", "1") == (400, "if_match_malformed"), path
        assert await code("PUT", '"1"') == (200, None), path
        assert (await client.get(path)).headers["etag"] == '"2"', path
        if path != "/v1/profile":
            assert await code("DELETE", None) == (428, "version_required"), path
            assert await code("DELETE", '"1"') == (412, "version_conflict"), path
    fresh = await client.put(f"/v1/services/{new_id()}", json=CUT, headers={"If-Match": '"1"'})
    assert (fresh.status_code, fresh.json()["version"]) == (412, None)


async def test_a_pool_goes_only_when_nothing_refers_to_it(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    pool, (chair,) = await desk.pool("Cadeiras", "Cadeira")
    service = await desk.service(pool_id=pool)
    staff = await desk.staff("Ana", service)
    path = f"/v1/resource-pools/{pool}"

    async def refused() -> bool:
        answer = await client.delete(path, headers={"If-Match": '"1"'})
        assert answer.status_code in (204, 409), answer.text
        return answer.status_code == 409 and answer.json()["code"] == "pool_in_use"

    await desk.book("2026-03-03T13:00:00Z", (service, staff))
    assert await refused()
    await desk.service(id=UUID(service))
    assert await refused()
    await desk.delete(f"/v1/resources/{chair}")
    assert await refused(), "a visit was booked with it"
    other, (unused,) = await desk.pool("Salas", "Sala")
    path = f"/v1/resource-pools/{other}"
    assert await refused()
    await desk.delete(f"/v1/resources/{unused}")
    assert not await refused()
    assert (await client.get(path)).json()["code"] == "unknown_pool"
    assert (await client.get(f"/v1/resources/{unused}")).json()["code"] == "unknown_resource"


async def test_lists_come_in_pages(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    await desk.pool("P", *(f"R{n}" for n in range(5)))
    for n in range(4):
        await desk.put(f"/v1/resource-pools/{new_id()}", {"name": f"P{n}"})
    services = [await desk.service(f"S{n % 2}", position=n // 3) for n in range(5)]
    staff = [await desk.staff(f"A{n % 2}", services[0]) for n in range(5)]
    for n in range(5):
        await desk.put(f"/v1/staff/{staff[0]}/time-off/{new_id()}", {"starts_on": f"2026-03-0{n // 2 + 1}"})
    for path, key in (
        ("/v1/services", ("position", "name", "id")),
        ("/v1/staff", ("name", "id")),
        ("/v1/resources", ("name", "id")),
        ("/v1/resource-pools", ("name", "id")),
        (f"/v1/staff/{staff[0]}/time-off", ("starts_on", "id")),
    ):
        whole = (await client.get(path)).json()
        assert whole["next"] is None
        found, cursor = [], None
        # One at a time, so that a page ends between any two, also those that differ in nothing but their id.
        for _ in range(5):
            page = (await client.get(path, params={"limit": 1, **({"cursor": cursor} if cursor else {})})).json()
            assert len(page["items"]) == 1
            found += page["items"]
            cursor = page["next"]
        assert cursor is None
        assert found == whole["items"]
        order = [tuple(item[name] for name in key) for item in found]
        assert order == sorted(order)
        for bad in ("nonsense", "bm9uc2Vuc2U", "é", "W10", "WzFd", "AAAA"):
            answer = await client.get(path, params={"cursor": bad})
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), bad
        assert (await client.get(path, params={"limit": 201})).status_code == 422


async def test_another_salon_finds_and_changes_nothing(
    client: httpx.AsyncClient, desk: Desk, clock: FrozenClock
) -> None:
    await desk.profile()
    pool, (chair,) = await desk.pool("Cadeiras", "Cadeira")
    service = await desk.service()
    staff = await desk.staff("Ana", service)
    off = f"/v1/staff/{staff}/time-off/{new_id()}"
    await desk.put(off, OFF)
    stranger = signed(new_id(), clock)
    for path in (
        f"/v1/services/{service}", f"/v1/staff/{staff}", off, f"/v1/resource-pools/{pool}", f"/v1/resources/{chair}",
        f"/v1/services/{service}/policy",
    ):  # fmt: skip
        assert (await client.get(path, auth=stranger)).status_code == 404, path
        assert (await client.delete(path, headers={"If-Match": '"1"'}, auth=stranger)).status_code == 404, path
    for path, body, status, code in (
        (off, OFF, 404, "unknown_staff"),
        (f"/v1/services/{service}/policy", {}, 404, "unknown_service"),
        (f"/v1/staff/{new_id()}", {**SOMEBODY, "services": [{"service_id": service}]}, 400, "unknown_service"),
        (f"/v1/services/{new_id()}", {**CUT, "pool_id": pool}, 400, "unknown_pool"),
        (f"/v1/resources/{new_id()}", {"name": "Cadeira", "pool_id": pool}, 400, "unknown_pool"),
    ):
        answer = await client.put(path, json=body, auth=stranger)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
    for path in ("/v1/services", "/v1/staff", "/v1/resources", "/v1/resource-pools"):
        assert (await client.get(path, auth=stranger)).json() == {"items": [], "next": None}


async def test_a_time_off_belongs_to_one_person(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    ana, bia = await desk.staff("Ana"), await desk.staff("Bia")
    off = new_id()
    await desk.put(f"/v1/staff/{ana}/time-off/{off}", OFF)
    other = f"/v1/staff/{bia}/time-off/{off}"
    answer = await client.put(other, json=OFF)
    assert (answer.status_code, answer.json()["code"]) == (409, "id_taken")
    assert (await client.get(other)).status_code == 404
    assert (await client.delete(other, headers={"If-Match": '"1"'})).status_code == 404
    assert (await desk.delete(f"/v1/staff/{ana}/time-off/{off}")).status_code == 204
