# ruff: noqa: S608 - the names of tables come from pg_class
"""Tenants and services are kept apart by the database itself: by row level security and by rights, not by statements."""

import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest

from booka_common.ids import new_id
from booka_common.internal import SignedAuth
from booka_stack.layout import SERVICES
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

PAY = re.compile(r"/pay/(cs_\w+)")
TABLES = """
    SELECT n.nspname AS schema, c.relname AS name, c.relrowsecurity AS secured, c.relforcerowsecurity AS forced,
           EXISTS (SELECT 1 FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS of_tenant,
           pg_get_userbyid(c.relowner) AS owner
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1, 2"""


@asynccontextmanager
async def connected(stack, service: str, tenant_id=None):
    """As the service's own role, bound to a tenant, or to none."""
    connection = await asyncpg.connect(stack.database_url(f"booka_{service}"))
    try:
        if tenant_id is not None:
            await connection.execute(f"SET app.tenant_id = '{tenant_id}'")
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def lived_in(stack, open_salon, new_phone, sandbox, tables):
    """A salon that has left rows in every table."""
    plan = SalonPlan.studio(cancel_notice_hours=0).without_a_day_off()
    lunch = {"weekdays": ["mon"], "begins": "07:00", "ends": "07:30"}
    salon = await open_salon(replace(plan, pools={"Chairs": ("Chair",)}, time_off={"Ana": (lunch,)}))
    signed = httpx.AsyncClient(auth=SignedAuth(stack.layout.internal_secret, salon.tenant_id), timeout=20)
    async with signed as http:

        async def put(service: str, path: str, body: object) -> None:
            url = f"{stack.layout.url(service)}{path}"
            version = (await http.get(url)).headers.get("etag")
            (await http.put(url, json=body, headers={"If-Match": version} if version else {})).raise_for_status()

        profile = (await http.get(f"{stack.layout.url('booking')}/v1/profile")).json()
        del profile["version"]
        holiday = {"day": f"{datetime.now(UTC) + timedelta(days=50):%Y-%m-%d}", "hours": []}
        await put("booking", "/v1/profile", {**profile, "exceptions": [holiday]})
        hours = {"mon": [{"opens": "09:00", "closes": "12:00"}]}
        dora = {"name": "Dora", "services": [{"service_id": str(salon.service_ids["Manicure"])}], "hours": hours}
        await put("booking", f"/v1/staff/{new_id()}", dora)
        await put("booking", f"/v1/staff/{salon.staff_ids['Ana']}/special-hours/{holiday['day']}", {"hours": []})
        await put("scheduler", "/v1/reminders/settings", {"minutes_before": [1440, 120]})
        await put("llm", "/v1/settings", {"enabled": True})
    await tables.settled(salon.tenant_id)
    phone = new_phone(salon)
    await phone.ask("hmpf grmbl")
    await walk(phone)
    session = PAY.search(await agree(phone))[1]
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {})
    assert "Booked!" in await phone.hear()
    await tables.settled(salon.tenant_id)
    async with httpx.AsyncClient(auth=SignedAuth(stack.layout.internal_secret, salon.tenant_id)) as http:
        visit = await tables.value("SELECT id FROM booking.reservations WHERE tenant_id = $1", salon.tenant_id)
        trigger = f"{stack.layout.url('scheduler')}/v1/reminders/trigger"
        (await http.post(trigger, json={"reservation_id": str(visit)})).raise_for_status()
    assert (await phone.hear()).startswith("Reminder:")
    await phone.ask("cancel")
    await phone.ask("yes")
    assert "on its way back" in await phone.hear()
    async with httpx.AsyncClient(auth=SignedAuth(stack.layout.internal_secret, salon.tenant_id)) as http:
        (whose,) = await tables.rows(
            "SELECT id::text AS conversation_id, contact_id::text FROM messaging.conversations WHERE tenant_id = $1",
            salon.tenant_id,
        )
        days = {name: f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}" for name in ("first_day", "last_day")}
        wants = [{"service_id": str(salon.service_ids["Haircut"])}]
        waitlist = f"{stack.layout.url('booking')}/v1/waitlist"
        (await http.post(waitlist, json={"wants": wants, **days, **whose})).raise_for_status()
        (await http.post(f"{waitlist}/check", json=days)).raise_for_status()
    # What would be done in a while, for the model's sake or for those who wait, is done now: nothing may stir while tests look.
    await tables.rows("UPDATE dialog.jobs SET scheduled_at = now() WHERE tenant_id = $1", salon.tenant_id)
    await tables.rows(
        "UPDATE booking.jobs SET scheduled_at = now() WHERE tenant_id = $1 AND type = 'offer_freed'", salon.tenant_id
    )
    await tables.settled(salon.tenant_id)
    return salon


