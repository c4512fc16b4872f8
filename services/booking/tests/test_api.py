"""Visits over HTTP: asked for, held, confirmed, moved, cancelled, and every refusal says what is wrong."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from booka_booking.app import create_app
from booka_booking.settings import Settings
from booka_common.contracts.booking import DepositDue, ReservationCancelled, ReservationMoved
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, running, signed

from .salon import Salon, at

RESERVATIONS = "/v1/reservations"


def asked(salon: Salon, start: datetime, *wants: tuple[UUID, UUID | None], **more: Any) -> dict[str, Any]:
    """A hold of these services; of a cut by anybody if there are none."""
    items = wants or ((salon.cut, None),)
    listed = [{"service_id": str(service), "staff_id": str(staff) if staff else None} for service, staff in items]
    return {"wants": listed, "start": start.isoformat(), **more}


def window(*wants: str, day: int = 3) -> dict[str, Any]:
    return {"want": wants, "from": at(day, 0).isoformat(), "to": at(day + 1, 0).isoformat()}


async def test_a_visit_over_http_from_hold_to_completion(
    client: httpx.AsyncClient, salon: Salon, clock: FrozenClock
) -> None:
    body = asked(salon, at(3, 10), (salon.cut, salon.ana), (salon.brow, None), guest_name="Rui")
    held = await client.post(RESERVATIONS, json=body)
    assert (held.status_code, held.headers["etag"]) == (201, '"1"')
    at_ = f"{RESERVATIONS}/{held.json()['id']}"
    assert (held.json()["status"], held.json()["version"], held.json()["deposit"]) == ("held", 1, None)
    segments = [(item["service_name"], item["staff_name"], item["resource_name"]) for item in held.json()["segments"]]
    assert segments == [("Corte", "Ana", "Janela"), ("Sobrancelha", "Ana", None)]
    early = await client.post(f"{at_}/complete")
    assert (early.status_code, early.json()["code"]) == (409, "not_confirmed")
    assert (await client.post(f"{at_}/confirm", json={})).json()["status"] == "confirmed"
    to = {"start": at(3, 10, 30).isoformat(), "staff_ids": [str(salon.bia), None]}
    moved = await client.post(f"{at_}/move", json=to)
    assert (moved.json()["version"], moved.json()["moves"], moved.headers["etag"]) == (3, 0, '"3"')
    assert [segment["staff_name"] for segment in moved.json()["segments"]] == ["Bia", "Ana"]
    (said,) = await salon.said(ReservationMoved)
    assert (said.version, said.visit.start) == (3, at(3, 10, 30))
    early = await client.post(f"{at_}/no-show")
    assert (early.status_code, early.json()["code"]) == (409, "not_started")
    clock.advance(at(3, 11) - clock())
    late = await client.post(f"{at_}/move", json={"start": at(4, 10).isoformat(), "by": "client"})
    assert (late.status_code, late.json()["code"]) == (409, "already_over")
    assert (await client.post(f"{at_}/complete")).json()["status"] == "completed"
    over = await client.post(f"{at_}/cancel", json={"by": "client"})
    assert (over.status_code, over.json()["code"]) == (409, "already_over")
    history = (await client.get(at_)).json()["history"]
    assert [(item["status"], item["version"], item["who"], item["why"]) for item in history] == [
        ("held", 1, "salon", "requested"),
        ("confirmed", 2, "salon", "agreed"),
        ("confirmed", 3, "salon", "moved"),
        ("completed", 4, "salon", "completed"),
    ]


async def test_a_taken_start_is_409_with_alternatives(client: httpx.AsyncClient, salon: Salon) -> None:
    body = asked(salon, at(3, 10), (salon.cut, salon.ana))
    assert (await client.post(RESERVATIONS, json=body)).status_code == 201
    taken = await client.post(RESERVATIONS, json=body)
    assert (taken.status_code, taken.json()["code"]) == (409, "slot_taken")
    assert taken.headers["content-type"] == "application/problem+json"
    assert [(slot["start"], slot["staff_names"]) for slot in taken.json()["alternatives"]] == [
        ("2026-03-03T13:45:00Z", ["Ana"]),
        ("2026-03-03T14:00:00Z", ["Ana"]),
        ("2026-03-03T14:15:00Z", ["Ana"]),
    ]
    other = (await client.post(RESERVATIONS, json=asked(salon, at(3, 11, 15), (salon.cut, salon.ana)))).json()["id"]
    await client.post(f"{RESERVATIONS}/{other}/confirm", json={})
    moved = await client.post(f"{RESERVATIONS}/{other}/move", json={"start": at(3, 10).isoformat()})
    assert (moved.status_code, moved.json()["code"], len(moved.json()["alternatives"])) == (409, "slot_taken", 3)
    unknown = await client.post(RESERVATIONS, json=asked(salon, at(3, 10), (new_id(), None)))
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_service")


async def test_bodies_that_make_no_sense_are_refused(client: httpx.AsyncClient, salon: Salon) -> None:
    good = asked(salon, at(3, 10))
    for change in (
        {"wants": []}, {"wants": good["wants"] * 11}, {"start": "2026-03-03T10:00:00"}, {"by": "nobody"}, {"surprise": 1},
        {"guest_name": "x" * 121},
    ):  # fmt: skip
        answer = await client.post(RESERVATIONS, json={**good, **change})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), change
    stranger = await client.post(RESERVATIONS, json={**good, "client_id": str(new_id())})
    assert (stranger.status_code, stranger.json()["code"]) == (404, "unknown_client")


async def test_the_same_request_again_gives_the_same_reservation(client: httpx.AsyncClient, salon: Salon) -> None:
    body = asked(salon, at(3, 10), request_id=str(new_id()))
    first, second = [await client.post(RESERVATIONS, json=body) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


async def test_a_hold_says_whose_it_is(client: httpx.AsyncClient, salon: Salon) -> None:
    contact = str(new_id())
    ids = []
    for day in (3, 4):
        held = (await client.post(RESERVATIONS, json=asked(salon, at(day, 10), contact_id=contact))).json()
        assert held["client_id"] == (await client.get(f"{RESERVATIONS}/{held['id']}")).json()["client_id"]
        ids.append(held["client_id"])
    assert None not in ids
    assert ids[0] == ids[1]
    too_many = await client.post(RESERVATIONS, json=asked(salon, at(5, 10), client_id=ids[0]))
    assert (too_many.status_code, too_many.json()["code"]) == (409, "too_many_holds"), "it is the same client"
    await client.post(f"{RESERVATIONS}/{held['id']}/cancel", json={})
    by_hand = await client.post(RESERVATIONS, json=asked(salon, at(5, 10), client_id=ids[0]))
    assert (by_hand.json()["client_id"], by_hand.json()["contact_id"]) == (ids[0], contact)


async def test_a_mutation_happens_once_for_its_key(client: httpx.AsyncClient, salon: Salon) -> None:
    body, key = asked(salon, at(3, 10)), {"Idempotency-Key": "one"}
    first, again = [await client.post(RESERVATIONS, json=body, headers=key) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = await client.post(RESERVATIONS, json=asked(salon, at(3, 14)), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    cancel = f"{RESERVATIONS}/{first.json()['id']}/cancel"
    await client.post(cancel, json={}, headers={"Idempotency-Key": "two"})
    replayed = await client.post(cancel, json={}, headers={"Idempotency-Key": "two"})
    assert (replayed.json()["status"], replayed.headers["idempotent-replayed"]) == ("cancelled", "true")
    assert len(await salon.said(ReservationCancelled)) == 1


async def test_every_step_needs_a_key(app: httpx.AsyncClient, salon: Salon, clock: FrozenClock) -> None:
    paths = [
        RESERVATIONS,
        *(f"{RESERVATIONS}/{new_id()}/{step}" for step in ("confirm", "move", "cancel", "complete", "no-show")),
    ]
    auth = signed(salon.tenant_id, clock)
    for path in paths:
        request = app.build_request("POST", path, json={}, headers={"Idempotency-Key": ""})
        answer = await app.send(request, auth=auth)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed"), path


async def test_a_step_for_another_version_is_412_and_changes_nothing(client: httpx.AsyncClient, salon: Salon) -> None:
    at_ = f"{RESERVATIONS}/{(await client.post(RESERVATIONS, json=asked(salon, at(3, 10)))).json()['id']}"
    stale = {"If-Match": '"2"'}
    to = {"start": at(3, 14).isoformat()}
    for step, body in (("confirm", {}), ("move", to), ("cancel", {}), ("complete", {}), ("no-show", {})):
        answer = await client.post(f"{at_}/{step}", json=body, headers=stale)
        assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict"), step
    assert (await client.get(at_)).headers["etag"] == '"1"'
    assert (await client.post(f"{at_}/confirm", json={}, headers={"If-Match": '"1"'})).headers["etag"] == '"2"'


async def test_a_hold_that_is_over_is_gone_and_stays_ended(
    client: httpx.AsyncClient, salon: Salon, clock: FrozenClock
) -> None:
    held = (await client.post(RESERVATIONS, json=asked(salon, at(3, 10)))).json()
    clock.advance(timedelta(minutes=10))
    gone = await client.post(f"{RESERVATIONS}/{held['id']}/confirm", json={})
    assert (gone.status_code, gone.json()["code"]) == (410, "hold_expired")
    assert gone.json()["alternatives"][0]["start"] == "2026-03-03T13:00:00Z"
    assert await salon.status(UUID(held["id"])) == "expired"


async def test_a_deposit_is_due_over_http_too_unless_it_is_waived(client: httpx.AsyncClient, salon: Salon) -> None:
    bodies = [asked(salon, at(day, 10), (salon.colour, None)) for day in (3, 4)]
    due, waived = [(await client.post(RESERVATIONS, json=body)).json()["id"] for body in bodies]
    answer = (await client.post(f"{RESERVATIONS}/{due}/confirm", json={"guest_name": "Rui"})).json()
    assert (answer["status"], answer["version"], answer["deposit_due_at"]) == ("held", 2, answer["expires_at"])
    assert len(await salon.said(DepositDue)) == 1
    answer = (await client.post(f"{RESERVATIONS}/{waived}/confirm", json={"waive_deposit": True})).json()
    assert answer["status"] == "confirmed"
    assert (await client.post(f"{RESERVATIONS}/{due}/cancel", json={"by": "salon", "why": "ill"})).status_code == 200
    (cancelled,) = await salon.said(ReservationCancelled)
    assert (cancelled.by, cancelled.was) == ("salon", "held")


async def test_the_salon_is_not_bound_by_what_binds_its_clients(
    client: httpx.AsyncClient, salon: Salon, clock: FrozenClock
) -> None:
    async with salon.db.tx(salon.tenant_id) as tx:
        await salon.put_service(tx, salon.brow, "Sobrancelha", 30, 4000, online=False)
    clock.advance(at(3, 9, 50) - clock())
    for service in (salon.cut, salon.brow):  # within the lead time; not bookable online
        body = asked(salon, at(3, 10), (service, salon.bia))
        refused = await client.post(RESERVATIONS, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_offered")
        held = await client.post(RESERVATIONS, json={**body, "by": "salon"})
        assert held.status_code == 201
        await client.post(f"{RESERVATIONS}/{held.json()['id']}/cancel", json={})


async def test_what_the_client_may_do_is_told_and_kept_to(
    client: httpx.AsyncClient, salon: Salon, clock: FrozenClock
) -> None:
    visit = await salon.booked(at(5, 10), service=salon.colour)
    at_ = f"{RESERVATIONS}/{visit.reservation_id}"
    quoted = (await client.get(f"{at_}/quote")).json()
    assert (quoted["cancellable"], quoted["refund"], quoted["movable"]) == (
        True,
        {"minor": 6000, "currency": "BRL"},
        True,
    )
    clock.advance(at(4, 12) - clock())
    quoted = (await client.get(f"{at_}/quote")).json()
    assert (quoted["refund"], quoted["kept"]["minor"], quoted["not_movable_because"]) == (None, 6000, "too_late")
    to = {"start": at(6, 10).isoformat(), "by": "client"}
    refused = await client.post(f"{at_}/move", json=to)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_late")
    assert (await client.post(f"{at_}/move", json={**to, "by": "salon"})).status_code == 200
    assert (await client.get(f"{RESERVATIONS}/{new_id()}/quote")).status_code == 404


async def test_reservations_are_listed_by_start_in_pages(client: httpx.AsyncClient, salon: Salon) -> None:
    for day in (6, 3, 5, 4):
        await client.post(RESERVATIONS, json=asked(salon, at(day, 10)))
    around = {"from": at(3, 0).isoformat(), "to": at(6, 0).isoformat(), "limit": "2"}
    first = (await client.get(RESERVATIONS, params=around)).json()
    second = (await client.get(RESERVATIONS, params={**around, "cursor": first["next"]})).json()
    days = [item["visit"]["start"][:10] for item in first["items"] + second["items"]]
    assert days == ["2026-03-03", "2026-03-04", "2026-03-05"]
    assert second["next"] is None
    none = (await client.get(RESERVATIONS, params={**around, "status": "confirmed"})).json()
    assert none == {"items": [], "next": None}
    for cursor in ("nonsense", "bm9uc2Vuc2U=", "é"):
        bad = await client.get(RESERVATIONS, params={**around, "cursor": cursor})
        assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")


async def test_reservations_of_a_person_or_of_a_client(client: httpx.AsyncClient, salon: Salon) -> None:
    contact, around = new_id(), {"from": at(3, 0).isoformat(), "to": at(6, 0).isoformat()}
    both = await salon.booked(at(3, 10), wants=salon.wants((salon.cut, salon.ana), (salon.brow, salon.bia)))
    theirs = await salon.booked(at(4, 10), staff=salon.bia, contact_id=contact)
    await salon.booked(at(5, 10), staff=salon.ana)

    async def listed(**params: str) -> list[str]:
        return [item["id"] for item in (await client.get(RESERVATIONS, params=params)).json()["items"]]

    assert await listed(**around, staff_id=str(salon.bia)) == [str(both.reservation_id), str(theirs.reservation_id)]
    assert len(await listed(**around, staff_id=str(salon.ana))) == 2
    assert await listed(**around, staff_id=str(salon.caio)) == []
    client_id = (await client.get(f"{RESERVATIONS}/{theirs.reservation_id}")).json()["client_id"]
    assert await listed(client_id=client_id) == [str(theirs.reservation_id)]
    for staff, found in ((salon.bia, [theirs]), (salon.ana, [])):
        of_both = {"staff_id": str(staff), "client_id": client_id}
        expected = [str(held.reservation_id) for held in found]
        assert await listed(**of_both) == await listed(**around, **of_both, status="confirmed") == expected
        assert await listed(**of_both, status="held") == []
    for params in ({}, {"staff_id": client_id}, {"status": "held"}):
        answer = await client.get(RESERVATIONS, params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "window_missing")


async def test_availability_over_http_says_why_not(client: httpx.AsyncClient, salon: Salon) -> None:
    found = (await client.get("/v1/availability", params={**window(str(salon.cut)), "limit": "500"})).json()
    assert found["exact"] is True
    assert len(found["slots"]) == 28
    two = window(f"{salon.cut}:{salon.bia}", str(salon.colour))
    slot = (await client.get("/v1/availability", params=two)).json()["slots"][0]
    assert (slot["start"], slot["end"], slot["staff_names"]) == (
        "2026-03-03T12:00:00Z",
        "2026-03-03T14:15:00Z",
        ["Bia", "Ana"],
    )
    unknown = await client.get("/v1/availability", params=window(str(new_id())))
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_service")
    odd = await client.get("/v1/availability", params=window("cut"))
    assert (odd.status_code, odd.json()["code"]) == (400, "bad_want")
    naive = await client.get("/v1/availability", params={**window(str(salon.cut)), "from": "2026-03-03T00:00:00"})
    assert naive.status_code == 422


async def test_a_month_by_day(client: httpx.AsyncClient, salon: Salon) -> None:
    await salon.held(at(5, 9), staff=salon.ana)
    params = {**window(f"{salon.cut}:{salon.ana}"), "to": at(10, 0).isoformat()}
    days = (await client.get("/v1/availability/days", params=params)).json()["days"]
    assert [(item["day"], item["free"]) for item in days] == [
        ("2026-03-03", 28), ("2026-03-04", 28), ("2026-03-05", 25), ("2026-03-06", 28), ("2026-03-07", 28), ("2026-03-09", 28),
    ]  # fmt: skip
    assert days[2]["first"] == "2026-03-05T12:45:00Z"


async def test_why_a_start_is_not_offered_is_told_in_full(client: httpx.AsyncClient, salon: Salon) -> None:
    busy = await salon.held(at(3, 10), staff=salon.ana)
    await salon.held(at(3, 10), staff=salon.bia)

    async def why(start: datetime, *wants: str) -> list[tuple[str, str | None]]:
        answer = await client.get("/v1/availability/explain", params={"want": wants, "start": start.isoformat()})
        assert answer.json()["offered"] == (not answer.json()["reasons"])
        return [(reason["code"], reason["reservation_id"]) for reason in answer.json()["reasons"]]

    by_ana = f"{salon.cut}:{salon.ana}"
    assert await why(at(3, 14), by_ana) == []
    assert await why(at(3, 10, 15), by_ana) == [("busy", str(busy.reservation_id)), ("no_resource", None)]
    assert await why(at(3, 12, 5), by_ana) == [("off_grid", None), ("salon_closed", None)]
    assert await why(at(3, 10), f"{salon.cut}:{salon.caio}") == [("not_working", None), ("no_resource", None)]
    assert await why(at(1, 10), by_ana) == [("in_the_past", None)]  # nothing more is worked out


async def test_another_salon_finds_nothing(client: httpx.AsyncClient, salon: Salon, clock: FrozenClock) -> None:
    held = (await client.post(RESERVATIONS, json=asked(salon, at(3, 10)))).json()
    stranger = signed(new_id(), clock)
    for step in ("confirm", "cancel"):
        answer = await client.post(f"{RESERVATIONS}/{held['id']}/{step}", json={}, auth=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_reservation")
    for path in ("", "/quote"):
        assert (await client.get(f"{RESERVATIONS}/{held['id']}{path}", auth=stranger)).status_code == 404
    assert await salon.status(UUID(held["id"])) == "held"


async def test_unsigned_and_stale_requests_are_401(app: httpx.AsyncClient, salon: Salon, clock: FrozenClock) -> None:
    assert (await app.get("/v1/profile")).status_code == 401
    assert (await app.post(RESERVATIONS, json=asked(salon, at(3, 10)))).status_code == 401
    stale = signed(salon.tenant_id, lambda: clock() - timedelta(minutes=6))
    assert (await app.get("/v1/profile", auth=stale)).status_code == 401
    assert (await app.get("/v1/profile", auth=signed(salon.tenant_id, clock))).status_code == 200


async def test_without_its_secret_the_api_is_503_and_health_is_not(settings: Settings, tenant_id: UUID) -> None:
    async with running(create_app(settings.model_copy(update={"internal_secrets": ()}))) as client:
        answer = await client.get("/v1/profile", auth=signed(tenant_id))
        assert (answer.status_code, answer.json()["code"]) == (503, "config_missing")
        assert answer.json()["variable"] == "BOOKING_INTERNAL_SECRETS"
        assert (await client.get("/readyz")).status_code == 200
