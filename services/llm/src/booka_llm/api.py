"""llm's HTTP API: a salon's settings, what it used, and its calls."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from booka_common.db import Database
from booka_common.internal import Caller
from booka_llm import usecases
from booka_llm.domain import CallStatus, TenantSettings
from booka_llm.settings import Settings

__all__ = ["llm_api"]

_DEFAULTS = TenantSettings(UUID(int=0))


class SettingsBody(BaseModel):
    """How the salon uses the model; replaces all of it. What is left out gets its default."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool
    preferred_llm_model: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}$", description="null: the installation's default"
    )
    llm_token_rate: int = Field(
        _DEFAULTS.llm_token_rate, ge=0, le=10**9, description="price of 1000 tokens, in millionths of the currency"
    )
    daily_token_budget: int = Field(
        _DEFAULTS.daily_token_budget, ge=0, le=10**10, description="tokens a UTC day, prompt and completion together"
    )
    history_messages: int = Field(_DEFAULTS.history_messages, ge=0, le=20, description="kept for context")


class SettingsView(SettingsBody):
    """The salon's settings. `model` is the one that is asked; `configured` is False while the service has no endpoint."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")

    revision: int
    model: str
    configured: bool


class UsageItem(BaseModel):
    """One model on one day. `cost` is in millionths of the currency."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    model: str
    calls: int
    answered: int
    prompt_tokens: int
    completion_tokens: int
    cost: int


class Today(BaseModel):
    """Today's budget (UTC). `reserved` is set aside for calls that are under way."""

    daily_token_budget: int
    used: int
    reserved: int


class UsageView(BaseModel):
    """What the salon used, newest day first."""

    items: list[UsageItem]
    today: Today


class CallView(BaseModel):
    """One call to the model."""

    model_config = ConfigDict(from_attributes=True)

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


class CallPage(BaseModel):
    """A page of calls, newest first. `next` is the `before` of the next page."""

    items: list[CallView]
    next: UUID | None


def llm_api(
    db: Database, settings: Settings, caller: Callable[..., Awaitable[Caller]], now: Callable[[], datetime]
) -> APIRouter:
    """`/v1/settings`, `/v1/usage` and `/v1/calls`. All requests are signed."""
    router = APIRouter(prefix="/v1", tags=["llm"])
    Signed = Annotated[Caller, Depends(caller)]

    def view(tenant: TenantSettings) -> SettingsView:
        return SettingsView(
            enabled=tenant.enabled,
            preferred_llm_model=tenant.preferred_llm_model,
            llm_token_rate=tenant.llm_token_rate,
            daily_token_budget=tenant.daily_token_budget,
            history_messages=tenant.history_messages,
            revision=tenant.revision,
            model=tenant.preferred_llm_model or settings.default_model,
            configured=settings.configured,
        )

    @router.get("/settings")
    async def get_settings(who: Signed) -> SettingsView:
        return view(await usecases.get_settings(db, who.tenant_id))

    @router.put("/settings")
    async def put_settings(who: Signed, body: SettingsBody) -> SettingsView:
        """Holds from the next call on. Switching off forgets every message kept for context."""
        return view(await usecases.put_settings(db, TenantSettings(who.tenant_id, **body.model_dump()), now=now()))

    @router.get("/usage")
    async def get_usage(who: Signed, first: date | None = None, last: date | None = None) -> UsageView:
        """By day (UTC) and model, both ends included; the last 30 days by default. 400 `bad_period`."""
        report = await usecases.usage(db, who.tenant_id, first, last, now=now())
        return UsageView(
            items=[UsageItem.model_validate(row) for row in report.rows],
            today=Today(
                daily_token_budget=report.daily_token_budget, used=report.today.used, reserved=report.today.reserved
            ),
        )

    @router.get("/calls")
    async def list_calls(
        who: Signed, before: UUID | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> CallPage:
        found = await usecases.list_calls(db, who.tenant_id, before=before, limit=limit)
        items = [CallView.model_validate(call) for call in found]
        return CallPage(items=items, next=items[-1].id if len(items) == limit else None)

    return router
