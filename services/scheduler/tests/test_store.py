"""Every statement fits the schema, and no other salon's rows can be reached."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from booka_common.db import Database, load_queries
from booka_common.ids import new_id
from booka_common.runtime import clean_up
from booka_common.testing.statements import prepare
from booka_scheduler import store
from booka_scheduler.domain import Standing, plan
from booka_scheduler.settings import SERVICE, Settings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def test_every_query_prepares_on_the_migrated_schema(settings: Settings) -> None:
    await prepare(settings.database_url.get_secret_value(), "scheduler", load_queries("booka_scheduler").items())


@pytest.mark.parametrize(
    "name", sorted({name for name, _ in load_queries("booka_scheduler").items()} - {"reservations_prune"})
)
def test_every_statement_names_its_tenant(name: str) -> None:
    statement = load_queries("booka_scheduler")[name]
    assert "tenant_id = $1" in statement or "(tenant_id, " in statement or "(id, tenant_id, " in statement


async def test_another_salon_sees_and_changes_nothing(db: Database, tenant_id: UUID) -> None:
    reservation_id, standing = new_id(), Standing(2, NOW + timedelta(days=2))
    reminders = plan(reservation_id, standing, [1440], NOW)
    async with db.tx(tenant_id) as tx:
        assert await store.claim_reservation(tx, reservation_id) is None
        await store.save_reservation(tx, reservation_id, standing)
        await store.add_reminders(tx, reminders, NOW)
    async with db.tx(new_id()) as tx:
        assert await tx.fetchval("SELECT count(*) FROM reminders") == 0
        assert await tx.fetchval("SELECT count(*) FROM reservations") == 0
        assert await tx.execute("UPDATE reminders SET status = 'cancelled', settled_at = $1", NOW) == 0
        assert await store.lock_reservation(tx, reservation_id) is None
        assert await store.lock_planned(tx, reminders[0].id, NOW) is None
    async with db.tx(tenant_id) as tx:
        assert await store.lock_reservation(tx, reservation_id) == standing
        assert await store.reminders_of(tx, reservation_id, 2) == reminders


async def test_a_reminder_is_taken_out_of_planned_once(db: Database, tenant_id: UUID) -> None:
    reservation_id = new_id()
    (reminder,) = plan(reservation_id, Standing(2, NOW + timedelta(days=2)), [1440], NOW)
    async with db.tx(tenant_id) as tx:
        await store.add_reminders(tx, [reminder], NOW)
        await store.add_reminders(tx, [reminder], NOW)
        assert await store.settle_reminder(tx, reminder, "sent", NOW)
        assert not await store.settle_reminder(tx, reminder, "sent", NOW)
        assert not await store.settle_reminder(tx, reminder, "skipped", NOW)


async def test_pages_are_newest_first_without_gaps(db: Database, tenant_id: UUID) -> None:
    async with db.tx(tenant_id) as tx:
        for _ in range(5):
            await store.add_reminders(tx, plan(new_id(), Standing(2, NOW + timedelta(days=2)), [120], NOW), NOW)
        whole = await store.list_reminders(tx, status=None, reservation_id=None, before=None, limit=50)
        first = await store.list_reminders(tx, status="planned", reservation_id=None, before=None, limit=3)
        rest = await store.list_reminders(tx, status="planned", reservation_id=None, before=first[-1].id, limit=3)
    assert len(whole) == 5
    assert first + rest == whole


async def test_visits_that_are_long_over_are_forgotten(db: Database, tenant_id: UUID) -> None:
    now = datetime.now(UTC)
    over, cancelled, ahead, lately = (new_id() for _ in range(4))
    starts = {
        over: now - timedelta(days=91),
        cancelled: None,
        ahead: now + timedelta(days=1),
        lately: now - timedelta(days=91),
    }
    async with db.tx(tenant_id) as tx:
        for id, start in starts.items():
            standing = Standing(2, start)
            await store.claim_reservation(tx, id)
            await store.save_reservation(tx, id, standing)
            await store.add_reminders(tx, plan(id, standing, [1440], now), now)
        await tx.execute(
            "UPDATE reservations SET heard_at = $2 WHERE tenant_id = $1 AND reservation_id <> $3",
            tenant_id,
            now - timedelta(days=91),
            lately,
        )
    await clean_up(db, SERVICE)
    async with db.tx(tenant_id) as tx:
        left = [id for id in starts if await store.lock_reservation(tx, id)]
        reminders = [
            row["reservation_id"] for row in await tx.fetch("SELECT reservation_id FROM reminders ORDER BY seq")
        ]
    assert left == [ahead, lately]
    assert reminders == [ahead, lately]
