"""`/v1/profile`, `/v1/services`, `/v1/staff`, `/v1/policy`: what a salon offers, and on which terms."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Response

from booka_booking.api.hours import hours_shown, spans_of, week_of, week_shown
from booka_booking.api.shapes import (
    ExceptionBody,
    PolicyBody,
    ProfileBody,
    ServiceBody,
    ServiceView,
    StaffBody,
    StaffView,
)
from booka_booking.domain.salon import Policy, PolicyChange, Profile, Service, Staff
from booka_booking.store import catalogue as store
from booka_booking.usecases.catalogue import publish
from booka_booking.usecases.occasion import Occasion
from booka_common.db import Database, Tx
from booka_common.errors import Invalid, NotFound
from booka_common.internal import Caller

__all__ = ["catalogue_routes"]


Callers = Callable[..., Awaitable[Caller]]
Clock = Callable[[], datetime]


def catalogue_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """Every change counts up the catalogue's revision and is told as `CatalogueChanged`."""
    router = APIRouter(prefix="/v1", tags=["catalogue"])
    for part in (_profile_routes, _service_routes, _staff_routes, _policy_routes):
        router.include_router(part(db, caller, now))
    return router


@asynccontextmanager
async def _change(db: Database, who: Caller, now: Clock) -> AsyncIterator[Tx]:
    async with db.tx(who.tenant_id) as tx:
        await store.lock_catalogue(tx)
        yield tx
        await publish(tx, Occasion.request(who.tenant_id, now()))


def _profile_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    router = APIRouter()
    Signed = Annotated[Caller, Depends(caller)]

    @router.put("/profile")
    async def put_profile(who: Signed, body: ProfileBody) -> ProfileBody:
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
        )
        async with _change(db, who, now) as tx:
            await store.put_profile(tx, profile)
        return _profile_shown(profile)

    @router.get("/profile")
    async def get_profile(who: Signed) -> ProfileBody:
        async with db.tx(who.tenant_id) as tx:
            salon = await store.get_salon(tx, [])
        if salon is None:
            raise NotFound("the salon has no profile yet", code="unknown_profile")
        return _profile_shown(salon.profile)

    return router


def _service_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    router = APIRouter()
    Signed = Annotated[Caller, Depends(caller)]

    @router.put("/services/{service_id}")
    async def put_service(who: Signed, service_id: UUID, body: ServiceBody) -> ServiceView:
        async with _change(db, who, now) as tx:
            await store.put_service(tx, Service(id=service_id, policy=Policy(), **body.model_dump()))
        return ServiceView(id=service_id, **body.model_dump())

    @router.get("/services")
    async def list_services(who: Signed) -> list[ServiceView]:
        async with db.tx(who.tenant_id) as tx:
            return [ServiceView(**row) for row in await store.list_services(tx)]

    @router.get("/services/{service_id}")
    async def get_service(who: Signed, service_id: UUID) -> ServiceView:
        async with db.tx(who.tenant_id) as tx:
            return ServiceView(**_one(await store.list_services(tx, service_id), "service"))

    @router.delete("/services/{service_id}", status_code=204, summary="Take out of the offer; reservations stay")
    async def retire_service(who: Signed, service_id: UUID) -> Response:
        async with _change(db, who, now) as tx:
            if not await store.retire_service(tx, service_id):
                raise NotFound("no service of this id", code="unknown_service")
        return Response(status_code=204)

    return router


def _staff_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    router = APIRouter()
    Signed = Annotated[Caller, Depends(caller)]

    @router.put("/staff/{staff_id}")
    async def put_staff(who: Signed, staff_id: UUID, body: StaffBody) -> StaffView:
        hours = None if body.hours is None else week_of(body.hours)
        async with _change(db, who, now) as tx:
            if not await store.known_services(tx, body.service_ids):
                raise Invalid("service_ids names a service that does not exist", code="unknown_service")
            member = Staff(id=staff_id, name=body.name, service_ids=frozenset(body.service_ids), hours=hours)
            await store.put_staff(tx, member, active=body.active)
        return StaffView(id=staff_id, **body.model_dump())

    @router.get("/staff")
    async def list_staff(who: Signed) -> list[StaffView]:
        async with db.tx(who.tenant_id) as tx:
            return [_staff_shown(row) for row in await store.list_staff(tx)]

    @router.get("/staff/{staff_id}")
    async def get_staff(who: Signed, staff_id: UUID) -> StaffView:
        async with db.tx(who.tenant_id) as tx:
            return _staff_shown(_one(await store.list_staff(tx, staff_id), "staff"))

    @router.delete("/staff/{staff_id}", status_code=204, summary="Take no more visits; reservations stay")
    async def retire_staff(who: Signed, staff_id: UUID) -> Response:
        async with _change(db, who, now) as tx:
            if not await store.retire_staff(tx, staff_id):
                raise NotFound("nobody of this id", code="unknown_staff")
        return Response(status_code=204)

    return router


def _policy_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    router = APIRouter()
    Signed = Annotated[Caller, Depends(caller)]

    @router.put("/policy", summary="The salon's default")
    async def put_policy(who: Signed, body: PolicyBody) -> PolicyBody:
        async with _change(db, who, now) as tx:
            await store.put_policy(tx, None, PolicyChange(**body.model_dump()))
        return body

    @router.get("/policy")
    async def get_policy(who: Signed) -> PolicyBody:
        async with db.tx(who.tenant_id) as tx:
            return _policy_shown(await store.get_policy(tx, None))

    @router.put("/services/{service_id}/policy", summary="What differs from the default for one service")
    async def put_service_policy(who: Signed, service_id: UUID, body: PolicyBody) -> PolicyBody:
        async with _change(db, who, now) as tx:
            _one(await store.list_services(tx, service_id), "service")
            await store.put_policy(tx, service_id, PolicyChange(**body.model_dump()))
        return body

    @router.get("/services/{service_id}/policy")
    async def get_service_policy(who: Signed, service_id: UUID) -> PolicyBody:
        async with db.tx(who.tenant_id) as tx:
            _one(await store.list_services(tx, service_id), "service")
            return _policy_shown(await store.get_policy(tx, service_id))

    return router


def _profile_shown(profile: Profile) -> ProfileBody:
    return ProfileBody(
        name=profile.name,
        locale=profile.locale,
        zone=profile.zone.key,
        currency=profile.currency,
        slot_grid_minutes=profile.slot_grid_minutes,
        lead_minutes=profile.lead_minutes,
        horizon_days=profile.horizon_days,
        hours=week_shown(profile.opening),
        exceptions=[
            ExceptionBody(day=day, hours=hours_shown(spans)) for day, spans in sorted(profile.exceptions.items())
        ],
    )


def _one(rows: list[dict[str, Any]], what: str) -> dict[str, Any]:
    if not rows:
        raise NotFound(f"no {what} of this id", code=f"unknown_{what}")
    return rows[0]


def _staff_shown(row: dict[str, Any]) -> StaffView:
    hours = row["hours"]
    return StaffView(**{**row, "hours": None if hours is None else week_shown(hours)})


def _policy_shown(change: PolicyChange) -> PolicyBody:
    return PolicyBody(**{name: getattr(change, name) for name in PolicyChange.__slots__})
