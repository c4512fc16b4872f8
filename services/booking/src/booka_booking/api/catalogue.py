"""`/v1/profile` and `/v1/services`, and with them all of what a salon offers, by whom, and on which terms."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Response

from booka_booking.api.asking import Callers, Clock, change_of, existing, expect, room_for
from booka_booking.api.conflicts import conflict_routes
from booka_booking.api.hours import hours_shown, spans_of, week_of, week_shown
from booka_booking.api.people import special_hours_routes, staff_routes, time_off_routes
from booka_booking.api.policies import policy_routes
from booka_booking.api.pools import pool_routes, resource_routes
from booka_booking.api.shapes import (
    ExceptionBody,
    Position,
    ProfileBody,
    ProfileChanged,
    ProfileView,
    ServiceBody,
    ServiceChanged,
    ServiceView,
)
from booka_booking.domain.salon import Profile, Service
from booka_booking.store import catalogue, offer
from booka_booking.usecases.completion_jobs import plan_look
from booka_booking.usecases.occasion import Occasion
from booka_common.db import Database
from booka_common.errors import Invalid, NotFound, Unprocessable
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller
from booka_common.paging import Cursor, Limit, Page, page_of, position_after
from booka_common.versions import IfMatch, check_version, etag

__all__ = ["catalogue_routes"]

_MOST_SERVICES = 1000


def catalogue_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """Every change counts up the catalogue's revision and is told as `CatalogueChanged`."""
    router = APIRouter(prefix="/v1", tags=["catalogue"])
    for part in (
        _profile_routes, _service_routes, pool_routes, resource_routes, staff_routes, time_off_routes,
        special_hours_routes, policy_routes, conflict_routes,
    ):  # fmt: skip
        router.include_router(part(db, caller, now))
    return router


def _profile_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    router = APIRouter(route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.put("/profile", summary="Visits that are booked stay where they are")
    async def put_profile(asked: Asked, given: IfMatch, body: ProfileBody, response: Response) -> ProfileChanged:
        profile = Profile(
            name=body.name,
            locale=body.locale,
            zone=ZoneInfo(body.zone),
            currency=body.currency,
            slot_grid_minutes=body.slot_grid_minutes,
            lead_minutes=body.lead_minutes,
            horizon_days=body.horizon_days,
            opening=week_of(body.hours),
            exceptions={item.day: spans_of(item.hours) for item in body.exceptions},
            assignment=body.assignment,
            complete_after_hours=body.complete_after_hours,
        )
        async with change_of(asked, now) as change:
            check_version(given, await catalogue.profile_version(change.tx))
            version = await catalogue.put_profile(change.tx, profile)
            # Some may be due at once by what is said now.
            await plan_look(change.tx, Occasion.request(asked.tenant_id, now()), now())
        response.headers["ETag"] = etag(version)
        return ProfileChanged(**_shown(profile), version=version, conflicts=change.conflicts)

    @router.get("/profile")
    async def get_profile(who: Signed, response: Response) -> ProfileView:
        async with db.tx(who.tenant_id) as tx:
            version = await catalogue.profile_version(tx)
            salon = await catalogue.get_salon(tx, [])
        if salon is None or version is None:
            raise NotFound("the salon has no profile yet", code="unknown_profile")
        response.headers["ETag"] = etag(version)
        return ProfileView(**_shown(salon.profile), version=version)

    return router


def _service_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    router = APIRouter(route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.put("/services/{service_id}")
    async def put_service(
        asked: Asked, given: IfMatch, service_id: UUID, body: ServiceBody, response: Response
    ) -> ServiceChanged:
        async with change_of(asked, now) as change:
            tx = change.tx
            current = await offer.service_version(tx, service_id)
            check_version(given, current)
            room_for(current, await offer.count_services(tx), _MOST_SERVICES, "services")
            if body.pool_id is not None and await offer.pool_version(tx, body.pool_id) is None:
                raise Invalid("pool_id names a pool that does not exist", code="unknown_pool")
            gap_ends = body.gap_start_minutes + body.gap_minutes if body.gap_minutes else 0
            if short := await offer.too_short_for(tx, service_id, gap_ends):
                raise Unprocessable(
                    "somebody does it in a time of their own that the gap does not lie inside",
                    code="gap_outside_duration",
                    staff_ids=[str(id) for id in short],
                )
            version = await offer.put_service(tx, Service(id=service_id, **body.model_dump()))
        response.headers["ETag"] = etag(version)
        return ServiceChanged(id=service_id, version=version, conflicts=change.conflicts, **body.model_dump())

    @router.get("/services", summary="In the salon's order, retired ones included")
    async def list_services(who: Signed, cursor: Cursor = None, limit: Limit = 50) -> Page[ServiceView]:
        after = position_after(cursor, tuple[Position, str, UUID])
        async with db.tx(who.tenant_id) as tx:
            rows = await offer.list_services(tx, after=after, limit=limit + 1)
        return page_of(
            rows, limit, lambda row: (row["position"], row["name"], row["id"]), lambda row: ServiceView(**row)
        )

    @router.get("/services/{service_id}")
    async def get_service(who: Signed, service_id: UUID, response: Response) -> ServiceView:
        async with db.tx(who.tenant_id) as tx:
            rows = await offer.list_services(tx, service_id)
        response.headers["ETag"] = etag(existing(rows[0]["version"] if rows else None, "service"))
        return ServiceView(**rows[0])

    @router.delete("/services/{service_id}", summary="Take it out of the offer; what is booked stays")
    async def retire_service(asked: Asked, given: IfMatch, service_id: UUID, response: Response) -> ServiceChanged:
        async with change_of(asked, now) as change:
            expect(given, await offer.service_version(change.tx, service_id), "service")
            await offer.retire_service(change.tx, service_id)
            (row,) = await offer.list_services(change.tx, service_id)
        response.headers["ETag"] = etag(row["version"])
        return ServiceChanged(**row, conflicts=change.conflicts)

    return router


def _shown(profile: Profile) -> dict[str, object]:
    return ProfileBody(
        name=profile.name,
        locale=profile.locale,
        zone=profile.zone.key,
        currency=profile.currency,
        slot_grid_minutes=profile.slot_grid_minutes,
        lead_minutes=profile.lead_minutes,
        horizon_days=profile.horizon_days,
        assignment=profile.assignment,
        complete_after_hours=profile.complete_after_hours,
        hours=week_shown(profile.opening),
        exceptions=[
            ExceptionBody(day=day, hours=hours_shown(spans)) for day, spans in sorted(profile.exceptions.items())
        ],
    ).model_dump()
