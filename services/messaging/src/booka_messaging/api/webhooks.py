"""`POST /webhooks/evolution/{channel}`: raw bytes verified, stored, and only then answered with 200."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from prometheus_client import Counter
from starlette.exceptions import HTTPException

from booka_common.errors import BookaError, Unauthenticated, is_transient
from booka_common.sealing import Sealer
from booka_common.service import Runtime
from booka_messaging.domain.evolution import read
from booka_messaging.domain.verification import authenticate
from booka_messaging.errors import MalformedWebhook, UnknownChannel
from booka_messaging.settings import Settings
from booka_messaging.usecases.channels import Channels, webhook_secrets
from booka_messaging.usecases.receiving import Intake, Outcome

__all__ = ["webhook_routes"]


def webhook_routes(runtime: Runtime, settings: Settings, channels: Channels, sealer: Sealer) -> APIRouter:
    """The webhook of Evolution API, with or without the event's name at the end of its path."""
    received = runtime.metrics.webhooks
    secrets_used = Counter(
        "booka_messaging_webhook_secret_total",
        "Authenticated webhooks by the secret they were made with: current, previous. Rotation is over at zero previous.",
        ["secret"],
        registry=runtime.metrics.registry,
    )
    intake = Intake(runtime.db, stale_after=timedelta(hours=settings.stale_after_hours))
    router = APIRouter(prefix="/webhooks", tags=["webhooks"])

    async def take(request: Request, channel_id: str, path_event: str | None) -> Outcome:
        channel = await channels.find(_endpoint(channel_id))
        body = await request.body()
        now = runtime.now()
        used = authenticate(
            channel.auth_mode, webhook_secrets(channel, sealer, now), request.headers.getlist, body, now
        )
        secrets_used.labels("current" if used == 0 else "previous").inc()
        payload = _parse(body)
        if payload.get("instance") != channel.instance:
            raise UnknownChannel
        events = read(payload, now, path_event=path_event)
        return await intake.receive(channel, events, now=now)

    async def counted(request: Request, channel_id: str, path_event: str | None) -> Response:
        try:
            outcome: str = await take(request, channel_id, path_event)
        except Exception as error:
            received.labels("evolution", _refusal(error)).inc()
            raise
        received.labels("evolution", outcome).inc()
        return Response(f'{{"outcome":"{outcome}"}}', media_type="application/json")

    @router.post("/evolution/{channel}", summary="A webhook of Evolution API", response_class=Response)
    async def evolution(request: Request, channel: str) -> Response:
        return await counted(request, channel, None)

    @router.post(
        "/evolution/{channel}/{event}",
        summary="The same, as Evolution calls it with `byEvents`",
        response_class=Response,
    )
    async def evolution_by_event(request: Request, channel: str, event: str) -> Response:
        return await counted(request, channel, event)

    return router


def _endpoint(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UnknownChannel from None


def _parse(body: bytes) -> Mapping[str, Any]:
    """The JSON object in `body`.

    Half an emoji, as a client that cuts texts may leave, is no reason to refuse a message: the strict and fast parser
    refuses it, the lenient one does not.

    Raises:
        MalformedWebhook: it is something else.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"\\ud" not in body.lower():
            raise MalformedWebhook("the body is not JSON") from None
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            raise MalformedWebhook("the body is not JSON") from None
    if not isinstance(payload, dict):
        raise MalformedWebhook("the body is not a JSON object")
    return payload


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
