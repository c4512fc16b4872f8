"""Tenants cannot see each other, roles cannot see other schemas, and every table is secured without being told."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from booka_common.db import Database, Signal, load_queries
from booka_common.errors import Unavailable, is_transient
from booka_common.ids import new_id
from booka_common.memory import Memory
from booka_common.migrate import migrate
from booka_common.service import Service
from booka_common.testing import eventually
from booka_common.testing.statements import prepare


async def add_note(db, tenant_id, text="mine"):
    async with db.tx(tenant_id) as tx:
        await tx.execute("INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, $3)", tenant_id, new_id(), text)


async def test_a_statement_that_forgets_its_where_sees_one_tenant(db):
    ours, theirs = new_id(), new_id()
    await add_note(db, ours, "ours")
    await add_note(db, theirs, "theirs")
    async with db.tx(ours) as tx:
        assert [row["text"] for row in await tx.fetch("SELECT text FROM notes")] == ["ours"]
        assert await tx.execute("UPDATE notes SET text = 'stolen'") == 1
        assert await tx.execute("DELETE FROM notes") == 1
    async with db.tx(theirs) as tx:
        assert [row["text"] for row in await tx.fetch("SELECT text FROM notes")] == ["theirs"]


async def test_a_part_of_a_transaction_may_fail_alone(db, tenant_id):
    async with db.tx(tenant_id) as tx:
        await tx.execute("INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, 'kept')", tenant_id, new_id())
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with tx.savepoint():
                await tx.execute("DELETE FROM notes")
                await tx.fetchval("SELECT 1/0")
    async with db.tx(tenant_id) as tx:
        assert await tx.fetchval("SELECT count(*) FROM notes") == 1


async def test_a_row_cannot_be_written_for_another_tenant(db, tenant_id):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tx(tenant_id) as tx:
            await tx.execute("INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, '')", new_id(), new_id())


async def test_a_connection_that_was_used_before_carries_no_tenant_over(settings, tenant_id):
    async with Database(settings.database_url.get_secret_value(), "booking", pool_size=1) as db:
        await add_note(db, tenant_id)
        async with db._pool.acquire() as raw:
            assert await raw.fetch("SELECT * FROM notes") == []


async def put_job(tx, tenant_id):
    await tx.execute(
        """INSERT INTO jobs (id, tenant_id, type, payload, max_attempts, scheduled_at, correlation_id)
           VALUES ($1, $2, 'shared', '{}', 1, 'infinity', $1)""",
        new_id(),
        tenant_id,
    )


async def test_a_shared_transaction_reaches_its_tenants_plumbing_and_nothing_else(db):
    ours, also, theirs = new_id(), new_id(), new_id()
    for tenant in (ours, also, theirs):
        await add_note(db, tenant)
        async with db.tx(tenant) as tx:
            await put_job(tx, tenant)
    seen = "SELECT DISTINCT tenant_id FROM jobs WHERE type = 'shared' AND tenant_id = ANY ($1)"
    async with db.shared_tx([ours, also]) as tx:
        assert {row["tenant_id"] for row in await tx.fetch(seen, [ours, also, theirs])} == {ours, also}
        assert await tx.fetch("SELECT * FROM notes") == [], "not one of the service's shared tables"
        await put_job(tx, also)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.shared_tx([ours, also]) as tx:
            await put_job(tx, theirs)
    async with db.shared_tx([ours, ours]) as tx:
        assert tx.tenant_id == ours, "one tenant's transaction like any other"
        assert await tx.fetchval("SELECT count(*) FROM notes") == 1
    async with db.tx(theirs) as tx:
        assert await tx.fetchval("SELECT count(*) FROM jobs WHERE type = 'shared'") == 1


async def test_a_call_is_bound_to_its_tenants_commits_and_keeps_its_connection(settings, db):
    ours, also, theirs = new_id(), new_id(), new_id()
    admin = await asyncpg.connect(settings.migrate_url.get_secret_value())
    await admin.execute(
        """CREATE OR REPLACE FUNCTION booking.probe_jobs(bound text, of uuid[], fails boolean)
           RETURNS TABLE (id uuid, pid integer, tx bigint) LANGUAGE plpgsql AS $$
           BEGIN
               RETURN QUERY INSERT INTO jobs (id, tenant_id, type, payload, scheduled_at, max_attempts, correlation_id)
               SELECT gen_random_uuid(), t, 'called', '{}', now(), CASE WHEN fails THEN 0 ELSE 1 END, gen_random_uuid()
               FROM unnest(of) AS t RETURNING tenant_id, pg_backend_pid(), pg_current_xact_id()::text::bigint;
           END $$"""
    )
    await admin.close()
    made = await db.shared_call([ours, also], "probe_jobs", [ours, also], False)
    assert {row["id"] for row in made} == {ours, also}
    assert len({row["tx"] for row in made}) == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.shared_call([ours, also], "probe_jobs", [ours, theirs], False)
    with pytest.raises(asyncpg.CheckViolationError):
        await db.shared_call([ours], "probe_jobs", [ours], True)
    (first,) = await db.shared_call([theirs], "probe_jobs", [theirs], False)
    (again,) = await db.shared_call([theirs], "probe_jobs", [theirs], False)
    assert first["pid"] == again["pid"]
    (part,) = await db.shared_call([theirs], "probe_jobs", [theirs], False, wanted="pid, id")
    assert dict(part) == {"pid": first["pid"], "id": theirs}
    async with db.tx(ours) as tx:
        assert await tx.fetchval("SELECT count(*) FROM jobs WHERE type = 'called'") == 1, "and nothing that failed"
        await tx.execute("SELECT pg_terminate_backend($1)", again["pid"])
    (other,) = await eventually(lambda: called(db, theirs))
    assert other["pid"] != again["pid"]


async def test_two_calls_at_once_keep_their_connections_and_a_third_gives_its_own_back(settings):
    tenant = new_id()
    gate = await asyncpg.connect(settings.migrate_url.get_secret_value())
    await gate.execute(
        """CREATE OR REPLACE FUNCTION booking.probe_gate(bound text) RETURNS integer LANGUAGE sql AS
           'SELECT pg_advisory_xact_lock_shared(hashtextextended(bound, 0)); SELECT pg_backend_pid()'"""
    )

    async def pids(many):
        """Of so many calls, none of which ends before all of them have begun."""
        async with gate.transaction():
            await gate.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{{{tenant.hex}}}")
            calls = [asyncio.create_task(db.shared_call([tenant], "probe_gate")) for _ in range(many)]

            async def met():
                waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                return await gate.fetchval(waiting) == many

            await eventually(met)
        return {pid for ((pid,),) in await asyncio.gather(*calls)}

    async with Database(settings.database_url.get_secret_value(), "booking", pool_size=4) as db:
        two = await pids(2)
        async with db.tx(tenant) as tx:
            assert await tx.fetchval("SELECT pg_backend_pid()") not in two, "both wait for the next calls"
        assert await pids(2) == two
        assert await pids(1) < two
        three = await pids(3)
        async with db.tx(tenant) as tx:
            assert await tx.fetchval("SELECT pg_backend_pid()") in three, "given back, or it would be a fourth"
    await gate.close()


async def called(db, tenant):
    try:
        return await db.shared_call([tenant], "probe_jobs", [tenant], False)
    except Exception as error:
        if not is_transient(error):
            raise
        return None


async def test_a_table_is_shared_while_its_service_says_so(settings, db):
    ours, also = new_id(), new_id()
    for tenant in (ours, also):
        await add_note(db, tenant)
    admin, own = settings.migrate_url.get_secret_value(), settings.database_url.get_secret_value()
    for tables, expected in ((("notes",), 2), ((), 0)):
        await migrate(admin, own, schema="booking", package="common_probe", system_tables={}, shared_tables=tables)
        async with db.shared_tx([ours, also]) as tx:
            assert await tx.fetchval("SELECT count(*) FROM notes") == expected


async def test_what_follows_a_commit_does_not_follow_a_rollback(db, tenant_id):
    said = []
    async with db.tx(tenant_id) as tx:
        tx.then(lambda: said.append("kept"))
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with tx.savepoint():
                tx.then(lambda: said.append("undone"))
                await tx.fetchval("SELECT 1/0")
        assert said == []
    assert said == ["kept"]
    with pytest.raises(ZeroDivisionError):
        async with db.tx(tenant_id) as tx:
            tx.then(lambda: said.append("rolled back"))
            raise ZeroDivisionError
    assert said == ["kept"]


async def test_the_system_role_reaches_the_plumbing_of_all_tenants_and_no_business_table(db, tenant_id):
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="notes"):
        async with db.system_tx() as tx:
            await tx.fetch("SELECT * FROM outbox LIMIT 1")
            await tx.fetch("SELECT * FROM notes")
    assert await db.system_fetch("SELECT current_setting('synchronous_commit')") == [("off",)]
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="notes"):
        await db.system_fetch("SELECT * FROM notes")


async def test_the_service_role_does_not_inherit_the_system_role(db, tenant_id):
    async with db.tx(tenant_id) as tx:
        await tx.execute(
            """INSERT INTO jobs (id, tenant_id, type, payload, max_attempts, scheduled_at, correlation_id)
               VALUES ($1, $2, 'never', '{}', 1, 'infinity', $1)""",
            new_id(),
            tenant_id,
        )
    async with db.tx(new_id()) as tx:
        assert await tx.fetchval("SELECT count(*) FROM jobs WHERE type = 'never'") == 0


async def test_a_role_cannot_read_another_schema(settings, tenant_id):
    other = settings.database_url.get_secret_value().replace("booka_booking@", "booka_other@")
    admin = settings.migrate_url.get_secret_value()
    await migrate(admin, other, schema="other", package="common_probe", system_tables={})
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="booking"):
        async with Database(other, "other") as db, db.tx(tenant_id) as tx:
            assert await tx.fetch("SELECT * FROM notes") == []
            await tx.fetch("SELECT * FROM booking.notes")


async def test_every_table_with_a_tenant_has_forced_row_level_security(settings):
    connection = await asyncpg.connect(settings.migrate_url.get_secret_value())
    try:
        rows = await connection.fetch(
            """SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced
               FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
               WHERE c.relnamespace = 'booking'::regnamespace AND c.relkind IN ('r', 'p')"""
        )
    finally:
        await connection.close()
    assert {row["relname"] for row in rows} >= {"notes", "outbox", "inbox", "jobs"}
    assert [row["relname"] for row in rows if not row["forced"]] == []


async def test_migrating_again_and_concurrently_applies_nothing_twice(settings):
    service = Service(name="booking", package="common_probe", description="")
    applied = await asyncio.gather(
        *(
            migrate(
                settings.migrate_url.get_secret_value(),
                settings.database_url.get_secret_value(),
                schema=service.name,
                package=service.package,
                system_tables={},
            )
            for _ in range(3)
        )
    )
    assert applied == [[], [], []]


async def test_a_database_that_is_away_is_unavailable_not_an_error(tenant_id):
    async with Database("postgresql://nobody@127.0.0.1:1/none", "booking") as db:
        with pytest.raises(Unavailable):
            async with db.tx(tenant_id):
                pass


@pytest.mark.parametrize("filename", ["outbox.sql", "inbox.sql", "jobs.sql", "idempotency.sql"])
async def test_every_shared_statement_fits_the_schema(settings, filename):
    await prepare(settings.migrate_url.get_secret_value(), "booking", load_queries("booka_common", filename).items())


async def test_a_signal_wakes_one_waiter_and_is_kept_while_nobody_waits():
    signal, waiting, woken = Signal(), asyncio.Queue(), []

    async def waiter(name):
        waiting.put_nowait(name)
        await signal.wait(timedelta(seconds=20))
        woken.append(name)

    waiters = [asyncio.create_task(waiter(name)) for name in ("a", "b")]
    assert {await waiting.get(), await waiting.get()} == {"a", "b"}
    signal.set()
    await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(woken) == 1
    signal.set()
    await asyncio.wait_for(asyncio.gather(*waiters), 5)
    signal.set()
    await asyncio.wait_for(signal.wait(timedelta(seconds=20)), 5)


async def test_migrating_does_not_wait_for_a_transaction_that_is_under_way(settings, db, tenant_id):
    async with db.tx(tenant_id) as tx:
        await tx.execute("INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, 'open')", tenant_id, new_id())
        admin, own = settings.migrate_url.get_secret_value(), settings.database_url.get_secret_value()
        assert await migrate(admin, own, schema="booking", package="common_probe", system_tables={}) == []


async def test_databases_of_one_cluster_are_migrated_at_once_though_they_share_their_roles(servers):
    postgres, _ = servers
    databases = [f"shared_roles_{number}" for number in range(6)]
    admin = await asyncpg.connect(postgres.url)
    for database in databases:
        await admin.execute(f'CREATE DATABASE "{database}"')
    await admin.close()
    await asyncio.gather(
        *(
            migrate(
                postgres.url_for("postgres", database),
                postgres.url_for("shared_role:with-a-password", database),
                schema="booking",
                package="common_probe",
                system_tables={},
            )
            for database in databases
        )
    )


async def test_a_transaction_begins_with_its_first_statement_and_locks_go_with_it(db, tenant_id):
    name = f"{tenant_id}:client"
    async with db.tx(tenant_id) as first:
        await first.lock([name])
        async with db.tx(tenant_id) as second:
            free = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
            assert not await second.fetchval(free, name)
            assert await second.fetchval(free, f"{tenant_id}:other")
        assert await first.fetchval("SELECT current_setting('app.tenant_id')") == str(tenant_id)
    async with db.tx(tenant_id) as third:
        assert await third.fetchval(free, name)
    async with db.tx(tenant_id) as unused:
        assert not unused.begun


async def test_a_name_of_a_lock_is_never_sql(db, tenant_id):
    for name in ("a'b", "a b", "", "ä", "a\n"):
        with pytest.raises(ValueError, match="not a name"):
            async with db.tx(tenant_id) as tx:
                await tx.lock([name])


async def test_a_memory_keeps_what_was_recalled_last():
    memory: Memory[str] = Memory(most=2)
    one, two, three = new_id(), new_id(), new_id()
    memory.keep(one, "1")
    memory.keep(two, "2")
    assert memory.recall(one) == "1"
    memory.keep(three, "3")
    assert [memory.recall(key) for key in (one, two, three)] == ["1", None, "3"]
