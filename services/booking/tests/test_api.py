"""The HTTP API: a salon is provisioned and booked over it, and every refusal says what is wrong."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_booking.app import create_app
from booka_booking.settings import Settings
from booka_common.contracts.booking import CatalogueChanged, DepositDue, ReservationCancelled, ReservationMoved
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, eventually, running, signed

from .salon import Salon, at

PROFILE: dict[str, Any] = {
    "name": "Studio Um",
    "locale": "pt-BR",
    "zone": "America/Sao_Paulo",
    "currency": "BRL",
    "slot_grid_minutes": 30,
    "hours": {"tue": [{"opens": "09:00", "closes": "12:00"}, {"opens": "13:00", "closes": "24:00"}], "wed": []},
    "exceptions": [{"day": "2026-12-25"}, {"day": "2026-12-24", "hours": [{"opens": "08:00", "closes": "12:00"}]}],
}


@pytest.fixture
async def app(settings: Settings, clock: FrozenClock) -> AsyncIterator[httpx.AsyncClient]:
    async with running(create_app(settings, clock)) as client:

        async def consuming() -> bool:
            return bool((await client.get("/readyz")).json()["rabbitmq"])

        await eventually(consuming)
        yield client


@pytest.fixture
async def client(app: httpx.AsyncClient, tenant_id: UUID, clock: FrozenClock) -> httpx.AsyncClient:
    """Signed as the test's own salon."""
    app.auth = signed(tenant_id, clock)
    return app


def hold(salon: Salon, start: Any, **more: Any) -> dict[str, Any]:
    return {"service_ids": [str(salon.cut)], "start": start.isoformat(), **more}


async def test_a_salon_is_provisioned_and_told(client: httpx.AsyncClient, db: Any, tenant_id: UUID, clock: Any) -> None:
    service, staff = f"/v1/services/{new_id()}", f"/v1/staff/{new_id()}"
    assert (await client.get("/v1/profile")).json()["code"] == "unknown_profile"
    for path, body in (
        ("/v1/profile", PROFILE),
        (service, {"name": " Corte ", "duration_minutes": 30, "price_minor": 5000, "buffer_after_minutes": 10}),
        (
            staff,
            {"name": "Ana", "service_ids": [service[-36:]], "hours": {"tue": [{"opens": "10:00", "closes": "11:00"}]}},
        ),
        ("/v1/policy", {"deposit_kind": "percent", "deposit_value": 50, "hold_seconds": 300}),
        (f"{service}/policy", {"deposit_kind": "fixed", "deposit_value": 1000}),
    ):
        answer = await client.put(path, json=body)
        assert answer.status_code == 200, answer.text
        assert (await client.get(path)).json() == answer.json()
    profile = (await client.get("/v1/profile")).json()
    assert profile["hours"] == {"tue": PROFILE["hours"]["tue"]}
    assert [item["day"] for item in profile["exceptions"]] == ["2026-12-24", "2026-12-25"]
    assert [item["name"] for item in (await client.get("/v1/services")).json()] == ["Corte"]
    assert [item["name"] for item in (await client.get("/v1/staff")).json()] == ["Ana"]
    told = await Salon(db, tenant_id, clock).said(CatalogueChanged)
    assert [message.services[0].deposit and message.services[0].deposit.minor for message in told] == [None, 2500, 1000]
    assert [message.revision for message in told] == [4, 5, 6]
    found = (await client.get("/v1/availability", params=_window(service[-36:]))).json()
    assert [slot["start"] for slot in found["slots"]] == ["2026-03-03T13:00:00Z", "2026-03-03T13:30:00Z"]
    for path in (service, staff):
        assert (await client.delete(path)).status_code == 204
        assert (await client.get(path)).json()["active"] is False
    assert (await client.delete(f"/v1/staff/{new_id()}")).json()["code"] == "unknown_staff"
    last = (await Salon(db, tenant_id, clock).said(CatalogueChanged))[-1]
    assert (last.services, last.staff, last.revision) == ((), (), 8)


def _window(service_id: str) -> dict[str, str]:
    return {"service_id": service_id, "from": "2026-03-03T00:00:00-03:00", "to": "2026-03-04T00:00:00-03:00"}


NONSENSE: list[dict[str, Any]] = [
    {"zone": "Mars/Olympus"},
    {"zone": "../../etc/passwd"},
    {"zone": "/etc/localtime"},
    {"locale": "xx-YY-nonsense"},
    {"locale": ""},
    {"currency": "ZZZ"},
    {"currency": "brl"},
    {"hours": {"tue": [{"opens": "12:00", "closes": "09:00"}]}},
    {"hours": {"tue": [{"opens": "09:00", "closes": "12:00"}, {"opens": "11:00", "closes": "13:00"}]}},
    {"hours": {"tue": [{"opens": "9:00", "closes": "12:00"}]}},
    {"hours": {"someday": []}},
    {"exceptions": [{"day": "2026-12-25"}, {"day": "2026-12-25"}]},
    {"surprise": 1},
]


