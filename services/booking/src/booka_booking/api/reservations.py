"""`/v1/reservations`: keeping a start, and looking at what there is."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from booka_booking.api.asking import Why
from booka_booking.api.posted import Posted
from booka_booking.api.views import HistoryView, ReservationDetail, ReservationView, shown
from booka_booking.api.wants import Wants
from booka_booking.domain import lifecycle
from booka_booking.domain.planning import Ask, Party
from booka_booking.domain.reservation import Status
from booka_booking.domain.times import Interval
from booka_booking.errors import UnknownReservation
from booka_booking.store import reservations as store
from booka_booking.usecases.holding import Holds
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.wishes import Wish
from booka_common.db import Database
from booka_common.errors import Invalid
from booka_common.idempotency import AnsweredBefore, Once, OnceRoute, once, straight
from booka_common.internal import Caller
from booka_common.money import Money
from booka_common.paging import Cursor, Limit, Page, page_of, position_after
from booka_common.versions import etag
from booka_common.web import Hot

__all__ = ["reservation_routes"]

_EVER = Interval(datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))


class HoldBody(BaseModel):
    """Keep a start. The same `request_id` again gives the same reservation.

    `by` salon, for calls and walk-ins: grid, lead time, horizon and `online` do not bind, and it may have begun up to 12 hours
    ago. Only then `outside_hours`, `agreed` and `waive_deposit`. Whose it is: a `contact_id` of the conversations, or a
    `client_id` whom the salon knows, or nobody in particular.
    """

    model_config = ConfigDict(extra="forbid")

    request_id: UUID | None = None
    wants: Wants
    start: AwareDatetime
    by: Party = "client"
    contact_id: UUID | None = None
    contact_name: str | None = Field(None, max_length=120)
    phone: str | None = Field(None, max_length=32)
    client_id: UUID | None = None
    conversation_id: UUID | None = None
    guest_name: str | None = Field(None, max_length=120)
    outside_hours: bool = Field(
        False, description="whatever opening hours, own hours and time off say; who or what is taken stays taken"
    )
    agreed: bool = Field(False, description="at once, as by /confirm; what a deposit is due for stays held until paid")
    waive_deposit: bool = Field(False, description="with `agreed`: confirm without waiting for a deposit")
    why: Why = "requested"

    @model_validator(mode="after")
    def _by_the_salon(self) -> Self:
        if self.by != "salon" and (self.outside_hours or self.agreed):
            raise ValueError("outside_hours and agreed are for by salon")
        if self.waive_deposit and not self.agreed:
            raise ValueError("waive_deposit goes with agreed")
        return self


class QuoteView(BaseModel):
    """What giving a visit up, or moving it, would mean for the client now."""

    cancellable: bool
    refund: Money | None
    kept: Money | None
    free_until: datetime | None
    movable: bool
    not_movable_because: str | None


def reservation_routes(
    db: Database, hot: Hot, holds: Holds, caller: Callable[..., Awaitable[Caller]], now: Callable[[], datetime]
) -> APIRouter:
    """Holding and reading."""
    router = APIRouter(prefix="/v1/reservations", tags=["reservations"], route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    ask = once(db, caller)
    Asked = Annotated[Once, Depends(ask)]

    @router.post(
        "",
        status_code=201,
        response_model=ReservationView,
        summary="Keep a start; 200 if this request_id was granted before",
    )
    async def post_hold(asked: Asked, body: HoldBody) -> Response:
        wish = Wish(
            Ask(body.wants, body.by, outside_hours=body.outside_hours),
            body.start,
            request_id=body.request_id,
            conversation_id=body.conversation_id,
            contact_id=body.contact_id,
            contact_name=body.contact_name,
            phone=body.phone,
            client_id=body.client_id,
            guest_name=body.guest_name,
            agreed=body.agreed,
            waive_deposit=body.waive_deposit,
            why=body.why,
        )
        posted = Posted(asked.keyed)
        try:
            await holds.hold(wish, Occasion.request(asked.tenant_id, now()), posted)
        except AnsweredBefore:
            return await asked.answer_again()
        return posted.response

    hot["POST", "/v1/reservations"] = straight(ask, caller, HoldBody, post_hold)

    @router.get("", summary="By start; of a person, of a client, in a state, or all of these")
    async def list_reservations(
        who: Signed,
        earliest: Annotated[AwareDatetime | None, Query(alias="from", description="needed without client_id")] = None,
        latest: Annotated[AwareDatetime | None, Query(alias="to", description="needed without client_id")] = None,
        status: Status | None = None,
        staff_id: UUID | None = None,
        client_id: UUID | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[ReservationView]:
        if client_id is None and (earliest is None or latest is None):
            raise Invalid("say from and to, or a client_id", code="window_missing")
        window = Interval(earliest or _EVER.start, latest or _EVER.end)
        after = position_after(cursor, tuple[AwareDatetime, UUID])
        async with db.tx(who.tenant_id) as tx:
            keys = await store.list_keys(
                tx, window, status=status, staff_id=staff_id, client_id=client_id, after=after, limit=limit + 1
            )
            found = {it.id: shown(it) for it in await store.get_many(tx, [id for _, id in keys[:limit]])}
        # Where one has just been moved to does not matter: the list goes on where it was found.
        return page_of(keys, limit, lambda key: key, lambda key: found[key[1]])

    @router.get("/{reservation_id}")
    async def get_reservation(who: Signed, reservation_id: UUID, response: Response) -> ReservationDetail:
        async with db.tx(who.tenant_id) as tx:
            it = await store.get(tx, reservation_id)
            if it is None:
                raise UnknownReservation("no reservation of this id")
            history = await store.list_history(tx, reservation_id)
        response.headers["ETag"] = etag(it.version)
        return ReservationDetail(**shown(it).model_dump(), history=[HistoryView(**item) for item in history])

    @router.get("/{reservation_id}/quote", summary="What cancelling or moving it would mean for the client now")
    async def get_quote(who: Signed, reservation_id: UUID) -> QuoteView:
        async with db.tx(who.tenant_id) as tx:
            it = await store.get(tx, reservation_id)
        if it is None:
            raise UnknownReservation("no reservation of this id")
        quote = lifecycle.quote(it, now())
        return QuoteView(
            cancellable=quote.cancellable,
            refund=quote.refund,
            kept=quote.kept,
            free_until=quote.free_until,
            movable=quote.hindered is None,
            not_movable_because=quote.hindered,
        )

    return router
