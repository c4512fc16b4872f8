"""`/v1/staff/{id}/calendar` gives out the address of somebody's calendar; `/calendars/{token}.ics` is that address."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from booka_booking.api.asking import Callers, Clock
from booka_booking.store import people
from booka_booking.usecases.feeds import FeedAddress, read, token_of, verified
from booka_common.db import Database
from booka_common.errors import NotFound
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller
from booka_common.signing import SecretSet

__all__ = ["calendar_routes", "feed_routes"]


class CalendarView(BaseModel):
    """Where a calendar program finds somebody's visits. Whoever has the address can read it."""

    url: str
    version: int


def calendar_routes(db: Database, caller: Callers, secrets: SecretSet, public_url: str) -> APIRouter:
    """Giving out, showing and revoking the address.

    Args:
        public_url: what the address begins with; empty: as the request came.
    """
    router = APIRouter(prefix="/v1/staff", tags=["calendar"], route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]

    def shown(request: Request, tenant_id: UUID, staff_id: UUID, version: int) -> CalendarView:
        token = token_of(secrets, FeedAddress(tenant_id, staff_id, version))
        base = (public_url or str(request.base_url)).rstrip("/")
        return CalendarView(url=f"{base}/calendars/{token}.ics", version=version)

    @router.post("/{staff_id}/calendar", summary="A new address; the one before is void")
    async def open_calendar(asked: Asked, staff_id: UUID, request: Request) -> CalendarView:
        secrets.usable()
        async with asked.tx() as tx:
            version = await people.open_feed(tx, staff_id)
            if version is None:
                raise NotFound("no staff of this id", code="unknown_staff")
        return shown(request, asked.tenant_id, staff_id, version)

    @router.get("/{staff_id}/calendar")
    async def get_calendar(who: Signed, staff_id: UUID, request: Request) -> CalendarView:
        async with db.tx(who.tenant_id) as tx:
            feed = await people.get_feed(tx, staff_id)
        if feed is None:
            raise NotFound("no staff of this id", code="unknown_staff")
        if feed.version is None:
            raise NotFound("no address has been given out", code="unknown_calendar")
        return shown(request, who.tenant_id, staff_id, feed.version)

    @router.delete("/{staff_id}/calendar", status_code=204, summary="No address is valid any more")
    async def close_calendar(asked: Asked, staff_id: UUID) -> None:
        async with asked.tx() as tx:
            if not await people.close_feed(tx, staff_id):
                raise NotFound("no staff of this id", code="unknown_staff")

    return router


def feed_routes(db: Database, now: Clock, secrets: SecretSet) -> APIRouter:
    """The calendar itself, for anybody who has the address."""
    router = APIRouter(tags=["calendar"])

    @router.get(
        "/calendars/{token}.ics",
        response_class=Response,
        responses={200: {"content": {"text/calendar": {}}}, 304: {"description": "as it was"}},
    )
    async def get_feed(token: str, request: Request) -> Response:
        address = verified(secrets, token)
        body = None
        if address is not None:
            async with db.tx(address.tenant_id) as tx:
                body = await read(tx, address, now())
        if body is None:
            raise NotFound("no calendar is here, or not any more", code="unknown_calendar")
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, max-age=300", "X-Robots-Tag": "noindex"}
        known = {item.strip().removeprefix("W/") for item in request.headers.get("if-none-match", "").split(",")}
        if tag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="text/calendar", headers=headers)

    return router
