"""What an earlier version left behind ends the start at once, and says so."""

from io import StringIO
from pathlib import Path

import asyncpg
from rich.console import Console

from booka_stack.__main__ import start
from booka_stack.layout import Layout
from booka_stack.stack import Stack


async def leave_behind(stack: Stack) -> None:
    admin = await asyncpg.connect(stack.postgres.url)
    await admin.execute("CREATE DATABASE booka")
    await admin.close()
    before = await asyncpg.connect(stack.database_url())
    await before.execute("CREATE SCHEMA llm CREATE TABLE schema_migrations (name text, digest text)")
    await before.execute("INSERT INTO llm.schema_migrations VALUES ('booka_llm/0001_llm.sql', 'what it was')")
    await before.close()


async def test_data_of_another_version_is_named_with_what_to_do(tmp_path: Path) -> None:
    stack = Stack(Layout.private(tmp_path), services=("llm",), durable=False)
    stack.postgres.start()
    try:
        await leave_behind(stack)
    finally:
        stack.postgres.stop()
    console = Console(record=True, file=StringIO(), width=120)
    try:
        assert not start(stack, console)
    finally:
        stack.down()
    assert console.export_text().splitlines() == [
        "Booka did not start.",
        "migrate failed:",
        "llm: the schema was not migrated: booka_llm/0001_llm.sql was changed after it was applied: restore it, and put the "
        "change into a new file",
        f"What is there is of another version of Booka. To start afresh, remove {tmp_path}.",
    ]
    assert not any(process.running() for process in stack.processes())
    assert stack.timings.keys() == {"postgres", "rabbitmq"}
