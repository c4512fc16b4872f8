"""`/v1/reservations/{id}/…`: every step of a visit once it is held. With `If-Match`, only if it is still at that version."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from booka_booking.api.asking import Why
from booka_booking.api.views import ReservationView, shown
from booka_booking.api.wants import MAX_WANTS
from booka_booking.domain.lifecycle import Refused
from booka_booking.domain.planning import Party
from booka_booking.domain.reservation import Reservation
from booka_booking.errors import UnknownReservation, slot_refusal, state_refusal
from booka_booking.store import reservations as store
from booka_booking.store import waitlist as waiting
from booka_booking.usecases import changes, confirmations
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.wishes import NotHeld
from booka_common.contracts.booking import Slot
from booka_common.db import Database, Tx
from booka_common.errors import Unprocessable
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.internal import Caller
from booka_common.versions import IfMatch, check_version, etag

__all__ = ["step_routes"]


class ConfirmBody(BaseModel):
    """Agree to a hold."""

    model_config = ConfigDict(extra="forbid")

    guest_name: str | None = Field(None, min_length=1, max_length=120)
    waive_deposit: bool = Field(False, description="confirm without waiting for a deposit")


class MoveBody(BaseModel):
    """Another time, or other people. Notice and limit of the terms bind the client; the salon as little as for a new visit."""

    model_config = ConfigDict(extra="forbid")

    start: AwareDatetime
    staff_ids: tuple[UUID | None, ...] = Field(
        (), max_length=MAX_WANTS, description="one for each service, null: anyone; empty: as was asked for at first"
    )
    by: Party = "salon"
    outside_hours: bool = Field(False, description="by salon: whatever opening hours, own hours and time off say")
    why: Why = "moved"

    @model_validator(mode="after")
    def _by_the_salon(self) -> Self:
        if self.by != "salon" and self.outside_hours:
            raise ValueError("outside_hours is for by salon")
        return self


class FinishBody(BaseModel):
    """How a visit went. Said of one that was judged already, it corrects that."""

    model_config = ConfigDict(extra="forbid")

    why: Why | None = None


class CancelBody(BaseModel):
    """Cancel. By the salon, a paid deposit goes back in full; by the client, as the terms say."""

    model_config = ConfigDict(extra="forbid")

    by: Party = "salon"
    why: Why = "cancelled_by_hand"


def step_routes(db: Database, caller: Callable[..., Awaitable[Caller]], now: Callable[[], datetime]) -> APIRouter:
    """Confirm, move, cancel, complete, no-show."""
    router = APIRouter(prefix="/v1/reservations/{reservation_id}", tags=["reservations"], route_class=OnceRoute)
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.post(
        "/confirm", summary="Agree; with a deposit, it stays held until paid. A visit it was offered in place of moves"
    )
    async def confirm(
        asked: Asked, reservation_id: UUID, body: ConfirmBody, version: IfMatch, response: Response
    ) -> ReservationView:
        occasion = Occasion.request(asked.tenant_id, now())
        others: tuple[Slot, ...] = ()
        async with asked.tx() as tx:
            found, replaced = await waiting.lock_agreed(tx, reservation_id)
            it = _current(found, version)
            outcome = await confirmations.confirm(tx, it, occasion, **body.model_dump(), replaced=replaced)
            if isinstance(outcome, Refused) and outcome.code == "hold_expired":
                others = await confirmations.others(tx, it, occasion.now)
        return _answer(outcome, response, others)

    @router.post("/move", summary="Another time, or other people")
    async def move(
        asked: Asked, reservation_id: UUID, body: MoveBody, version: IfMatch, response: Response
    ) -> ReservationView:
        occasion = Occasion.request(asked.tenant_id, now())
        async with asked.tx() as tx:
            it = await _locked(tx, reservation_id, version)
            if body.staff_ids and len(body.staff_ids) != len(it.segments):
                raise Unprocessable("staff_ids has to name one for each service, or nobody", code="staff_ids_mismatch")
            outcome = await changes.move(tx, it, occasion, **body.model_dump())
        return _answer(outcome, response)

    @router.post("/cancel", summary="Give it up")
    async def cancel(
        asked: Asked, reservation_id: UUID, body: CancelBody, version: IfMatch, response: Response
    ) -> ReservationView:
        async with asked.tx() as tx:
            it = await _locked(tx, reservation_id, version)
            occasion = Occasion.request(asked.tenant_id, now())
            outcome = await changes.cancel(tx, it, occasion, by=body.by, why=body.why)
        return _answer(outcome, response)

    async def finish(
        asked: Once,
        reservation_id: UUID,
        version: int | None,
        outcome: Literal["completed", "no_show"],
        body: FinishBody | None,
    ) -> Reservation | Refused:
        async with asked.tx() as tx:
            it = await _locked(tx, reservation_id, version)
            why = body.why if body else None
            return await changes.finish(tx, it, Occasion.request(asked.tenant_id, now()), outcome, why=why)

    @router.post("/complete", summary="The visit took place")
    async def complete(
        asked: Asked, reservation_id: UUID, version: IfMatch, response: Response, body: FinishBody | None = None
    ) -> ReservationView:
        return _answer(await finish(asked, reservation_id, version, "completed", body), response)

    @router.post("/no-show", summary="The client did not come")
    async def no_show(
        asked: Asked, reservation_id: UUID, version: IfMatch, response: Response, body: FinishBody | None = None
    ) -> ReservationView:
        return _answer(await finish(asked, reservation_id, version, "no_show", body), response)

    return router


async def _locked(tx: Tx, reservation_id: UUID, version: int | None) -> Reservation:
    return _current(await store.lock(tx, reservation_id), version)


def _current(it: Reservation | None, version: int | None) -> Reservation:
    if it is None:
        raise UnknownReservation("no reservation of this id")
    if version is not None:
        check_version(version, it.version)
    return it


def _answer(
    outcome: Reservation | Refused | NotHeld, response: Response, alternatives: tuple[Slot, ...] = ()
) -> ReservationView:
    """The reservation, or the refusal as an error. Raised after the block, so that an ended hold stays ended."""
    if isinstance(outcome, NotHeld):
        raise slot_refusal(outcome.code, outcome.alternatives)
    if isinstance(outcome, Refused):
        raise state_refusal(outcome.code, alternatives)
    response.headers["ETag"] = etag(outcome.version)
    return shown(outcome)
