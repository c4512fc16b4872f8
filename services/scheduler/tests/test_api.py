"""The HTTP API: signed, of one salon, and with refusals that say what is wrong."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing import eventually, running, signed
from booka_scheduler import usecases
from booka_scheduler.app import create_app
from booka_scheduler.settings import Settings


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running(create_app(settings)) as client:

        async def consuming() -> bool:
            return bool((await client.get("/readyz")).json()["rabbitmq"])

        await eventually(consuming)
        yield client


@pytest.fixture
def soon() -> datetime:
    return datetime.now(UTC) + timedelta(days=2)


async def test_the_trigger_sends_once_and_the_list_shows_it(
    client: httpx.AsyncClient, db: Database, reservation: Any, soon: datetime
) -> None:
    auth = signed(reservation.tenant_id)
    await usecases.reservation_heard(db, reservation.confirmed(soon), consumer="test", now=datetime.now(UTC))
    body = {"reservation_id": str(reservation.id), "minutes_before": 1440}
    answer = await client.post("/v1/reminders/trigger", json=body, auth=auth)
    assert answer.status_code == 202
    assert answer.json()["status"] == "sent"
    again = await client.post("/v1/reminders/trigger", json=body, auth=auth)
    assert (again.status_code, again.json()["code"]) == (409, "already_sent")
    page = (await client.get("/v1/reminders?status=sent", auth=auth)).json()
    assert [item["minutes_before"] for item in page["items"]] == [1440]
    assert page["next"] is None
    first = (await client.get("/v1/reminders?limit=1", auth=auth)).json()
    second = (await client.get(f"/v1/reminders?limit=1&before={first['next']}", auth=auth)).json()
    assert {first["items"][0]["minutes_before"], second["items"][0]["minutes_before"]} == {1440, 120}


async def test_a_trigger_that_is_repeated_sends_one_reminder(
    client: httpx.AsyncClient, db: Database, reservation: Any, soon: datetime
) -> None:
    auth = signed(reservation.tenant_id)
    await usecases.reservation_heard(db, reservation.confirmed(soon), consumer="test", now=datetime.now(UTC))
    # Not said which: the first time it is the one of a day before, the next time it would be the one of two hours before.
    body, key = {"reservation_id": str(reservation.id)}, {"Idempotency-Key": str(new_id())}
    answers = [await client.post("/v1/reminders/trigger", json=body, headers=key, auth=auth) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    page = (await client.get("/v1/reminders?status=sent", auth=auth)).json()
    assert [item["minutes_before"] for item in page["items"]] == [1440]


async def test_another_salon_finds_nothing(
    client: httpx.AsyncClient, db: Database, reservation: Any, soon: datetime
) -> None:
    await usecases.reservation_heard(db, reservation.confirmed(soon), consumer="test", now=datetime.now(UTC))
    stranger = signed(new_id())
    answer = await client.post("/v1/reminders/trigger", json={"reservation_id": str(reservation.id)}, auth=stranger)
    assert (answer.status_code, answer.json()["code"]) == (404, "reminder_not_found")
    assert (await client.get("/v1/reminders", auth=stranger)).json()["items"] == []


async def test_settings_are_read_and_written(client: httpx.AsyncClient, tenant_id: UUID) -> None:
    auth = signed(tenant_id)
    assert (await client.get("/v1/reminders/settings", auth=auth)).json() == {"minutes_before": [1440, 120]}
    answer = await client.put("/v1/reminders/settings", json={"minutes_before": [60, 2880]}, auth=auth)
    assert (answer.status_code, answer.json()) == (200, {"minutes_before": [2880, 60]})
    assert (await client.get("/v1/reminders/settings", auth=auth)).json() == {"minutes_before": [2880, 60]}


@pytest.mark.parametrize(
    "body",
    [
        {"minutes_before": [1]},
        {"minutes_before": [60] * 6},
        {"minutes_before": [60], "more": 1},
        {"minutes_before": "x"},
    ],
)
async def test_settings_that_make_no_sense_are_refused(
    client: httpx.AsyncClient, tenant_id: UUID, body: dict[str, object]
) -> None:
    answer = await client.put("/v1/reminders/settings", json=body, auth=signed(tenant_id))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_nothing_without_a_signature(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/v1/reminders"),
        ("GET", "/v1/reminders/settings"),
        ("PUT", "/v1/reminders/settings"),
        ("POST", "/v1/reminders/trigger"),
    ):
        assert (await client.request(method, path, json={})).status_code == 401, path


async def test_without_a_secret_the_api_says_so_and_the_rest_works(settings: Settings, tenant_id: UUID) -> None:
    async with running(create_app(settings.model_copy(update={"internal_secrets": ()}))) as client:
        answer = await client.get("/v1/reminders", auth=signed(tenant_id))
        assert (answer.status_code, answer.json()["code"]) == (503, "config_missing")
        assert answer.json()["variable"] == "SCHEDULER_INTERNAL_SECRETS"
        assert (await client.get("/readyz")).status_code == 200
