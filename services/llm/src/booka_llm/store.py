"""llm's rows. Every function works in the caller's transaction and on its tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import ContextGiven
from booka_common.db import Tx, load_queries
from booka_llm.context import Remembered
from booka_llm.domain import CallStatus, OpenCall, TenantSettings, Used

__all__ = [
    "DayTokens",
    "ListedCall",
    "UsageRow",
    "expire_messages",
    "finish_call",
    "forget_conversations",
    "forget_messages",
    "last_messages",
    "list_calls",
    "load_settings",
    "open_calls",
    "remember",
    "reserve",
    "save_settings",
    "start_call",
    "tokens_of_day",
    "usage",
]

_queries = load_queries("booka_llm")


@dataclass(frozen=True, slots=True)
class DayTokens:
    """Tokens of one day: used, and set aside for calls that are under way."""

    used: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One model on one day. `cost` is in micro-units."""

    day: date
    model: str
    calls: int
    answered: int
    prompt_tokens: int
    completion_tokens: int
    cost: int


@dataclass(frozen=True, slots=True)
class ListedCall:
    """One call. `cost` is in micro-units; `error` never holds what a client or the model wrote."""

    id: UUID
    request_id: UUID
    model: str
    status: CallStatus
    prompt_tokens: int
    completion_tokens: int
    cost: int
    latency_ms: int | None
    error: str | None
    created_at: datetime


async def load_settings(tx: Tx, tenant_id: UUID) -> TenantSettings:
    """The salon's settings, or the defaults."""
    row: Any = await tx.fetchrow(_queries["settings_get"], tenant_id)
    return TenantSettings(**row) if row else TenantSettings(tenant_id)


async def save_settings(tx: Tx, settings: TenantSettings, now: datetime) -> TenantSettings:
    """Replace the salon's settings; return them with their new revision."""
    row: Any = await tx.fetchrow(
        _queries["settings_put"],
        settings.tenant_id,
        settings.enabled,
        settings.preferred_llm_model,
        settings.llm_token_rate,
        settings.daily_token_budget,
        settings.history_messages,
        now,
    )
    return TenantSettings(**row)


async def remember(tx: Tx, given: Envelope[ContextGiven], text: str) -> None:
    """Keep a redacted text for context, if the salon has the model on, and drop what is over its number."""
    stored = await tx.execute(
        _queries["message_put"],
        tx.tenant_id,
        given.data.conversation_id,
        given.id,
        given.data.turn,
        text,
        given.occurred_at,
    )
    if stored:
        await tx.execute(_queries["message_prune"], tx.tenant_id, given.data.conversation_id)


async def forget_conversations(tx: Tx, conversation_ids: Sequence[UUID], *, asking_job: str, now: datetime) -> None:
    """Drop the texts of these conversations, also in the jobs of type `asking_job`, and keep none of theirs that comes late."""
    await tx.execute(_queries["settings_lock"], tx.tenant_id)
    await tx.execute(_queries["conversations_forget"], tx.tenant_id, list(conversation_ids), now, asking_job)


async def expire_messages(tx: Tx, before: datetime) -> None:
    """Drop what is older than `before`."""
    await tx.execute(_queries["message_expire"], tx.tenant_id, before)


async def forget_messages(tx: Tx) -> None:
    """Drop everything that is kept for context."""
    await tx.execute(_queries["message_forget"], tx.tenant_id)


async def last_messages(tx: Tx, conversation_id: UUID, *, since: datetime, limit: int) -> tuple[Remembered, ...]:
    """The last messages of a conversation, oldest first."""
    rows = await tx.fetch(_queries["message_last"], tx.tenant_id, conversation_id, since, limit)
    return tuple(Remembered(**row) for row in reversed(rows))


async def reserve(tx: Tx, day: date, tokens: int, budget: int) -> bool:
    """Set `tokens` of the day's `budget` aside; False if they are not there. Never overshoots, however many ask at once."""
    return await tx.execute(_queries["tokens_reserve"], tx.tenant_id, day, tokens, budget) == 1


async def start_call(tx: Tx, call: OpenCall, now: datetime) -> None:
    """Record a call before it is made."""
    await tx.execute(
        _queries["call_start"],
        tx.tenant_id,
        call.id,
        call.request_id,
        call.model,
        call.day,
        call.reserved_tokens,
        now,
    )


async def finish_call(
    tx: Tx,
    call: OpenCall,
    status: CallStatus,
    used: Used,
    *,
    cost: int,
    latency_ms: int | None = None,
    error: str | None = None,
) -> bool:
    """Record what came of a call and turn its reservation into what it used; False if that was done before."""
    values = (status, used.prompt_tokens, used.completion_tokens, cost, latency_ms, error)
    if not await tx.execute(_queries["call_finish"], tx.tenant_id, call.id, *values):
        return False
    await tx.execute(_queries["tokens_settle"], tx.tenant_id, call.day, call.reserved_tokens, used.total)
    return True


async def open_calls(tx: Tx, request_id: UUID) -> tuple[OpenCall, ...]:
    """Calls for a request whose end nobody has recorded."""
    return tuple(OpenCall(**row) for row in await tx.fetch(_queries["call_open"], tx.tenant_id, request_id))


async def list_calls(tx: Tx, *, before: UUID | None, limit: int) -> tuple[ListedCall, ...]:
    """A page of calls, newest first."""
    return tuple(ListedCall(**row) for row in await tx.fetch(_queries["call_list"], tx.tenant_id, before, limit))


async def usage(tx: Tx, first: date, last: date) -> tuple[UsageRow, ...]:
    """Calls added up by day and model, newest day first."""
    rows = await tx.fetch(_queries["usage_by_day_and_model"], tx.tenant_id, first, last)
    return tuple(UsageRow(**row) for row in rows)


async def tokens_of_day(tx: Tx, day: date) -> DayTokens:
    """The tokens of one day."""
    row: Any = await tx.fetchrow(_queries["tokens_of_day"], tx.tenant_id, day)
    return DayTokens(**row) if row else DayTokens()
