"""Events in any order, the due job, and the manual trigger, over a real PostgreSQL."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booka_common.contracts.scheduler import ReminderDue
from booka_common.db import Database
from booka_common.ids import new_id
from booka_scheduler import errors, usecases
from booka_scheduler.domain import Reminder

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
START = NOW + timedelta(days=3)


async def hear(db: Database, envelope: Any, now: datetime = NOW) -> None:
    await usecases.reservation_heard(db, envelope, consumer="test", now=now)


async def due(db: Database, tenant_id: UUID, reminder_id: UUID, now: datetime) -> None:
    async with db.tx(tenant_id) as tx:
        await usecases.remind(tx, tenant_id, reminder_id, correlation_id=new_id(), now=now)


async def reminders(db: Database, tenant_id: UUID) -> dict[tuple[int, int], str]:
    """(version, minutes before) -> status."""
    async with db.tx(tenant_id) as tx:
        rows = await tx.fetch("SELECT * FROM reminders WHERE tenant_id = $1", tenant_id)
    return {(row["reservation_version"], row["minutes_before"]): row["status"] for row in rows}


async def id_of(db: Database, tenant_id: UUID, minutes: int) -> UUID:
    async with db.tx(tenant_id) as tx:
        rows = await tx.fetch("SELECT id FROM reminders WHERE minutes_before = $1", minutes)
    (row,) = rows
    found: UUID = row["id"]
    return found


async def ready_jobs(db: Database, tenant_id: UUID) -> list[datetime]:
    async with db.tx(tenant_id) as tx:
        rows = await tx.fetch("SELECT scheduled_at FROM jobs WHERE status = 'ready' ORDER BY scheduled_at")
    return [row["scheduled_at"] for row in rows]


async def said(db: Database, tenant_id: UUID) -> int:
    async with db.tx(tenant_id) as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM outbox WHERE routing_key = $1", ReminderDue.key)
    return count


async def trigger(db: Database, tenant_id: UUID, *asked: Any, now: datetime) -> Reminder:
    async with db.tx(tenant_id) as tx:
        return await usecases.trigger(tx, tenant_id, *asked, now=now)


async def put_settings(db: Database, tenant_id: UUID, minutes: Sequence[int], *, now: datetime) -> tuple[int, ...]:
    async with db.tx(tenant_id) as tx:
        return await usecases.put_settings(tx, minutes, now=now)


async def test_a_confirmed_visit_gets_a_reminder_a_day_and_two_hours_before(db: Database, reservation: Any) -> None:
    await hear(db, reservation.confirmed(START))
    assert await reminders(db, reservation.tenant_id) == {(2, 1440): "planned", (2, 120): "planned"}
    assert await ready_jobs(db, reservation.tenant_id) == [START - timedelta(days=1), START - timedelta(hours=2)]


async def test_what_is_past_is_skipped(db: Database, reservation: Any) -> None:
    await hear(db, reservation.confirmed(NOW + timedelta(hours=3)))
    assert await reminders(db, reservation.tenant_id) == {(2, 1440): "skipped", (2, 120): "planned"}
    assert await ready_jobs(db, reservation.tenant_id) == [NOW + timedelta(hours=1)]


async def test_a_moved_visit_is_planned_anew_and_a_cancelled_one_not_at_all(db: Database, reservation: Any) -> None:
    later = START + timedelta(days=1)
    await hear(db, reservation.confirmed(START))
    await hear(db, reservation.moved(later))
    assert await reminders(db, reservation.tenant_id) == {
        (2, 1440): "cancelled",
        (2, 120): "cancelled",
        (3, 1440): "planned",
        (3, 120): "planned",
    }
    assert await ready_jobs(db, reservation.tenant_id) == [later - timedelta(days=1), later - timedelta(hours=2)]
    await hear(db, reservation.cancelled())
    assert set((await reminders(db, reservation.tenant_id)).values()) == {"cancelled"}
    assert await ready_jobs(db, reservation.tenant_id) == []


@pytest.mark.parametrize("cancelled", [False, True])
async def test_any_order_with_repetitions_and_at_once_ends_the_same(
    db: Database, tenant_id: UUID, reservation_of: Any, *, cancelled: bool
) -> None:
    chance = random.Random(7)
    for _ in range(8):
        reservation = reservation_of(tenant_id)
        events = [reservation.confirmed(START, 2), reservation.moved(START + timedelta(days=1), 3)]
        if cancelled:
            events.append(reservation.cancelled(4))
        heard = [*events, *chance.choices(events, k=4)]
        chance.shuffle(heard)
        await asyncio.gather(*(hear(db, envelope) for envelope in heard))
        async with db.tx(tenant_id) as tx:
            planned = await tx.fetch(
                "SELECT reservation_version, minutes_before FROM reminders WHERE reservation_id = $1 AND status = 'planned'",
                reservation.id,
            )
            jobs = await tx.fetchval(
                "SELECT count(*) FROM jobs JOIN reminders ON reminders.id::text = jobs.unique_key "
                "WHERE reservation_id = $1 AND jobs.status = 'ready'",
                reservation.id,
            )
        expected = set() if cancelled else {(3, 1440), (3, 120)}
        assert {tuple(row) for row in planned} == expected
        assert jobs == len(expected)


async def test_a_due_reminder_is_said_once_however_often_its_job_runs(db: Database, reservation: Any) -> None:
    tenant_id = reservation.tenant_id
    await hear(db, reservation.confirmed(START))
    day_before = await id_of(db, tenant_id, 1440)
    at = START - timedelta(days=1)
    await asyncio.gather(*(due(db, tenant_id, day_before, at) for _ in range(5)))
    assert await said(db, tenant_id) == 1
    assert await reminders(db, tenant_id) == {(2, 1440): "sent", (2, 120): "planned"}


async def test_a_due_reminder_of_a_cancelled_or_begun_visit_is_not_said(
    db: Database, tenant_id: UUID, reservation_of: Any
) -> None:
    begun, cancelled = reservation_of(tenant_id), reservation_of(tenant_id)
    await hear(db, begun.confirmed(START))
    await due(db, tenant_id, await id_of(db, tenant_id, 120), START)
    await hear(db, cancelled.confirmed(START))
    async with db.tx(tenant_id) as tx:
        waiting = await tx.fetchval(
            "SELECT id FROM reminders WHERE reservation_id = $1 AND minutes_before = 120", cancelled.id
        )
    await hear(db, cancelled.cancelled())
    await due(db, tenant_id, waiting, START - timedelta(hours=2))
    assert await said(db, tenant_id) == 0


async def test_after_an_outage_only_the_last_due_reminder_is_said(db: Database, reservation: Any) -> None:
    tenant_id, late = reservation.tenant_id, START - timedelta(hours=1)
    await hear(db, reservation.confirmed(START))
    for minutes in (1440, 120):
        await due(db, tenant_id, await id_of(db, tenant_id, minutes), late)
    assert await reminders(db, tenant_id) == {(2, 1440): "skipped", (2, 120): "sent"}
    assert await said(db, tenant_id) == 1


async def test_triggered_by_hand_it_is_not_said_again_at_its_time(db: Database, reservation: Any) -> None:
    tenant_id = reservation.tenant_id
    await hear(db, reservation.confirmed(START))
    sent = await trigger(db, tenant_id, reservation.id, None, now=NOW)
    assert (sent.minutes_before, sent.status) == (1440, "sent")
    await due(db, tenant_id, sent.id, START - timedelta(days=1))
    assert await said(db, tenant_id) == 1
    assert await ready_jobs(db, tenant_id) == [START - timedelta(hours=2)]


async def test_triggered_many_times_at_once_each_reminder_is_said_once(db: Database, reservation: Any) -> None:
    tenant_id = reservation.tenant_id
    await hear(db, reservation.confirmed(START))
    outcomes = await asyncio.gather(
        *(trigger(db, tenant_id, reservation.id, 120, now=NOW) for _ in range(6)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(outcome, errors.AlreadySent) for outcome in refused)
    assert await said(db, tenant_id) == 1


async def test_the_trigger_refuses_what_makes_no_sense(db: Database, tenant_id: UUID, reservation_of: Any) -> None:
    gone, going = reservation_of(tenant_id), reservation_of(tenant_id)
    await hear(db, gone.cancelled())
    await hear(db, going.confirmed(START))
    with pytest.raises(errors.ReminderNotFound):
        await trigger(db, tenant_id, new_id(), None, now=NOW)
    with pytest.raises(errors.ReminderNotFound):
        await trigger(db, new_id(), going.id, None, now=NOW)
    with pytest.raises(errors.ReminderNotFound):
        await trigger(db, tenant_id, going.id, 60, now=NOW)
    with pytest.raises(errors.ReservationCancelled):
        await trigger(db, tenant_id, gone.id, None, now=NOW)
    with pytest.raises(errors.VisitStarted):
        await trigger(db, tenant_id, going.id, None, now=START)


async def test_a_skipped_reminder_can_still_be_sent_by_hand(db: Database, reservation: Any) -> None:
    await hear(db, reservation.confirmed(NOW + timedelta(hours=1)))
    sent = await trigger(db, reservation.tenant_id, reservation.id, None, now=NOW)
    assert sent.minutes_before == 120
    assert await said(db, reservation.tenant_id) == 1


async def test_settings_hold_for_what_is_confirmed_afterwards(
    db: Database, tenant_id: UUID, reservation_of: Any
) -> None:
    assert await usecases.get_settings(db, tenant_id) == (1440, 120)
    assert await put_settings(db, tenant_id, [30, 600, 30], now=NOW) == (600, 30)
    await hear(db, reservation_of(tenant_id).confirmed(START))
    assert set(await reminders(db, tenant_id)) == {(2, 600), (2, 30)}
    await put_settings(db, tenant_id, [], now=NOW)
    switched_off = reservation_of(tenant_id)
    await hear(db, switched_off.confirmed(START))
    assert set(await reminders(db, tenant_id)) == {(2, 600), (2, 30)}
    with pytest.raises(errors.ReminderNotFound):
        await trigger(db, tenant_id, switched_off.id, None, now=NOW)
