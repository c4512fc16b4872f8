"""Every statement fits the schema, binds its tenant, and reaches no other salon's rows."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from booka_common.db import Database, load_queries
from booka_common.ids import new_id
from booka_common.service import Service
from booka_common.testing.plugin import Migrated
from booka_common.testing.statements import nodes, prepare
from booka_messaging import store
from booka_messaging.domain.model import Alias, ChatMessage
from booka_messaging.errors import UnknownChannel
from booka_messaging.settings import SERVICE, Settings
from booka_messaging.store import Channel, Incoming

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOBODY = timedelta(0)
QUERIES = {
    name: statement
    for path in (resources.files("booka_messaging") / "queries").iterdir()
    for name, statement in load_queries("booka_messaging", f"queries/{path.name}").items()
}
#: Before the tenant is known, housekeeping, a lock that reads nothing, and a function that is looked at by itself.
WITHOUT_TENANT = {
    "channel_by_id", "channels_by_line", "held_drop", "held_list", "held_prune", "held_put", "identity_lock", "lines_by_state",
    "lines_unwatched", "listening", "messages_take", "shared_line_exists", "unread_prune", "unread_prune_nobodys",
    "unread_put_nobodys", "watches_hasten",
}  # fmt: skip


async def put_channel(db: Database, tenant_id: UUID, channel_id: UUID) -> Channel:
    async with db.tx(tenant_id) as tx:
        return await store.put_channel(
            tx, channel_id, gateway="evolution", instance=f"salon-{channel_id}", base_url="http://127.0.0.1:9", api_key=b"sealed",
            auth_mode="hmac", secret=b"sealed", active=True, now=NOW,
        )  # fmt: skip


def written(provider_id: str = "A1") -> ChatMessage:
    return ChatMessage(
        "client", provider_id, (Alias("pn", "351912345678"),), "Rui", "text", "oi", None, NOW, {"type": "x"}
    )


def incoming(tenant_id: UUID, channel_id: UUID, provider_id: str = "A1") -> Incoming:
    return Incoming(new_id(), tenant_id, channel_id, written(provider_id), counts=True, received_at=NOW)


def described(item: Incoming) -> dict[str, Any]:
    """As `take_messages` of the database is told of it."""
    message = item.message
    return {
        "item": 0, "tenant_id": item.tenant_id, "channel_id": item.channel_id, "kind1": "pn",
        "value1": message.aliases[0].value, "name": message.name, "counts": 1, "received_at": NOW, "id": item.id,
        "provider_id": message.provider_id, "author": "client", "kind": "text", "text": "oi", "metadata": {}, "sent_at": NOW,
    }  # fmt: skip


async def test_every_query_prepares_on_the_migrated_schema(settings: Settings) -> None:
    await prepare(settings.database_url.get_secret_value(), "messaging", QUERIES.items())


@pytest.mark.parametrize("name", [name for name, _ in QUERIES.items() if name not in WITHOUT_TENANT])
def test_every_statement_names_its_tenant(name: str) -> None:
    statement = QUERIES[name]
    # One tenant, or that of each row of a batch.
    assert "tenant_id = $1" in statement or "(tenant_id, " in statement or "tenant_id = i.tenant_id" in statement


async def test_the_function_that_takes_messages_names_the_tenant_with_every_table(settings: Settings) -> None:
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        text = await connection.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'take_messages'")
        definer = await connection.fetchval("SELECT prosecdef FROM pg_proc WHERE proname = 'take_messages'")
    finally:
        await connection.close()
    assert not definer, "row level security is the caller's"
    tables = re.findall(r"(?:FROM|JOIN|UPDATE|INTO) (?:contact_aliases|contacts|conversations|messages|outbox)\b", text)
    assert len(tables) == len(re.findall(r"tenant_id = [if]\.tenant_id|INTO \w+ \((?:id, )?tenant_id", text)) == 8


async def test_every_key_starts_with_the_tenant(settings: Settings) -> None:
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        rows = await connection.fetch(
            """SELECT i.relname AS name, a.attname AS first FROM pg_index AS x
               JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid
               JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
               WHERE t.relnamespace = 'messaging'::regnamespace AND x.indisunique
                 AND t.relname NOT IN ('outbox', 'inbox', 'jobs', 'schema_migrations')"""
        )
    finally:
        await connection.close()
    others = {row["name"] for row in rows if row["first"] != "tenant_id"}
    of_nobody = {"unread_of_nobody_pkey", "held_deliveries_pkey", "held_deliveries_digest", "listening_pkey"}
    assert others == {"channels_endpoint", "channels_shared_line", *of_nobody}
    assert len(rows) >= 8


async def test_another_salon_sees_and_takes_nothing(db: Database, tenant_id: UUID) -> None:
    channel_id, stranger, contact_id = new_id(), new_id(), new_id()
    await put_channel(db, tenant_id, channel_id)
    async with db.tx(tenant_id) as tx:
        await store.put_person(
            tx, tenant_id, channel_id, contact_id, new_id(), written().aliases, name="Rui", phone=None, now=NOW
        )
        (taken,) = (await store.take_messages(tx, [incoming(tenant_id, channel_id)])).values()
    async with db.tx(stranger) as tx:
        for table in ("channels", "contacts", "contact_aliases", "conversations", "messages", "receipts"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608
        assert await store.get_channel(tx, channel_id) is None
        assert await store.rotate_channel(tx, channel_id, secret=b"mine", previous_until=NOW, now=NOW) is None
        assert not await store.conversation_exists(tx, taken.conversation_id)
        for tenant in (stranger, tenant_id):
            assert await store.take_messages(tx, [incoming(tenant, channel_id, "A2")]) == {}
    # The call that commits by itself sees what it has bound, whatever it is given.
    theirs = incoming(tenant_id, channel_id, "A3")
    bound = await db.shared_call([stranger], "take_messages", [described(theirs)], [], NOBODY)
    assert bound == []
    assert len(await store.take_and_tell(db, [theirs], [None], NOBODY)) == 1
    with pytest.raises(UnknownChannel):
        await put_channel(db, stranger, channel_id)
    async with db.tx(tenant_id) as tx:
        assert (await store.list_channels(tx))[0].secret == b"sealed"


async def test_a_foreign_key_cannot_reach_another_salon(db: Database, tenant_id: UUID) -> None:
    channel_id = new_id()
    await put_channel(db, tenant_id, channel_id)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with db.tx(stranger := new_id()) as tx:
            await store.put_person(
                tx, stranger, channel_id, new_id(), new_id(), written().aliases, name=None, phone=None, now=NOW
            )


@pytest.fixture(scope="session")
def untouched(migrated: Callable[[Service, str], Migrated]) -> str:
    """The URL of a database that nothing has been written to."""
    return migrated(SERVICE, "untouched").database_url


@pytest.mark.parametrize("name", ["sends_queue", "sends_begin", "sends_done", "send_release", "send_job"])
async def test_what_is_sent_is_found_by_its_keys(untouched: str, name: str) -> None:
    """Plans are made once, perhaps while the tables are empty: no row may be looked for among all there are."""
    connection = await asyncpg.connect(
        untouched,
        server_settings={
            "search_path": "messaging, public",
            "plan_cache_mode": "force_generic_plan",
            **SERVICE.planner,
        },
    )
    try:
        await connection.execute(f"PREPARE statement AS {QUERIES[name]}")
        count = max(int(number) for number in re.findall(r"\$(\d+)", QUERIES[name]))
        plan = await connection.fetchval(f"EXPLAIN (FORMAT json) EXECUTE statement({', '.join(['NULL'] * count)})")
    finally:
        await connection.close()
    scans = [
        node for node in nodes(json.loads(plan)[0]["Plan"]) if "Scan" in node["Node Type"] and "Relation Name" in node
    ]
    assert scans
    for scan in scans:
        keys = scan.get("Index Cond", scan.get("Recheck Cond", ""))
        # By the id, or by the tenant and something else: a salon has many of everything.
        found = " = " in keys and ("(id = " in keys or ("(tenant_id = " in keys and " AND " in keys))
        assert found, " ".join(
            f"{word}: {scan.get(word)};" for word in ("Alias", "Node Type", "Index Name", "Index Cond", "Filter")
        )


async def test_the_system_role_reads_channels_and_nothing_else(db: Database, tenant_id: UUID) -> None:
    channel_id = new_id()
    await put_channel(db, tenant_id, channel_id)
    async with db.system_tx() as tx:
        found = await store.channel_by_id(tx, channel_id)
        assert found is not None
        assert found.tenant_id == tenant_id
    for statement in ("UPDATE channels SET active = false", "SELECT 1 FROM messages", "SELECT 1 FROM contacts"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.system_tx() as tx:
                await tx.execute(statement)


@pytest.mark.parametrize("people", [0, 4000])
async def test_the_intake_of_known_contacts_uses_its_indexes(settings: Settings, people: int) -> None:
    """Even with a plan that was made while all tables were empty, because it is kept."""
    assert settings.migrate_url is not None
    tenant_id, channel_id = new_id(), new_id()
    seen: list[str] = []
    admin = await asyncpg.connect(
        settings.migrate_url.get_secret_value(), server_settings={"search_path": "messaging, public"}
    )
    begun = admin.transaction()
    await begun.start()
    try:
        if people:
            await fill(admin, tenant_id, channel_id, people)
        else:  # as they are in a new installation; none of it is committed
            await admin.execute("TRUNCATE contacts, contact_aliases, conversations, messages CASCADE")
        for setting, value in SERVICE.planner.items():
            await admin.execute(f"SET LOCAL {setting} = {value}")
        await admin.execute(
            """LOAD 'auto_explain'; SET LOCAL auto_explain.log_min_duration = 0; SET LOCAL auto_explain.log_level = notice;
               SET LOCAL auto_explain.log_nested_statements = on; SET LOCAL plan_cache_mode = force_generic_plan;
               SET LOCAL SESSION AUTHORIZATION booka_messaging"""
        )
        admin.add_log_listener(lambda _, told: seen.append(told.message))
        await admin.execute("SELECT set_config('app.tenant_ids', $1, true)", f"{{{tenant_id}}}")
        described_as = orjson.dumps([described(incoming(tenant_id, channel_id))], default=str).decode()
        await admin.execute("SELECT * FROM take_messages('', $1, '{}', NULL)", described_as)
        await admin.execute("SELECT 1")  # only the next statement brings the plan of the last one
    finally:
        await begun.rollback()
        await admin.close()
    (text,) = (plan for plan in seen if "json_to_recordset" in plan)
    assert "Seq Scan" not in text, text
    for index in ("contact_aliases_pkey", "contacts_pkey", "messages_provider", "conversations_contact"):
        assert f"using {index}" in text, text


async def fill(admin: asyncpg.Connection, tenant_id: UUID, channel_id: UUID, people: int) -> None:
    """As many people as make a plan by the tenant alone expensive, whatever other tests have left."""
    await admin.execute(
        """INSERT INTO channels (tenant_id, id, gateway, instance, base_url, api_key, auth_mode, secret, created_at, updated_at)
           VALUES ($1, $2, 'evolution', $2::uuid::text, 'http://127.0.0.1:9', '', 'hmac', '', $3, $3)""",
        tenant_id,
        channel_id,
        NOW,
    )
    await admin.execute(
        """WITH p AS MATERIALIZED (
               SELECT gen_random_uuid() AS id, gen_random_uuid() AS v, n FROM generate_series(1, $4::integer) AS n
           ), c AS (
               INSERT INTO contacts (tenant_id, id, created_at) SELECT $1, id, $3 FROM p
           ), a AS (
               INSERT INTO contact_aliases (tenant_id, channel_id, kind, value, contact_id, created_at)
               SELECT $1, $2, 'pn', '351' || n, id, $3 FROM p
           )
           INSERT INTO conversations (tenant_id, id, channel_id, contact_id, created_at, active_at)
           SELECT $1, v, $2, id, $3, $3 FROM p""",
        tenant_id,
        channel_id,
        NOW,
        people,
    )
    await admin.execute("ANALYZE contacts, contact_aliases, conversations")
