"""A reservation: what was booked, for whom, when, on which terms, and whose time it takes."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from booka_booking.domain.planning import Party
from booka_booking.domain.policy import Terms
from booka_common.contracts.booking import Visit, Want
from booka_common.money import Money

__all__ = ["Claim", "OutsideHours", "Reservation", "Segment", "Status"]

Status = Literal["held", "confirmed", "completed", "no_show", "cancelled", "expired"]
OutsideHours = Literal["salon_closed", "not_working"]


class Segment(NamedTuple):
    """One service of a visit, with names and price as they were when it was booked.

    Attributes:
        wanted_staff_id: whom the client asked for; None: anyone.
    """

    position: int
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


class Claim(NamedTuple):
    """Time of a person or a resource that a visit takes, buffers included; without those in the gap of a service."""

    calendar_id: UUID
    busy_from: datetime
    busy_until: datetime


class Reservation(NamedTuple):
    """A visit that is held, agreed or over. Amounts are in the minor unit of `currency`.

    Attributes:
        outside_hours: what of the hours the salon knew to be against it, and booked it nevertheless.
    """

    id: UUID
    status: Status
    version: int
    segments: tuple[Segment, ...]
    claims: tuple[Claim, ...]
    currency: str
    price_minor: int
    terms: Terms
    expires_at: datetime | None
    zone: str
    request_id: UUID | None = None
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    client_id: UUID | None = None
    guest_name: str | None = None
    deposit_due_at: datetime | None = None
    transaction_id: UUID | None = None
    paid_minor: int = 0
    moves: int = 0
    outside_hours: tuple[OutsideHours, ...] = ()

    @property
    def start(self) -> datetime:
        """When the visit begins."""
        return self.segments[0].start

    @property
    def end(self) -> datetime:
        """When the visit ends."""
        return self.segments[-1].end

    @property
    def seated(self) -> bool:
        """Whether it takes up somebody's time."""
        return self.status in ("held", "confirmed", "completed", "no_show")

    @property
    def held_until(self) -> datetime | None:
        """The end of the hold, if it is one."""
        return self.expires_at if self.status == "held" else None

    @property
    def staff_ids(self) -> tuple[UUID, ...]:
        """Who takes part, each once."""
        return tuple(dict.fromkeys(segment.staff_id for segment in self.segments))

    @property
    def wants(self) -> tuple[Want, ...]:
        """What the client asked for."""
        return tuple(Want(service_id=item.service_id, staff_id=item.wanted_staff_id) for item in self.segments)

    @property
    def calendar_ids(self) -> tuple[UUID, ...]:
        """The people and resources whose time it takes, each once."""
        return tuple(dict.fromkeys(claim.calendar_id for claim in self.claims))

    @property
    def deposit(self) -> Money | None:
        """What is asked in advance, if anything."""
        return self._money(self.terms.deposit_minor)

    @property
    def paid(self) -> Money | None:
        """What has been paid in advance, if anything."""
        return self._money(self.paid_minor)

    @property
    def visit(self) -> Visit:
        """The visit in the words that a client understands."""
        return Visit(
            start=self.start,
            end=self.end,
            zone=self.zone,
            service_names=tuple(segment.service_name for segment in self.segments),
            staff_names=tuple(segment.staff_name for segment in self.segments),
            price=Money(minor=self.price_minor, currency=self.currency),
        )

    def overdue(self, now: datetime) -> bool:
        """Whether it is a hold whose time is up."""
        return self.status == "held" and self.expires_at is not None and self.expires_at <= now

    @property
    def free_until(self) -> datetime:
        """Until then the client may move it, or cancel it and have all of the deposit back."""
        return self.start - timedelta(hours=self.terms.cancel_notice_hours)

    def refund(self, by: Party, now: datetime) -> Money | None:
        """What comes back of a paid deposit if it is cancelled now: all of it in time or by the salon, else as the terms say.

        Where a card cannot be given exactly that much back, it is a little more.
        """
        if by == "salon" or now <= self.free_until:
            return self.paid
        kept = Money(minor=self.paid_minor - self.terms.late_refund(self.paid_minor), currency=self.currency)
        return self._money(self.paid_minor - kept.payable().minor)

    def _money(self, minor: int) -> Money | None:
        return Money(minor=minor, currency=self.currency) if minor else None
