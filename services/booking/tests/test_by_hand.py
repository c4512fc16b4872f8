"""What the salon enters itself: whoever walks in or calls, at times that nobody is offered; and never over anybody."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.contracts.booking import DepositDue, ReservationConfirmed, ReservationHeld
from booka_common.ids import new_id
from booka_common.testing import FrozenClock

from .provisioning import Desk, day
from .salon import Salon, at

RESERVATIONS = "/v1/reservations"


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


def by_salon(salon: Salon, start: Any, **more: Any) -> dict[str, Any]:
    wants = [{"service_id": str(salon.cut), "staff_id": str(salon.ana)}]
    return {"wants": wants, "start": start.isoformat(), "by": "salon", **more}


async def code_of(client: httpx.AsyncClient, body: dict[str, Any]) -> str | None:
    """Why it is refused; None if it is not."""
    answer = await client.post(RESERVATIONS, json=body)
    code: str | None = answer.json().get("code")
    assert (code is None) == (answer.status_code == 201), answer.text
    return code


async def test_whoever_walks_in_is_written_down_afterwards_and_has_come(
    client: httpx.AsyncClient, salon: Salon, clock: FrozenClock
) -> None:
    clock.advance(at(3, 10, 52) - clock())
    began = at(3, 10, 7)  # off the grid, and over
    body = by_salon(salon, began, agreed=True, why="walked in", guest_name="Rui")
    assert await code_of(client, {**body, "by": "client", "agreed": False}) == "in_the_past"
    answer = await client.post(RESERVATIONS, json=body)
    assert (answer.status_code, answer.json()["status"], answer.json()["outside_hours"]) == (201, "confirmed", [])
    at_ = f"{RESERVATIONS}/{answer.json()['id']}"
    assert (await client.post(f"{at_}/complete")).json()["status"] == "completed"
    history = (await client.get(at_)).json()["history"]
    assert [(item["status"], item["who"], item["why"]) for item in history] == [
        ("held", "salon", "walked in"),
        ("confirmed", "salon", "agreed"),
        ("completed", "salon", "completed"),
    ]
    assert await code_of(client, by_salon(salon, began + timedelta(minutes=30))) == "slot_taken", "not over anybody"
    assert await code_of(client, by_salon(salon, clock() - timedelta(hours=12, minutes=1))) == "in_the_past"


@pytest.mark.parametrize(
    "start", [at(2, 9, 20), at(27, 10), at(3, 10, 1)], ids=["at once", "far ahead", "off the grid"]
)
async def test_what_keeps_clients_away_does_not_bind_the_salon(
    client: httpx.AsyncClient, salon: Salon, start: Any
) -> None:
    await salon.change(lead_minutes=600, horizon_days=14)
    body = by_salon(salon, start)
    assert await code_of(client, {**body, "by": "client"}) == "not_offered"
    params = {"want": f"{salon.cut}:{salon.ana}", "start": start.isoformat(), "by": "salon"}
    why = (await client.get("/v1/availability/explain", params=params)).json()
    assert (why["offered"], why["reasons"]) == (True, [])
    assert await code_of(client, body) is None


async def test_outside_of_the_hours_it_has_to_be_said(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile(hours={"tue": day("09:00-18:00")})
    cut = await desk.service("Corte")
    ana = await desk.staff("Ana", cut, hours={"tue": day("12:00-18:00")})
    asked = [{"service_id": cut, "staff_id": ana}]
    early, sunday = "2026-03-03T13:00:00Z", "2026-03-08T13:00:00Z"  # before Ana's hours; the salon is closed

    async def explained(start: str, **more: Any) -> list[str]:
        params = {"want": f"{cut}:{ana}", "start": start, "by": "salon", **more}
        answer = (await client.get("/v1/availability/explain", params=params)).json()
        return [reason["code"] for reason in answer["reasons"]]

    for start, against in ((early, ["not_working"]), (sunday, ["salon_closed"])):
        body = {"wants": asked, "start": start, "by": "salon", "agreed": True}
        assert await code_of(client, body) == "not_offered"
        assert await explained(start) == against
        assert await explained(start, outside_hours=True) == []
        answer = await client.post(RESERVATIONS, json={**body, "outside_hours": True})
        assert answer.status_code == 201, answer.text
        assert answer.json()["outside_hours"] == against
        assert await code_of(client, {**body, "outside_hours": True}) == "slot_taken", "still only one at a time"
    assert await desk.conflicts() == [], "the salon knew what it did"
    visit = answer.json()["id"]
    moved = await desk.step(visit, "move", start="2026-03-10T15:00:00Z")
    assert moved["outside_hours"] == [], "nothing is against a Tuesday afternoon"
    refused = await client.post(f"{RESERVATIONS}/{visit}/move", json={"start": sunday})
    assert refused.json()["code"] == "not_offered"
    moved = await desk.step(visit, "move", start=sunday, outside_hours=True, why="the client asked for it")
    assert moved["outside_hours"] == ["salon_closed"]
    await desk.staff("Ana", id=UUID(ana))  # she cuts no more
    assert ["not_performed"] in [codes for _, codes in await desk.conflicts()], "what nobody knew then is told"


async def test_on_a_closed_day_time_off_that_comes_later_is_a_conflict(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.profile()
    cut = await desk.service("Corte", duration_minutes=60)
    ana = await desk.staff("Ana", cut, hours={"tue": day("09:00-18:00")})
    off = f"/v1/staff/{ana}/time-off/{new_id()}"
    body = {"wants": [{"service_id": cut, "staff_id": ana}], "by": "salon", "agreed": True, "outside_hours": True}
    promised = (await client.post(RESERVATIONS, json={**body, "start": "2026-03-08T13:00:00Z"})).json()
    assert promised["outside_hours"] == ["salon_closed"], "her week has no Sunday, and that is no news"
    assert await desk.conflicts() == []
    morning = {"starts_on": "2026-03-08", "ends_on": "2026-03-08", "begins": "08:00", "ends": "10:00"}
    assert (await desk.put(off, morning))["conflicts"] == 0, "until the visit begins"
    assert (await desk.put(off, {**morning, "ends": "10:01"}))["conflicts"] == 1
    assert await desk.conflicts() == [(promised["id"], ["not_working"])]
    # Whoever promises what they know her to be away for, knows.
    known = (await client.post(RESERVATIONS, json={**body, "start": "2026-03-08T12:00:00Z"})).json()
    assert known["outside_hours"] == ["not_working", "salon_closed"]
    assert await desk.conflicts() == [(promised["id"], ["not_working"])]
    await desk.delete(off)
    assert await desk.conflicts() == []


async def test_agreed_at_once_waits_for_a_deposit_unless_the_salon_waives_it(
    client: httpx.AsyncClient, salon: Salon
) -> None:
    await salon.put_policy(deposit_kind="fixed", deposit_value=1000)
    waiting = await client.post(RESERVATIONS, json=by_salon(salon, at(3, 10), agreed=True, contact_id=str(new_id())))
    assert (waiting.json()["status"], waiting.json()["deposit"]["minor"]) == ("held", 1000)
    assert waiting.json()["deposit_due_at"] is not None
    waived = await client.post(RESERVATIONS, json=by_salon(salon, at(3, 11), agreed=True, waive_deposit=True))
    assert waived.json()["status"] == "confirmed"
    held, _ = await salon.said(ReservationHeld)
    (due,) = await salon.said(DepositDue)
    assert due.reservation_id == held.reservation_id
    (confirmed,) = await salon.said(ReservationConfirmed)
    assert str(confirmed.reservation_id) == waived.json()["id"]


async def test_only_the_salon_may(client: httpx.AsyncClient, salon: Salon) -> None:
    body = by_salon(salon, at(3, 10))
    for change in (
        {"by": "client", "agreed": True}, {"by": "client", "outside_hours": True}, {"waive_deposit": True}, {"why": ""}
    ):  # fmt: skip
        assert await code_of(client, {**body, **change}) == "invalid", change
    booked = (await client.post(RESERVATIONS, json={**body, "agreed": True})).json()["id"]
    move = {"start": at(4, 10).isoformat(), "by": "client", "outside_hours": True}
    answer = await client.post(f"{RESERVATIONS}/{booked}/move", json=move)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_a_request_that_is_repeated_finds_what_it_agreed_to(client: httpx.AsyncClient, salon: Salon) -> None:
    body = by_salon(salon, at(3, 10), agreed=True, request_id=str(new_id()))
    key = {"Idempotency-Key": str(new_id())}
    first, second = [await client.post(RESERVATIONS, json=body, headers=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert second.headers["idempotent-replayed"] == "true"
    again = await client.post(RESERVATIONS, json=body)
    assert (again.status_code, again.json()["status"]) == (200, "confirmed")
    assert len(await salon.said(ReservationConfirmed)) == 1


async def test_a_client_who_is_written_in_by_hand_holds_two_starts_at_most(
    client: httpx.AsyncClient, salon: Salon
) -> None:
    known = (await client.post("/v1/clients", json={"name": "Dona Inês"})).json()["id"]
    held = [by_salon(salon, at(day, 10), client_id=known) for day in (3, 4, 5)]
    assert [await code_of(client, body) for body in held] == [None, None, "too_many_holds"]
    assert await code_of(client, {**held[2], "agreed": True}) is None, "what is agreed is held by nobody"
    other = (await client.post("/v1/clients", json={"name": "Seu Rui"})).json()["id"]
    assert await code_of(client, by_salon(salon, at(6, 10), client_id=other)) is None


async def test_who_has_a_contact_is_reached_by_it(client: httpx.AsyncClient, salon: Salon) -> None:
    contact, conversation = new_id(), new_id()
    booked = await salon.booked(at(3, 10), contact_id=contact, conversation_id=conversation)
    found = (await client.get("/v1/clients", params={"contact_id": str(contact)})).json()["items"][0]["id"]
    await client.post(RESERVATIONS, json=by_salon(salon, at(4, 10), client_id=found, agreed=True))
    told = [it for it in await salon.said(ReservationConfirmed) if it.reservation_id != booked.reservation_id]
    assert [(it.contact_id, it.conversation_id) for it in told] == [(contact, conversation)]
