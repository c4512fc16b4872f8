"""Migrations: plain SQL, forward only, under an advisory lock; then rights and row level security for every table.

Security is applied here and not in the migrations, so that no table can be forgotten: every table with a `tenant_id`
gets FORCE ROW LEVEL SECURITY and the tenant policy, the service's role gets DML on its own schema only, and the system
role gets the plumbing tables and what the service names, and nothing else.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Collection, Mapping
from importlib import resources
from urllib.parse import unquote, urlsplit

import asyncpg

__all__ = ["SchemaRefused", "migrate", "migrations", "pending"]

_log = logging.getLogger(__name__)

_ROLE_ATTEMPTS = 20
#: The role exists by now, or PostgreSQL's "tuple concurrently updated", which has no code of its own.
_CONCURRENT = (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError, asyncpg.InternalServerError)

_PLUMBING = {
    "outbox": "SELECT, UPDATE, DELETE",
    "inbox": "SELECT, DELETE",
    "jobs": "SELECT, UPDATE, DELETE",
    "idempotency_keys": "SELECT, DELETE",
    "schema_migrations": "SELECT",
}

#: Sub-selects, so that PostgreSQL works them out once for a statement: the setting of a batch is parsed for each row else.
_TENANT_POLICY = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
#: The tenants of a batch, see `Database.shared_tx`. A policy of its own, because only some tables have it; as a function that
#: no index serves, so that the two of them are no reason to read an index twice and with less than a statement names.
_SHARED_POLICY = (
    "array_position((SELECT nullif(current_setting('app.tenant_ids', true), '')::uuid[]), tenant_id) IS NOT NULL"
)


class SchemaRefused(Exception):
    """The schema has a history other than that of the files: nothing was applied. It says of each file what to do."""


def migrations(package: str) -> dict[str, bytes]:
    """Name -> SQL of the shared plumbing and of `package`, in the order in which they are applied."""
    found: dict[str, bytes] = {}
    for scope in ("booka_common", package):
        files = sorted(
            (entry for entry in (resources.files(scope) / "migrations").iterdir() if entry.name.endswith(".sql")),
            key=lambda entry: entry.name,
        )
        found |= {f"{scope}/{entry.name}": entry.read_bytes() for entry in files}
    return found


def pending(files: Mapping[str, bytes], applied: Mapping[str, str]) -> list[str]:
    """The names of `files` that have not been applied, in their order.

    What was applied and is not among the files came with a newer release, from before a rollback: it does not matter here.

    Args:
        files: by name, `package/NNNN_what.sql`; numbers count within their package.
        applied: name -> sha256 of the file as it was applied.

    Raises:
        SchemaRefused: a file was changed since, or comes too late for its number.
    """
    last: dict[str, tuple[str, str]] = {}
    for name in applied:
        scope, number = _place(name)
        last[scope] = max(last.get(scope, ("", "")), (number, name))
    wrong, new = [], []
    for name, sql in files.items():
        scope, number = _place(name)
        latest, by = last.get(scope, ("", ""))
        if name in applied:
            if applied[name] != _digest(sql):
                wrong.append(f"{name} was changed after it was applied: restore it, and put the change into a new file")
            continue
        if number <= latest:
            wrong.append(f"{name} is new, but {by} is applied already: give it a later number")
        new.append(name)
    if wrong:
        raise SchemaRefused("; ".join(wrong))
    return new


def _place(name: str) -> tuple[str, str]:
    scope, _, file = name.rpartition("/")
    return scope, file.partition("_")[0]


def _digest(sql: bytes) -> str:
    return hashlib.sha256(sql).hexdigest()


async def migrate(
    admin_url: str,
    service_url: str,
    *,
    schema: str,
    package: str,
    system_tables: Mapping[str, str],
    shared_tables: Collection[str] = (),
) -> list[str]:
    """Bring `schema` up to date and return what was applied. Safe to run concurrently and repeatedly.

    Args:
        admin_url: a role that may create schemas, roles and the btree_gist extension.
        service_url: the service's URL; its user (and password, if given) becomes the service's role.
        system_tables: rights of the system role on tables of the service itself, e.g. `{"channels": "SELECT"}`.
        shared_tables: tables of the service itself in which one transaction may see several tenants of its choice.

    Raises:
        SchemaRefused: the files are not the ones that were applied; see `pending`.
    """
    parts = urlsplit(service_url)
    role = parts.username or f"booka_{schema}"
    connection = await asyncpg.connect(admin_url, timeout=10)
    try:
        # One lock for all services: extensions belong to the whole database.
        await connection.execute("SELECT pg_advisory_lock(hashtextextended('booka.migrate', 0))")
        await _roles(connection, role, unquote(parts.password) if parts.password else None)
        await connection.execute("CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public")
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        await connection.execute(f'SET search_path = "{schema}", public')
        files = migrations(package)
        names = pending(files, await _applied(connection))
        for name in names:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                await connection.execute(files[name].decode())
                await connection.execute(
                    "INSERT INTO schema_migrations (name, digest) VALUES ($1, $2)", name, _digest(files[name])
                )
            _log.info("applied %s", name)
        async with connection.transaction():
            await _secure(connection, schema, role, system_tables, shared_tables)
        return names
    finally:
        await connection.close()


async def _applied(connection: asyncpg.Connection) -> dict[str, str]:
    """Name -> digest of what this schema has."""
    await connection.execute(
        """CREATE TABLE IF NOT EXISTS schema_migrations (
               name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
           )"""
    )
    try:
        rows = await connection.fetch("SELECT name, digest FROM schema_migrations")
    except asyncpg.UndefinedColumnError:
        raise SchemaRefused(
            "it was made before the first release, when nothing was kept of what was applied: begin with an empty database"
        ) from None
    return {row["name"]: row["digest"] for row in rows}


async def _roles(connection: asyncpg.Connection, role: str, password: str | None) -> None:
    """The service's roles. They belong to the whole cluster and advisory locks to one database, so whoever migrates another
    database of it now may get in between: then look again."""
    for attempt in range(1, _ROLE_ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await _write_roles(connection, role, password)
        except _CONCURRENT as error:
            if attempt == _ROLE_ATTEMPTS:
                raise
            _log.info("role %s is being written from another database: %s", role, error)
            await asyncio.sleep(random.uniform(0, 0.05 * attempt))  # noqa: S311 - no secret
        else:
            return


async def _write_roles(connection: asyncpg.Connection, role: str, password: str | None) -> None:
    for name, options in ((role, "LOGIN"), (f"{role}_system", "NOLOGIN")):
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
            await connection.execute(
                f'CREATE ROLE "{name}" {options} NOBYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT'
            )
    if password:
        quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
        await connection.execute(f'ALTER ROLE "{role}" PASSWORD {quoted}')
    await connection.execute(f'GRANT "{role}_system" TO "{role}"')


async def _secure(
    connection: asyncpg.Connection,
    schema: str,
    role: str,
    system_tables: Mapping[str, str],
    shared_tables: Collection[str],
) -> None:
    """Rights for all tables; row level security where it is missing, so that a running service is not locked out for it."""
    system = f"{role}_system"
    rights = {**_PLUMBING, **system_tables}
    shared = {*_PLUMBING, *shared_tables}
    tables = await connection.fetch(
        """SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
                  ARRAY(SELECT p.polname::text FROM pg_policy AS p WHERE p.polrelid = c.oid) AS policies,
                  EXISTS (SELECT 1 FROM pg_attribute AS a
                          WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS of_tenant
           FROM pg_class AS c WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p')""",
        schema,
    )
    statements = [
        "SET LOCAL lock_timeout = '5s'",
        f'REVOKE ALL ON SCHEMA "{schema}" FROM PUBLIC',
        f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}", "{system}"',
        f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{schema}" TO "{role}", "{system}"',
    ]
    for table in tables:
        name = table["name"]
        if name != "schema_migrations":
            statements.append(f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{name}" TO "{role}"')
        if name in rights:
            statements.append(f'GRANT {rights[name]} ON "{name}" TO "{system}"')
        if not table["of_tenant"]:
            continue
        if not table["forced"]:
            statements += [
                f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY',
                f'ALTER TABLE "{name}" FORCE ROW LEVEL SECURITY',
            ]
        wanted = {"of_tenant": (role, _TENANT_POLICY)}
        if name in shared:
            wanted["of_batch"] = (role, _SHARED_POLICY)
        if name in rights:
            wanted["plumbing"] = (system, "true")
        # By name: a policy that is to say something else gets another one.
        for policy in wanted.keys() - set(table["policies"]):
            to, which = wanted[policy]
            statements.append(f'CREATE POLICY {policy} ON "{name}" TO "{to}" USING ({which}) WITH CHECK ({which})')
        statements += [f'DROP POLICY "{policy}" ON "{name}"' for policy in set(table["policies"]) - wanted.keys()]
    for statement in statements:
        await connection.execute(statement)
