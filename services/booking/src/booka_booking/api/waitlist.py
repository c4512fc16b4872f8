"""`/v1/waitlist`: who would like to be told when something becomes free, and what they were offered."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from booka_booking.api.asking import Callers, Clock, existing
from booka_booking.api.hours import CLOCK, span_of, span_shown
from booka_booking.api.wants import Wants
from booka_booking.domain.times import Span
from booka_booking.domain.waitlist import Entry, EntryStatus, Look, Outcome
from booka_booking.errors import UnknownEntry, WrongState, waiting_refusal
from booka_booking.store import waitlist as store
from booka_booking.usecases import waitlist
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.waitlist import NotJoined
from booka_common.contracts.booking import Want
from booka_common.contracts.waitlist import WaitlistRequested
from booka_common.db import Database
from booka_common.errors import Conflict
from booka_common.idempotency import Once, OnceRoute, once
from booka_common.ids import new_id
from booka_common.internal import Caller
from booka_common.paging import Cursor, Limit, Page, page_of, position_after
from booka_common.versions import IfMatch, check_version, etag

__all__ = ["waitlist_routes"]

_LONGEST_CHECK = timedelta(days=62)


class _Days(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first_day: date = Field(ge=date(2000, 1, 1), lt=date(9000, 1, 1), description="local to the salon")
    last_day: date = Field(ge=date(2000, 1, 1), lt=date(9000, 1, 1), description="local to the salon, included")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_day > self.last_day:
            raise ValueError("last_day must not be before first_day")
        return self


class EntryBody(_Days):
    """Put a client on the list. Offers are made in the client's conversation. The same `request_id` again is one entry."""

    request_id: UUID | None = None
    contact_id: UUID
    conversation_id: UUID
    contact_name: str | None = Field(None, max_length=120)
    phone: str | None = Field(None, max_length=32)
    wants: Wants
    begins: str = Field("00:00", pattern=CLOCK, description="no start before this time of the day")
    ends: str = Field("24:00", pattern=CLOCK, description="no start at or after this time of the day")
    replaces: UUID | None = Field(
        None,
        description="a visit ahead of this contact, of the same services: at the client's yes it moves, with its deposit",
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.begins >= self.ends:
            raise ValueError("ends must be after begins")
        return self


class CheckBody(_Days):
    """Local dates on which more became free than a visit: time off was called off, hours are longer."""

    @model_validator(mode="after")
    def _short(self) -> Self:
        if self.last_day - self.first_day > _LONGEST_CHECK:
            raise ValueError(f"at most {_LONGEST_CHECK.days} days at once")
        return self


class CheckView(BaseModel):
    """How many wait for one of the days. Whom there is something for is offered it shortly."""

    waiting: int


class EntryView(BaseModel):
    """An entry. `offered`: something is being kept for the client now; `offers` counts all that were made.

    `replaces`: the visit that is to be moved to what becomes free.
    """

    id: UUID
    version: int
    status: EntryStatus
    contact_id: UUID
    conversation_id: UUID
    contact_name: str | None
    phone: str | None
    wants: list[Want]
    first_day: date
    last_day: date
    begins: str
    ends: str
    offers: int
    created_at: datetime
    replaces: UUID | None


class OfferView(BaseModel):
    """A start that was kept for the client: `declined` by them, or `withdrawn` by the salon.

    `replaces`: the visit in whose place it was offered; booked, that was moved there, if it still stood.
    """

    reservation_id: UUID
    start: datetime
    made_at: datetime
    outcome: Outcome
    replaces: UUID | None


class EntryDetail(EntryView):
    """An entry with what it was offered, oldest first."""

    offered: list[OfferView]


def waitlist_routes(db: Database, caller: Callers, now: Clock) -> APIRouter:
    """Reading the list, and changing it by hand."""
    router = APIRouter(prefix="/v1/waitlist", tags=["waitlist"], route_class=OnceRoute)
    Signed = Annotated[Caller, Depends(caller)]
    Asked = Annotated[Once, Depends(once(db, caller))]

    @router.post("", status_code=201, summary="Put a client on the list; 200 if they wait for just this already")
    async def post_entry(asked: Asked, body: EntryBody, response: Response) -> EntryView:
        span = span_of(body.begins, body.ends)
        wish = WaitlistRequested(
            **body.model_dump(exclude={"request_id", "wants", "begins", "ends"}),
            request_id=body.request_id or new_id(),
            wants=body.wants,
            from_minute=span.opens,
            until_minute=span.closes,
        )
        async with asked.tx() as tx:
            outcome = await waitlist.join(tx, wish, Occasion.request(asked.tenant_id, now()))
        if isinstance(outcome, NotJoined):
            raise waiting_refusal(outcome.code)
        response.status_code = 201 if outcome.new else 200
        response.headers["ETag"] = etag(outcome.entry.version)
        return EntryView(**_shown(outcome.entry))

    @router.get("", summary="Oldest first")
    async def list_entries(
        who: Signed,
        day: Annotated[date | None, Query(description="who waits for this local date")] = None,
        status: EntryStatus | None = None,
        contact_id: UUID | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[EntryView]:
        after = position_after(cursor, tuple[AwareDatetime, UUID])
        async with db.tx(who.tenant_id) as tx:
            rows = await store.list_entries(
                tx, day=day, status=status, contact_id=contact_id, after=after, limit=limit + 1
            )
        return page_of(rows, limit, lambda it: (it.created_at, it.id), lambda it: EntryView(**_shown(it)))

    @router.get("/{entry_id}")
    async def get_entry(who: Signed, entry_id: UUID, response: Response) -> EntryDetail:
        async with db.tx(who.tenant_id) as tx:
            it = await store.get(tx, entry_id)
            if it is None:
                raise UnknownEntry("no entry of this id")
            offers = await store.list_offers(tx, entry_id)
        response.headers["ETag"] = etag(it.version)
        offered = [OfferView(**{name: getattr(item, name) for name in OfferView.model_fields}) for item in offers]
        return EntryDetail(**_shown(it), offered=offered)

    @router.delete("/{entry_id}", status_code=204, summary="Take it off the list; what is being offered is taken back")
    async def delete_entry(asked: Asked, given: IfMatch, entry_id: UUID) -> None:
        async with asked.tx() as tx:
            it = await store.get(tx, entry_id)
            check_version(given, existing(it.version if it else None, "entry"))
            if it is None or not it.live:
                raise WrongState("the entry is not on the waiting list any more", code="not_waiting")
            await waitlist.leave(tx, [it], Occasion.request(asked.tenant_id, now()), by="salon")

    @router.post("/check", status_code=202, summary="Offer what is free on these days, whatever made it so")
    async def post_check(asked: Asked, body: CheckBody) -> CheckView:
        async with asked.tx() as tx:
            zone = await store.zone_of(tx)
            if zone is None:
                raise Conflict("the salon has no profile yet: PUT /v1/profile first", code="salon_not_ready")
            look = Look.at_days(body.first_day, body.last_day, zone)
            count = await waitlist.check(tx, look, Occasion.request(asked.tenant_id, now()))
        return CheckView(waiting=count)

    return router


def _shown(it: Entry) -> dict[str, Any]:
    begins, ends = span_shown(Span(it.from_minute, it.until_minute))
    known = {name: getattr(it, name) for name in EntryView.model_fields if name not in ("begins", "ends")}
    return {**known, "begins": begins, "ends": ends}
