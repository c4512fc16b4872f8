"""`/v1/channels`: the lines of a salon are provisioned, looked at and tried."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, ConfigDict, Discriminator, Field, HttpUrl, SecretStr, Tag

from booka_common.errors import Invalid
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller, authenticate
from booka_common.runtime import Runtime
from booka_messaging.api.refusals import changes as once_refusals
from booka_messaging.api.refusals import refusals
from booka_messaging.domain.model import Alias
from booka_messaging.domain.verification import AuthMode, min_secret_bytes
from booka_messaging.providers.gateway import NotNow, OutcomeUnknown, Refused, SendOutcome, Sent
from booka_messaging.store import Channel, ChannelChange, Habits
from booka_messaging.usecases.channels import ChannelOrder, Channels, Tested

__all__ = ["channel_routes"]

_META = "https://graph.facebook.com/v23.0"
_THERE = refusals({404: "unknown_channel"})
_TEST_TEXT = "Booka: this line works."


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


_Secret = Annotated[
    SecretStr, Field(max_length=512, description="visible ASCII, at least 24 bytes; for jwt at least 32")
]
_Takeover = Annotated[
    int | None,
    Field(ge=1, le=43_200, description="Booka falls silent so long once a person types; null: until it is handed back"),
]
_Pace = Annotated[int, Field(ge=1, le=60_000, description="what is sent on the line at most")]


class EvolutionAuth(_Request):
    """How the channel's webhooks prove where they come from.

    `hmac`: `x-booka-signature: sha256=<hex HMAC of the raw body>`; `header`: `x-booka-webhook-secret: <secret>`;
    `jwt`: Evolution's `jwt_key`, sent as `Authorization: Bearer <HS256 JWT>`.
    """

    mode: Literal["hmac", "header", "jwt"]
    secret: _Secret


class MetaAuth(_Request):
    """The app secret of a Meta app of the salon's own, and what Meta is told to say when it asks whether the address is ours."""

    mode: Literal["meta"] = "meta"
    secret: _Secret
    verify_token: _Secret


class _ChannelPut(_Request):
    api_key: SecretStr = Field(min_length=8, max_length=1024, description="the gateway's key or access token")
    active: bool = Field(True, description="False: its webhooks are not taken, and nothing is sent")
    takeover_minutes: _Takeover = 120
    messages_per_minute: _Pace = 1200
    show_typing: bool = Field(
        False, description="show the client that an answer is being written, where that is possible"
    )
    transcribe: bool = Field(False, description="have voice messages written down, if the installation can")


class EvolutionPut(_ChannelPut):
    """A line of Evolution API as it is to be."""

    gateway: Literal["evolution"] = "evolution"
    instance: str = Field(min_length=1, max_length=120, description="the gateway's name of the WhatsApp connection")
    base_url: HttpUrl = Field(description="where the gateway's API is")
    auth: EvolutionAuth


class CloudPut(_ChannelPut):
    """A line of WhatsApp's Cloud API as it is to be."""

    gateway: Literal["cloud"]
    instance: str = Field(pattern=r"^[0-9]{5,32}$", description="the phone number id")
    base_url: HttpUrl = Field(HttpUrl(_META), description="Meta's Graph API with its version at the end")
    auth: MetaAuth | None = Field(None, description="null: the line belongs to the installation's own Meta app")


def _gateway(order: Any) -> Any:
    given = order.get("gateway", "evolution") if isinstance(order, dict) else getattr(order, "gateway", None)
    return given if isinstance(given, str) else "?"


ChannelPut = Annotated[
    Annotated[EvolutionPut, Tag("evolution")] | Annotated[CloudPut, Tag("cloud")], Discriminator(_gateway)
]


class ChannelPatch(_Request):
    """What is to be different; what is absent stays."""

    active: bool = True
    takeover_minutes: _Takeover = None
    messages_per_minute: _Pace = 1200
    show_typing: bool = False
    transcribe: bool = False


