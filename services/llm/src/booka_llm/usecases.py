"""llm's use cases: one transaction each. The model itself is called between two of them, see `jobs`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import UUID

from booka_common import inbox, jobs, outbox
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.llm import (
    ContextGiven,
    InterpretationReady,
    InterpretationRequested,
    InterpretationUnavailable,
    LlmSettingsChanged,
)
from booka_common.contracts.messaging import ContactErased
from booka_common.db import Database, Tx
from booka_common.ids import derived_id, new_id
from booka_llm import errors, store
from booka_llm.context import REMEMBERED_BYTES, Prompt, build
from booka_llm.domain import OpenCall, TenantSettings, Used, budget_day, cost_micros, worst_case_tokens
from booka_llm.redaction import redact, region_of_locale, region_of_phone, truncate
from booka_llm.settings import Settings

__all__ = [
    "EXPIRE",
    "INTERPRET",
    "Prepared",
    "Reason",
    "UsageReport",
    "answer",
    "expire_messages",
    "forget",
    "get_settings",
    "interpretation_requested",
    "keep_context",
    "list_calls",
    "prepare",
    "put_settings",
    "seconds_left",
    "unavailable",
    "usage",
]

#: Job types: ask the model; drop what was kept for context long enough.
INTERPRET = "interpret"
EXPIRE = "expire"

Reason = Literal["switched_off", "not_configured", "over_budget", "provider_failed", "refused", "too_late"]

_LONGEST_PERIOD = timedelta(days=366)


def seconds_left(request: InterpretationRequested, settings: Settings, now: datetime) -> float:
    """How long an answer is still of use; at most the whole time, whatever the asker's clock says."""
    age = max((now - request.asked_at).total_seconds(), 0.0)
    return settings.answer_within_seconds - age


def answer(
    request: InterpretationRequested,
    said: InterpretationReady | InterpretationUnavailable,
    *,
    tenant_id: UUID,
    correlation_id: UUID,
    now: datetime,
) -> Envelope[InterpretationReady | InterpretationUnavailable]:
    """The one answer to `request`: its id follows from the request, so the outbox takes only the first."""
    message_id = derived_id(request.request_id, "answer")
    return Envelope.of(said, tenant_id=tenant_id, now=now, correlation_id=correlation_id, id=message_id)


def unavailable(request: InterpretationRequested, reason: Reason) -> InterpretationUnavailable:
    """Why there is no interpretation of `request`."""
    return InterpretationUnavailable(
        request_id=request.request_id, conversation_id=request.conversation_id, reason=reason
    )


async def interpretation_requested(
    db: Database, settings: Settings, envelope: Envelope[InterpretationRequested], *, consumer: str, now: datetime
) -> None:
    """Have the text read, or say at once why not: nobody may wait for what will not come."""
    request = envelope.data
    text = truncate(redact(request.text, region_of_locale(request.locale)), 2048)
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, consumer, envelope.id):
            return
        reason = _hopeless(await store.load_settings(tx, envelope.tenant_id), settings, request, now)
        if reason is None:
            await jobs.put(
                tx,
                INTERPRET,
                request.model_copy(update={"text": text}).model_dump(mode="json"),
                scheduled_at=now,
                correlation_id=envelope.correlation_id,
                unique_key=str(request.request_id),
                max_attempts=3,
            )
            return
        said = unavailable(request, reason)
        ids = {"tenant_id": envelope.tenant_id, "correlation_id": envelope.correlation_id}
        await outbox.put(tx, answer(request, said, **ids, now=now))


def _hopeless(
    tenant: TenantSettings, settings: Settings, request: InterpretationRequested, now: datetime
) -> Reason | None:
    if not tenant.enabled:
        return "switched_off"
    if not settings.configured:
        return "not_configured"
    return "too_late" if seconds_left(request, settings, now) <= 0 else None


async def keep_context(
    db: Database, settings: Settings, envelope: Envelope[ContextGiven], *, consumer: str, now: datetime
) -> None:
    """Keep what a client wrote, redacted and shortened, and see to it that it goes again."""
    text = truncate(redact(envelope.data.text, region_of_phone(envelope.data.phone)), REMEMBERED_BYTES)
    if not text.strip():
        return
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, consumer, envelope.id):
            return
        await store.remember(tx, envelope, text)
        # One job for all that comes in on a day, due when the last of it is old enough.
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        await jobs.put(
            tx,
            EXPIRE,
            {},
            scheduled_at=midnight + timedelta(days=settings.history_days),
            correlation_id=envelope.correlation_id,
            unique_key=midnight.date().isoformat(),
        )