async def test_every_table_of_every_service_is_secured(tables):
    found = await tables.rows(TABLES, list(SERVICES))
    assert {table["schema"] for table in found} == set(SERVICES)
    assert [table for table in found if not table["of_tenant"] and table["name"] != "schema_migrations"] == []
    assert [table for table in found if table["of_tenant"] and not (table["secured"] and table["forced"])] == []
    roles = [f"booka_{service}" for service in SERVICES]
    assert {table["owner"] for table in found} & set(roles) == set()
    powers = await tables.rows(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY($1) "
        "AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolinherit)",
        [*roles, *(f"{role}_system" for role in roles)],
    )
    assert powers == []


async def test_a_statement_without_a_where_sees_one_tenant_or_nothing(stack, open_salon, lived_in, tables):
    other = await open_salon()
    empty = []
    for name in await tables.of_tenants():
        service = name.partition(".")[0]
        statement = f"SELECT count(*) FROM {name}"
        rows = {
            tenant: await tables.value(f"{statement} WHERE tenant_id = $1", tenant)
            for tenant in (lived_in.tenant_id, other.tenant_id)
        }
        if not rows[lived_in.tenant_id]:
            empty.append(name)
        for tenant, count in rows.items():
            async with connected(stack, service, tenant) as connection:
                assert await connection.fetchval(statement) == count, f"{name} as {tenant}"
        for nobody in (None, new_id()):
            async with connected(stack, service, nobody) as connection:
                assert await connection.fetchval(statement) == 0, f"{name} as {nobody}"
    # Of the APIs that ask for keys, booking's and scheduler's were asked; and what messaging hears has a key of its own.
    keys = {f"{service}.idempotency_keys" for service in SERVICES if service not in ("booking", "scheduler")}
    rare = {
        "booking.merged_ids",
        "messaging.charges",
        "messaging.channel_templates",
        "messaging.held_deliveries",
        "messaging.listening",
        "messaging.unread_deliveries",
        "messaging.unread_of_nobody",
        "llm.forgotten_conversations",
    }
    assert set(empty) == {*keys, *rare, "messaging.inbox"}


async def test_a_statement_without_a_where_changes_nothing_of_another_tenant(stack, lived_in, tables):
    before = await tables.picture(lived_in.tenant_id)
    for name in await tables.of_tenants():
        service = name.partition(".")[0]
        async with connected(stack, service, new_id()) as connection:
            for statement in (f"UPDATE {name} SET tenant_id = tenant_id", f"DELETE FROM {name}"):
                if name == "booking.reservation_history" and statement.startswith("DELETE"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                        await connection.execute(statement)
                else:
                    assert (await connection.execute(statement)).split()[-1] == "0", name
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"row-level security|permission denied"):
                # A row in the name of another tenant; the policy is checked before any other constraint.
                await connection.execute(f"INSERT INTO {name} (tenant_id) VALUES ('{lived_in.tenant_id}')")
    assert await tables.picture(lived_in.tenant_id) == before


async def test_a_service_cannot_read_the_schema_of_another(stack, tables):
    found = await tables.rows(TABLES, list(SERVICES))
    for service in SERVICES:
        async with connected(stack, service, new_id()) as connection:
            for table in found:
                name = f"{table['schema']}.{table['name']}"
                if table["schema"] == service:
                    if table["of_tenant"]:
                        await connection.fetchval(f"SELECT count(*) FROM {name}")
                    continue
                for role in ("", f"SET ROLE booka_{service}_system; "):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=f"schema {table['schema']}"):
                        await connection.execute(f"{role}SELECT count(*) FROM {name}")
                await connection.execute("RESET ROLE")
            for other in set(SERVICES) - {service}:
                for role in (f"booka_{other}", f"booka_{other}_system", "postgres"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.execute(f"SET ROLE {role}")


async def test_the_plumbing_role_reaches_no_table_that_it_was_not_given(stack, tables):
    allowed = {"outbox", "inbox", "jobs", "idempotency_keys", "schema_migrations"}
    named = {
        ("messaging", "channels"),
        ("messaging", "held_deliveries"),
        ("messaging", "listening"),
        ("messaging", "unread_deliveries"),
        ("messaging", "unread_of_nobody"),
        ("payments", "payment_events"),
    }
    # What is removed by its age is reached for that alone: named is a column that is not.
    aged = {
        ("dialog", "turns"): "payload",
        ("payments", "ended_reservations"): "version",
        ("scheduler", "reminders"): "due_at",
        ("scheduler", "reservations"): "version",
    }
    for table in await tables.rows(TABLES, list(SERVICES)):
        name = f"{table['schema']}.{table['name']}"
        async with connected(stack, table["schema"]) as connection:
            await connection.execute(f"SET ROLE booka_{table['schema']}_system")
            if table["name"] in allowed or (table["schema"], table["name"]) in named:
                await connection.fetchval(f"SELECT count(*) FROM {name}")
            else:
                hidden = aged.get((table["schema"], table["name"]), "*")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetchval(f"SELECT count({hidden}) FROM {name}")
