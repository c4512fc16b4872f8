"""`/v1/staff`, `…/{id}/time-off`, `…/{id}/special-hours`: who works there, what they do, and when they do and do not."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from booka_booking.api.asking import Callers, Clock, change_of, existing, expect, room_for
from booka_booking.api.hours import (
    hours_shown,
    span_of,
    span_shown,
    spans_of,
    week_of,
    week_shown,
    weekday_numbers,
    weekdays_shown,
)
from booka_booking.api.shapes import (
    Changed,
    SkillBody,
    SpecialHoursBody,
    SpecialHoursChanged,
    SpecialHoursView,
    StaffBody,
    StaffChanged,
    StaffView,
    TimeOffBody,
    TimeOffChanged,
    TimeOffView,
)
from booka_booking.domain.salon import Skill, Staff, TimeOff
from booka_booking.store import offer, people
from booka_booking.store.people import Person, SpecialHours, StoredTimeOff
from booka_common.db import Database, Tx
from booka_common.errors import Conflict, Invalid, Unprocessable
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller
from booka_common.paging import Cursor, Limit, Page, page_of, position_after
from booka_common.versions import IfMatch, check_version, etag

__all__ = ["special_hours_routes", "staff_routes", "time_off_routes"]

_MOST_STAFF, _MOST_TIME_OFF, _MOST_SPECIAL = 500, 500, 1000


def staff_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """Everybody with what they do and their own hours."""
    router = APIRouter(route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.put("/staff/{staff_id}")
    async def put_staff(
        asked: Asked, given: IfMatch, staff_id: UUID, body: StaffBody, response: Response
    ) -> StaffChanged:
        member = Staff(
            id=staff_id,
            name=body.name,
            skills={skill.service_id: Skill(skill.duration_minutes, skill.price_minor) for skill in body.services},
            hours=None if body.hours is None else week_of(body.hours),
        )
        async with change_of(asked, now) as change:
            current = await people.staff_version(change.tx, staff_id)
            check_version(given, current)
            room_for(current, await people.count_staff(change.tx), _MOST_STAFF, "people")
            await _check_skills(change.tx, member)
            version = await people.put_staff(change.tx, member, active=body.active)
        response.headers["ETag"] = etag(version)
        return StaffChanged(id=staff_id, version=version, conflicts=change.conflicts, **body.model_dump())

    @router.get("/staff", summary="By name, those included who have left")
    async def list_staff(who: Signed, cursor: Cursor = None, limit: Limit = 50) -> Page[StaffView]:
        after = position_after(cursor, tuple[str, UUID])
        async with db.tx(who.tenant_id) as tx:
            rows = await people.list_staff(tx, after=after, limit=limit + 1)
        return page_of(rows, limit, lambda row: (row.name, row.id), lambda row: StaffView(**_staff_shown(row)))

    @router.get("/staff/{staff_id}")
    async def get_staff(who: Signed, staff_id: UUID, response: Response) -> StaffView:
        async with db.tx(who.tenant_id) as tx:
            rows = await people.list_staff(tx, staff_id)
        response.headers["ETag"] = etag(existing(rows[0].version if rows else None, "staff"))
        return StaffView(**_staff_shown(rows[0]))

    @router.delete("/staff/{staff_id}", summary="Takes no more visits; what is booked stays")
    async def retire_staff(asked: Asked, given: IfMatch, staff_id: UUID, response: Response) -> StaffChanged:
        async with change_of(asked, now) as change:
            expect(given, await people.staff_version(change.tx, staff_id), "staff")
            await people.retire_staff(change.tx, staff_id)
            (row,) = await people.list_staff(change.tx, staff_id)
        response.headers["ETag"] = etag(row.version)
        return StaffChanged(**_staff_shown(row), conflicts=change.conflicts)

    return router


def time_off_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """Time off, dated or recurring."""
    router = APIRouter(route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.put("/staff/{staff_id}/time-off/{time_off_id}")
    async def put_time_off(
        asked: Asked, given: IfMatch, staff_id: UUID, time_off_id: UUID, body: TimeOffBody, response: Response
    ) -> TimeOffChanged:
        time_off = TimeOff(
            starts_on=body.starts_on,
            ends_on=body.ends_on,
            weekdays=None if body.weekdays is None else weekday_numbers(body.weekdays),
            span=span_of(body.begins, body.ends),
        )
        async with change_of(asked, now) as change:
            tx = change.tx
            existing(await people.staff_version(tx, staff_id), "staff")
            current = await people.time_off_version(tx, staff_id, time_off_id)
            if current is None and await people.time_off_elsewhere(tx, staff_id, time_off_id):
                raise Conflict("somebody else has a time off of this id", code="id_taken")
            check_version(given, current)
            room_for(current, await people.count_time_off(tx, staff_id), _MOST_TIME_OFF, "time off for one person")
            version = await people.put_time_off(tx, staff_id, time_off_id, time_off, body.reason)
        response.headers["ETag"] = etag(version)
        stored = StoredTimeOff(time_off_id, time_off, body.reason, version)
        return TimeOffChanged(**_time_off_shown(stored), conflicts=change.conflicts)

    @router.get("/staff/{staff_id}/time-off", summary="By first day, past ones included")
    async def list_time_off(who: Signed, staff_id: UUID, cursor: Cursor = None, limit: Limit = 50) -> Page[TimeOffView]:
        after = position_after(cursor, tuple[date, UUID])
        async with db.tx(who.tenant_id) as tx:
            existing(await people.staff_version(tx, staff_id), "staff")
            rows = await people.list_time_off(tx, staff_id, after=after, limit=limit + 1)
        return page_of(
            rows,
            limit,
            lambda row: (row.time_off.starts_on, row.id),
            lambda row: TimeOffView(**_time_off_shown(row)),
        )

    @router.get("/staff/{staff_id}/time-off/{time_off_id}")
    async def get_time_off(who: Signed, staff_id: UUID, time_off_id: UUID, response: Response) -> TimeOffView:
        async with db.tx(who.tenant_id) as tx:
            rows = await people.list_time_off(tx, staff_id, time_off_id)
        response.headers["ETag"] = etag(existing(rows[0].version if rows else None, "time_off"))
        return TimeOffView(**_time_off_shown(rows[0]))

    @router.delete("/staff/{staff_id}/time-off/{time_off_id}", status_code=204)
    async def delete_time_off(asked: Asked, given: IfMatch, staff_id: UUID, time_off_id: UUID) -> None:
        async with change_of(asked, now) as change:
            expect(given, await people.time_off_version(change.tx, staff_id, time_off_id), "time_off")
            await people.delete_time_off(change.tx, time_off_id)

    return router


def special_hours_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """Somebody's hours on single dates."""
    router = APIRouter(route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]
    path = "/staff/{staff_id}/special-hours"

    @router.put(path + "/{day}", summary="What somebody works on one date, instead of what their week says")
    async def put_special_hours(
        asked: Asked, given: IfMatch, staff_id: UUID, day: date, body: SpecialHoursBody, response: Response
    ) -> SpecialHoursChanged:
        spans = tuple(sorted(spans_of(body.hours)))
        async with change_of(asked, now) as change:
            tx = change.tx
            existing(await people.staff_version(tx, staff_id), "staff")
            current = await people.special_hours_version(tx, staff_id, day)
            check_version(given, current)
            count = await people.count_special_hours(tx, staff_id)
            room_for(current, count, _MOST_SPECIAL, "dates with special hours for one person")
            version = await people.put_special_hours(tx, staff_id, day, spans, body.reason)
        response.headers["ETag"] = etag(version)
        stored = SpecialHours(day, spans, body.reason, version)
        return SpecialHoursChanged(**_special_shown(stored), conflicts=change.conflicts)

    @router.get(path, summary="By date, past ones included")
    async def list_special_hours(
        who: Signed, staff_id: UUID, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[SpecialHoursView]:
        after = position_after(cursor, tuple[date])
        async with db.tx(who.tenant_id) as tx:
            existing(await people.staff_version(tx, staff_id), "staff")
            rows = await people.list_special_hours(tx, staff_id, after=after[0] if after else None, limit=limit + 1)
        return page_of(rows, limit, lambda row: (row.day,), lambda row: SpecialHoursView(**_special_shown(row)))

    @router.get(path + "/{day}")
    async def get_special_hours(who: Signed, staff_id: UUID, day: date, response: Response) -> SpecialHoursView:
        async with db.tx(who.tenant_id) as tx:
            rows = await people.list_special_hours(tx, staff_id, day)
        response.headers["ETag"] = etag(existing(rows[0].version if rows else None, "special_hours"))
        return SpecialHoursView(**_special_shown(rows[0]))

    @router.delete(path + "/{day}", summary="The week says again what they work; what is booked stays")
    async def delete_special_hours(asked: Asked, given: IfMatch, staff_id: UUID, day: date) -> Changed:
        async with change_of(asked, now) as change:
            expect(given, await people.special_hours_version(change.tx, staff_id, day), "special_hours")
            await people.delete_special_hours(change.tx, staff_id, day)
        return Changed(conflicts=change.conflicts)

    return router


async def _check_skills(tx: Tx, member: Staff) -> None:
    gaps = await offer.gap_ends(tx, member.skills)
    if unknown := [id for id in member.skills if id not in gaps]:
        raise Invalid(
            "services names one that does not exist", code="unknown_service", service_ids=[str(id) for id in unknown]
        )
    short = [id for id, skill in member.skills.items() if (skill.duration_minutes or 1441) <= gaps[id]]
    if short:
        raise Unprocessable(
            "the gap of a service has to lie inside the person's own duration, with some work after it",
            code="gap_outside_duration",
            service_ids=[str(id) for id in short],
        )


def _staff_shown(row: Person) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "active": row.active,
        "version": row.version,
        "services": [
            SkillBody(service_id=service_id, duration_minutes=duration, price_minor=price)
            for service_id, duration, price in row.skills
        ],
        "hours": None if row.hours is None else week_shown(row.hours),
    }


def _time_off_shown(row: StoredTimeOff) -> dict[str, Any]:
    it = row.time_off
    begins, ends = span_shown(it.span)
    return {
        "id": row.id,
        "version": row.version,
        "starts_on": it.starts_on,
        "ends_on": it.ends_on,
        "weekdays": None if it.weekdays is None else weekdays_shown(it.weekdays),
        "begins": begins,
        "ends": ends,
        "reason": row.reason,
    }


def _special_shown(row: SpecialHours) -> dict[str, Any]:
    return {"day": row.day, "hours": hours_shown(row.spans), "reason": row.reason, "version": row.version}