async def test_a_profile_that_makes_no_sense_is_refused(client: httpx.AsyncClient) -> None:
    for change in NONSENSE:
        answer = await client.put("/v1/profile", json={**PROFILE, **change})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), change
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get("/v1/profile")).status_code == 404


async def test_other_bodies_that_make_no_sense_are_refused(client: httpx.AsyncClient) -> None:
    hours: dict[str, Any] = {"tue": []}
    for path, body, status, code in (
        ("/v1/policy", {"deposit_kind": "percent", "deposit_value": 101}, 422, "invalid"),
        ("/v1/policy", {"deposit_kind": "fixed"}, 422, "invalid"),
        (f"/v1/staff/{new_id()}", {"name": "Ana", "service_ids": [], "hours": hours}, 422, "invalid"),
        (f"/v1/staff/{new_id()}", {"name": "Ana", "service_ids": [str(new_id())]}, 400, "unknown_service"),
        (f"/v1/services/{new_id()}/policy", {}, 404, "unknown_service"),
        (f"/v1/services/{new_id()}", {"name": " ", "duration_minutes": 30, "price_minor": 1}, 422, "invalid"),
    ):
        answer = await client.put(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_visit_over_http_from_hold_to_completion(
    client: httpx.AsyncClient, salon: Salon, clock: FrozenClock
) -> None:
    held = await client.post("/v1/reservations", json=hold(salon, at(3, 10), staff_id=str(salon.ana), guest_name="Rui"))
    assert held.status_code == 201
    at_ = f"/v1/reservations/{held.json()['id']}"
    assert (held.json()["status"], held.json()["version"], held.json()["deposit"]) == ("held", 1, None)
    early = await client.post(f"{at_}/complete")
    assert (early.status_code, early.json()["code"]) == (409, "not_confirmed")
    assert (await client.post(f"{at_}/confirm", json={})).json()["status"] == "confirmed"
    moved = await client.post(f"{at_}/move", json={"start": at(3, 10, 30).isoformat()})
    assert (moved.json()["version"], moved.json()["segments"][0]["staff_name"]) == (3, "Ana")
    (said,) = await salon.said(ReservationMoved)
    assert (said.version, said.visit.start) == (3, at(3, 10, 30))
    early = await client.post(f"{at_}/no-show")
    assert (early.status_code, early.json()["code"]) == (409, "not_started")
    clock.advance(at(3, 11) - clock())
    late = await client.post(f"{at_}/move", json={"start": at(4, 10).isoformat()})
    assert (late.status_code, late.json()["code"]) == (409, "already_over")
    assert (await client.post(f"{at_}/complete")).json()["status"] == "completed"
    over = await client.post(f"{at_}/cancel", json={})
    assert (over.status_code, over.json()["code"]) == (409, "already_over")
    history = (await client.get(at_)).json()["history"]
    assert [(item["status"], item["version"], item["who"], item["why"]) for item in history] == [
        ("held", 1, "salon", "requested"),
        ("confirmed", 2, "salon", "agreed"),
        ("confirmed", 3, "salon", "moved"),
        ("completed", 4, "salon", "completed"),
    ]


async def test_a_taken_start_is_409_with_alternatives(client: httpx.AsyncClient, salon: Salon) -> None:
    body = hold(salon, at(3, 10), staff_id=str(salon.ana))
    assert (await client.post("/v1/reservations", json=body)).status_code == 201
    taken = await client.post("/v1/reservations", json=body)
    assert (taken.status_code, taken.json()["code"]) == (409, "slot_taken")
    assert [slot["start"] for slot in taken.json()["alternatives"]] == [
        "2026-03-03T13:45:00Z",
        "2026-03-03T14:00:00Z",
        "2026-03-03T14:15:00Z",
    ]
    other = await client.post("/v1/reservations", json=hold(salon, at(3, 11, 15), staff_id=str(salon.ana)))
    await client.post(f"/v1/reservations/{other.json()['id']}/confirm", json={})
    moved = await client.post(f"/v1/reservations/{other.json()['id']}/move", json={"start": at(3, 10).isoformat()})
    assert (moved.status_code, moved.json()["code"], len(moved.json()["alternatives"])) == (409, "slot_taken", 3)
    unknown = await client.post("/v1/reservations", json={**body, "service_ids": [str(new_id())]})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_service")


async def test_the_same_request_again_gives_the_same_reservation(client: httpx.AsyncClient, salon: Salon) -> None:
    body = hold(salon, at(3, 10), request_id=str(new_id()))
    first, second = [await client.post("/v1/reservations", json=body) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


async def test_a_hold_that_is_over_is_gone_and_stays_ended(
    client: httpx.AsyncClient, salon: Salon, clock: FrozenClock
) -> None:
    held = (await client.post("/v1/reservations", json=hold(salon, at(3, 10)))).json()
    clock.advance(timedelta(minutes=10))
    gone = await client.post(f"/v1/reservations/{held['id']}/confirm", json={})
    assert (gone.status_code, gone.json()["code"]) == (410, "hold_expired")
    assert gone.json()["alternatives"][0]["start"] == "2026-03-03T13:00:00Z"
    assert await salon.status(UUID(held["id"])) == "expired"


async def test_a_deposit_is_due_over_http_too_unless_it_is_waived(client: httpx.AsyncClient, salon: Salon) -> None:
    bodies = [hold(salon, at(day, 10)) | {"service_ids": [str(salon.colour)]} for day in (3, 4)]
    due, waived = [(await client.post("/v1/reservations", json=body)).json()["id"] for body in bodies]
    answer = (await client.post(f"/v1/reservations/{due}/confirm", json={"guest_name": "Rui"})).json()
    assert (answer["status"], answer["version"], answer["deposit_due_at"]) == ("held", 2, answer["expires_at"])
    assert len(await salon.said(DepositDue)) == 1
    answer = (await client.post(f"/v1/reservations/{waived}/confirm", json={"waive_deposit": True})).json()
    assert answer["status"] == "confirmed"
    assert (await client.post(f"/v1/reservations/{due}/cancel", json={"by": "salon", "why": "ill"})).status_code == 200
    (cancelled,) = await salon.said(ReservationCancelled)
    assert (cancelled.by, cancelled.was) == ("salon", "held")


async def test_reservations_are_listed_by_start_in_pages(client: httpx.AsyncClient, salon: Salon) -> None:
    for day in (6, 3, 5, 4):
        await client.post("/v1/reservations", json=hold(salon, at(day, 10)))
    window = {"from": at(3, 0).isoformat(), "to": at(6, 0).isoformat(), "limit": "2"}
    first = (await client.get("/v1/reservations", params=window)).json()
    second = (await client.get("/v1/reservations", params={**window, "cursor": first["next"]})).json()
    days = [item["visit"]["start"][:10] for item in first["items"] + second["items"]]
    assert days == ["2026-03-03", "2026-03-04", "2026-03-05"]
    assert second["next"] is None
    none = (await client.get("/v1/reservations", params={**window, "status": "confirmed"})).json()
    assert none == {"items": [], "next": None}
    for cursor in ("nonsense", "bm9uc2Vuc2U=", "é"):
        bad = await client.get("/v1/reservations", params={**window, "cursor": cursor})
        assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")


async def test_availability_over_http_says_why_not(client: httpx.AsyncClient, salon: Salon) -> None:
    found = (await client.get("/v1/availability", params={**_window(str(salon.cut)), "limit": "500"})).json()
    assert found["exact"] is True
    assert len(found["slots"]) == 28
    unknown = await client.get("/v1/availability", params=_window(str(new_id())))
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_service")
    naive = await client.get("/v1/availability", params={**_window(str(salon.cut)), "from": "2026-03-03T00:00:00"})
    assert naive.status_code == 422


async def test_another_salon_finds_nothing(client: httpx.AsyncClient, salon: Salon, clock: FrozenClock) -> None:
    held = (await client.post("/v1/reservations", json=hold(salon, at(3, 10)))).json()
    stranger = signed(new_id(), clock)
    for step in ("confirm", "cancel"):
        answer = await client.post(f"/v1/reservations/{held['id']}/{step}", json={}, auth=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_reservation")
    assert (await client.get(f"/v1/reservations/{held['id']}", auth=stranger)).status_code == 404
    assert (await client.get(f"/v1/services/{salon.cut}", auth=stranger)).status_code == 404
    assert await salon.status(UUID(held["id"])) == "held"


async def test_unsigned_and_stale_requests_are_401(app: httpx.AsyncClient, salon: Salon, clock: FrozenClock) -> None:
    assert (await app.get("/v1/profile")).status_code == 401
    stale = signed(salon.tenant_id, lambda: clock() - timedelta(minutes=6))
    assert (await app.get("/v1/profile", auth=stale)).status_code == 401
    assert (await app.get("/v1/profile", auth=signed(salon.tenant_id, clock))).status_code == 200


async def test_without_its_secret_the_api_is_503_and_health_is_not(settings: Settings, tenant_id: UUID) -> None:
    async with running(create_app(settings.model_copy(update={"internal_secrets": ()}))) as client:
        answer = await client.get("/v1/profile", auth=signed(tenant_id))
        assert (answer.status_code, answer.json()["code"]) == (503, "config_missing")
        assert answer.json()["variable"] == "BOOKING_INTERNAL_SECRETS"
        assert (await client.get("/readyz")).status_code == 200
