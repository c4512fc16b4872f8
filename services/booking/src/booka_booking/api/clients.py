"""`/v1/clients`: who comes, what is known of them, and forgetting it."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from booka_booking.api.asking import Callers, Clock
from booka_booking.api.shapes import Name, Text
from booka_booking.store import clients as store
from booka_booking.usecases.clients import Ahead, Erased, erase
from booka_common.db import Database
from booka_common.errors import Conflict, NotFound
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.ids import new_id
from booka_common.internal import Caller
from booka_common.paging import Cursor, Limit, Page, page_of, position_after
from booka_common.versions import IfMatch, check_version, etag

__all__ = ["client_routes"]

Phone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 ()./-]{2,30}$", examples=["+5511987654321"])]


class ClientBody(BaseModel):
    """Somebody the salon writes in by hand. A contact is known from a conversation."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    phone: Phone | None = None
    notes: Text | None = None
    contact_id: UUID | None = None


class ClientChange(BaseModel):
    """What is to be different; what is left out stays, null is forgotten."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    phone: Phone | None = None
    notes: Text | None = None


class ClientItem(BaseModel):
    """A client in a list."""

    id: UUID
    contact_id: UUID | None
    name: str | None
    phone: str | None
    notes: str | None
    version: int
    created_at: datetime
    erased_at: datetime | None


class ClientView(ClientItem):
    """A client with the number of visits by how they went; `upcoming` counts those that are not over yet, holds included.

    `cancelled` counts what had been confirmed.
    """

    completed: int
    no_shows: int
    cancelled: int
    upcoming: int
    last_staff_id: UUID | None
    last_staff_name: str | None


class ExportedReservation(BaseModel):
    """A reservation with everything that is stored of it."""

    id: UUID
    request_id: UUID | None
    conversation_id: UUID | None
    contact_id: UUID | None
    status: str
    version: int
    starts_at: datetime
    ends_at: datetime
    moves: int
    guest_name: str | None
    currency: str
    price_minor: int
    paid_minor: int
    terms: dict[str, Any]
    expires_at: datetime | None
    deposit_due_at: datetime | None
    transaction_id: UUID | None
    created_at: datetime
    segments: list[dict[str, Any]] | None
    history: list[dict[str, Any]] | None
    payments: list[dict[str, Any]] | None


class ExportedEntry(BaseModel):
    """An entry of the waiting list with everything that is stored of it."""

    id: UUID
    conversation_id: UUID
    contact_name: str | None
    phone: str | None
    wants: list[dict[str, Any]]
    first_day: date
    last_day: date
    from_minute: int
    until_minute: int
    status: str
    offers: int
    created_at: datetime
    offered: list[dict[str, Any]] | None


class ClientExport(BaseModel):
    """Everything that booking has stored of a client."""

    client: ClientView
    reservations: list[ExportedReservation]
    waitlist: list[ExportedEntry]


class ErasedView(BaseModel):
    """Nothing personal is known of this client since `erased_at`."""

    id: UUID
    erased_at: datetime
    version: int


def client_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """Reading, writing, exporting and erasing clients."""
    router = APIRouter(tags=["clients"])
    router.include_router(_reading_routes(db, caller, now))
    router.include_router(_changing_routes(db, caller, now))
    return router


def _reading_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    router = APIRouter(prefix="/v1/clients")
    Signed = Annotated[Caller, Depends(caller)]

    @router.get("", summary="By name; those who were erased are left out")
    async def list_clients(
        who: Signed,
        q: Annotated[str | None, Query(min_length=1, max_length=120, description="occurs in name or phone")] = None,
        contact_id: UUID | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[ClientItem]:
        after = position_after(cursor, tuple[str, UUID])
        async with db.tx(who.tenant_id) as tx:
            rows = await store.list_clients(tx, contact_id=contact_id, text=q, after=after, limit=limit + 1)
        return page_of(rows, limit, lambda row: (row["name"] or "", row["id"]), lambda row: ClientItem(**row))

    @router.get("/{client_id}")
    async def get_client(who: Signed, client_id: UUID, response: Response) -> ClientView:
        async with db.tx(who.tenant_id) as tx:
            found = _there(await store.get(tx, client_id, now()))
        response.headers["ETag"] = etag(found["version"])
        return ClientView(**found)

    @router.get("/{client_id}/export", summary="Everything that is stored of a client")
    async def export_client(who: Signed, client_id: UUID) -> ClientExport:
        async with db.tx(who.tenant_id) as tx:
            found = _there(await store.get(tx, client_id, now()))
            stored = await store.exported(tx, client_id, found["contact_id"])
        return ClientExport(
            client=ClientView(**found),
            reservations=[ExportedReservation(**row) for row in stored["reservations"]],
            waitlist=[ExportedEntry(**row) for row in stored["waitlist"]],
        )

    return router


def _changing_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    router = APIRouter(prefix="/v1/clients", route_class=OnceRoute)
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.post("", status_code=201)
    async def post_client(asked: Asked, body: ClientBody, response: Response) -> ClientView:
        client_id = new_id()
        async with asked.tx() as tx:
            if not await store.insert(tx, client_id, **body.model_dump(), now=now()):
                raise Conflict("a client with this contact is known already", code="contact_known")
            found = _there(await store.get(tx, client_id, now()))
        response.headers["ETag"] = etag(found["version"])
        response.headers["Location"] = f"/v1/clients/{client_id}"
        return ClientView(**found)

    @router.patch("/{client_id}")
    async def patch_client(
        asked: Asked, given: IfMatch, client_id: UUID, body: ClientChange, response: Response
    ) -> ClientView:
        async with asked.tx() as tx:
            locked = await store.lock(tx, client_id)
            before = _there(await store.get(tx, client_id, now()) if locked else None)
            check_version(given, before["version"])
            if before["erased_at"] is not None:
                raise Conflict("nothing is known of this client any more, on request", code="client_erased")
            after = {name: before[name] for name in ("name", "phone", "notes")} | body.model_dump(exclude_unset=True)
            await store.change(tx, client_id, **after)
            found = _there(await store.get(tx, client_id, now()))
        response.headers["ETag"] = etag(found["version"])
        return ClientView(**found)

    @router.post("/{client_id}/erase", summary="Forget what is personal; visits and payments stay, without it")
    async def erase_client(asked: Asked, client_id: UUID) -> ErasedView:
        async with asked.tx() as tx:
            outcome = await erase(tx, client_id, now())
            if not isinstance(outcome, Erased):
                if isinstance(outcome, Ahead):
                    raise Conflict("the client has visits ahead: cancel them first, or wait", code="visits_ahead")
                raise NotFound("no client of this id", code="unknown_client")
        return ErasedView(id=client_id, erased_at=outcome.at, version=outcome.version)

    return router


def _there(found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        raise NotFound("no client of this id", code="unknown_client")
    return found
