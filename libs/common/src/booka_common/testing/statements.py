"""What PostgreSQL makes of a service's statements: whether they fit its schema, and the plans that were really taken.

Tests judge by them how statements find their rows, not how long that took. PostgreSQL itself hands the plans out with the rows
that were gone through (auto_explain), of every statement of a transaction and of the functions that it called.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from booka_common.db import Database, Tx

__all__ = ["Seen", "judge", "nodes", "planned", "prepare", "rows_of"]


async def prepare(url: str, schema: str, statements: Iterable[tuple[str, str]]) -> None:
    """Every one of these statements, given by name and text, fits the schema, as the role that `url` names."""
    connection = await asyncpg.connect(url, server_settings={"search_path": f"{schema}, public"})
    try:
        for name, statement in statements:
            try:
                await connection.prepare(statement)
            except asyncpg.PostgresError as error:
                raise AssertionError(f"{name}: {error}") from error
    finally:
        await connection.close()


@dataclass(frozen=True)
class Seen:
    """What a statement did."""

    text: str
    plan: dict[str, Any]

    def rows(self, tables: Collection[str]) -> int:
        """How many rows of these tables it went through."""
        return sum(
            rows_of(node)
            for node in nodes(self.plan)
            if "Scan" in node["Node Type"] and node.get("Relation Name") in tables
        )

    def indexes(self, table: str) -> set[str]:
        """By which `table` was read."""
        found = set()
        for node in nodes(self.plan):
            if node.get("Relation Name") != table or not _ran(node):
                continue
            if "Index Name" in node:
                found.add(node["Index Name"])
            if node["Node Type"] == "Bitmap Heap Scan":
                found |= {child["Index Name"] for child in nodes(node) if "Index Name" in child}
        return found


class _Undo(Exception):
    """Ends a transaction without a trace."""


@asynccontextmanager
async def planned(
    db: Database, tenant_id: UUID, *, role: str, of: Collection[str], opening: str = "", settings: str = ""
) -> AsyncIterator[tuple[Tx, list[Seen]]]:
    """A transaction of a tenant, taken back at the end, with the plans of all it did with the tables in `of`.

    Args:
        db: as a role that may become another; row level security is that of `role`.
        opening: see `Database.tx`.
        settings: statements that set more, for this transaction.
    """
    seen: list[Seen] = []

    def note(_connection: object, message: Any) -> None:
        _, plan, text = message.message.partition("plan:\n")
        if plan:
            found = orjson.loads(text)
            if any(node.get("Relation Name") in of for node in nodes(found["Plan"])):
                seen.append(Seen(found["Query Text"], found["Plan"]))

    try:
        async with db.tx(tenant_id, opening=opening) as tx:
            connection = tx._connection  # noqa: SLF001 - the only one that hears what the server says
            await tx.execute(
                f"""LOAD 'auto_explain';
                    SET LOCAL auto_explain.log_min_duration = 0; SET LOCAL auto_explain.log_analyze = on;
                    SET LOCAL auto_explain.log_timing = off; SET LOCAL auto_explain.log_format = json;
                    SET LOCAL auto_explain.log_level = notice; SET LOCAL auto_explain.log_nested_statements = on;
                    {settings};
                    SET LOCAL SESSION AUTHORIZATION {role}"""
            )
            connection.add_log_listener(note)
            try:
                yield tx, seen
                await connection.execute("SELECT 1")  # only the next statement brings the plan of the last one
            finally:
                connection.remove_log_listener(note)
            raise _Undo
    except _Undo:
        pass


def judge(seen: Collection[Seen], tables: Collection[str], rows: int) -> None:
    """Every statement finds what it wants of `tables` by an index, and goes through `rows` of their rows at most."""
    assert seen, "no plan was handed out"
    for statement in seen:
        for node in nodes(statement.plan):
            whole = _ran(node) and node["Node Type"] == "Seq Scan" and node["Relation Name"] in tables
            assert not whole, f"{node['Relation Name']} is read from end to end by\n{statement.text}"
        through = statement.rows(tables)
        assert through <= rows, f"{through} rows for\n{statement.text}\n{_text(statement.plan)}"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's steps, the outermost first."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def rows_of(node: dict[str, Any]) -> int:
    """How many rows a step went through."""
    gone = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    # Of a LATERAL or correlated part the counts are for each loop.
    rows: float = (node["Actual Rows"] + gone) * node["Actual Loops"]
    return round(rows)


def _ran(node: dict[str, Any]) -> bool:
    # What is ruled out before is in the plan and never run.
    return bool(node["Actual Loops"])


def _text(plan: dict[str, Any]) -> str:
    keys = ("Node Type", "Relation Name", "Index Name", "Index Cond", "Filter", "Actual Rows", "Actual Loops")
    return "\n".join(
        str({key: node[key] for key in (*keys, "Rows Removed by Filter") if key in node}) for node in nodes(plan)
    )
