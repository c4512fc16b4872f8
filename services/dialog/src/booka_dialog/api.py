"""The signed HTTP API under `/v1/sessions`: look at a conversation, start one, and step through it."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from booka_common.contracts.booking import Slot, Visit, Want
from booka_common.internal import Caller
from booka_common.money import Money
from booka_dialog import usecases
from booka_dialog.domain import ClientSaid, Session, SessionEnded, SlotsUpdated
from booka_dialog.domain.session import Held
from booka_dialog.understanding import Language
from booka_dialog.usecases import Deps

__all__ = ["api"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartSession(_Request):
    """A conversation to be started. Its ids are those that messaging knows, for what is said goes out through it."""

    conversation_id: UUID
    contact_id: UUID
    contact_name: str | None = Field(None, max_length=120)
    phone: str | None = Field(None, max_length=20)
    language: Language | None = Field(None, description="en or pt; the salon's own by default")
    text: str = Field("", max_length=4096, description="the client's first words")


class NextStep(_Request):
    """What the client says."""

    text: str = Field(max_length=4096)
    id: UUID | None = Field(None, description="repeated with the same id, it has no second effect")


def _without_offset(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("a time of the salon's day, without an offset")
    return at


LocalTime = Annotated[time, AfterValidator(_without_offset)]


class UpdateSlots(_Request):
    """Slots to be set; what is left out stays as it is. Times are local to the salon."""

    wants: tuple[Want, ...] = Field(
        (), max_length=5, description="the services in their order; without a person, whoever is decided otherwise"
    )
    service_id: UUID | None = Field(None, description="one service")
    staff_id: UUID | None = Field(None, description="somebody who does all that she or he can of the visit")
    any_staff: bool = False
    day: date | None = None
    time_from: LocalTime | None = None
    time_until: LocalTime | None = None
    guest_name: str | None = Field(None, min_length=1, max_length=120)
    for_other: bool = Field(False, description="guest_name is somebody else than the contact")


class WhenView(BaseModel):
    """The wish for a time, local to the salon."""

    day: date | None
    last_day: date | None
    start: time | None
    end: time | None
    exact: bool
    soon: bool


class WishView(BaseModel):
    """One service of the visit; `anyone`: it does not matter who does it."""

    service_id: UUID
    staff_id: UUID | None
    anyone: bool


class HeldView(BaseModel):
    """The start that is kept for the client."""

    reservation_id: UUID
    visit: Visit
    deposit: Money | None
    expires_at: AwareDatetime
    url: str | None = Field(description="where the deposit is paid, once it is known")
    entry_id: UUID | None = Field(description="the place on the waiting list that it was offered for")


class VisitView(BaseModel):
    """A confirmed visit ahead."""

    reservation_id: UUID
    visit: Visit


class ListedView(BaseModel):
    """A place on the waiting list."""

    entry_id: UUID
    service_ids: tuple[UUID, ...]
    first_day: date
    last_day: date


class SessionView(BaseModel):
    """A conversation as it stands."""

    conversation_id: UUID
    contact_id: UUID | None
    state: str
    language: Language | None
    wishes: tuple[WishView, ...] = Field(description="the services of the visit in the making, in their order")
    staff_id: UUID | None = Field(description="named before the services were known")
    any_staff: bool
    when: WhenView
    slots: tuple[Slot, ...] = Field(description="the starts offered last, numbered from 1")
    guest_name: str | None
    for_other: bool
    held: HeldView | None
    offers: tuple[HeldView, ...] = Field(
        description="offered from the waiting list while something else was talked about"
    )
    visits: tuple[VisitView, ...]
    moving: UUID | None = Field(description="the visit for which another time is looked for")
    listed: tuple[ListedView, ...]
    pending_request_id: UUID | None = Field(description="the question to booking that is open")

    @classmethod
    def of(cls, session: Session) -> "SessionView":
        """The view of `session`."""
        held, when = session.held, session.when
        return cls(
            conversation_id=session.conversation_id,
            contact_id=session.contact_id,
            state=session.state,
            language=session.language,
            wishes=tuple(WishView(service_id=wish.service_id, staff_id=wish.staff_id, anyone=wish.anyone)
                         for wish in session.wishes),
            staff_id=session.staff_id,
            any_staff=session.any_staff,
            when=WhenView(day=when.day, last_day=when.last_day, start=when.start, end=when.end, exact=when.exact, soon=when.soon),
            slots=session.slots,
            guest_name=session.guest_name,
            for_other=session.for_other,
            held=held and _held(held),
            offers=tuple(_held(offer) for offer in session.offers),
            moving=session.moving,
            listed=tuple(ListedView(entry_id=entry.entry_id, service_ids=entry.service_ids, first_day=entry.first_day,
                                    last_day=entry.last_day) for entry in session.listed),
            visits=tuple(VisitView(reservation_id=known.reservation_id, visit=known.visit) for known in session.visits),
            pending_request_id=session.pending.request_id if session.pending else None,
        )  # fmt: skip


class StoredSessionView(SessionView):
    """A conversation with its bookkeeping."""

    turns_taken: int = Field(description="client turns answered so far")
    version: int
    updated_at: datetime


class SteppedView(BaseModel):
    """A conversation after a step, and the texts that went out to the client because of it."""

    session: SessionView
    texts: tuple[str, ...]


def _held(held: Held) -> HeldView:
    return HeldView(
        reservation_id=held.reservation_id,
        visit=held.visit,
        deposit=held.deposit,
        expires_at=held.expires_at,
        url=held.url,
        entry_id=held.entry_id,
    )


def api(deps: Deps, caller: Callable[..., Awaitable[Caller]]) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/sessions", tags=["sessions"])
    Signed = Annotated[Caller, Depends(caller)]

    @router.post("", status_code=201, summary="Start a conversation")
    async def start_session(who: Signed, body: StartSession) -> SteppedView:
        session = Session(
            conversation_id=body.conversation_id,
            contact_id=body.contact_id,
            contact_name=body.contact_name,
            phone=body.phone,
            language=body.language,
        )
        return _view(await usecases.start_session(deps, who.tenant_id, session, ClientSaid(text=body.text)))

    @router.get("/{conversation_id}", summary="A conversation as it stands")
    async def get_session(who: Signed, conversation_id: UUID) -> StoredSessionView:
        stored = await usecases.get_session(deps, who.tenant_id, conversation_id)
        return StoredSessionView(
            **SessionView.of(stored.session).model_dump(),
            turns_taken=stored.turns_taken,
            version=stored.version,
            updated_at=stored.updated_at,
        )

    @router.post("/{conversation_id}/inputs", summary="Take the next step: the client says something")
    async def next_step(who: Signed, conversation_id: UUID, body: NextStep) -> SteppedView:
        given = ClientSaid(text=body.text)
        return _view(await usecases.input_over_http(deps, who.tenant_id, conversation_id, given, body.id))

    @router.patch("/{conversation_id}/slots", summary="Set slots of the booking in the making")
    async def update_slots(who: Signed, conversation_id: UUID, body: UpdateSlots) -> SteppedView:
        given = SlotsUpdated(**{**body.model_dump(), "wants": body.wants})
        return _view(await usecases.input_over_http(deps, who.tenant_id, conversation_id, given, None))

    @router.delete("/{conversation_id}", summary="End the booking in the making and free the time it holds")
    async def end_session(who: Signed, conversation_id: UUID) -> SteppedView:
        return _view(await usecases.input_over_http(deps, who.tenant_id, conversation_id, SessionEnded(), None))

    return router


def _view(stepped: usecases.Stepped) -> SteppedView:
    return SteppedView(session=SessionView.of(stepped.session), texts=stepped.texts)
