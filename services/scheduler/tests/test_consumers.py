"""Over a real RabbitMQ: from the confirmed visit to the due reminder, once, however often it is delivered."""

from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika

from booka_common import topology
from booka_common.contracts.booking import ReservationConfirmed
from booka_common.contracts.scheduler import ReminderDue
from booka_common.db import Database
from booka_common.testing import FrozenClock, Tap, dead_letters, eventually, publish, running, signed
from booka_scheduler.app import create_app
from booka_scheduler.settings import Settings


async def test_five_deliveries_make_one_plan_and_each_reminder_is_said_once(
    settings: Settings, db: Database, reservation: Any
) -> None:
    tenant_id, amqp_url = reservation.tenant_id, settings.amqp_url.get_secret_value()
    clock = FrozenClock(datetime.now(UTC))
    start = clock() + timedelta(days=2)
    confirmed = reservation.confirmed(start)

    async def statuses() -> dict[int, str]:
        async with db.tx(tenant_id) as tx:
            rows = await tx.fetch("SELECT minutes_before, status FROM reminders WHERE tenant_id = $1", tenant_id)
        return {row["minutes_before"]: row["status"] for row in rows}

    async def are(expected: dict[int, str]) -> bool:
        return await statuses() == expected

    async with Tap(amqp_url) as tap, running(create_app(settings, clock)):
        await publish(amqp_url, *[confirmed] * 5)
        await eventually(lambda: are({1440: "planned", 120: "planned"}))
        clock.advance(timedelta(days=1))
        due = await tap.next(ReminderDue, tenant_id=tenant_id)
        assert (due.data.reservation_id, due.data.minutes_before) == (reservation.id, 1440)
        assert due.data.reservation_version == 2
        assert due.correlation_id == confirmed.correlation_id
        await publish(amqp_url, *[confirmed] * 5)
        clock.advance(timedelta(hours=22))
        await tap.next(ReminderDue, tenant_id=tenant_id, after=1)
        await eventually(lambda: are({1440: "sent", 120: "sent"}))
        assert len(tap.seen(ReminderDue, tenant_id=tenant_id)) == 2


async def test_with_two_replicas_a_cancelled_visit_is_never_said(
    settings: Settings, db: Database, reservation_of: Any, tenant_id: Any
) -> None:
    amqp_url = settings.amqp_url.get_secret_value()
    clock = FrozenClock(datetime.now(UTC))
    start = clock() + timedelta(days=2)
    stands, gone = reservation_of(tenant_id), reservation_of(tenant_id)

    async def heard() -> bool:
        async with db.tx(tenant_id) as tx:
            count = await tx.fetchval("SELECT count(*) FROM inbox WHERE tenant_id = $1", tenant_id)
        return bool(count == 3)

    async with Tap(amqp_url) as tap, running(create_app(settings, clock)), running(create_app(settings, clock)):
        await publish(amqp_url, gone.cancelled(), gone.confirmed(start), stands.confirmed(start))
        await eventually(heard)
        clock.advance(timedelta(days=1))
        due = await tap.next(ReminderDue, tenant_id=tenant_id)
        assert due.data.reservation_id == stands.id
        clock.advance(timedelta(hours=22))
        await tap.next(ReminderDue, tenant_id=tenant_id, after=1)
        assert {each.data.reservation_id for each in tap.seen(ReminderDue, tenant_id=tenant_id)} == {stands.id}


async def test_a_poison_message_is_put_aside_with_its_reason_and_traffic_flows(
    settings: Settings, reservation: Any
) -> None:
    amqp_url = settings.amqp_url.get_secret_value()
    clock = FrozenClock(datetime.now(UTC))
    async with running(create_app(settings, clock)) as client:
        connection = await aio_pika.connect(amqp_url)
        async with connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(topology.EXCHANGE, ensure=False)
            await exchange.publish(aio_pika.Message(b"{"), ReservationConfirmed.key)
        await publish(amqp_url, reservation.confirmed(clock() + timedelta(days=2)))

        async def planned() -> bool:
            page = await client.get("/v1/reminders", auth=signed(reservation.tenant_id))
            return len(page.json()["items"]) == 2

        await eventually(planned)
        ((headers, body),) = await dead_letters(amqp_url, "scheduler.reservation-confirmed")
        assert body == b"{"
        assert "ValidationError" in str(headers["x-booka-reason"])
