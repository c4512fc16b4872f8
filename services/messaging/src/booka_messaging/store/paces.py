"""When lines send, and whether they can."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_messaging.domain.circuit import Circuit
from booka_messaging.domain.pacing import CATCH_UP, OTHERS_SHARE, REPLIES_SHARE

__all__ = ["begin_probe", "hasten", "lock_circuit", "pace_sends", "put_circuit"]

queries = load_queries("booka_messaging", "queries/paces.sql")


async def pace_sends(tx: Tx, batch: Sequence[tuple[UUID, UUID]], *, now: datetime) -> dict[UUID, datetime]:
    """Give each `(tenant_id, message_id)` the next moment of its stream on its line, not before `now`."""
    rows = await tx.fetch(
        queries["sends_pace"],
        [tenant_id for tenant_id, _ in batch],
        [message_id for _, message_id in batch],
        now,
        now - CATCH_UP,
        REPLIES_SHARE,
        OTHERS_SHARE,
    )
    return {row["id"]: row["paced_at"] for row in rows}


async def hasten(
    tx: Tx, tenant_id: UUID, channel_id: UUID, *, lane: str, job_type: str, before: int, at: datetime
) -> datetime:
    """Let what waits in the lane before a reply go at the reply's pace; return when the reply goes then.

    Args:
        before: the reply's order in the lane.
        at: the reply's moment if there were nothing before it.
    """
    moment: datetime | None = await tx.fetchval(
        queries["sends_hasten"], tenant_id, lane, job_type, at, before, channel_id, REPLIES_SHARE
    )
    return moment or at


async def lock_circuit(tx: Tx, channel_id: UUID, *, now: datetime) -> Circuit:
    """The line's circuit; nobody else changes it until `tx` ends."""
    row: Any = await tx.fetchrow(queries["circuit_lock"], tx.tenant_id, channel_id, now)
    return Circuit(row["failures"], row["openings"], row["blocked_until"])


async def put_circuit(tx: Tx, channel_id: UUID, circuit: Circuit, *, reason: str | None) -> None:
    """Change the line's circuit; whoever asked its gateway has done so."""
    await tx.execute(
        queries["circuit_put"],
        tx.tenant_id,
        channel_id,
        circuit.failures,
        circuit.openings,
        circuit.blocked_until,
        reason,
    )


async def begin_probe(tx: Tx, channel_id: UUID, *, until: datetime, now: datetime) -> bool:
    """Whether it is for the caller to ask the gateway, until then; it has to be time, and nobody else may be at it."""
    found = await tx.fetchval(queries["probe_begin"], tx.tenant_id, channel_id, now, until)
    return found is not None
