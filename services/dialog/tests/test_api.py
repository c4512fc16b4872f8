"""The signed HTTP API."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.contracts.booking import AvailabilityRequested
from booka_common.contracts.messaging import SendRequested
from booka_common.ids import new_id
from booka_common.testing import FrozenClock, Tap, running, signed
from booka_dialog import usecases
from booka_dialog.app import create_app
from booka_dialog.settings import Settings
from booka_dialog.usecases import Deps

from .talking import Client


@pytest.fixture
async def api(settings: Settings, now: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(create_app(settings, FrozenClock(now))) as client:
        yield client


@pytest.fixture
async def salon(deps: Deps, client: Any) -> Any:
    await usecases.keep_catalogue(deps, client.says_service(client.house.catalogue))
    return client


def auth(tenant_id: UUID, now: Any) -> httpx.Auth:
    return signed(tenant_id, lambda: now)


async def test_a_booking_step_by_step(
    api: httpx.AsyncClient, settings: Settings, salon: Any, tenant_id: UUID, now: Any
) -> None:
    who = auth(tenant_id, now)
    body = {"conversation_id": str(salon.conversation_id), "contact_id": str(salon.contact_id), "text": "hi"}
    started = await api.post("/v1/sessions", json=body, auth=who)
    assert started.status_code == 201
    assert started.json()["session"]["state"] == "service"
    assert started.json()["texts"][0].startswith("Hi! This is Studio Bela.")
    assert (await api.post("/v1/sessions", json=body, auth=who)).json()["code"] == "session_exists"

    path = f"/v1/sessions/{salon.conversation_id}"
    step_id = str(new_id())
    stepped = await api.post(f"{path}/inputs", json={"text": "haircut", "id": step_id}, auth=who)
    assert [wish["service_id"] for wish in stepped.json()["session"]["wishes"]] == [
        str(salon.house.services["Haircut"])
    ]
    repeated = await api.post(f"{path}/inputs", json={"text": "haircut", "id": step_id}, auth=who)
    assert repeated.json() == {**stepped.json(), "texts": []}

    async with Tap(settings.amqp_url.get_secret_value()) as tap:
        day = (now + timedelta(days=2)).date().isoformat()
        updated = await api.patch(f"{path}/slots", json={"any_staff": True, "day": day, "time_from": "15:00"}, auth=who)
        assert updated.json()["session"]["state"] == "searching"
        request = await tap.next(AvailabilityRequested, tenant_id=tenant_id)
        assert str(request.data.request_id) == updated.json()["session"]["pending_request_id"]

    stored = (await api.get(path, auth=who)).json()
    assert (stored["state"], stored["version"], stored["turns_taken"]) == ("searching", 3, 0)
    ended = await api.delete(path, auth=who)
    assert ended.json()["texts"] == []
    assert ended.json()["session"]["state"] == "idle"


async def test_the_id_of_an_input_is_of_its_salon_and_conversation(
    api: httpx.AsyncClient, settings: Settings, deps: Deps, make_house: Any, now: Any
) -> None:
    step_id = str(new_id())
    async with Tap(settings.amqp_url.get_secret_value()) as tap:
        for _ in range(2):
            somebody = Client(new_id(), make_house("en-GB"))
            await usecases.keep_catalogue(deps, somebody.says_service(somebody.house.catalogue))
            who, path = auth(somebody.tenant_id, now), f"/v1/sessions/{somebody.conversation_id}"
            body = {"conversation_id": str(somebody.conversation_id), "contact_id": str(somebody.contact_id)}
            assert (await api.post("/v1/sessions", json={**body, "text": "hi"}, auth=who)).status_code == 201
            stepped = await api.post(f"{path}/inputs", json={"text": "haircut", "id": step_id}, auth=who)
            assert len(stepped.json()["texts"]) == 1
            asked = await tap.next(
                SendRequested, tenant_id=somebody.tenant_id, where=lambda sent: "who would you like" in sent.text
            )
            assert asked.data.text == stepped.json()["texts"][0]


async def test_a_visit_of_several_services_for_somebody_else(
    api: httpx.AsyncClient, settings: Settings, salon: Any, tenant_id: UUID, now: Any
) -> None:
    who = auth(tenant_id, now)
    path = f"/v1/sessions/{salon.conversation_id}"
    body = {"conversation_id": str(salon.conversation_id), "contact_id": str(salon.contact_id), "text": "hi"}
    await api.post("/v1/sessions", json=body, auth=who)
    haircut, manicure = (str(salon.house.services[name]) for name in ("Haircut", "Manicure"))
    wants = [{"service_id": manicure}, {"service_id": haircut, "staff_id": str(salon.house.staff["Ana"])}]
    slots = {
        "wants": wants,
        "day": (now + timedelta(days=2)).date().isoformat(),
        "guest_name": "Lia",
        "for_other": True,
    }
    async with Tap(settings.amqp_url.get_secret_value()) as tap:
        updated = await api.patch(f"{path}/slots", json=slots, auth=who)
        session = updated.json()["session"]
        assert [wish["service_id"] for wish in session["wishes"]] == [manicure, haircut]
        assert (session["guest_name"], session["for_other"]) == ("Lia", True)
        assert (session["moving"], session["listed"], session["offers"]) == (None, [], [])
        request = await tap.next(AvailabilityRequested, tenant_id=tenant_id)
        assert [str(want.service_id) for want in request.data.wants] == [manicure, haircut]
    six = await api.patch(f"{path}/slots", json={"wants": [wants[0]] * 6}, auth=who)
    assert six.status_code == 422


async def test_refusals(api: httpx.AsyncClient, salon: Any, tenant_id: UUID, now: Any) -> None:
    path = f"/v1/sessions/{salon.conversation_id}"
    body = {"conversation_id": str(salon.conversation_id), "contact_id": str(salon.contact_id)}
    json_body = {"content-type": "application/json"}
    assert (await api.get(path)).status_code == 401
    assert (await api.get(path, auth=auth(tenant_id, now))).json()["code"] == "session_not_found"
    assert (await api.post(f"{path}/inputs", json={"text": "x"}, auth=auth(tenant_id, now))).status_code == 404
    assert (await api.post("/v1/sessions", json=body, auth=auth(new_id(), now))).json()["code"] == "salon_not_open"
    assert (await api.post("/v1/sessions", json={**body, "x": 1}, auth=auth(tenant_id, now))).status_code == 422
    assert (
        await api.post("/v1/sessions", content=b"{", headers=json_body, auth=auth(tenant_id, now))
    ).status_code == 400
    assert (await api.post("/v1/sessions", json=body, auth=auth(tenant_id, now))).status_code == 201
    assert (await api.get(path, auth=auth(new_id(), now))).status_code == 404
    assert (await api.get(path, auth=auth(tenant_id, now + timedelta(minutes=6)))).status_code == 401


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2000-02-29"])
async def test_a_day_of_any_year_is_taken_and_a_time_with_an_offset_refused(
    api: httpx.AsyncClient, salon: Any, tenant_id: UUID, now: Any, day: str
) -> None:
    who, path = auth(tenant_id, now), f"/v1/sessions/{salon.conversation_id}"
    body = {"conversation_id": str(salon.conversation_id), "contact_id": str(salon.contact_id), "text": "hi"}
    (await api.post("/v1/sessions", json=body, auth=who)).raise_for_status()
    wanted = {"service_id": str(salon.house.services["Haircut"]), "any_staff": True, "day": day}
    assert (await api.patch(f"{path}/slots", auth=who, json={**wanted, "time_from": "23:59:59"})).status_code == 200
    refused = await api.patch(f"{path}/slots", auth=who, json={**wanted, "time_from": "23:59:59-14:00"})
    assert refused.status_code in {400, 422}


async def test_without_a_secret_it_says_which(settings: Settings, tenant_id: UUID, now: Any) -> None:
    app = create_app(settings.model_copy(update={"internal_secrets": ()}), FrozenClock(now))
    async with running(app) as client:
        refused = await client.get(f"/v1/sessions/{new_id()}", auth=auth(tenant_id, now))
        assert (refused.status_code, refused.json()["variable"]) == (503, "DIALOG_INTERNAL_SECRETS")
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200


async def test_a_foreign_conversation_cannot_be_taken_over(
    api: httpx.AsyncClient, deps: Deps, salon: Any, tenant_id: UUID, now: Any
) -> None:
    """The same conversation id at another salon is another conversation."""
    other = new_id()
    await usecases.keep_catalogue(
        deps, salon.says_service(salon.house.catalogue).model_copy(update={"tenant_id": other})
    )
    body = {"conversation_id": str(salon.conversation_id), "contact_id": str(salon.contact_id), "text": "haircut"}
    assert (await api.post("/v1/sessions", json=body, auth=auth(tenant_id, now))).status_code == 201
    foreign = await api.post("/v1/sessions", json={**body, "text": "hi"}, auth=auth(other, now))
    assert foreign.json()["session"]["wishes"] == []