async def forget(db: Database, envelope: Envelope[ContactErased], *, now: datetime) -> None:
    """Know nothing any more of what was said in these conversations; repeated, it changes nothing."""
    async with db.tx(envelope.tenant_id) as tx:
        await store.forget_conversations(tx, envelope.data.conversation_ids, asking_job=INTERPRET, now=now)


async def expire_messages(tx: Tx, settings: Settings, now: datetime) -> None:
    """Drop what has been kept long enough."""
    await store.expire_messages(tx, now - timedelta(days=settings.history_days))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that may be made now.

    Attributes:
        rate: price of 1000 tokens in micro-units, as it is now.
    """

    call: OpenCall
    prompt: Prompt
    rate: int

    def cost(self, used: Used) -> int:
        """What `used` costs, in micro-units."""
        return cost_micros(used.total, self.rate)


async def prepare(
    db: Database, settings: Settings, tenant_id: UUID, request: InterpretationRequested, *, left: float, now: datetime
) -> Prepared | Reason:
    """Make the prompt, set the worst case aside from the day's budget and record the call; or say why not.

    Args:
        left: seconds until the answer is of no use.
    """
    async with db.tx(tenant_id) as tx:
        tenant = await store.load_settings(tx, tenant_id)
        for lost in await store.open_calls(tx, request.request_id):
            # Its worker died between reserving and recording. It may have been billed, so it counts in full.
            used = Used(lost.reserved_tokens, 0)
            cost = cost_micros(used.total, tenant.llm_token_rate)
            await store.finish_call(tx, lost, "lost", used, cost=cost, error="the worker ended during the call")
        if not tenant.enabled:
            return "switched_off"
        if not settings.configured:
            return "not_configured"
        if left <= 0:
            return "too_late"
        since = now - timedelta(days=settings.history_days)
        history = await store.last_messages(tx, request.conversation_id, since=since, limit=tenant.history_messages + 1)
        prompt = build(tenant, request, history)
        call = OpenCall(
            id=new_id(),
            request_id=request.request_id,
            model=tenant.preferred_llm_model or settings.default_model,
            day=budget_day(now),
            reserved_tokens=worst_case_tokens(prompt.whole_size),
        )
        if not await store.reserve(tx, call.day, call.reserved_tokens, tenant.daily_token_budget):
            return "over_budget"
        await store.start_call(tx, call, now)
    return Prepared(call, prompt, tenant.llm_token_rate)


async def get_settings(db: Database, tenant_id: UUID) -> TenantSettings:
    """The salon's settings."""
    async with db.tx(tenant_id) as tx:
        return await store.load_settings(tx, tenant_id)


async def put_settings(db: Database, wanted: TenantSettings, *, now: datetime) -> TenantSettings:
    """Replace the salon's settings and tell the dialog. Switching off forgets what was kept for context."""
    async with db.tx(wanted.tenant_id) as tx:
        saved = await store.save_settings(tx, wanted, now)
        if not saved.enabled or not saved.history_messages:
            await store.forget_messages(tx)
        changed = LlmSettingsChanged(revision=saved.revision, enabled=saved.enabled)
        await outbox.put(tx, Envelope.of(changed, tenant_id=saved.tenant_id, now=now))
    return saved


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What a salon used, and how today's budget stands."""

    rows: tuple[store.UsageRow, ...]
    today: store.DayTokens
    daily_token_budget: int


async def usage(db: Database, tenant_id: UUID, first: date | None, last: date | None, *, now: datetime) -> UsageReport:
    """Calls from `first` to `last`, both included, by day and model; by default the last 30 days.

    Raises:
        BadPeriod: it ends before it starts, is longer than a year, or lies before the calendar does.
    """
    last = last or budget_day(now)
    try:
        first = first or last - timedelta(days=29)
    except OverflowError:
        raise errors.BadPeriod("the period starts before the calendar does") from None
    if first > last:
        raise errors.BadPeriod("the period ends before it starts")
    if last - first > _LONGEST_PERIOD:
        raise errors.BadPeriod("the period is longer than a year")
    async with db.tx(tenant_id) as tx:
        tenant = await store.load_settings(tx, tenant_id)
        rows = await store.usage(tx, first, last)
        today = await store.tokens_of_day(tx, budget_day(now))
    return UsageReport(rows, today, tenant.daily_token_budget)


async def list_calls(db: Database, tenant_id: UUID, *, before: UUID | None, limit: int) -> tuple[store.ListedCall, ...]:
    """A page of calls, newest first."""
    async with db.tx(tenant_id) as tx:
        return await store.list_calls(tx, before=before, limit=limit)
