"""`/v1/resource-pools` and `/v1/resources`: chairs, rooms and machines that services need."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from booka_booking.api.asking import Callers, Clock, change_of, existing, expect, room_for
from booka_booking.api.shapes import (
    PoolBody,
    PoolChanged,
    PoolView,
    ResourceBody,
    ResourceChanged,
    ResourceView,
)
from booka_booking.store import offer
from booka_common.db import Database
from booka_common.errors import Conflict, Invalid
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller
from booka_common.paging import Cursor, Limit, Page, page_of, position_after
from booka_common.versions import IfMatch, check_version, etag

__all__ = ["pool_routes", "resource_routes"]

_MOST_POOLS, _MOST_RESOURCES = 200, 1000


def pool_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """Pools: of what is in one, any will do."""
    router = APIRouter(route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.put("/resource-pools/{pool_id}")
    async def put_pool(asked: Asked, given: IfMatch, pool_id: UUID, body: PoolBody, response: Response) -> PoolChanged:
        async with change_of(asked, now) as change:
            current = await offer.pool_version(change.tx, pool_id)
            check_version(given, current)
            room_for(current, await offer.count_pools(change.tx), _MOST_POOLS, "pools")
            version = await offer.put_pool(change.tx, pool_id, body.name)
        response.headers["ETag"] = etag(version)
        return PoolChanged(id=pool_id, version=version, conflicts=change.conflicts, name=body.name)

    @router.get("/resource-pools", summary="By name")
    async def list_pools(who: Signed, cursor: Cursor = None, limit: Limit = 50) -> Page[PoolView]:
        after = position_after(cursor, tuple[str, UUID])
        async with db.tx(who.tenant_id) as tx:
            rows = await offer.list_pools(tx, after=after, limit=limit + 1)
        return page_of(rows, limit, lambda row: (row["name"], row["id"]), lambda row: PoolView(**row))

    @router.get("/resource-pools/{pool_id}")
    async def get_pool(who: Signed, pool_id: UUID, response: Response) -> PoolView:
        async with db.tx(who.tenant_id) as tx:
            rows = await offer.list_pools(tx, pool_id)
        response.headers["ETag"] = etag(existing(rows[0]["version"] if rows else None, "pool"))
        return PoolView(**rows[0])

    @router.delete("/resource-pools/{pool_id}", status_code=204, summary="Only while nothing refers to it")
    async def delete_pool(asked: Asked, given: IfMatch, pool_id: UUID) -> None:
        async with change_of(asked, now) as change:
            expect(given, await offer.pool_version(change.tx, pool_id), "pool")
            if await offer.pool_used(change.tx, pool_id):
                raise Conflict(
                    "a service needs it, something active is in it, or a visit was booked with something of it",
                    code="pool_in_use",
                )
            await offer.delete_pool(change.tx, pool_id)

    return router


def resource_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """What is in the pools."""
    router = APIRouter(route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.put("/resources/{resource_id}")
    async def put_resource(
        asked: Asked, given: IfMatch, resource_id: UUID, body: ResourceBody, response: Response
    ) -> ResourceChanged:
        async with change_of(asked, now) as change:
            current = await offer.resource_version(change.tx, resource_id)
            check_version(given, current)
            room_for(current, await offer.count_resources(change.tx), _MOST_RESOURCES, "resources")
            if await offer.pool_version(change.tx, body.pool_id) is None:
                raise Invalid("pool_id names a pool that does not exist", code="unknown_pool")
            version = await offer.put_resource(change.tx, resource_id, body.pool_id, body.name, active=body.active)
        response.headers["ETag"] = etag(version)
        return ResourceChanged(id=resource_id, version=version, conflicts=change.conflicts, **body.model_dump())

    @router.get("/resources", summary="By name, retired ones included")
    async def list_resources(
        who: Signed, pool_id: UUID | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[ResourceView]:
        after = position_after(cursor, tuple[str, UUID])
        async with db.tx(who.tenant_id) as tx:
            rows = await offer.list_resources(tx, pool_id=pool_id, after=after, limit=limit + 1)
        return page_of(rows, limit, lambda row: (row["name"], row["id"]), lambda row: ResourceView(**row))

    @router.get("/resources/{resource_id}")
    async def get_resource(who: Signed, resource_id: UUID, response: Response) -> ResourceView:
        async with db.tx(who.tenant_id) as tx:
            rows = await offer.list_resources(tx, resource_id)
        response.headers["ETag"] = etag(existing(rows[0]["version"] if rows else None, "resource"))
        return ResourceView(**rows[0])

    @router.delete("/resources/{resource_id}", summary="No more visits take it; what is booked stays")
    async def retire_resource(asked: Asked, given: IfMatch, resource_id: UUID, response: Response) -> ResourceChanged:
        async with change_of(asked, now) as change:
            expect(given, await offer.resource_version(change.tx, resource_id), "resource")
            await offer.retire_resource(change.tx, resource_id)
            (row,) = await offer.list_resources(change.tx, resource_id)
        response.headers["ETag"] = etag(row["version"])
        return ResourceChanged(**row, conflicts=change.conflicts)

    return router
