"""`/v1/policy` and `/v1/services/{id}/policy`: on which terms a salon books."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from booka_booking.api.asking import Callers, Clock, change_of, existing, expect
from booka_booking.api.shapes import PolicyBody, PolicyChanged, PolicyView
from booka_booking.domain.policy import PolicyChange
from booka_booking.store import offer, policies
from booka_common.db import Database, Tx
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller
from booka_common.versions import IfMatch, check_version, etag

__all__ = ["policy_routes"]


def policy_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """The salon's default, and what differs from it for a service."""
    router = APIRouter()
    terms = _Terms(db, now)
    router.include_router(_default_routes(terms, caller))
    router.include_router(_service_routes(terms, caller))
    return router


class _Terms:
    """What is set for the salon (`service_id` None) or for a service."""

    def __init__(self, db: Database, now: Clock) -> None:
        self.db = db
        self._now = now

    async def put(
        self, asked: Once, given: int | None, service_id: UUID | None, body: PolicyBody, response: Response
    ) -> PolicyChanged:
        async with change_of(asked, self._now) as change:
            await _check(change.tx, service_id)
            check_version(given, await policies.policy_version(change.tx, service_id))
            version = await policies.put_policy(change.tx, service_id, PolicyChange(**body.model_dump()))
        response.headers["ETag"] = etag(version)
        return PolicyChanged(**body.model_dump(), version=version)

    async def get(self, who: Caller, service_id: UUID | None, response: Response) -> PolicyView:
        async with self.db.tx(who.tenant_id) as tx:
            await _check(tx, service_id)
            found, version = await policies.get_policy(tx, service_id)
        if version is not None:
            response.headers["ETag"] = etag(version)
        return PolicyView(**asdict(found), version=version)

    async def delete(self, asked: Once, given: int | None, service_id: UUID | None) -> None:
        async with change_of(asked, self._now) as change:
            await _check(change.tx, service_id)
            expect(given, await policies.policy_version(change.tx, service_id), "policy")
            await policies.delete_policy(change.tx, service_id)


def _default_routes(terms: _Terms, caller: Callers) -> APIRouter:
    router = APIRouter(route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(terms.db, caller))]

    @router.put("/policy", summary="The salon's default, for what is booked from now on")
    async def put_policy(asked: Asked, given: IfMatch, body: PolicyBody, response: Response) -> PolicyChanged:
        return await terms.put(asked, given, None, body, response)

    @router.get("/policy")
    async def get_policy(who: Signed, response: Response) -> PolicyView:
        return await terms.get(who, None, response)

    @router.delete("/policy", status_code=204, summary="As the software says")
    async def delete_policy(asked: Asked, given: IfMatch) -> None:
        await terms.delete(asked, given, None)

    return router


def _service_routes(terms: _Terms, caller: Callers) -> APIRouter:
    router = APIRouter(route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(terms.db, caller))]

    @router.put("/services/{service_id}/policy", summary="What differs from the default for one service")
    async def put_policy(
        asked: Asked, given: IfMatch, service_id: UUID, body: PolicyBody, response: Response
    ) -> PolicyChanged:
        return await terms.put(asked, given, service_id, body, response)

    @router.get("/services/{service_id}/policy")
    async def get_policy(who: Signed, service_id: UUID, response: Response) -> PolicyView:
        return await terms.get(who, service_id, response)

    @router.delete("/services/{service_id}/policy", status_code=204, summary="As the salon's default")
    async def delete_policy(asked: Asked, given: IfMatch, service_id: UUID) -> None:
        await terms.delete(asked, given, service_id)

    return router


async def _check(tx: Tx, service_id: UUID | None) -> None:
    if service_id is not None:
        existing(await offer.service_version(tx, service_id), "service")
