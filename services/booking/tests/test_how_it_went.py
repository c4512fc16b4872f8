"""How a visit went is said by a person, and a person may have been wrong."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from booka_common.contracts.booking import ReservationFinished
from booka_common.testing import FrozenClock

from .provisioning import Desk
from .salon import Salon, at

TUESDAY = "2026-03-03T13:00:00Z"  # 10:00 in São Paulo


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def visits_of(client: httpx.AsyncClient, client_id: str) -> dict[str, int]:
    found: dict[str, Any] = (await client.get(f"/v1/clients/{client_id}")).json()
    return {name: found[name] for name in ("completed", "no_shows")}


async def test_the_wrong_button(desk: Desk, client: httpx.AsyncClient, salon: Salon, clock: FrozenClock) -> None:
    maria = (await client.post("/v1/clients", json={"name": "Maria"})).json()["id"]
    booked = await desk.book(TUESDAY, (str(salon.cut), str(salon.ana)), client_id=maria)
    clock.advance(at(3, 10) - clock())
    await desk.step(booked["id"], "no-show")
    assert await visits_of(client, maria) == {"completed": 0, "no_shows": 1}
    again = await desk.step(booked["id"], "complete", why="she was in the other room")
    assert (again["status"], again["version"]) == ("completed", 4)
    assert await visits_of(client, maria) == {"completed": 1, "no_shows": 0}
    assert (await desk.step(booked["id"], "complete"))["version"] == 4
    history = (await client.get(f"/v1/reservations/{booked['id']}")).json()["history"]
    assert [(item["status"], item["why"]) for item in history[2:]] == [
        ("no_show", "no_show"),
        ("completed", "she was in the other room"),
    ]
    told = await salon.said(ReservationFinished)
    assert [(said.outcome, said.version) for said in told] == [("no_show", 3), ("completed", 4)]
    assert await salon.problems() == []


async def test_only_where_somebody_was_expected(
    desk: Desk, client: httpx.AsyncClient, salon: Salon, clock: FrozenClock
) -> None:
    kept = await desk.book(TUESDAY, (str(salon.cut), str(salon.ana)), confirm=False)
    gone = await desk.book(TUESDAY, (str(salon.cut), str(salon.bia)))
    await desk.step(gone["id"], "cancel")
    clock.advance(at(3, 10) - clock() + timedelta(minutes=1))
    for it in (kept, gone):
        for step in ("complete", "no-show"):
            answer = await client.post(f"/v1/reservations/{it['id']}/{step}")
            assert (answer.status_code, answer.json()["code"]) == (409, "not_confirmed")


async def test_why_a_visit_was_moved_is_kept(desk: Desk, client: httpx.AsyncClient, salon: Salon) -> None:
    booked = await desk.book(TUESDAY, (str(salon.cut), str(salon.ana)))
    await desk.step(booked["id"], "move", start="2026-03-04T13:00:00Z", why="Ana is ill")
    await desk.step(booked["id"], "move", start="2026-03-05T13:00:00Z")
    history = (await client.get(f"/v1/reservations/{booked['id']}")).json()["history"]
    assert [item["why"] for item in history[2:]] == ["Ana is ill", "moved"]
