"""The salon moves what it has promised, whatever it offers by now; and a move is of the people that were named, or none."""

from typing import Any

import httpx
import pytest

from booka_common.contracts.booking import MoveRefused, ReservationMoved

from .provisioning import Desk
from .salon import Salon, at

TUESDAY, WEDNESDAY = "2026-03-03T13:00:00Z", "2026-03-04T13:00:00Z"  # 10:00 in São Paulo


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def test_a_visit_of_a_service_that_is_not_offered_any_more(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    cut, brow = await desk.service("Corte"), await desk.service("Sobrancelha")
    ana, bia = await desk.staff("Ana", cut, brow), await desk.staff("Bia", cut)
    booked = await desk.book(TUESDAY, (cut, ana))
    await desk.delete(f"/v1/services/{cut}")
    at_ = f"/v1/reservations/{booked['id']}"
    answer = await client.post(f"{at_}/move", json={"start": WEDNESDAY, "by": "client"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_offered")
    window = {"want": f"{cut}:{ana}", "from": TUESDAY, "to": WEDNESDAY, "by": "salon"}
    assert (await client.get("/v1/availability", params=window)).json()["code"] == "not_offered"
    free = (await client.get("/v1/availability", params={**window, "moving": booked["id"]})).json()
    assert TUESDAY in [slot["start"] for slot in free["slots"]]
    moved = await desk.step(booked["id"], "move", start=WEDNESDAY)
    assert moved["visit"]["start"] == WEDNESDAY
    assert (await desk.step(booked["id"], "move", start=WEDNESDAY, staff_ids=[bia]))["segments"][0]["staff_id"] == bia
    again: dict[str, Any] = {"wants": [{"service_id": cut}], "start": TUESDAY, "by": "salon"}
    answer = await client.post("/v1/reservations", json=again)
    assert answer.json()["code"] == "not_offered"  # but nothing new is booked of it


async def test_so_many_people_as_there_are_services(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    cut, brow = await desk.service("Corte"), await desk.service("Sobrancelha")
    ana, bia = await desk.staff("Ana", cut, brow), await desk.staff("Bia", cut, brow)
    booked = await desk.book(TUESDAY, (cut, ana), (brow, ana))
    at_ = f"/v1/reservations/{booked['id']}"
    for people in ([bia], [bia, bia, bia]):
        answer = await client.post(f"{at_}/move", json={"start": WEDNESDAY, "staff_ids": people})
        assert (answer.status_code, answer.json()["code"]) == (422, "staff_ids_mismatch")
    assert (await client.get(at_)).json()["visit"] == booked["visit"]
    moved = await desk.step(booked["id"], "move", start=WEDNESDAY, staff_ids=[bia, bia])
    assert [part["staff_id"] for part in moved["segments"]] == [bia, bia]


async def test_who_is_asked_for_changes_even_if_nothing_else_does(desk: Desk) -> None:
    """Nobody in particular, at the same time: the same person does it, until it is moved to where she cannot."""
    await desk.profile()
    cut = await desk.service("Corte")
    ana, bia = await desk.staff("Ana", cut), await desk.staff("Bia", cut)
    booked = await desk.book(TUESDAY, (cut, ana))
    same = await desk.step(booked["id"], "move", start=TUESDAY, staff_ids=[None])
    assert (same["visit"], same["version"]) == (booked["visit"], booked["version"] + 1)
    await desk.book(WEDNESDAY, (cut, ana))
    moved = await desk.step(booked["id"], "move", start=WEDNESDAY)
    assert [part["staff_id"] for part in moved["segments"]] == [bia]


async def test_a_message_that_names_too_few_people_moves_nothing(salon: Salon) -> None:
    visit = await salon.booked(at(4, 10), wants=salon.wants((salon.cut, salon.ana), (salon.brow, salon.ana)))
    await salon.hear(salon.another(visit, at(5, 10), salon.bia))
    (refused,) = await salon.said(MoveRefused)
    assert refused.code == "not_offered"
    assert await salon.said(ReservationMoved) == []
