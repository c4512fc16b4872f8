"""`/v1/availability`: what is free, how much of it on which day, and why something is not."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel

from booka_booking.api.wants import WantsInQuery
from booka_booking.domain.explaining import ReasonCode
from booka_booking.domain.planning import Ask, Party
from booka_booking.domain.times import Interval
from booka_booking.errors import slot_refusal
from booka_booking.usecases import availability
from booka_booking.usecases.availability import Explained
from booka_common.contracts.booking import Slot
from booka_common.db import Database
from booka_common.internal import Caller

__all__ = ["availability_routes"]


class AvailabilityView(BaseModel):
    """Free starts. `exact` false: nothing was free in the window; these are the next ones after it."""

    exact: bool
    slots: tuple[Slot, ...]


class DayView(BaseModel):
    """A local date with something free."""

    day: date
    free: int
    first: datetime


class MonthView(BaseModel):
    """The dates of the window on which something is free, in order."""

    days: list[DayView]


class ReasonView(BaseModel):
    """One constraint in the way of a start.

    `position` is the service it is about, counted from 0; `calendar_id` the person, or the pool for `no_resource`;
    `reservation_id` what takes the time, for `busy`. `service_retired`, `not_online`, `not_performed` and `too_long` stand in the
    way of every start.
    """

    code: ReasonCode
    position: int | None
    calendar_id: UUID | None
    start: datetime | None
    end: datetime | None
    reservation_id: UUID | None


class ExplanationView(BaseModel):
    """Whether a start is offered; if it is not, everything that stands in its way."""

    offered: bool
    reasons: list[ReasonView]


def availability_routes(
    db: Database, caller: Callable[..., Awaitable[Caller]], now: Callable[[], datetime]
) -> APIRouter:
    """Reading only; `by=salon` leaves lead time, horizon and services that are not bookable online out of account."""
    router = APIRouter(prefix="/v1/availability", tags=["availability"])
    Signed = Annotated[Caller, Depends(caller)]

    @router.get("")
    async def get_availability(
        who: Signed,
        wants: WantsInQuery,
        earliest: Annotated[AwareDatetime, Query(alias="from")],
        latest: Annotated[AwareDatetime, Query(alias="to")],
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        by: Party = "client",
        contact_id: UUID | None = None,
        moving: Annotated[UUID | None, Query(description="a visit to be moved: its own time counts as free")] = None,
    ) -> AvailabilityView:
        async with db.tx(who.tenant_id) as tx:
            found = await availability.find(
                tx,
                Ask(wants, by, booked=moving is not None),
                Interval(earliest, latest),
                limit,
                now(),
                contact_id=contact_id,
                besides=moving,
            )
        if isinstance(found, str):
            raise slot_refusal(found, ())
        return AvailabilityView(exact=found.exact, slots=found.slots)

    @router.get("/days", summary="How much is free on each day, for the view of a month")
    async def get_days(
        who: Signed,
        wants: WantsInQuery,
        earliest: Annotated[AwareDatetime, Query(alias="from")],
        latest: Annotated[AwareDatetime, Query(alias="to")],
        by: Party = "client",
    ) -> MonthView:
        async with db.tx(who.tenant_id) as tx:
            found = await availability.by_day(tx, Ask(wants, by), Interval(earliest, latest), now())
        if isinstance(found, str):
            raise slot_refusal(found, ())
        return MonthView(days=[DayView(day=item.day, free=item.free, first=item.first) for item in found])

    @router.get("/explain", summary="Why a start is not offered; by=salon: why not even the salon could book it")
    async def get_explanation(
        who: Signed,
        wants: WantsInQuery,
        start: AwareDatetime,
        by: Party = "client",
        *,
        outside_hours: Annotated[bool, Query(description="as in POST /v1/reservations: hours are no reason")] = False,
    ) -> ExplanationView:
        ask = Ask(wants, by, outside_hours=outside_hours and by == "salon")
        async with db.tx(who.tenant_id) as tx:
            found = await availability.explained(tx, ask, start, now())
        if isinstance(found, str):
            raise slot_refusal(found, ())
        return _shown(found)

    return router


def _shown(found: Explained) -> ExplanationView:
    reasons = []
    for reason in found.reasons:
        key = (reason.calendar_id, reason.span.start) if reason.calendar_id and reason.span else None
        reasons.append(
            ReasonView(
                code=reason.code,
                position=reason.position,
                calendar_id=reason.calendar_id,
                start=reason.span.start if reason.span else None,
                end=reason.span.end if reason.span else None,
                reservation_id=found.taken_by.get(key) if key and reason.code == "busy" else None,
            )
        )
    return ExplanationView(offered=not reasons, reasons=reasons)
