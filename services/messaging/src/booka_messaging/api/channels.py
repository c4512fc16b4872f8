"""`/v1/channels`: the lines of a salon are provisioned."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr

from booka_common.errors import Invalid
from booka_common.internal import Caller, authenticate
from booka_common.service import Runtime
from booka_messaging.domain.verification import AuthMode, min_secret_bytes
from booka_messaging.store import Channel
from booka_messaging.usecases.channels import ChannelOrder, Channels

__all__ = ["channel_routes"]


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


def channel_routes(runtime: Runtime, channels: Channels) -> APIRouter:
    """Provisioning of channels."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    router = APIRouter(prefix="/v1")

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
