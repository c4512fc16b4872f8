"""`/v1/channels`: the lines of a salon are provisioned, looked at and tried."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Union
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, Discriminator, Field, SecretStr, Tag

from booka_common.errors import Invalid
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller, authenticate
from booka_common.runtime import Runtime
from booka_messaging.api.refusals import changes as once_refusals
from booka_messaging.api.refusals import refusals
from booka_messaging.domain.model import Alias
from booka_messaging.providers.gateway import NotNow, OutcomeUnknown, Refused, SendOutcome, Sent
from booka_messaging.providers.kind import Kind, Known, LineOrder, Pace, Request, Secret, Takeover, webhook_path
from booka_messaging.store import Channel, ChannelChange, Habits
from booka_messaging.usecases.channels import ChannelOrder, Channels, Tested

__all__ = ["channel_routes"]

_THERE = refusals({404: "unknown_channel"})
_TEST_TEXT = "Booka: this line works."


def _any_of(kinds: Sequence[Kind]) -> Any:
    """The body by which a channel of any of these kinds is ordered; one that names none means the first."""

    def named(order: Any) -> str:
        given = order.get("gateway", kinds[0].name) if isinstance(order, dict) else getattr(order, "gateway", None)
        return given if isinstance(given, str) else "?"

    orders = tuple(Annotated[kind.order, Tag(kind.name)] for kind in kinds)
    return Annotated[Union[orders], Discriminator(named)]  # noqa: UP007 - of as many as there are


class ChannelPatch(Request):
    """What is to be different; what is absent stays."""

    active: bool = True
    takeover_minutes: Takeover = None
    messages_per_minute: Pace = 1200
    show_typing: bool = False
    transcribe: bool = False


class SecretRotation(Request):
    """A new webhook secret; the one before it stays valid for a while."""

    secret: Secret
    keep_previous_hours: int = Field(168, ge=1, le=168)


class ChannelTest(Request):
    """Without `to`, only the connection is asked."""

    to: str | None = Field(None, pattern=r"^\+?[0-9]{5,20}$", description="a phone number that a text is sent to")
    text: str = Field(_TEST_TEXT, min_length=1, max_length=1000)


class ChannelView(BaseModel):
    """A channel without its secrets.

    `state` is what was last known of the connection: open, connecting, close, refused, away. `own_app`: with an
    app of its own at the gateway, where salons may share one. `heard_at`: of the last webhook, to the minute.
    """

    id: UUID
    gateway: str
    instance: str
    base_url: str
    auth_mode: str
    own_app: bool
    previous_secret_until: datetime | None
    active: bool
    takeover_minutes: int | None
    messages_per_minute: int
    show_typing: bool
    transcribe: bool
    state: str | None
    state_reason: str | None
    state_at: datetime | None
    heard_at: datetime | None
    silent_since: datetime | None
    webhook_path: str
    created_at: datetime
    updated_at: datetime


class ChannelList(BaseModel):
    """All channels of the tenant."""

    items: list[ChannelView]


class ConnectionView(BaseModel):
    """What the gateway says now. `refused`: its key is wrong or its line unknown. `away`: it does not answer."""

    state: Literal["open", "connecting", "close", "refused", "away"]
    detail: str
    asked_at: datetime


class TestedMessage(BaseModel):
    """What came of the text. `not_now`: it was not taken and may be later. `unknown`: nobody knows whether it was taken."""

    outcome: Literal["sent", "refused", "not_now", "unknown"]
    detail: str
    code: str | None
    provider_id: str | None


class TestView(BaseModel):
    """Whether the line can send. `message` is null if none was asked for, or the line is not open."""

    connection: ConnectionView
    message: TestedMessage | None


class PairingView(BaseModel):
    """How to tie a phone to the line: scan `image` (a data URL, or make a picture that says `qr`), or type `code` on it.

    `connected`: there is one, and nothing to do. Codes are short-lived: ask again after half a minute.
    """

    connected: bool
    code: str | None
    qr: str | None
    image: str | None


def channel_routes(runtime: Runtime, channels: Channels, kinds: Sequence[Kind]) -> APIRouter:
    """Provisioning, state and trial of channels of these kinds of gateways."""
    by_name, Ordered = Known({kind.name: kind for kind in kinds}), _any_of(kinds)
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    router = APIRouter(prefix="/v1/channels", tags=["channels"])
    changes = APIRouter(prefix="/v1/channels", tags=["channels"], route_class=OnceRoute)
    Asked = Annotated[Once, Depends(once(runtime.db, caller))]

    @router.put(
        "/{channel_id}",
        summary="Create or replace a channel",
        responses=refusals({
            400: "bad_base_url bad_secret weak_secret",
            404: "unknown_channel",
            409: "line_taken",
            422: "line_refused",
            503: "gateway_away",
        }),
    )  # fmt: skip
    async def put_channel(who: Signed, channel_id: UUID, line: Annotated[Ordered, Body()]) -> ChannelView:  # type: ignore[valid-type]
        return _view(await channels.put(who.tenant_id, channel_id, _order(by_name, line), now=runtime.now()))

    @router.patch(
        "/{channel_id}",
        summary="Change how Booka behaves on a line",
        responses=refusals({
            400: "bad_base_url",
            404: "unknown_channel",
            409: "line_taken line_changed",
            422: "line_refused",
            503: "gateway_away",
        }),
    )  # fmt: skip
    async def change_channel(who: Signed, channel_id: UUID, patch: ChannelPatch) -> ChannelView:
        change = ChannelChange(**patch.model_dump(exclude_unset=True))
        return _view(await channels.change(who.tenant_id, channel_id, change, now=runtime.now()))

    @router.get("", summary="All channels")
    async def list_channels(who: Signed) -> ChannelList:
        return ChannelList(items=[_view(channel) for channel in await channels.of_tenant(who.tenant_id)])

    @router.get("/{channel_id}", summary="One channel", responses=_THERE)
    async def get_channel(who: Signed, channel_id: UUID) -> ChannelView:
        return _view(await channels.get(who.tenant_id, channel_id))

    @changes.post(
        "/{channel_id}/rotate-secret",
        summary="Give a channel a new webhook secret",
        responses=once_refusals({400: "bad_secret weak_secret", 404: "unknown_channel", 409: "shared_app"}),
    )
    async def rotate_secret(asked: Asked, channel_id: UUID, rotation: SecretRotation) -> ChannelView:
        channel = await channels.get(asked.tenant_id, channel_id)
        mode = channel.auth_mode
        secret = _usable(rotation.secret, "secret", mode, by_name[channel.gateway].min_secret_bytes(mode))
        keep = timedelta(hours=rotation.keep_previous_hours)
        async with asked.tx() as tx:
            return _view(await channels.rotate(tx, channel, secret, keep=keep, now=runtime.now()))

    @changes.delete(
        "/{channel_id}",
        status_code=204,
        summary="Delete a channel; its conversations stay readable",
        responses=once_refusals({404: "unknown_channel"}),
    )
    async def delete_channel(asked: Asked, channel_id: UUID) -> None:
        async with asked.tx() as tx:
            await channels.delete(tx, channel_id, now=runtime.now())

    @router.get("/{channel_id}/connection", summary="Ask the gateway whether the line works", responses=_THERE)
    async def get_connection(who: Signed, channel_id: UUID) -> ConnectionView:
        now = runtime.now()
        found = await channels.connection(who.tenant_id, channel_id, now=now)
        return ConnectionView(state=found.state, detail=found.detail, asked_at=now)

    @router.post(
        "/{channel_id}/test",
        summary="Try a line; each request sends a text of its own, if it asks for one",
        responses=_THERE,
    )
    async def test_channel(who: Signed, channel_id: UUID, test: ChannelTest) -> TestView:
        now = runtime.now()
        to = None if test.to is None else Alias("pn", test.to.removeprefix("+"))
        return _tested(await channels.test(who.tenant_id, channel_id, to=to, text=test.text, now=now), now)

    @router.get(
        "/{channel_id}/pairing",
        summary="How to tie a phone to the line now",
        responses=refusals({404: "unknown_channel", 409: "no_pairing line_refused", 503: "gateway_away"}),
    )
    async def get_pairing(
        who: Signed,
        channel_id: UUID,
        number: Annotated[str | None, Query(pattern=r"^[0-9]{5,20}$", description="of the phone, for a code")] = None,
    ) -> PairingView:
        found = await channels.pairing(who.tenant_id, channel_id, number=number)
        return PairingView(connected=found.connected, code=found.code, qr=found.qr, image=found.image)

    whole = APIRouter()
    whole.include_router(router)
    whole.include_router(changes)
    return whole


def _order(kinds: Mapping[str, Kind], order: LineOrder) -> ChannelOrder:
    url = order.base_url
    if url.username or url.password or url.query or url.fragment:
        raise Invalid("base_url is an address only: no user, password, query or fragment", code="bad_base_url")
    base_url = str(url).rstrip("/")
    proof = order.proof()
    least = kinds[order.gateway].min_secret_bytes(proof.mode)
    secret = None if proof.secret is None else _usable(proof.secret, "auth.secret", proof.mode, least)
    token = None if proof.verify_token is None else _usable(proof.verify_token, "auth.verify_token", proof.mode, least)
    order.check_address(base_url)
    return ChannelOrder(
        gateway=order.gateway,
        instance=order.instance,
        base_url=base_url,
        api_key=_visible(order.api_key, "api_key"),
        auth_mode=proof.mode,
        secret=secret,
        verify_token=token,
        active=order.active,
        habits=Habits(order.takeover_minutes, order.messages_per_minute, order.show_typing, order.transcribe),
    )


def _visible(secret: SecretStr, name: str) -> str:
    value = secret.get_secret_value()
    if not all("!" <= letter <= "~" for letter in value):
        raise Invalid(f"{name} may have visible ASCII characters only: a header carries no others", code="bad_secret")
    return value


def _usable(secret: SecretStr, name: str, mode: str, least: int) -> str:
    value = _visible(secret, name)
    if len(value) < least:
        raise Invalid(f"{name} needs at least {least} bytes for {mode}", code="weak_secret")
    return value


def _tested(tested: Tested, now: datetime) -> TestView:
    connection = ConnectionView(state=tested.connection.state, detail=tested.connection.detail, asked_at=now)
    return TestView(connection=connection, message=None if tested.sent is None else _message(tested.sent))


def _message(outcome: SendOutcome) -> TestedMessage:
    match outcome:
        case Sent(provider_id):
            return TestedMessage(outcome="sent", detail="", code=None, provider_id=provider_id)
        case Refused(code, detail):
            return TestedMessage(outcome="refused", detail=detail, code=code, provider_id=None)
        case NotNow(reason):
            return TestedMessage(outcome="not_now", detail=reason, code=None, provider_id=None)
        case OutcomeUnknown(reason):
            return TestedMessage(outcome="unknown", detail=reason, code=None, provider_id=None)


def _view(channel: Channel) -> ChannelView:
    shared = channel.secret is None
    return ChannelView(
        id=channel.id,
        gateway=channel.gateway,
        instance=channel.instance,
        base_url=channel.base_url,
        auth_mode=channel.auth_mode,
        own_app=channel.verify_token is not None,
        previous_secret_until=channel.previous_until,
        active=channel.active,
        takeover_minutes=channel.takeover_minutes,
        messages_per_minute=channel.messages_per_minute,
        show_typing=channel.show_typing,
        transcribe=channel.transcribe,
        state=channel.state,
        state_reason=channel.state_reason,
        state_at=channel.state_at,
        heard_at=channel.heard_at,
        silent_since=channel.silent_since,
        webhook_path=webhook_path(channel.gateway, None if shared else channel.id),
        created_at=channel.created_at,
        updated_at=channel.updated_at,
    )
