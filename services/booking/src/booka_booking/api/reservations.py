"""`/v1/availability` and `/v1/reservations`: what is free, and every step of a visit."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from booka_booking.domain.availability import Ask
from booka_booking.domain.reservation import Party, Refused, Reservation, Status
from booka_booking.domain.times import Interval
from booka_booking.errors import UnknownReservation, slot_refusal, state_refusal
from booka_booking.store import reservations as store
from booka_booking.usecases import availability, changes, confirmations, holds
from booka_booking.usecases.holds import NotHeld, Wish
from booka_booking.usecases.occasion import Occasion
from booka_common.contracts.booking import Slot, Visit
from booka_common.db import Database, Tx
from booka_common.errors import Invalid
from booka_common.internal import Caller
from booka_common.money import Money

__all__ = ["reservation_routes", "step_routes"]


class AvailabilityView(BaseModel):
    """Free starts; `exact` false: none in the window, these are the next ones after it."""

    exact: bool
    slots: tuple[Slot, ...]


class HoldBody(BaseModel):
    """Keep a start. The same `request_id` again gives the same reservation."""

    model_config = ConfigDict(extra="forbid")

    request_id: UUID | None = None
    service_ids: tuple[UUID, ...] = Field(min_length=1, max_length=10)
    staff_id: UUID | None = Field(None, description="null: whoever is free, the least booked first")
    start: AwareDatetime
    contact_id: UUID | None = None
    contact_name: str | None = Field(None, max_length=120)
    phone: str | None = Field(None, max_length=32)
    conversation_id: UUID | None = None
    guest_name: str | None = Field(None, max_length=120)


class ConfirmBody(BaseModel):
    """Agree to a hold."""

    model_config = ConfigDict(extra="forbid")

    guest_name: str | None = Field(None, min_length=1, max_length=120)
    waive_deposit: bool = Field(False, description="confirm without waiting for a deposit")


class MoveBody(BaseModel):
    """Another time, or another person."""

    model_config = ConfigDict(extra="forbid")

    start: AwareDatetime
    staff_id: UUID | None = Field(None, description="null: as was asked for at first")


class CancelBody(BaseModel):
    """Cancel. By the salon, a paid deposit goes back in full; by the client, as the terms say."""

    model_config = ConfigDict(extra="forbid")

    by: Party = "salon"
    why: str = Field("cancelled_by_hand", min_length=1, max_length=200)


class SegmentView(BaseModel):
    """One service of a visit, pinned as it was booked."""

    service_id: UUID
    service_name: str
    staff_id: UUID
    staff_name: str
    start: datetime
    end: datetime
    price_minor: int


class HistoryView(BaseModel):
    """One change of a reservation."""

    at: datetime
    version: int
    status: Status
    who: str
    why: str
    starts_at: datetime
    staff_ids: list[UUID]


class ReservationView(BaseModel):
    """A reservation. `version` goes up with every change of state or time."""

    id: UUID
    status: Status
    version: int
    visit: Visit
    segments: list[SegmentView]
    guest_name: str | None
    contact_id: UUID | None
    conversation_id: UUID | None
    request_id: UUID | None
    deposit: Money | None
    deposit_paid: Money | None
    expires_at: datetime | None
    deposit_due_at: datetime | None


class ReservationDetail(ReservationView):
    """A reservation with what became of it, oldest first."""

    history: list[HistoryView]


class ReservationPage(BaseModel):
    """Reservations by start. `next` is the `cursor` of the next page, null on the last."""

    items: list[ReservationView]
    next: str | None


class _Cursor(BaseModel):
    start: AwareDatetime
    id: UUID


def reservation_routes(
    db: Database, caller: Callable[..., Awaitable[Caller]], now: Callable[[], datetime]
) -> APIRouter:
    """What is free, keeping a start, and looking at what there is."""
    router = APIRouter(prefix="/v1", tags=["reservations"])
    Signed = Annotated[Caller, Depends(caller)]

    @router.get("/availability")
    async def get_availability(
        who: Signed,
        service_id: Annotated[list[UUID], Query(min_length=1, max_length=10)],
        earliest: Annotated[AwareDatetime, Query(alias="from")],
        latest: Annotated[AwareDatetime, Query(alias="to")],
        staff_id: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> AvailabilityView:
        async with db.tx(who.tenant_id) as tx:
            found = await availability.find(
                tx, Ask(tuple(service_id), staff_id), Interval(earliest, latest), limit, now()
            )
        if isinstance(found, str):
            raise slot_refusal(found, ())
        return AvailabilityView(exact=found.exact, slots=found.slots)

    @router.post("/reservations", status_code=201, summary="Keep a start; 200 if this request was granted before")
    async def post_hold(who: Signed, body: HoldBody, response: Response) -> ReservationView:
        wish = Wish(ask=Ask(body.service_ids, body.staff_id), **body.model_dump(exclude={"service_ids", "staff_id"}))
        async with db.tx(who.tenant_id) as tx:
            outcome = await holds.hold(tx, wish, Occasion.request(who.tenant_id, now()))
        if isinstance(outcome, NotHeld):
            raise slot_refusal(outcome.code, outcome.alternatives)
        response.status_code = 201 if outcome.new else 200
        return _view(outcome.reservation)

    @router.get("/reservations")
    async def list_reservations(
        who: Signed,
        earliest: Annotated[AwareDatetime, Query(alias="from")],
        latest: Annotated[AwareDatetime, Query(alias="to")],
        status: Status | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> ReservationPage:
        after = _read(cursor) if cursor else None
        async with db.tx(who.tenant_id) as tx:
            ids = await store.list_ids(tx, Interval(earliest, latest), status=status, after=after, limit=limit + 1)
            found = await store.get_many(tx, ids[:limit])
        more = _Cursor(start=found[-1].start, id=found[-1].id) if len(ids) > limit else None
        return ReservationPage(
            items=[_view(it) for it in found],
            next=base64.urlsafe_b64encode(more.model_dump_json().encode()).decode() if more else None,
        )

    @router.get("/reservations/{reservation_id}")
    async def get_reservation(who: Signed, reservation_id: UUID) -> ReservationDetail:
        async with db.tx(who.tenant_id) as tx:
            it = await store.get(tx, reservation_id)
            if it is None:
                raise UnknownReservation("no reservation of this id")
            history = await store.list_history(tx, reservation_id)
        return ReservationDetail(**_view(it).model_dump(), history=[HistoryView(**item) for item in history])

    return router


def step_routes(db: Database, caller: Callable[..., Awaitable[Caller]], now: Callable[[], datetime]) -> APIRouter:
    """Every step of a visit once it is held."""
    router = APIRouter(prefix="/v1", tags=["reservations"])
    Signed = Annotated[Caller, Depends(caller)]

    @router.post("/reservations/{reservation_id}/confirm", summary="Agree; with a deposit, it stays held until paid")
    async def confirm(who: Signed, reservation_id: UUID, body: ConfirmBody) -> ReservationView:
        occasion = Occasion.request(who.tenant_id, now())
        others: tuple[Slot, ...] = ()
        async with db.tx(who.tenant_id) as tx:
            it = await _locked(tx, reservation_id)
            outcome = await confirmations.confirm(tx, it, occasion, **body.model_dump())
            if isinstance(outcome, Refused) and outcome.code == "hold_expired":
                others = await confirmations.others(tx, it, occasion.now)
        return _view(_granted(outcome, others))

    @router.post("/reservations/{reservation_id}/move")
    async def move(who: Signed, reservation_id: UUID, body: MoveBody) -> ReservationView:
        occasion = Occasion.request(who.tenant_id, now())
        async with db.tx(who.tenant_id) as tx:
            it = await _locked(tx, reservation_id)
            outcome = await changes.move(tx, it, occasion, start=body.start, staff_id=body.staff_id)
        return _view(_granted(outcome))

    @router.post("/reservations/{reservation_id}/cancel")
    async def cancel(who: Signed, reservation_id: UUID, body: CancelBody) -> ReservationView:
        async with db.tx(who.tenant_id) as tx:
            it = await _locked(tx, reservation_id)
            occasion = Occasion.request(who.tenant_id, now())
            outcome = await changes.cancel(tx, it, occasion, by=body.by, why=body.why)
        return _view(_granted(outcome))

    async def finish(who: Caller, reservation_id: UUID, outcome: Literal["completed", "no_show"]) -> ReservationView:
        async with db.tx(who.tenant_id) as tx:
            it = await _locked(tx, reservation_id)
            finished = await changes.finish(tx, it, Occasion.request(who.tenant_id, now()), outcome)
        return _view(_granted(finished))

    @router.post("/reservations/{reservation_id}/complete", summary="The visit took place")
    async def complete(who: Signed, reservation_id: UUID) -> ReservationView:
        return await finish(who, reservation_id, "completed")

    @router.post("/reservations/{reservation_id}/no-show", summary="The client did not come")
    async def no_show(who: Signed, reservation_id: UUID) -> ReservationView:
        return await finish(who, reservation_id, "no_show")

    return router


async def _locked(tx: Tx, reservation_id: UUID) -> Reservation:
    it = await store.lock(tx, reservation_id)
    if it is None:
        raise UnknownReservation("no reservation of this id")
    return it


def _granted(outcome: Reservation | Refused | NotHeld, alternatives: tuple[Slot, ...] = ()) -> Reservation:
    """The reservation, or the refusal as an error. Raised after the commit, so that an ended hold stays ended."""
    if isinstance(outcome, NotHeld):
        raise slot_refusal(outcome.code, outcome.alternatives)
    if isinstance(outcome, Refused):
        raise state_refusal(outcome.code, alternatives)
    return outcome


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        found = _Cursor.model_validate_json(base64.urlsafe_b64decode(cursor.encode()))
    except (ValidationError, ValueError, binascii.Error):
        raise Invalid("the cursor is not one of ours", code="bad_cursor") from None
    return found.start, found.id


def _view(it: Reservation) -> ReservationView:
    return ReservationView(
        id=it.id,
        status=it.status,
        version=it.version,
        visit=it.visit,
        segments=[
            SegmentView(**{name: getattr(segment, name) for name in SegmentView.model_fields})
            for segment in it.segments
        ],
        guest_name=it.guest_name,
        contact_id=it.contact_id,
        conversation_id=it.conversation_id,
        request_id=it.request_id,
        deposit=it.deposit,
        deposit_paid=it.paid,
        expires_at=it.expires_at,
        deposit_due_at=it.deposit_due_at,
    )
