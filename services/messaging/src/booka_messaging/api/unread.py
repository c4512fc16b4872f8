"""`/v1/channels/{id}/unread`: webhooks that could not be read, and another try at them."""

import base64
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from booka_common.errors import NotFound
from booka_common.internal import Caller, authenticate
from booka_common.runtime import Runtime
from booka_messaging.usecases.channels import Channels
from booka_messaging.usecases.delivering import Deliveries
from booka_messaging.usecases.rereading import Unread

__all__ = ["unread_routes"]

_MOST_AT_ONCE = 100


class UnreadView(BaseModel):
    """One of them. `error`: why it could not be read; `deliveries`: how often it came; `read_at`: when it was read after all."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    path_event: str | None
    error: str
    deliveries: int
    bytes: int
    received_at: datetime
    read_at: datetime | None


class UnreadPage(BaseModel):
    """Newest first. `next` is the `before` of the next page."""

    items: list[UnreadView]
    next: UUID | None


class UnreadBody(BaseModel):
    """What was kept, without credentials. `body` is text if it is UTF-8, else null; `base64` is always there."""

    id: UUID
    path_event: str | None
    error: str
    body: str | None
    base64: str


class ReplayRequest(BaseModel):
    """`id`: this one; null: those that wait, the oldest first, up to 100 after `after`."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = None
    after: UUID | None = None


class RereadView(BaseModel):
    """What came of one. `outcome` `kept`: it still cannot be read, and `error` says why."""

    id: UUID
    outcome: str
    error: str | None


class ReplayView(BaseModel):
    """What came of the replay. `next`: the `after` of the next request; null: that was all."""

    read: int = Field(description="how many could be read now")
    items: list[RereadView]
    next: UUID | None


def unread_routes(runtime: Runtime, channels: Channels, unread: Unread, deliveries: Deliveries) -> APIRouter:
    """What could not be read, per line."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    router = APIRouter(prefix="/v1/channels/{channel_id}/unread", tags=["channels"])

    @router.get("", summary="Webhooks that could not be read")
    async def list_unread(
        who: Signed,
        channel_id: UUID,
        before: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        also: Literal["read"] | None = None,
    ) -> UnreadPage:
        rows = await unread.listed(who.tenant_id, channel_id, before=before, limit=limit, also_read=also == "read")
        items = [UnreadView.model_validate(row) for row in rows]
        return UnreadPage(items=items, next=items[-1].id if len(items) == limit else None)

    @router.get("/{unread_id}", summary="One of them with its body")
    async def get_unread(who: Signed, channel_id: UUID, unread_id: UUID) -> UnreadBody:
        found = await unread.one(who.tenant_id, channel_id, unread_id)
        if found is None:
            raise NotFound("no such webhook is kept", code="unknown_unread")
        try:
            text = found.body.decode()
        except UnicodeDecodeError:
            text = None
        encoded = base64.b64encode(found.body).decode()
        return UnreadBody(id=found.id, path_event=found.path_event, error=found.error, body=text, base64=encoded)

    @router.post("/replay", summary="Read them again; repeated, it changes nothing")
    async def replay(who: Signed, channel_id: UUID, request: ReplayRequest) -> ReplayView:
        channel = await channels.get(who.tenant_id, channel_id)
        if request.id is not None:
            one = await unread.one(who.tenant_id, channel_id, request.id)
            if one is None:
                raise NotFound("no such webhook is kept", code="unknown_unread")
            kept, more = [one], False
        else:
            kept = list(await unread.waiting(channel, after=request.after, limit=_MOST_AT_ONCE))
            more = len(kept) == _MOST_AT_ONCE
        found = await deliveries.replay(channel, kept, now=runtime.now())
        items = [RereadView(id=one.id, outcome=one.outcome, error=one.error) for one in found]
        read = sum(one.error is None for one in found)
        return ReplayView(read=read, items=items, next=kept[-1].id if more else None)

    return router
