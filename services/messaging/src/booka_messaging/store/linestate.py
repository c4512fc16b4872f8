"""Whether lines can send and receive."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = ["StateChange", "note_line_state"]

queries = load_queries("booka_messaging", "queries/linestate.sql")


@dataclass(frozen=True, slots=True)
class StateChange:
    """The state before; None if none was known."""

    before: str | None


async def note_line_state(
    tx: Tx, channel_id: UUID, *, state: str, reason: str | None, now: datetime
) -> StateChange | None:
    """Write what is known of a line; None if its state is the one that it had, whatever the reason."""
    row = await tx.fetchrow(queries["line_state"], tx.tenant_id, channel_id, state, reason, now)
    return StateChange(row["state"]) if row is not None and row["changed"] else None
