"""Reminders: one message each, for the visit as it stands, and none for a visit that is off."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from booka_common.contracts import Envelope
from booka_common.contracts.scheduler import ReminderDue
from booka_common.ids import new_id
from booka_common.internal import SignedAuth
from booka_common.testing import eventually, publish
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

STUDIO = SalonPlan.studio(deposit=False).without_a_day_off()


@pytest.fixture
async def booked(open_salon, new_phone, tables):
    """A salon, its only client, and the id of the confirmed visit, four days from now."""
    salon = await open_salon(STUDIO)
    phone = new_phone(salon)
    await walk(phone, "when")
    await phone.ask(f"{datetime.now(UTC) + timedelta(days=4):%d/%m} at 12:00")
    await phone.ask("1")
    assert "Booked!" in await agree(phone)
    await tables.settled(salon.tenant_id)
    reservation_id = await tables.value("SELECT id FROM booking.reservations WHERE tenant_id = $1", salon.tenant_id)
    return salon, phone, reservation_id


async def reminders(tables, salon) -> list[tuple[int, int, str]]:
    rows = await tables.rows(
        "SELECT reservation_version, minutes_before, status FROM scheduler.reminders WHERE tenant_id = $1 ORDER BY 1, 2",
        salon.tenant_id,
    )
    return [(row["reservation_version"], row["minutes_before"], row["status"]) for row in rows]


async def the_time_comes(tables, salon, minutes_before: int) -> None:
    """Move the due time of a planned reminder, and of its job, to now."""
    due = await tables.rows(
        "UPDATE scheduler.reminders SET due_at = now() WHERE tenant_id = $1 AND minutes_before = $2 RETURNING id",
        salon.tenant_id,
        minutes_before,
    )
    await tables.rows(
        "UPDATE scheduler.jobs SET scheduled_at = now() WHERE tenant_id = $1 AND unique_key = ANY($2)",
        salon.tenant_id,
        [str(row["id"]) for row in due],
    )


def client(stack, service, tenant_id) -> httpx.AsyncClient:
    auth = SignedAuth(stack.layout.internal_secret, tenant_id)
    return httpx.AsyncClient(base_url=stack.layout.url(service), auth=auth, timeout=20)


async def reminded(phone) -> list[str]:
    return [text for text in await phone.heard() if text.startswith("Reminder:")]


async def deliver_due(stack, tables, salon, reservation_id: UUID, version: int) -> None:
    """A reminder that was on its way already: booking hears of it, whatever has happened to the visit since."""
    due = ReminderDue(
        reminder_id=new_id(), reservation_id=reservation_id, reservation_version=version, minutes_before=120
    )
    envelope = Envelope.of(due, tenant_id=salon.tenant_id, now=datetime.now(UTC))
    await publish(stack.amqp_url, envelope)
    await eventually(lambda: tables.rows("SELECT 1 FROM booking.inbox WHERE message_id = $1", envelope.id))
    await tables.settled(salon.tenant_id)


async def test_both_reminders_are_sent_once_when_their_time_comes(booked, tables):
    salon, phone, _ = booked
    assert await reminders(tables, salon) == [(2, 120, "planned"), (2, 1440, "planned")]
    for minutes in (1440, 120):
        await the_time_comes(tables, salon, minutes)
        assert (await phone.hear()).startswith("Reminder: *Haircut* with Ana")
        await tables.settled(salon.tenant_id)
    assert await reminders(tables, salon) == [(2, 120, "sent"), (2, 1440, "sent")]
    assert len(await reminded(phone)) == 2


async def test_triggered_by_hand_many_times_at_once_it_is_sent_once(stack, booked, tables):
    salon, phone, reservation_id = booked
    async with client(stack, "scheduler", salon.tenant_id) as http:
        body = {"reservation_id": str(reservation_id), "minutes_before": 120}
        answers = await asyncio.gather(*(http.post("/v1/reminders/trigger", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    assert (await phone.hear()).startswith("Reminder:")
    await the_time_comes(tables, salon, 120)  # its own time has no effect any more
    await tables.settled(salon.tenant_id)
    assert await reminders(tables, salon) == [(2, 120, "sent"), (2, 1440, "planned")]
    assert len(await reminded(phone)) == 1


async def test_nobody_is_reminded_of_a_cancelled_visit(stack, booked, tables):
    salon, phone, reservation_id = booked
    await phone.ask("cancel")
    assert "Your visit is cancelled" in await phone.ask("yes")
    await tables.settled(salon.tenant_id)
    assert await reminders(tables, salon) == [(2, 120, "cancelled"), (2, 1440, "cancelled")]
    await the_time_comes(tables, salon, 120)
    async with client(stack, "scheduler", salon.tenant_id) as http:
        answer = await http.post("/v1/reminders/trigger", json={"reservation_id": str(reservation_id)})
    assert (answer.status_code, answer.json()["code"]) == (409, "reservation_cancelled")
    await deliver_due(stack, tables, salon, reservation_id, 2)
    assert await reminded(phone) == []


async def test_a_moved_visit_is_reminded_of_at_its_new_time_only(stack, booked, tables):
    salon, phone, reservation_id = booked
    start = await tables.value("SELECT starts_at FROM booking.reservations WHERE id = $1", reservation_id)
    async with client(stack, "booking", salon.tenant_id) as http:
        moved = {"start": (start + timedelta(hours=2)).isoformat()}
        answer = await http.post(f"/v1/reservations/{reservation_id}/move", json=moved)
    assert answer.status_code == 200, answer.text
    assert "Your visit was moved" in await phone.hear()
    await tables.settled(salon.tenant_id)
    assert await reminders(tables, salon) == [
        (2, 120, "cancelled"),
        (2, 1440, "cancelled"),
        (3, 120, "planned"),
        (3, 1440, "planned"),
    ]
    await deliver_due(stack, tables, salon, reservation_id, 2)
    assert await reminded(phone) == []
    await the_time_comes(tables, salon, 120)
    told = await phone.hear()
    assert told.startswith("Reminder:")
    assert "14:00" in told
    assert len(await reminded(phone)) == 1
