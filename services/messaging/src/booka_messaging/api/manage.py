"""The signed internal API: channels are provisioned, conversations are read."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr

from booka_common.errors import Invalid
from booka_common.internal import Caller, authenticate
from booka_common.service import Runtime
from booka_messaging.domain.verification import AuthMode, min_secret_bytes
from booka_messaging.store import Channel
from booka_messaging.usecases import reading
from booka_messaging.usecases.channels import ChannelOrder, Channels

__all__ = ["manage_routes"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChannelAuth(_Request):
    """How the channel's webhooks prove where they come from.

    `hmac`: `x-booka-signature: sha256=<hex HMAC of the raw body>`; `header`: `x-booka-webhook-secret: <secret>`;
    `jwt`: Evolution's `jwt_key`, sent as `Authorization: Bearer <HS256 JWT>`.
    """

    mode: AuthMode
    secret: SecretStr = Field(max_length=512, description="at least 24 bytes; for jwt at least 32")


class ChannelPut(_Request):
    """A channel as it is to be."""

    gateway: Literal["evolution"] = "evolution"
    instance: str = Field(min_length=1, max_length=120, description="the gateway's name of the WhatsApp connection")
    base_url: HttpUrl = Field(description="where the gateway's API is")
    api_key: SecretStr = Field(min_length=1, max_length=512)
    auth: ChannelAuth
    active: bool = Field(True, description="False: its webhooks are answered 404, and nothing is sent")


class SecretRotation(_Request):
    """A new webhook secret; the one before it stays valid for a while."""

    secret: SecretStr = Field(max_length=512)
    keep_previous_hours: int = Field(168, ge=1, le=168)


class ChannelView(BaseModel):
    """A channel without its secrets. `state` is the gateway's connection: open, connecting, close, refused."""

    id: UUID
    gateway: str
    instance: str
    base_url: str
    auth_mode: AuthMode
    previous_secret_until: datetime | None
    active: bool
    state: str | None
    state_reason: str | None
    state_at: datetime | None
    webhook_path: str
    created_at: datetime
    updated_at: datetime


class ChannelList(BaseModel):
    """All channels of the tenant."""

    items: list[ChannelView]


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


def manage_routes(runtime: Runtime, channels: Channels) -> APIRouter:
    """`/v1/channels` and `/v1/conversations`."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    Limit = Annotated[int, Query(ge=1, le=200)]
    router = APIRouter(prefix="/v1")
    db = runtime.db

    @router.put("/channels/{channel_id}", tags=["channels"], summary="Create or replace a channel")
    async def put_channel(who: Signed, channel_id: UUID, order: ChannelPut) -> ChannelView:
        secret = _long_enough(order.auth.mode, order.auth.secret)
        if order.base_url.username or order.base_url.password or order.base_url.query or order.base_url.fragment:
            raise Invalid("base_url is an address only: no user, password, query or fragment")
        return _view(
            await channels.put(
                who.tenant_id,
                channel_id,
                ChannelOrder(
                    gateway=order.gateway,
                    instance=order.instance,
                    base_url=str(order.base_url).rstrip("/"),
                    api_key=order.api_key.get_secret_value(),
                    auth_mode=order.auth.mode,
                    secret=secret,
                    active=order.active,
                ),
                now=runtime.now(),
            )
        )

    @router.get("/channels", tags=["channels"], summary="All channels")
    async def list_channels(who: Signed) -> ChannelList:
        return ChannelList(items=[_view(channel) for channel in await channels.of_tenant(who.tenant_id)])

    @router.get("/channels/{channel_id}", tags=["channels"], summary="One channel")
    async def get_channel(who: Signed, channel_id: UUID) -> ChannelView:
        return _view(await channels.get(who.tenant_id, channel_id))

    @router.post(
        "/channels/{channel_id}/rotate-secret", tags=["channels"], summary="Give a channel a new webhook secret"
    )
    async def rotate_secret(who: Signed, channel_id: UUID, rotation: SecretRotation) -> ChannelView:
        channel = await channels.get(who.tenant_id, channel_id)
        secret = _long_enough(channel.auth_mode, rotation.secret)
        keep = timedelta(hours=rotation.keep_previous_hours)
        return _view(await channels.rotate(who.tenant_id, channel_id, secret, keep=keep, now=runtime.now()))

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


def _long_enough(mode: AuthMode, secret: SecretStr) -> str:
    value = secret.get_secret_value()
    if len(value.encode()) < min_secret_bytes(mode):
        raise Invalid(f"the secret needs at least {min_secret_bytes(mode)} bytes for {mode}", code="weak_secret")
    return value


def _view(channel: Channel) -> ChannelView:
    return ChannelView(
        id=channel.id,
        gateway=channel.gateway,
        instance=channel.instance,
        base_url=channel.base_url,
        auth_mode=channel.auth_mode,
        previous_secret_until=channel.previous_until,
        active=channel.active,
        state=channel.state,
        state_reason=channel.state_reason,
        state_at=channel.state_at,
        webhook_path=f"/webhooks/{channel.gateway}/{channel.id}",
        created_at=channel.created_at,
        updated_at=channel.updated_at,
    )
