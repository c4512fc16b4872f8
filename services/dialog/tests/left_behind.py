"""What the use cases have left in the database."""

from typing import Any
from uuid import UUID

import orjson

from booka_common.contracts.envelope import Message
from booka_common.contracts.messaging import SendRequested
from booka_common.ids import new_id
from booka_common.jobs import Job
from booka_dialog.usecases import Deps


async def outbox(deps: Deps, tenant_id: UUID, message: type[Message] | None = None) -> list[dict[str, Any]]:
    """The data of what the tenant's outbox holds, in order."""
    async with deps.db.tx(tenant_id) as tx:
        rows = await tx.fetch("SELECT routing_key, body FROM outbox WHERE tenant_id = $1 ORDER BY seq", tenant_id)
    return [orjson.loads(row["body"])["data"] for row in rows if message is None or row["routing_key"] == message.key]


async def said(deps: Deps, tenant_id: UUID) -> list[str]:
    return [data["text"] for data in await outbox(deps, tenant_id, SendRequested)]


async def jobs_of(deps: Deps, tenant_id: UUID, kind: str) -> list[Job]:
    async with deps.db.tx(tenant_id) as tx:
        rows = await tx.fetch(
            """SELECT id, tenant_id, type, payload, attempts, max_attempts, scheduled_at, correlation_id, traceparent
               FROM jobs WHERE tenant_id = $1 AND type = $2""",
            tenant_id,
            kind,
        )
    return [Job(**row, lease_token=new_id()) for row in rows]
