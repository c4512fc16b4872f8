"""A look into every service's tables as the administrator, past row level security."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from booka_common import topology
from booka_common.contracts import Message, booking, llm, messaging
from booka_stack.layout import SERVICES

__all__ = ["Tables"]

#: Heard without a trace, and nothing follows from them.
_WITHOUT_TRACE = {("dialog", messaging.MessageFailed)}
#: Heard without a trace in the inbox: the column of dialog.salons that keeps the revision heard last.
_REVISIONS = {
    ("dialog", booking.CatalogueChanged): "revision",
    ("dialog", llm.LlmSettingsChanged): "llm_revision",
}
_TURNS = ("dialog", messaging.MessageReceived)
#: Heard without a trace in the inbox: where each conversation of an erased contact is known as forgotten.
_FORGOTTEN: dict[tuple[str, type[Message]], str] = {
    ("dialog", messaging.ContactErased): "dialog.sessions",
    ("llm", messaging.ContactErased): "llm.forgotten_conversations",
}
#: Heard once by a key of its own, and not through the inbox.
_SENDS = ("messaging", messaging.SendRequested)


def _unheard() -> Iterator[str]:
    """For every queue a statement that counts what was said and not yet heard. $1 is the tenant."""
    said_by = {message: service for service, messages in topology.SAYS.items() for message in messages}
    for service, messages in topology.HEARS.items():
        for message in messages:
            if (service, message) in _WITHOUT_TRACE:
                continue
            if (service, message) in _REVISIONS:
                yield (
                    f"SELECT count(*) FROM {said_by[message]}.outbox WHERE tenant_id = $1 AND routing_key = '{message.key}'"  # noqa: S608
                    " AND (convert_from(body, 'UTF8')::json #>> '{data,revision}')::int >"
                    f" coalesce((SELECT {_REVISIONS[service, message]} FROM dialog.salons WHERE tenant_id = $1), 0)"
                )
                continue
            if (service, message) in _FORGOTTEN:
                yield (
                    f"SELECT count(*) FROM {said_by[message]}.outbox AS o,"  # noqa: S608
                    " jsonb_array_elements_text(convert_from(o.body, 'UTF8')::jsonb #> '{data,conversation_ids}') AS c (id)"
                    f" WHERE o.tenant_id = $1 AND o.routing_key = '{message.key}'"
                    f" AND NOT EXISTS (SELECT 1 FROM {_FORGOTTEN[service, message]} AS f WHERE f.tenant_id = $1"
                    " AND f.conversation_id = c.id::uuid AND f.forgotten_at IS NOT NULL)"
                )
                continue
            said = f"SELECT id FROM {said_by[message]}.outbox WHERE tenant_id = $1 AND routing_key = '{message.key}'"  # noqa: S608
            if (
                service == "dialog" and "conversation_id" in message.model_fields
            ):  # what belongs to no conversation, it has nobody to tell
                said += " AND (convert_from(body, 'UTF8')::json #>> '{data,conversation_id}') IS NOT NULL"
            if (service, message) == _TURNS:
                yield (
                    f"SELECT (SELECT count(*) FROM ({said}) AS s)"  # noqa: S608
                    " - (SELECT count(*) FROM dialog.turns WHERE tenant_id = $1 AND taken_at IS NOT NULL)"
                )
            else:
                heard = f"SELECT 1 FROM {service}.inbox AS i WHERE i.message_id = s.id"  # noqa: S608
                if (service, message) == _SENDS:
                    heard = "SELECT 1 FROM messaging.messages AS m WHERE m.tenant_id = $1 AND m.request_id = s.id"
                yield f"SELECT count(*) FROM ({said}) AS s WHERE NOT EXISTS ({heard})"  # noqa: S608


_UNHEARD = tuple(_unheard())
_UNSAID = tuple(
    f"SELECT count(*) FROM {name}.outbox WHERE tenant_id = $1 AND sent_at IS NULL"  # noqa: S608
    for name in SERVICES
)
_UNDONE = tuple(
    f"SELECT count(*) FROM {name}.jobs WHERE tenant_id = $1"  # noqa: S608
    " AND (status = 'running' OR (status = 'ready' AND scheduled_at <= now()))"
    for name in SERVICES
)
_WAITED_FOR = (*_UNSAID, *_UNHEARD, *_UNDONE)
_AT_REST = " UNION ALL ".join(f"SELECT {n}, ({query})" for n, query in enumerate(_WAITED_FOR))
_OF_TENANTS = """
    SELECT n.nspname || '.' || c.relname AS name
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p') ORDER BY 1"""

#: Written again and again, whatever anybody asks for.
_BY_THE_CLOCK = {"messaging.listening"}


class Tables:
    """The tables of a running stack.

    Args:
        connection: of asyncpg, as a superuser.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, query: str, *args: object) -> list[dict[str, Any]]:
        """All rows of a statement; name tables with their schema."""
        return [dict(row) for row in await self._connection.fetch(query, *args)]

    async def value(self, query: str, *args: object) -> Any:
        """The first column of the first row."""
        return await self._connection.fetchval(query, *args)

    async def column(self, query: str, *args: object) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in await self._connection.fetch(query, *args)]

    async def of_tenants(self) -> list[str]:
        """`schema.table` of every table that has a tenant_id, in all services."""
        return await self.column(_OF_TENANTS, list(SERVICES))

    async def settled(self, *tenant_ids: UUID, timeout: float = 20) -> None:
        """Wait until nothing is under way: all that was said has been heard, and no job is due.

        Raises:
            AssertionError: something was still under way after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        for tenant_id in tenant_ids:
            while left := await self._under_way(tenant_id):
                if time.monotonic() > deadline:
                    raise AssertionError(f"still under way for {tenant_id}: {left}")
                await asyncio.sleep(0.02)

    async def _under_way(self, tenant_id: UUID) -> dict[str, int]:
        """How much each statement still finds, where it finds anything."""
        rows = await self._connection.fetch(_AT_REST, tenant_id)
        return {_WAITED_FOR[number]: count for number, count in rows if count}

    async def picture(self, *tenant_ids: UUID) -> dict[str, tuple[int, str]]:
        """Count and digest of the rows of these tenants (and of nobody's) in every table: the same picture, no effect."""
        found = {}
        for table in await self.of_tenants():
            if table in _BY_THE_CLOCK:
                continue
            row = await self._connection.fetchrow(
                f"SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} AS t "  # noqa: S608
                "WHERE tenant_id = ANY($1) OR tenant_id IS NULL",
                list(tenant_ids),
            )
            found[table] = (row[0], row[1])
        return found
