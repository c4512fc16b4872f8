"""The statements and the schema: everything prepares, and every guard has been seen to hold."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from booka_booking.domain.times import Span
from booka_booking.settings import Settings
from booka_booking.store import completion, reservations, waitlist
from booka_common.contracts.booking import ReservationHeld
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.testing.statements import prepare

from .salon import Salon, at


@pytest.fixture
async def superuser(settings: Settings) -> AsyncIterator[Any]:
    assert settings.migrate_url is not None
    connection = await asyncpg.connect(settings.migrate_url.get_secret_value())
    await connection.execute("SET search_path = booking, public")
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(sql, id=name)
        for module in (completion, reservations, waitlist)
        for name, sql in module.queries.items()
    ],
)
async def test_every_statement_prepares_and_names_the_tenant(settings: Settings, sql: str) -> None:
    await prepare(settings.database_url.get_secret_value(), "booking", [("it", sql)])
    assert "tenant_id" in sql
    assert "$1" in sql


async def _claim(superuser: Any, held: ReservationHeld, minutes: int) -> None:
    """A second claim like each of `held`'s, `minutes` later."""
    columns = "tenant_id, calendar_id, reservation_id, active, held_until"
    moved = ", ".join(f"{name} + make_interval(mins => $2)" for name in ("busy_from", "busy_until"))
    await superuser.execute(
        f"INSERT INTO claims ({columns}, busy_from, busy_until) "  # noqa: S608 - constants
        f"SELECT {columns}, {moved} FROM claims WHERE reservation_id = $1",
        held.reservation_id,
        minutes,
    )


@pytest.mark.parametrize("service", ["cut", "brow"], ids=["person and chair", "person"])
async def test_the_constraint_refuses_an_overlap_whoever_writes_it(salon: Salon, superuser: Any, service: str) -> None:
    held = await salon.held(at(3, 10), service=getattr(salon, service), staff=salon.ana)
    with pytest.raises(asyncpg.ExclusionViolationError, match="claims_one_at_a_time"):
        await _claim(superuser, held, 15)
    await _claim(superuser, held, 45)  # back to back is no overlap: the span is half-open


async def test_an_inactive_claim_is_in_nobodys_way(salon: Salon, superuser: Any) -> None:
    held = await salon.held(at(3, 10), staff=salon.ana)
    await salon.hear(salon.no(held))
    await _claim(superuser, held, 15)
    await salon.held(at(3, 10), staff=salon.ana)
    with pytest.raises(asyncpg.ExclusionViolationError):
        await superuser.execute("UPDATE claims SET active = true WHERE reservation_id = $1", held.reservation_id)


async def test_a_claim_belongs_to_a_reservation_and_to_no_more_than_a_day(salon: Salon, superuser: Any) -> None:
    held = await salon.held(at(3, 10), staff=salon.ana)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await superuser.execute("UPDATE claims SET reservation_id = $1", new_id())
    for change in ("busy_until = busy_from", "busy_until = busy_from + interval '25 hours'"):
        with pytest.raises(asyncpg.CheckViolationError):
            await superuser.execute(
                f"UPDATE claims SET {change} WHERE reservation_id = $1",  # noqa: S608 - constants
                held.reservation_id,
            )


async def test_an_empty_or_reversed_span_is_refused(salon: Salon, superuser: Any) -> None:
    held = await salon.held(at(3, 10))
    with pytest.raises(asyncpg.CheckViolationError):
        await superuser.execute(
            "UPDATE reservation_segments SET ends_at = starts_at WHERE reservation_id = $1",
            held.reservation_id,
        )


async def test_a_foreign_row_is_invisible_without_a_where(db: Database, salon: Salon) -> None:
    await salon.held(at(3, 10))
    await salon.away(salon.bia, date(2026, 3, 4))
    await salon.works(salon.bia, date(2026, 3, 5), Span(600, 660))
    tables = (
        "profiles", "opening_hours", "services", "staff", "staff_services", "policies", "clients", "reservations",
        "reservation_segments", "claims", "resource_pools", "resources", "time_off", "special_hours",
        "reservation_history", "jobs", "outbox", "inbox",
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
