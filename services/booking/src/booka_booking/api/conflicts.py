"""`/v1/conflicts`: visits ahead that the calendar, as it now is, would not allow."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel

from booka_booking.api.asking import Callers, Clock
from booka_booking.domain.conflicts import Conflict, ConflictCode
from booka_booking.domain.times import Interval
from booka_booking.store import catalogue
from booka_booking.usecases import conflicts
from booka_booking.usecases.conflicts import InConflict
from booka_common.db import Database
from booka_common.internal import Caller
from booka_common.paging import Cursor, Limit, Page, page_of, position_after

__all__ = ["conflict_routes"]


class ReasonView(BaseModel):
    """Something that is not allowed any more; `position` null: of the visit. `about`: a person, service, resource or pool."""

    code: ConflictCode
    position: int | None
    about: UUID | None
    start: datetime | None
    end: datetime | None


class ConflictView(BaseModel):
    """A visit ahead, and everything that is wrong about it."""

    reservation_id: UUID
    status: Literal["held", "confirmed"]
    version: int
    guest_name: str | None
    start: datetime
    end: datetime
    reasons: list[ReasonView]


def conflict_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """For a person to decide: nothing that is booked is ever moved by a change of the catalogue."""
    router = APIRouter()
    Signed = Annotated[Caller, Depends(caller)]

    @router.get("/conflicts", summary="By start; without `from` and `to`, all that is ahead")
    async def list_conflicts(
        who: Signed,
        earliest: Annotated[AwareDatetime | None, Query(alias="from")] = None,
        latest: Annotated[AwareDatetime | None, Query(alias="to")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[ConflictView]:
        after = position_after(cursor, tuple[AwareDatetime, UUID])
        async with db.tx(who.tenant_id) as tx:
            salon = await catalogue.get_salon(tx)
            if salon is None:
                return Page(items=[])
            window = Interval(earliest or now(), latest or conflicts.EVER)
            found = await conflicts.find(tx, salon, window, now(), limit=limit + 1, after=after)
        return page_of(found, limit, lambda item: (item.visit.start, item.visit.id), _shown)

    return router


def _shown(item: InConflict) -> ConflictView:
    visit = item.visit
    return ConflictView(
        reservation_id=visit.id,
        status=visit.status,
        version=visit.version,
        guest_name=visit.guest_name,
        start=visit.start,
        end=visit.end,
        reasons=[_reason(reason) for reason in item.reasons],
    )


def _reason(reason: Conflict) -> ReasonView:
    start, end = reason.span or (None, None)
    return ReasonView(code=reason.code, position=reason.position, about=reason.about, start=start, end=end)
