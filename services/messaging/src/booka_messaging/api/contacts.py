"""`/v1/contacts`: the people who write."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from booka_common.internal import Caller, authenticate
from booka_common.paging import Cursor, Limit, Page, page_of, position_after
from booka_common.service import Runtime
from booka_messaging.api.conversations import Blocked, Words
from booka_messaging.api.refusals import refusals
from booka_messaging.api.views import ContactDetailView, ContactView
from booka_messaging.usecases import reading

__all__ = ["contact_routes"]


def contact_routes(runtime: Runtime) -> APIRouter:
    """Reading."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    router = APIRouter(prefix="/v1/contacts", tags=["contacts"])
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

    return router
