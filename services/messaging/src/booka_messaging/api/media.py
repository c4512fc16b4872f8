"""`/v1/messages/{id}/media`: what a client sent besides text."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from booka_common.internal import Caller, authenticate
from booka_common.runtime import Runtime
from booka_messaging.api.refusals import refusals
from booka_messaging.domain.media_types import extension
from booka_messaging.usecases.media import Attachment, Attachments

__all__ = ["media_routes"]

_REFUSALS = refusals({
    404: "unknown_message no_media",
    410: "media_gone",
    422: "invalid media_too_large media_type media_host",
    503: "gateway_away config_missing database_unavailable",
})  # fmt: skip


def media_routes(runtime: Runtime, attachments: Attachments) -> APIRouter:
    """Media of messages."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    router = APIRouter(prefix="/v1/messages", tags=["conversations"])

    @router.get(
        "/{message_id}/media",
        summary="What a client sent: a voice message, a photo, a document",
        response_class=Response,
        responses={200: {"description": "the file", "content": {"application/octet-stream": {}}}, **_REFUSALS},
    )
    async def medium(who: Signed, message_id: UUID) -> Response:
        """Fetched from the gateway now, always as a file to be saved: a browser shows and runs nothing of it."""
        found = await attachments.fetch(who.tenant_id, message_id)
        name = quote(_file_name(found, message_id), safe="")
        return Response(
            found.medium.content,
            media_type=found.medium.mime_type,
            headers={
                "content-disposition": f"attachment; filename*=UTF-8''{name}",
                "content-security-policy": "default-src 'none'; sandbox",
                "x-content-type-options": "nosniff",
                "cache-control": "private, no-store",
            },
        )

    return router


def _file_name(found: Attachment, message_id: UUID) -> str:
    """The client's name of the file, with the ending of what it is."""
    ending = f".{extension(found.medium.mime_type)}"
    told = "".join(letter for letter in found.media.file_name or "" if letter.isprintable() and letter not in '/\\"')
    name = told.strip(". ") or str(message_id)
    return name if name.lower().endswith(ending) else name + ending
