"""A remembered salon is never decided on once it has changed, by whatever way."""

import asyncio
import re
from datetime import date, timedelta

import asyncpg
import pytest

from booka_booking.settings import Settings
from booka_booking.store import catalogue, offer, salons
from booka_common.contracts.booking import HoldRefused
from booka_common.db import Database

from .salon import Salon, at

#: Tables that `salon_get` reads and whose every change has to be counted.
READ = sorted(set(re.findall(r"FROM (\w+) AS", catalogue.queries["salon_get"])))


async def test_whatever_a_salon_is_read_from_counts_its_changes(settings: Settings) -> None:
    assert settings.migrate_url is not None
    connection = await asyncpg.connect(settings.migrate_url.get_secret_value())
    try:
        rows = await connection.fetch(
            "SELECT tgrelid::regclass::text AS name, tgtype FROM pg_trigger WHERE tgname = 'revised'"
        )
    finally:
        await connection.close()
    counted = {row["name"].removeprefix("booking."): row["tgtype"] for row in rows}
    # A row's INSERT is bit 2, DELETE bit 3, UPDATE bit 4; a profile is neither made nor removed under a remembered salon.
    assert {name for name in READ if counted.get(name, 0) >> 2 & 0b111 == 0b111} == set(READ) - {"profiles"}
    assert counted["profiles"] >> 4 & 1


async def _remembered(salon: Salon) -> int:
    async with salon.db.tx(salon.tenant_id) as tx:
        known = await salons.current(tx, salon.clock())
        assert known is not None
        assert await salons.current(tx, salon.clock()) is known, "nothing has changed"
        return known.salon.changes


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE profiles SET lead_minutes = 61 WHERE tenant_id = $1",
        "UPDATE opening_hours SET closes = closes - 15 WHERE tenant_id = $1 AND weekday = 2",
        "INSERT INTO opening_exceptions (tenant_id, day, opens, closes) VALUES ($1, '2026-03-20', 0, 0)",
        "INSERT INTO special_hours (tenant_id, staff_id, day, opens, closes) "
        "SELECT tenant_id, id, '2026-03-20', '{600}', '{660}' FROM staff WHERE tenant_id = $1",
        "UPDATE services SET price_minor = price_minor + 1 WHERE tenant_id = $1",
        "UPDATE staff SET name = name || '.' WHERE tenant_id = $1",
        "DELETE FROM staff_services WHERE tenant_id = $1",
        "UPDATE resources SET active = false WHERE tenant_id = $1",
        "UPDATE policies SET cancel_notice_hours = 1 WHERE tenant_id = $1",
    ],
)
async def test_a_change_is_seen_at_once(salon: Salon, statement: str) -> None:
    before = await _remembered(salon)
    async with salon.db.tx(salon.tenant_id) as tx:
        assert await tx.execute(statement, salon.tenant_id)
    assert await _remembered(salon) > before


async def test_a_new_calendar_address_is_no_change(salon: Salon) -> None:
    before = await _remembered(salon)
    async with salon.db.tx(salon.tenant_id) as tx:
        assert await tx.execute(
            "UPDATE staff SET feed_version = feed_version + 1 WHERE tenant_id = $1", salon.tenant_id
        )
    assert await _remembered(salon) == before


async def test_a_hold_is_not_granted_on_a_salon_as_it_was(salon: Salon, settings: Settings) -> None:
    await salon.held(at(3, 10), staff=salon.ana)
    # Another process changes what this one remembers.
    url = settings.database_url.get_secret_value()
    async with Database(url, "booking", pool_size=1) as other, other.tx(salon.tenant_id) as tx:
        await offer.retire_service(tx, salon.cut)
    assert (await salon.refused(salon.wish(at(3, 14), staff=salon.ana))).code == "not_offered"
    assert (await salon.refused(salon.wish(at(3, 15)))).code == "not_offered"
    assert len(await salon.said(HoldRefused)) == 2


async def test_a_start_that_was_not_offered_before_is_held_after_a_change(salon: Salon, settings: Settings) -> None:
    off = await salon.away(salon.ana, date(2026, 3, 3), 9 * 60, 12 * 60)
    assert (await salon.refused(salon.wish(at(3, 10), staff=salon.ana))).code == "not_offered"
    await salon.back(off)
    await salon.held(at(3, 10), staff=salon.ana)


async def test_what_is_not_offered_any_more_ends_no_overdue_hold(salon: Salon) -> None:
    first = await salon.held(at(3, 10), service=salon.colour, staff=salon.ana)
    salon.clock.advance(timedelta(minutes=10))
    await salon.away(salon.ana, date(2026, 3, 3))
    refused = await salon.refused(salon.wish(at(3, 10), service=salon.colour, staff=salon.ana))
    assert refused.code == "not_offered"
    assert await salon.status(first.reservation_id) == "held", "its own job ends it"


async def test_a_change_waits_for_nobody_and_a_hold_sees_it(salon: Salon) -> None:
    """The hold has recalled the salon and waits for the client's lock; what is committed meanwhile counts."""
    await salon.held(at(3, 10), staff=salon.ana)
    wish = salon.wish(at(3, 14), staff=salon.ana)
    async with salon.db.tx(salon.tenant_id) as holder:
        await holder.lock([f"{salon.tenant_id}:contact:{wish.contact_id}"])
        waiting = asyncio.create_task(salon.hear(wish))
        async with salon.db.tx(salon.tenant_id) as tx:
            await offer.retire_service(tx, salon.cut)
    await waiting
    assert [refused.code for refused in await salon.said(HoldRefused)] == ["not_offered"]