class SecretRotation(_Request):
    """A new webhook secret; the one before it stays valid for a while."""

    secret: _Secret
    keep_previous_hours: int = Field(168, ge=1, le=168)


class ChannelTest(_Request):
    """Without `to`, only the connection is asked."""

    to: str | None = Field(None, pattern=r"^\+?[0-9]{5,20}$", description="a phone number that a text is sent to")
    text: str = Field(_TEST_TEXT, min_length=1, max_length=1000)


class ChannelView(BaseModel):
    """A channel without its secrets.

    `state` is what was last known of the connection: open, connecting, close, refused, away. `own_app`: of the Cloud API, with a
    Meta app of its own. `heard_at`: of the last webhook, to the minute.
    """

    id: UUID
    gateway: str
    instance: str
    base_url: str
    auth_mode: AuthMode
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


def channel_routes(runtime: Runtime, channels: Channels) -> APIRouter:
    """Provisioning, state and trial of channels."""
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
    async def put_channel(who: Signed, channel_id: UUID, order: Annotated[ChannelPut, Body()]) -> ChannelView:
        return _view(await channels.put(who.tenant_id, channel_id, _order(order), now=runtime.now()))

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
        secret = _usable(channel.auth_mode, rotation.secret, "secret")
        keep = timedelta(hours=rotation.keep_previous_hours)
        async with asked.tx() as tx:
            return _view(await channels.rotate(tx, channel, secret, keep=keep, now=runtime.now()))

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


def _order(order: EvolutionPut | CloudPut) -> ChannelOrder:
    url = order.base_url
    if url.username or url.password or url.query or url.fragment:
        raise Invalid("base_url is an address only: no user, password, query or fragment", code="bad_base_url")
    base_url = str(url).rstrip("/")
    mode: AuthMode = "meta" if order.auth is None else order.auth.mode
    secret, verify_token = None, None
    if order.auth is not None:
        secret = _usable(mode, order.auth.secret, "auth.secret")
    if isinstance(order.auth, MetaAuth):
        verify_token = _usable(mode, order.auth.verify_token, "auth.verify_token")
    if isinstance(order, CloudPut) and not _versioned(base_url):
        raise Invalid("base_url has to end with the version of Meta's Graph API, e.g. /v23.0", code="bad_base_url")
    return ChannelOrder(
        gateway=order.gateway,
        instance=order.instance,
        base_url=base_url,
        api_key=_visible(order.api_key, "api_key"),
        auth_mode=mode,
        secret=secret,
        verify_token=verify_token,
        active=order.active,
        habits=Habits(order.takeover_minutes, order.messages_per_minute, order.show_typing, order.transcribe),
    )


def _versioned(base_url: str) -> bool:
    version = base_url.rpartition("/")[2]
    return version[:1] == "v" and version[1:].replace(".", "", 1).isdigit()


def _visible(secret: SecretStr, name: str) -> str:
    value = secret.get_secret_value()
    if not all("!" <= letter <= "~" for letter in value):
        raise Invalid(f"{name} may have visible ASCII characters only: a header carries no others", code="bad_secret")
    return value


def _usable(mode: AuthMode, secret: SecretStr, name: str) -> str:
    value = _visible(secret, name)
    if len(value) < min_secret_bytes(mode):
        raise Invalid(f"{name} needs at least {min_secret_bytes(mode)} bytes for {mode}", code="weak_secret")
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
    shared = channel.gateway == "cloud" and channel.secret is None
    return ChannelView(
        id=channel.id,
        gateway=channel.gateway,
        instance=channel.instance,
        base_url=channel.base_url,
        auth_mode=channel.auth_mode,
        own_app=channel.gateway == "cloud" and not shared,
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
        webhook_path="/webhooks/cloud" if shared else f"/webhooks/{channel.gateway}/{channel.id}",
        created_at=channel.created_at,
        updated_at=channel.updated_at,
    )
