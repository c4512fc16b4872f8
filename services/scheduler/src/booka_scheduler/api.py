"""The scheduler's HTTP API: reminders as an operator sees and steers them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from booka_common.db import Database
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller
from booka_scheduler import usecases
from booka_scheduler.domain import Status

__all__ = ["reminders_api"]

Minutes = Annotated[int, Field(ge=5, le=43_200)]


class ReminderSettings(BaseModel):
    """When clients are reminded, in minutes before the start. An empty list switches reminders off."""

    model_config = ConfigDict(extra="forbid")

    minutes_before: tuple[Minutes, ...] = Field(max_length=5, examples=[[1440, 120]])


class TriggerRequest(BaseModel):
    """Which reminder to send now. Without `minutes_before`: the next planned, else the last that was skipped."""

    model_config = ConfigDict(extra="forbid")

    reservation_id: UUID
    minutes_before: Minutes | None = None


class TriggeredReminder(BaseModel):
    """The reminder that is on its way."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    reservation_id: UUID
    reservation_version: int
    minutes_before: int
    starts_at: datetime
    due_at: datetime
    status: Status


class ReminderView(TriggeredReminder):
    """A reminder. `settled_at` is when it was sent, skipped or cancelled."""

    created_at: datetime
    settled_at: datetime | None


class ReminderPage(BaseModel):
    """A page of reminders, newest first. `next` is the `before` of the next page."""

    items: list[ReminderView]
    next: UUID | None


def reminders_api(db: Database, caller: Callable[..., Awaitable[Caller]], now: Callable[[], datetime]) -> APIRouter:
    """`/v1/reminders`: list, settings and the manual trigger. All requests are signed."""
    router = APIRouter(prefix="/v1/reminders", tags=["reminders"], route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.get("")
    async def list_reminders(
        who: Signed,
        status: Status | None = None,
        reservation_id: UUID | None = None,
        before: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> ReminderPage:
        found = await usecases.list_reminders(
            db, who.tenant_id, status=status, reservation_id=reservation_id, before=before, limit=limit
        )
        items = [ReminderView.model_validate(reminder) for reminder in found]
        return ReminderPage(items=items, next=items[-1].id if len(items) == limit else None)

    @router.post("/trigger", status_code=202)
    async def trigger(asked: Asked, request: TriggerRequest) -> TriggeredReminder:
        """Send a reminder now; it does not go out again at its time. 404 `reminder_not_found`; 409 `already_sent`,
        `reservation_cancelled`, `visit_started`."""
        async with asked.tx() as tx:
            sent = await usecases.trigger(
                tx, asked.tenant_id, request.reservation_id, request.minutes_before, now=now()
            )
        return TriggeredReminder.model_validate(sent)

    @router.get("/settings")
    async def get_settings(who: Signed) -> ReminderSettings:
        return ReminderSettings(minutes_before=await usecases.get_settings(db, who.tenant_id))

    @router.put("/settings")
    async def put_settings(asked: Asked, request: ReminderSettings) -> ReminderSettings:
        """Applies to visits confirmed or moved from now on."""
        async with asked.tx() as tx:
            stored = await usecases.put_settings(tx, request.minutes_before, now=now())
        return ReminderSettings(minutes_before=stored)

    return router
