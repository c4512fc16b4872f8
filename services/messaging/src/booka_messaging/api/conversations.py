"""`/v1/conversations`, `/v1/messages`: what was said, and to whom."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from booka_common.errors import Invalid
from booka_common.internal import Caller, authenticate
from booka_common.paging import Cursor, Limit, Page, cursor_at, position_after
from booka_common.service import Runtime
from booka_messaging.api.refusals import refusals
from booka_messaging.api.views import ConversationItem, ConversationView, MessageView
from booka_messaging.store.reading import Filters
from booka_messaging.usecases import reading
from booka_messaging.usecases.reading import SEARCHED, Seen, Walk

__all__ = ["Blocked", "Words", "conversation_routes"]

Blocked = Annotated[bool | None, Query(description="nothing they write is answered")]
Words = Annotated[
    str | None,
    Query(
        min_length=2, max_length=120, description="letters count without accents, digits of a number in any spelling"
    ),
]


class MessagePage(BaseModel):
    """Messages, newest first; asked for with `after`, oldest first.

    `next` is the `cursor` of the page with older ones, null if there are none. `newer` is the `after` with which what comes from
    now on is asked for, each message once; the states of messages that were shown before are not told again.
    """

    items: list[MessageView]
    next: str | None
    newer: str | None = Field(description="null on pages of older messages")
    more: bool = Field(description="there are further ones in this direction")


def conversation_routes(runtime: Runtime) -> APIRouter:
    """Reading."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    router = APIRouter(prefix="/v1", tags=["conversations"])
    db, now = runtime.db, runtime.now

    @router.get(
        "/conversations",
        summary="Conversations, the last active first",
        description="Whoever follows `next` to the end sees every conversation that was there at the beginning, once. "
        f"`q` occurs in the name, in the number, or in one of the salon's newest {SEARCHED} messages.",
        responses=refusals({400: "bad_cursor"}),
    )
    async def list_conversations(
        who: Signed,
        channel_id: UUID | None = None,
        attended: Annotated[bool | None, Query(description="a person of the salon answers")] = None,
        unanswered: Annotated[bool | None, Query(description="the client wrote after all that was said")] = None,
        blocked: Blocked = None,
        since: Annotated[AwareDatetime | None, Query(description="active then or later")] = None,
        until: Annotated[AwareDatetime | None, Query(description="active before")] = None,
        q: Words = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[ConversationItem]:
        filters = Filters(channel_id, since, until, attended, unanswered, blocked)
        walk = position_after(cursor, Walk)
        at = now()
        shown, going_on = await reading.conversations(
            db, who.tenant_id, filters, words=q, walk=walk, limit=limit, now=at
        )
        return Page(
            items=[ConversationItem.listed(one, at) for one in shown], next=cursor_at(going_on) if going_on else None
        )

    @router.get(
        "/conversations/{conversation_id}",
        summary="One conversation",
        responses=refusals({404: "unknown_conversation"}),
    )
    async def get_conversation(who: Signed, conversation_id: UUID) -> ConversationView:
        return ConversationView.of(await reading.conversation(db, who.tenant_id, conversation_id), now())

    @router.get(
        "/conversations/{conversation_id}/messages",
        summary="Messages, newest first; or those that have come since",
        responses=refusals({400: "bad_cursor cursor_and_after", 404: "unknown_conversation"}),
    )
    async def list_messages(
        who: Signed,
        conversation_id: UUID,
        cursor: Cursor = None,
        after: Annotated[str | None, Query(max_length=1000, description="`newer` of an earlier answer")] = None,
        limit: Limit = 50,
    ) -> MessagePage:
        if cursor is not None and after is not None:
            raise Invalid("either older messages or newer ones", code="cursor_and_after")
        seen, before = position_after(after, Seen), position_after(cursor, tuple[UUID])
        if seen is not None:
            found = await reading.news(db, who.tenant_id, conversation_id, seen, limit=limit, now=now())
        else:
            found = await reading.messages(
                db, who.tenant_id, conversation_id, before=before[0] if before else None, limit=limit, now=now()
            )
        items = [MessageView.of(row) for row in found.messages]
        return MessagePage(
            items=items,
            next=cursor_at((items[-1].id,)) if found.more and seen is None else None,
            newer=cursor_at(found.seen) if before is None else None,
            more=found.more,
        )

    @router.get(
        "/messages/{message_id}", tags=["messages"], summary="One message", responses=refusals({404: "unknown_message"})
    )
    async def get_message(who: Signed, message_id: UUID) -> MessageView:
        return MessageView.of(await reading.message(db, who.tenant_id, message_id))

    return router
