"""`/v1/contacts`: the people who write, silence, and forgetting."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller, authenticate
from booka_common.paging import Cursor, Limit, Page, page_of, position_after
from booka_common.runtime import Runtime
from booka_messaging.api.conversations import Blocked, Words
from booka_messaging.api.refusals import changes, refusals
from booka_messaging.api.views import ContactDetailView, ContactView
from booka_messaging.errors import ContactErased
from booka_messaging.usecases import contacts, reading

__all__ = ["contact_routes"]

Callers = Callable[..., Awaitable[Caller]]


class ContactExport(BaseModel):
    """Everything that messaging has stored of a person, row by row, the oldest first."""

    contact: dict[str, Any]
    aliases: list[dict[str, Any]]
    conversations: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    charges: list[dict[str, Any]]


def contact_routes(runtime: Runtime) -> APIRouter:
    """Reading and looking after people."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    router = APIRouter(tags=["contacts"])
    router.include_router(_reading_routes(runtime, caller))
    router.include_router(_changing_routes(runtime, caller))
    return router


def _reading_routes(runtime: Runtime, caller: Callers) -> APIRouter:
    router = APIRouter(prefix="/v1/contacts")
    Signed = Annotated[Caller, Depends(caller)]
    db = runtime.db

    @router.get("", summary="People, the newest first", responses=refusals({400: "bad_cursor"}))
    async def list_contacts(
        who: Signed, q: Words = None, blocked: Blocked = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[ContactView]:
        before = position_after(cursor, tuple[UUID])
        rows = await reading.contacts(
            db, who.tenant_id, words=q, blocked=blocked, before=before[0] if before else None, limit=limit + 1
        )
        return page_of(rows, limit, lambda row: (row.id,), ContactView.of)

    @router.get("/{contact_id}", summary="One person", responses=refusals({404: "unknown_contact"}))
    async def get_contact(who: Signed, contact_id: UUID) -> ContactDetailView:
        return ContactDetailView.detail(await reading.contact(db, who.tenant_id, contact_id))

    @router.get(
        "/{contact_id}/export",
        summary="Everything that is stored of a person",
        responses=refusals({404: "unknown_contact"}),
    )
    async def export_contact(who: Signed, contact_id: UUID) -> ContactExport:
        return ContactExport(**await contacts.export(db, who.tenant_id, contact_id))

    return router


def _changing_routes(runtime: Runtime, caller: Callers) -> APIRouter:
    router = APIRouter(prefix="/v1/contacts/{contact_id}", route_class=OnceRoute)
    Asked = Annotated[Once, Depends(once(runtime.db, caller))]
    now = runtime.now

    async def block(asked: Once, contact_id: UUID, *, blocked: bool) -> ContactDetailView:
        async with asked.tx() as tx:
            if (await reading.person(tx, contact_id)).erased_at is not None:
                raise ContactErased
            await contacts.block(tx, contact_id, blocked=blocked, now=now())
            return ContactDetailView.detail(await reading.person(tx, contact_id))

    refused = changes({404: "unknown_contact", 409: "contact_erased"})

    @router.post("/block", summary="Answer nothing that they write, and send them nothing", responses=refused)
    async def block_contact(asked: Asked, contact_id: UUID) -> ContactDetailView:
        return await block(asked, contact_id, blocked=True)

    @router.post("/unblock", summary="Answer what they write from now on", responses=refused)
    async def unblock_contact(asked: Asked, contact_id: UUID) -> ContactDetailView:
        return await block(asked, contact_id, blocked=False)

    @router.post(
        "/erase",
        summary="Forget a person here and everywhere in Booka; what was counted stays, without them",
        responses=changes({404: "unknown_contact"}),
    )
    async def erase_contact(asked: Asked, contact_id: UUID) -> ContactDetailView:
        async with asked.tx() as tx:
            await contacts.erase(tx, contact_id, now())
            return ContactDetailView.detail(await reading.person(tx, contact_id))

    return router
