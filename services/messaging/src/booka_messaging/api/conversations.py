"""`/v1/conversations`, `/v1/messages`: what was said, and to whom; writing as a person, taking over, handing back."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from booka_common.contracts.messaging import TemplateUse
from booka_common.errors import Invalid
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller, authenticate
from booka_common.paging import Cursor, Limit, Page, cursor_at, position_after
from booka_common.runtime import Runtime
from booka_messaging.api.refusals import changes, refusals
from booka_messaging.api.views import ConversationItem, ConversationView, MessageView
from booka_messaging.store.reading import Filters
from booka_messaging.usecases import reading
from booka_messaging.usecases.attending import hand_back, take_over, take_over_until
from booka_messaging.usecases.reading import SEARCHED, Seen, Walk
from booka_messaging.usecases.writing import Draft, reachable, write

__all__ = ["Blocked", "Words", "conversation_routes"]


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("before or after all time") from None


Callers = Callable[..., Awaitable[Caller]]
#: An instant that a database can be asked about.
Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
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


class MessageBody(BaseModel):
    """What a person of the salon says.

    `written_by`: who, as the salon calls them. `template`: the approved text that says the same, for lines that take free text
    only for a while after the client wrote; it is used if that while is over.
    """

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=4096, pattern=r"\S")
    written_by: str = Field(min_length=1, max_length=120)
    template: TemplateUse | None = None


class TakeOverBody(BaseModel):
    """For how long Booka falls silent: null until the conversation is handed back; left out as long as the channel says."""

    model_config = ConfigDict(extra="forbid")

    minutes: int | None = Field(None, ge=1, le=60 * 24 * 30)


def conversation_routes(runtime: Runtime, *, windows: Mapping[str, timedelta | None], send_attempts: int) -> APIRouter:
    """Reading and answering.

    Args:
        windows: by gateway, for how long after the client's last message free texts are taken; None: always.
        send_attempts: tries to send a message before it is given up.
    """
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    router = APIRouter(prefix="/v1", tags=["conversations"])
    router.include_router(_reading_routes(runtime, caller))
    router.include_router(_answering_routes(runtime, caller, windows, send_attempts))
    return router


def _reading_routes(runtime: Runtime, caller: Callers) -> APIRouter:
    Signed = Annotated[Caller, Depends(caller)]
    router = APIRouter()
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
        since: Annotated[Instant | None, Query(description="active then or later")] = None,
        until: Annotated[Instant | None, Query(description="active before")] = None,
        q: Words = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[ConversationItem]:
        filters = Filters(channel_id, since, until, attended, unanswered, blocked)
        at_page_end = position_after(cursor, tuple[Instant, UUID, Instant, Instant, tuple[UUID, ...]])
        walk = Walk(*at_page_end) if at_page_end else None
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


def _answering_routes(
    runtime: Runtime, caller: Callers, windows: Mapping[str, timedelta | None], send_attempts: int
) -> APIRouter:
    router = APIRouter(prefix="/conversations/{conversation_id}", route_class=OnceRoute)
    Asked = Annotated[Once, Depends(once(runtime.db, caller))]
    now = runtime.now

    @router.post(
        "/messages",
        status_code=201,
        summary="Write to the client as a person of the salon, which takes the conversation over",
        responses=changes({
            404: "unknown_conversation",
            409: "contact_blocked contact_erased channel_deleted channel_inactive no_address window_closed",
        }),
    )  # fmt: skip
    async def post_message(asked: Asked, conversation_id: UUID, body: MessageBody, response: Response) -> MessageView:
        draft = Draft(body.text, body.written_by, body.template)
        async with asked.tx() as tx:
            message = await write(tx, conversation_id, draft, windows=windows, attempts=send_attempts, now=now())
        response.headers["Location"] = f"/v1/messages/{message.id}"
        return MessageView.of(message)

    @router.post(
        "/take-over",
        summary="Let a person answer: Booka falls silent",
        responses=changes({404: "unknown_conversation", 409: "contact_erased"}),
    )
    async def post_take_over(asked: Asked, conversation_id: UUID, body: TakeOverBody) -> ConversationView:
        at = now()
        async with asked.tx() as tx:
            talk = await reachable(tx, conversation_id)
            if "minutes" not in body.model_fields_set:
                await take_over(tx, talk.id, by="console", now=at)
            else:
                until = None if body.minutes is None else at + timedelta(minutes=body.minutes)
                await take_over_until(tx, talk.id, by="console", until=until, now=at)
            return ConversationView.of(await reading.shown(tx, talk.id), at)

    @router.post(
        "/hand-back",
        summary="Let Booka answer again, from where it was",
        responses=changes({404: "unknown_conversation", 409: "contact_erased"}),
    )
    async def post_hand_back(asked: Asked, conversation_id: UUID) -> ConversationView:
        at = now()
        async with asked.tx() as tx:
            talk = await reachable(tx, conversation_id)
            await hand_back(tx, talk.id, by="console", now=at)
            return ConversationView.of(await reading.shown(tx, talk.id), at)

    return router
