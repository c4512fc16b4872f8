"""Lines that are looked after, and what is known of the messages that their gateways keep."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_common.ids import new_id

__all__ = [
    "LineCount",
    "fall_silent",
    "hasten_watches",
    "known_messages",
    "lines_by_state",
    "put_watch",
    "set_swept",
    "unresolved_texts",
    "unwatched_lines",
]

queries = load_queries("booka_messaging", "queries/watching.sql")


@dataclass(frozen=True, slots=True)
class LineCount:
    """How many lines in use are in one state, and how many of them have fallen silent.

    `unknown`: not asked yet. `unsupported`: of a kind of gateway that this version does not know.
    """

    state: str
    lines: int
    silent: int


async def put_watch(tx: Tx, tenant_id: UUID, channel_id: UUID, *, at: datetime) -> None:
    """Have a line that is in use looked after from `at` on, by one job, whoever asks for it and how often."""
    await tx.execute(queries["watch_put"], tenant_id, channel_id, new_id(), at)
    tx.wake(tx.signals.jobs_written)


async def unwatched_lines(tx: Tx) -> list[tuple[UUID, UUID]]:
    """Tenant and id of lines in use that nobody looks after; `tx` is a system transaction."""
    return [(row["tenant_id"], row["id"]) for row in await tx.fetch(queries["lines_unwatched"])]


async def hasten_watches(tx: Tx, *, now: datetime, within: timedelta) -> None:
    """Let all lines be looked at soon, not all at once; `tx` is a system transaction."""
    await tx.execute(queries["watches_hasten"], now, within)
    tx.wake(tx.signals.jobs_written)


async def lines_by_state(tx: Tx, known: Collection[str]) -> list[LineCount]:
    """All lines in use, of all tenants; `tx` is a system transaction. `known`: the kinds of gateways that there are."""
    return [LineCount(**row) for row in await tx.fetch(queries["lines_by_state"], list(known))]


async def fall_silent(tx: Tx, channel_id: UUID, *, heard_before: datetime, now: datetime) -> datetime | None:
    """Note that nothing has come from a line since `heard_before`; return since when, None if it is not so or was noted."""
    last: datetime | None = await tx.fetchval(queries["line_silent"], tx.tenant_id, channel_id, heard_before, now)
    return last


async def set_swept(tx: Tx, channel_id: UUID, through: datetime) -> None:
    """The gateway's store was looked through up to there."""
    await tx.execute(queries["line_swept"], tx.tenant_id, channel_id, through)


async def known_messages(tx: Tx, channel_id: UUID, provider_ids: Collection[str]) -> set[str]:
    """Which of these messages are stored, or were sent by software that is not ours."""
    rows = await tx.fetch(queries["messages_known"], tx.tenant_id, channel_id, list(provider_ids))
    return {row["provider_id"] for row in rows}


async def unresolved_texts(tx: Tx, channel_id: UUID, texts: Collection[str], *, asked_since: datetime) -> set[str]:
    """Which of these texts were sent on this line, or tried to be, and nobody knows under which id."""
    # A version 7 UUID starts with the milliseconds at which it was made.
    least = UUID(int=int(asked_since.timestamp() * 1000) << 80)
    rows = await tx.fetch(queries["sends_unresolved"], tx.tenant_id, channel_id, list(texts), least)
    return {row["text"] for row in rows}
