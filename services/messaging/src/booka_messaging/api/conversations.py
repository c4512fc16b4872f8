"""`/v1/conversations`: what was said, and to whom."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from booka_common.internal import Caller, authenticate
from booka_common.service import Runtime
from booka_messaging.usecases import reading

__all__ = ["conversation_routes"]


class ConversationView(BaseModel):
    """A conversation. `turns` counts the client's messages that were answered."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    channel_id: UUID
    contact_id: UUID
    name: str | None
    phone: str | None
    turns: int
    active_at: datetime
    created_at: datetime


class ConversationPage(BaseModel):
    """Conversations, the last active first. `next` is the `before` of the next page."""

    items: list[ConversationView]
    next: UUID | None


class MessageView(BaseModel):
    """A message. `author`: client, salon (typed on the salon's phone), or booka."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    direction: Literal["in", "out"]
    author: Literal["client", "salon", "booka"]
    kind: str
    text: str
    choice_id: str | None
    status: Literal["received", "queued", "sent", "failed", "delivered", "read"]
    turn: int | None
    purpose: str | None
    failure: str | None
    provider_id: str | None
    request_id: UUID | None
    metadata: dict[str, Any]
    sent_at: datetime | None
    received_at: datetime


class MessagePage(BaseModel):
    """Messages, newest first. `next` is the `before` of the next page."""

    items: list[MessageView]
    next: UUID | None


def conversation_routes(runtime: Runtime) -> APIRouter:
    """Reading."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    Limit = Annotated[int, Query(ge=1, le=200)]
    router = APIRouter(prefix="/v1")
    db = runtime.db

    @router.get("/conversations", tags=["conversations"], summary="Conversations, the last active first")
    async def list_conversations(who: Signed, before: UUID | None = None, limit: Limit = 50) -> ConversationPage:
        rows = await reading.conversations(db, who.tenant_id, before=before, limit=limit)
        items = [ConversationView.model_validate(row) for row in rows]
        return ConversationPage(items=items, next=items[-1].id if len(items) == limit else None)

    @router.get("/conversations/{conversation_id}/messages", tags=["conversations"], summary="Messages, newest first")
    async def list_messages(
        who: Signed, conversation_id: UUID, before: UUID | None = None, limit: Limit = 50
    ) -> MessagePage:
        rows = await reading.messages(db, who.tenant_id, conversation_id, before=before, limit=limit)
        items = [MessageView.model_validate(row) for row in rows]
        return MessagePage(items=items, next=items[-1].id if len(items) == limit else None)

    return router
