"""What was applied is not changed any more, and what is new comes last; over a real PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest
from common_probe import SERVICE

from booka_common.cli import REFUSED
from booka_common.migrate import SchemaRefused, migrate, migrations, pending
from booka_common.service import Service
from booka_common.testing.plugin import Migrated

SHARED, ONE, TWO, THREE = "common/0007_all.sql", "it/0001_one.sql", "it/0002_two.sql", "it/0003_three.sql"
FILES = {name: f"SELECT '{name}';".encode() for name in (SHARED, ONE, TWO, THREE)}
NOTES = "common_probe/0001_notes.sql"


def applied(*names: str) -> dict[str, str]:
    return {name: sha256(FILES[name]).hexdigest() for name in names}


@pytest.mark.parametrize(
    ("kept", "new"),
    [
        ((), [SHARED, ONE, TWO, THREE]),
        ((SHARED, ONE), [TWO, THREE]),
        ((ONE, TWO), [SHARED, THREE]),  # numbers count within their package
        ((SHARED, ONE, TWO, THREE), []),
    ],
)
def test_what_was_not_applied_yet_is_in_the_order_of_the_files(kept: tuple[str, ...], new: list[str]) -> None:
    assert pending(FILES, applied(*kept)) == new


def test_an_older_release_does_not_mind_what_a_newer_one_applied() -> None:
    assert pending({ONE: FILES[ONE], TWO: FILES[TWO]}, applied(ONE, TWO, THREE)) == []


@pytest.mark.parametrize("name", [ONE, THREE])
def test_a_file_that_was_changed_since_is_refused(name: str) -> None:
    files = FILES | {name: FILES[name] + b"\n"}
    with pytest.raises(SchemaRefused, match=f"^{name} was changed after it was applied: restore it"):
        pending(files, applied(SHARED, ONE, TWO, THREE))


@pytest.mark.parametrize("late", ["it/0002_late.sql", "it/0001_zero.sql", "it/0003_another.sql"])
def test_a_new_file_that_does_not_come_last_is_refused(late: str) -> None:
    with pytest.raises(SchemaRefused, match=f"^{late} is new, but {THREE} is applied already: give it a later number"):
        pending(FILES | {late: b"SELECT 1"}, applied(ONE, TWO, THREE))


def test_all_that_is_wrong_is_said_at_once() -> None:
    files = FILES | {ONE: b"", THREE: b"", "it/0002_late.sql": b""}
    with pytest.raises(SchemaRefused) as refused:
        pending(files, applied(ONE, TWO, THREE))
    assert [part.split()[0] for part in str(refused.value).split("; ")] == [ONE, THREE, "it/0002_late.sql"]


@pytest.fixture(scope="module")
def own(migrated: Callable[[Service, str], Migrated]) -> Migrated:
    """A database that the tests below may spoil."""
    return migrated(SERVICE, "spoiled")


@pytest.fixture
async def admin(own: Migrated) -> AsyncIterator[asyncpg.Connection]:
    """It is as new afterwards."""
    connection = await asyncpg.connect(own.migrate_url)
    kept = await connection.fetch("SELECT name, digest FROM booking.schema_migrations")
    try:
        yield connection
    finally:
        await connection.execute("DROP TABLE booking.schema_migrations")
        await connection.execute("CREATE TABLE booking.schema_migrations (name text PRIMARY KEY, digest text NOT NULL)")
        await connection.copy_records_to_table("schema_migrations", schema_name="booking", records=kept)
        await connection.close()


async def again(own: Migrated) -> list[str]:
    return await migrate(
        own.migrate_url, own.database_url, schema=SERVICE.name, package=SERVICE.package, system_tables={}
    )


def command(own: Migrated) -> "subprocess.CompletedProcess[str]":
    """`python -m … migrate`, as a deployment runs it."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from booka_common.cli import main; import common_probe as it; main(it.SERVICE, it.Settings)",
            "migrate",
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent / "probe"),
            "PROBE_DATABASE_URL": own.database_url,
            "PROBE_MIGRATE_URL": own.migrate_url,
            "PROBE_AMQP_URL": "amqp://nowhere/",
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def test_the_digest_of_each_file_is_kept(own: Migrated, admin: asyncpg.Connection) -> None:
    rows = await admin.fetch("SELECT name, digest FROM booking.schema_migrations")
    files = migrations(SERVICE.package)
    assert {row["name"]: row["digest"] for row in rows} == {
        name: sha256(sql).hexdigest() for name, sql in files.items()
    }


async def test_a_changed_file_ends_the_command_with_what_to_do(own: Migrated, admin: asyncpg.Connection) -> None:
    assert command(own).returncode == 0
    await admin.execute("UPDATE booking.schema_migrations SET digest = 'another' WHERE name = $1", NOTES)
    ended = command(own)
    assert (ended.returncode, ended.stderr) == (
        REFUSED,
        f"booking: the schema was not migrated: {NOTES} was changed after it was applied: restore it, and put the change "
        "into a new file\n",
    )


async def test_nothing_is_applied_if_anything_is_refused(own: Migrated, admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE booking.schema_migrations SET digest = 'another' WHERE name LIKE 'booka_common/%'")
    await admin.execute("DELETE FROM booking.schema_migrations WHERE name = $1", NOTES)
    with pytest.raises(SchemaRefused, match=r"0001_plumbing\.sql was changed .*0002_idempotency_keys\.sql was changed"):
        await again(own)
    assert not await admin.fetchval("SELECT count(*) FROM booking.schema_migrations WHERE name = $1", NOTES)


async def test_a_rolled_back_release_runs_on_the_newer_schema(own: Migrated, admin: asyncpg.Connection) -> None:
    await admin.execute("INSERT INTO booking.schema_migrations VALUES ('common_probe/0002_newer.sql', 'unknown here')")
    assert await again(own) == []


async def test_a_schema_of_which_no_digests_were_kept_is_refused(own: Migrated, admin: asyncpg.Connection) -> None:
    await admin.execute("ALTER TABLE booking.schema_migrations DROP COLUMN digest")
    ended = command(own)
    assert (ended.returncode, ended.stderr.count("\n")) == (REFUSED, 1)
    assert ended.stderr.startswith("booking: the schema was not migrated: it was made before the first release")
