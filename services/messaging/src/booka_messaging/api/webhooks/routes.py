"""Webhooks as plain ASGI: raw bytes verified, taken in, and only then answered with 200.

Whatever is wrong is answered so that the gateway does the right thing: repeat what may succeed later, and nothing else.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from uuid import UUID

from prometheus_client import Counter
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from booka_common.errors import BookaError, NotFound, Unauthenticated, is_transient
from booka_common.observability import Metrics, Tally, work
from booka_common.sealing import Sealer
from booka_common.signing import SecretSet
from booka_common.web import answer_to, problem
from booka_messaging.errors import MalformedWebhook, UnknownChannel, UnknownGateway
from booka_messaging.providers.kind import Kind, SharedApp
from booka_messaging.store import Channel
from booka_messaging.usecases.delivering import OUTCOMES, Answer, Deliveries, Outcome
from booka_messaging.usecases.directory import Directory, token_field

__all__ = ["Webhooks"]

_log = logging.getLogger(__name__)

_PREFIX = "/webhooks/"


class _Taken:
    """200 with an outcome, rendered once."""

    status_code = 200

    def __init__(self, outcome: Outcome) -> None:
        self._body = f'{{"outcome":"{outcome}"}}'.encode()
        length = str(len(self._body)).encode()
        self._headers = [(b"content-type", b"application/json"), (b"content-length", length)]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


_TAKEN: Mapping[Outcome, _Taken] = {outcome: _Taken(outcome) for outcome in OUTCOMES}


class _Gone(Exception):
    """The gateway hung up before its request was complete."""


class Webhooks:
    """Answers `/webhooks/…` and hands everything else on.

    Args:
        app: the rest of the service.
        kinds: of gateways, by name.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        directory: Directory,
        deliveries: Deliveries,
        sealer: Sealer,
        kinds: Mapping[str, Kind],
        metrics: Metrics,
        max_body_bytes: int,
        now: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._directory = directory
        self._deliveries = deliveries
        self._sealer = sealer
        self._address = lru_cache(maxsize=1024)(partial(_address, kinds))
        self._max_body_bytes = max_body_bytes
        self._now = now
        self._requests = metrics.requests
        self._counts = _Counts(metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            return await self._app(scope, receive, send)
        started = time.perf_counter()
        call = _Call(scope, receive, self._max_body_bytes)
        method, route, status = scope["method"], "unmatched", 500
        try:
            with work(traceparent=call.traceparent):
                try:
                    address = self._address(scope["path"])
                    route = address.route
                    response = await self._answering(method, address)(call, address)
                except _Gone:
                    status = 499
                    return None
                except _NoKind as missing:
                    response = answer_to(await self._no_kind(missing))
                except Exception as error:
                    response = answer_to(error)
                status = response.status_code
        finally:
            self._requests.count(method, route, status, time.perf_counter() - started)
        await response(scope, receive, send)
        return None

    async def _no_kind(self, missing: "_NoKind") -> Exception:
        """Why there is no such address: if a line has it that another version made, it will be there again.

        A 404 would end the gateway's attempts at once, or have it switch the webhook off.
        """
        try:
            channel_id = _endpoint(missing.channel) if missing.channel else None
            if await self._directory.kind_in_use(missing.name, channel_id):
                self._counts.webhook("unknown", "unavailable")
                return UnknownGateway(missing.name)
        except Exception as error:
            return error
        return missing

    def _answering(self, method: str, address: "_Address") -> "Callable[[_Call, _Address], Awaitable[Any]]":
        """What answers a call of this address.

        Raises:
            HTTPException: 405.
        """
        if method == "POST":
            return self._deliver
        if address.kind.challenge is None:
            raise HTTPException(405, "this method is not for webhooks", {"allow": "POST"})
        if method != "GET":
            raise HTTPException(405, "this method is not for webhooks", {"allow": "POST, GET"})
        return self._challenge

    async def _deliver(self, call: "_Call", address: "_Address") -> _Taken:
        gateway, shared = address.kind.name, address.shared
        try:
            answer = await (self._of_channel(call, address) if shared is None else self._of_app(call, address, shared))
        except _Gone:
            raise
        except Exception as error:
            self._counts.webhook(gateway, _refusal(error))
            raise
        self._counts.webhook(gateway, answer.outcome)
        self._counts.strangers(answer.strangers)
        return _TAKEN[answer.outcome]

    async def _of_channel(self, call: "_Call", address: "_Address") -> Answer:
        endpoint = _endpoint(address.channel)
        found = self._directory.known(endpoint) or await self._directory.find(endpoint)
        channel, kind = found.channel, address.kind
        if channel.gateway != kind.name or channel.secret is None:
            raise UnknownChannel
        body = await call.body()
        now = self._now()
        used = kind.authenticate(channel.auth_mode, found.secrets(now), call.headers, body, now)
        self._counts.secret(used)
        return await self._deliveries.of_channel(channel, body, path_event=address.event, now=now)

    async def _of_app(self, call: "_Call", address: "_Address", app: SharedApp) -> Answer:
        app.secrets.usable()  # said before anything is read
        body = await call.body()
        now = self._now()
        self._counts.secret(address.kind.authenticate(app.mode, app.secrets, call.headers, body, now))
        return await self._deliveries.of_app(address.kind.name, body, now=now)

    async def _challenge(self, call: "_Call", address: "_Address") -> Response:
        """The gateway asks whether the address is ours, when somebody enters it there."""
        challenge, app = address.kind.challenge, address.shared
        if challenge is None:
            raise UnknownChannel
        if app is not None:
            tokens = app.verify_tokens
        else:
            tokens = self._tokens((await self._directory.find(_endpoint(address.channel))).channel)
        try:
            return PlainTextResponse(challenge.answer(tokens, call.query))
        except Unauthenticated as refusal:
            return problem(403, refusal.code, refusal.detail)

    def _tokens(self, channel: Channel) -> SecretSet:
        if channel.verify_token is None:
            raise UnknownChannel
        token = self._sealer.open(channel.tenant_id, token_field(channel.id), channel.verify_token)
        return SecretSet(f"auth.verify_token of channel {channel.id}", (token,))


class _NoKind(NotFound):
    """No kind of gateway has this name. `channel`: which one the path would name, empty for that of an app."""

    def __init__(self, name: str, channel: str) -> None:
        super().__init__("there is no webhook of this address")
        self.name = name
        self.channel = channel


class _Address(NamedTuple):
    """What the path of a webhook names.

    Attributes:
        route: its template.
        channel: as it stands there.
        event: which a gateway may tell there.
        shared: the installation's own app at the gateway, if the address is that one's.
    """

    route: str
    kind: Kind
    channel: str = ""
    event: str | None = None
    shared: SharedApp | None = None


def _address(kinds: Mapping[str, Kind], path: str) -> _Address:
    """Raises `NotFound`: there is none. `_NoKind`: because no kind of gateway is called so."""
    name, _, rest = path.removeprefix(_PREFIX).partition("/")
    parts = rest.split("/") if rest else []
    kind = kinds.get(name)
    if kind is None:
        raise _NoKind(name, parts[0] if parts else "")
    route = f"{_PREFIX}{name}"
    match parts:
        case [] if kind.shared is not None:
            return _Address(route, kind, shared=kind.shared)
        case [channel]:
            return _Address(f"{route}/{{channel}}", kind, channel)
        case [channel, event] if kind.event_in_path:
            return _Address(f"{route}/{{channel}}/{{event}}", kind, channel, event)
    raise NotFound("there is no webhook of this address")


class _Call:
    """One request: its headers, its query, and its body up to a limit."""

    def __init__(self, scope: Scope, receive: Receive, max_body_bytes: int) -> None:
        self._scope = scope
        self._receive = receive
        self._max_body_bytes = max_body_bytes

    @property
    def traceparent(self) -> str | None:
        found = self.headers("traceparent")
        return found[0] if len(found) == 1 else None

    def headers(self, name: str) -> list[str]:
        """All values of a header by its lower-case name, byte for byte."""
        wanted = name.encode("ascii")
        return [value.decode("latin-1") for given, value in self._scope["headers"] if given == wanted]

    def query(self, name: str) -> list[str]:
        text = self._scope["query_string"].decode("latin-1")
        return parse_qs(text, keep_blank_values=True, max_num_fields=50).get(name, [])

    async def body(self) -> bytes:
        """All of it.

        Raises:
            HTTPException: 413, as soon as it is more than the limit.
            _Gone: it never became complete.
        """
        message = await self._receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body", False) and len(body) <= self._max_body_bytes:
            message = await self._receive()
            body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise _Gone
        if len(body) > self._max_body_bytes:
            raise HTTPException(413, f"the body is larger than {self._max_body_bytes} bytes")
        return body


class _Counts:
    """The metrics of webhooks."""

    def __init__(self, metrics: Metrics) -> None:
        self._webhooks = metrics.webhooks
        self._secrets_used = Tally(
            "booka_messaging_webhook_secret_total",
            "Authenticated webhooks by the secret they were made with: current, previous. Rotation is over at zero previous.",
            ["secret"],
            metrics.registry,
        )
        self._strangers = Counter(
            "booka_messaging_unknown_lines_total",
            "Lines that webhooks told of and no channel has.",
            registry=metrics.registry,
        )

    def webhook(self, gateway: str, outcome: str) -> None:
        self._webhooks.count(gateway, outcome)

    def secret(self, index: int) -> None:
        self._secrets_used.count("current" if index == 0 else "previous")

    def strangers(self, count: int) -> None:
        if count:
            self._strangers.inc(count)


@lru_cache(maxsize=1024)
def _endpoint(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UnknownChannel from None


def _refusal(error: Exception) -> str:
    """The outcome label of a webhook that was not taken."""
    if isinstance(error, UnknownChannel):
        return "unknown"
    if isinstance(error, Unauthenticated):
        return "bad_signature"
    if isinstance(error, MalformedWebhook):
        return "malformed"
    if isinstance(error, HTTPException) and error.status_code == 413:
        return "too_large"
    if is_transient(error):
        return "unavailable"
    return "refused" if isinstance(error, BookaError | HTTPException) else "failed"
