"""What a stylist sees in the calendar: who comes, however they booked; and nothing of what was only ever thought about."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from icalendar import Calendar
from pydantic import SecretStr

from booka_booking.app import create_app
from booka_booking.settings import Settings
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, running, signed

from .provisioning import Desk


@pytest.fixture
async def client(settings: Settings, clock: FrozenClock, tenant_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    found = settings.model_copy(update={"feed_secrets": (SecretStr("feed-secret-0123456789abcdef"),)})
    async with running(create_app(found, clock)) as http:
        http.auth = signed(tenant_id, clock)
        yield http


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def seen(client: httpx.AsyncClient, staff: str) -> list[tuple[str, str]]:
    """Summary and status of what is in somebody's calendar."""
    url = (await client.post(f"/v1/staff/{staff}/calendar")).json()["url"]
    calendar = Calendar.from_ical((await client.get(url)).content)
    return [(str(event["summary"]), str(event["status"])) for event in calendar.walk("VEVENT")]


async def test_who_comes_is_named_however_they_booked(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    cut = await desk.service("Corte")
    ana = await desk.staff("Ana", cut)
    maria = (await client.post("/v1/clients", json={"name": "Maria", "phone": "+5511987654321"})).json()["id"]
    whose: list[dict[str, Any]] = [
        {"client_id": maria},
        {"client_id": maria, "guest_name": "Lia"},
        {"contact_id": str(new_id()), "contact_name": "Rui"},
        {},
    ]
    for hour, who in enumerate(whose):
        await desk.book(f"2026-03-03T{13 + hour}:00:00Z", (cut, ana), **who)
    assert await seen(client, ana) == [
        ("Corte – Maria", "CONFIRMED"),
        ("Corte – Lia", "CONFIRMED"),
        ("Corte – Rui", "CONFIRMED"),
        ("Corte", "CONFIRMED"),
    ]


async def test_a_hold_that_was_given_up_was_no_visit(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.profile()
    cut = await desk.service("Corte")
    ana = await desk.staff("Ana", cut)
    thought_about = await desk.book("2026-03-03T13:00:00Z", (cut, ana), confirm=False, guest_name="Eva")
    agreed = await desk.book("2026-03-03T14:00:00Z", (cut, ana), guest_name="Rui")
    for visit in (thought_about, agreed):
        await desk.step(visit["id"], "cancel")
    assert await seen(client, ana) == [("Corte – Rui", "CANCELLED")]
