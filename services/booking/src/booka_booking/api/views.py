"""Reservations as they are shown."""

from datetime import datetime
from uuid import UUID

import orjson
from pydantic import BaseModel

from booka_booking.domain.reservation import OutsideHours, Reservation, Status
from booka_booking.usecases.saying import money_of, visit_of
from booka_common.contracts.booking import Visit
from booka_common.money import Money

__all__ = ["HistoryView", "ReservationDetail", "ReservationView", "shown", "written"]


class SegmentView(BaseModel):
    """One service of a visit, pinned as it was booked. `wanted_staff_id` null: anyone would have done."""

    service_id: UUID
    service_name: str
    staff_id: UUID
    staff_name: str
    wanted_staff_id: UUID | None
    resource_id: UUID | None
    resource_name: str | None
    start: datetime
    end: datetime
    price_minor: int


_SEGMENT = tuple(SegmentView.model_fields)


class TermsView(BaseModel):
    """What the client was promised when it was booked."""

    deposit_minor: int
    cancel_notice_hours: int
    late_kind: str
    late_value: int
    reschedule_limit: int


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
    """A reservation. `version` goes up with every change of state or time; `moves` counts the client's.

    `outside_hours`: what of the hours the salon booked it against, on purpose.
    """

    id: UUID
    status: Status
    version: int
    visit: Visit
    segments: list[SegmentView]
    guest_name: str | None
    contact_id: UUID | None
    client_id: UUID | None
    conversation_id: UUID | None
    request_id: UUID | None
    deposit: Money | None
    deposit_paid: Money | None
    terms: TermsView
    moves: int
    expires_at: datetime | None
    deposit_due_at: datetime | None
    outside_hours: list[OutsideHours]


class ReservationDetail(ReservationView):
    """A reservation with what became of it, oldest first."""

    history: list[HistoryView]


def shown(it: Reservation) -> ReservationView:
    """A reservation as it is shown."""
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
        client_id=it.client_id,
        conversation_id=it.conversation_id,
        request_id=it.request_id,
        deposit=it.deposit,
        deposit_paid=it.paid,
        terms=TermsView(**{name: getattr(it.terms, name) for name in TermsView.model_fields}),
        moves=it.moves,
        expires_at=it.expires_at,
        deposit_due_at=it.deposit_due_at,
        outside_hours=list(it.outside_hours),
    )


def written(it: Reservation) -> bytes:
    """`shown(it)` as JSON, and ten times as fast: what we have decided ourselves need not be validated (see `saying`)."""
    terms = it.terms
    return orjson.dumps(
        {
            "id": it.id,
            "status": it.status,
            "version": it.version,
            "visit": visit_of(it),
            "segments": [{name: getattr(part, name) for name in _SEGMENT} for part in it.segments],
            "guest_name": it.guest_name,
            "contact_id": it.contact_id,
            "client_id": it.client_id,
            "conversation_id": it.conversation_id,
            "request_id": it.request_id,
            "deposit": money_of(it.terms.deposit_minor, it.currency),
            "deposit_paid": money_of(it.paid_minor, it.currency),
            "terms": {
                "deposit_minor": terms.deposit_minor,
                "cancel_notice_hours": terms.cancel_notice_hours,
                "late_kind": terms.late_kind,
                "late_value": terms.late_value,
                "reschedule_limit": terms.reschedule_limit,
            },
            "moves": it.moves,
            "expires_at": it.expires_at,
            "deposit_due_at": it.deposit_due_at,
            "outside_hours": it.outside_hours,
        },
        default=str,
        option=orjson.OPT_UTC_Z,
    )
