"""The statements and the schema: everything prepares, and every guard has been seen to hold."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from booka_booking.settings import Settings
from booka_booking.store.statements import queries
from booka_common.contracts.booking import ReservationHeld
from booka_common.db import Database
from booka_common.ids import new_id

from .salon import Salon, at


@pytest.fixture
async def superuser(settings: Settings) -> AsyncIterator[Any]:
    assert settings.migrate_url is not None
    connection = await asyncpg.connect(settings.migrate_url.get_secret_value())
    await connection.execute("SET search_path = booking, public")
    yield connection
    await connection.close()


@pytest.mark.parametrize("name", [name for name, _ in queries.items()])
async def test_every_statement_prepares_and_names_the_tenant(settings: Settings, name: str) -> None:
    connection = await asyncpg.connect(
        settings.database_url.get_secret_value(), server_settings={"search_path": "booking, public"}
    )
    try:
        await connection.prepare(queries[name])
    finally:
        await connection.close()
    assert name in ("catalogue_lock", "locks_take") or "tenant_id" in queries[name]
    assert "$1" in queries[name]


async def _seat(superuser: Any, held: ReservationHeld, minutes: int) -> None:
    """A second reservation with a copy of `held`'s segment, `minutes` later."""
    copy = new_id()
    await superuser.execute(
        """INSERT INTO reservations SELECT (jsonb_populate_record(r, jsonb_build_object('id', $2::uuid, 'request_id', NULL))).*
           FROM reservations AS r WHERE id = $1""",
        held.reservation_id,
        copy,
    )
    columns = "tenant_id, position, service_id, service_name, staff_id, staff_name, price_minor, active"
    times = ("starts_at", "ends_at", "busy_from", "busy_until")
    moved = ", ".join(f"{name} + make_interval(mins => $3)" for name in times)
    await superuser.execute(
        f"INSERT INTO reservation_segments (reservation_id, {columns}, {', '.join(times)}) "  # noqa: S608 - constants
        f"SELECT $2, {columns}, {moved} FROM reservation_segments WHERE reservation_id = $1",
        held.reservation_id,
        copy,
        minutes,
    )


async def test_the_constraint_refuses_an_overlap_whoever_writes_it(salon: Salon, superuser: Any) -> None:
    held = await salon.held(at(3, 10), staff=salon.ana)
    with pytest.raises(asyncpg.ExclusionViolationError, match="segments_one_at_a_time"):
        await _seat(superuser, held, 30)
    await _seat(superuser, held, 45)  # back to back is no overlap: the span is half-open
    assert await salon.overlaps() == 0


async def test_an_empty_or_reversed_span_is_refused(salon: Salon, superuser: Any) -> None:
    held = await salon.held(at(3, 10))
    with pytest.raises(asyncpg.CheckViolationError):
        await superuser.execute(
            "UPDATE reservation_segments SET ends_at = starts_at, busy_until = busy_from WHERE reservation_id = $1",
            held.reservation_id,
        )


async def test_a_foreign_row_is_invisible_without_a_where(db: Database, salon: Salon) -> None:
    await salon.held(at(3, 10))
    tables = (
        "profiles", "opening_hours", "services", "staff", "staff_services", "policies", "clients", "reservations",
        "reservation_segments", "reservation_history", "jobs", "outbox", "inbox",
    )  # fmt: skip
    stranger = new_id()
    for table in tables:
        async with db.tx(salon.tenant_id) as tx:
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") > 0, table  # noqa: S608 - constants
        async with db.tx(stranger) as tx:
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608 - constants
            assert await tx.execute("UPDATE reservations SET guest_name = 'x'") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tx(stranger) as tx:
            await tx.execute("INSERT INTO staff VALUES ($1, $2, 'Eve', true)", salon.tenant_id, new_id())


async def test_the_system_role_reaches_no_salon(db: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.system_tx() as tx:
            await tx.fetch("SELECT * FROM reservations")


async def test_the_role_cannot_read_another_schema(db: Database, tenant_id: UUID, superuser: Any) -> None:
    await superuser.execute("CREATE SCHEMA IF NOT EXISTS neighbour")
    await superuser.execute("CREATE TABLE IF NOT EXISTS neighbour.secrets (text text)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tx(tenant_id) as tx:
            await tx.fetch("SELECT * FROM neighbour.secrets")


async def test_every_tenant_table_forces_row_level_security(superuser: Any) -> None:
    lax = await superuser.fetch(
        """SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
           WHERE c.relnamespace = 'booking'::regnamespace AND c.relkind IN ('r', 'p')
             AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"""
    )
    assert lax == []


@pytest.mark.parametrize("statement", ["UPDATE reservation_history SET why = 'x'", "DELETE FROM reservation_history"])
async def test_history_is_append_only(db: Database, salon: Salon, statement: str) -> None:
    await salon.held(at(3, 10))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        async with db.tx(salon.tenant_id) as tx:
            await tx.execute(statement)


async def test_looking_for_busy_time_uses_its_index(db: Database, salon: Salon, superuser: Any) -> None:
    held = await salon.held(at(3, 10))
    # Past visits of the same people, far outside the window: the index must skip them by time, not by filter.
    await superuser.execute(
        """WITH old AS (
             INSERT INTO reservations
             SELECT (jsonb_populate_record(r, jsonb_build_object(
                 'id', gen_random_uuid(), 'request_id', NULL,
                 'starts_at', r.starts_at - make_interval(hours => n), 'ends_at', r.ends_at - make_interval(hours => n)))).*
             FROM reservations AS r, generate_series(24, 3000) AS n WHERE r.id = $1
             RETURNING id, starts_at, ends_at)
           INSERT INTO reservation_segments (tenant_id, reservation_id, position, service_id, service_name, staff_id,
               staff_name, starts_at, ends_at, busy_from, busy_until, price_minor, active)
           SELECT s.tenant_id, old.id, 0, s.service_id, s.service_name, s.staff_id, s.staff_name, old.starts_at, old.ends_at,
               old.starts_at, old.ends_at, 0, true
           FROM old, reservation_segments AS s WHERE s.reservation_id = $1""",
        held.reservation_id,
    )
    await superuser.execute("ANALYZE reservation_segments")
    async with db.tx(salon.tenant_id) as tx:
        rows = await tx.fetch(
            "EXPLAIN (ANALYZE, COSTS OFF) " + queries["busy"],
            salon.tenant_id,
            [salon.ana, salon.bia],
            at(3, 0),
            at(4, 0),
            None,
        )
    plan = "\n".join(row[0] for row in rows)
    assert "segments_busy" in plan, plan
    assert "busy_from" in next(line for line in plan.splitlines() if "Index Cond" in line), plan
    removed = re.search(r"Rows Removed by Filter: (\d+)", plan)
    assert removed is None or int(removed[1]) <= 24, plan  # those of the day before
