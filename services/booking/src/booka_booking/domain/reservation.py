"""A reservation and what may become of it. Every decision is pure: the reservation and now in, the changed one out.

    held ──agree──▶ held (deposit due) ──pay──▶ confirmed ──finish──▶ completed | no_show
      │ └──agree, no deposit──────────────────────▲ │
      ├──time──▶ expired ──pay, still free──────────┘ └──cancel──▶ cancelled
      └──cancel──▶ cancelled

`version` goes up by one with every change of state or time, and with nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from booka_booking.domain.availability import Plan
from booka_booking.domain.salon import Salon, Staff, Terms
from booka_common.contracts.booking import Visit
from booka_common.money import Money

__all__ = [
    "Nothing",
    "Party",
    "Refused",
    "Reseat",
    "Reservation",
    "Segment",
    "Status",
    "Unusable",
    "agree",
    "cancel",
    "expire",
    "finish",
    "hold",
    "move",
    "pay",
    "segments_of",
]  # fmt: skip

Status = Literal["held", "confirmed", "completed", "no_show", "cancelled", "expired"]
Party = Literal["client", "salon"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One service of a visit, with name, person and price as they were when it was booked."""

    position: int
    service_id: UUID
    service_name: str
    staff_id: UUID
    staff_name: str
    start: datetime
    end: datetime
    busy_from: datetime
    busy_until: datetime
    price_minor: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """A visit that is held, agreed or over. Amounts are in the minor unit of `currency`."""

    id: UUID
    status: Status
    version: int
    segments: tuple[Segment, ...]
    any_staff: bool
    currency: str
    price_minor: int
    terms: Terms
    expires_at: datetime | None
    zone: str
    request_id: UUID | None = None
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    guest_name: str | None = None
    deposit_due_at: datetime | None = None
    transaction_id: UUID | None = None
    paid_minor: int = 0

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
    def service_ids(self) -> tuple[UUID, ...]:
        """The services in order."""
        return tuple(segment.service_id for segment in self.segments)

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
            staff_names=tuple(dict.fromkeys(segment.staff_name for segment in self.segments)),
            price=Money(minor=self.price_minor, currency=self.currency),
        )

    def overdue(self, now: datetime) -> bool:
        """Whether it is a hold whose time is up."""
        return self.status == "held" and self.expires_at is not None and self.expires_at <= now

    def refund(self, by: Party, now: datetime) -> Money | None:
        """What comes back of a paid deposit if it is cancelled now: all of it in time or by the salon, else nothing."""
        in_time = now <= self.start - timedelta(hours=self.terms.cancel_notice_hours)
        return self.paid if by == "salon" or in_time else None

    def _money(self, minor: int) -> Money | None:
        return Money(minor=minor, currency=self.currency) if minor else None


@dataclass(frozen=True, slots=True)
class Nothing:
    """It is so already, or it is none of its business any more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Not possible, by a stable code."""

    code: Literal["hold_expired", "already_cancelled", "not_confirmed", "not_started", "already_over", "in_the_past"]


@dataclass(frozen=True, slots=True)
class Unusable:
    """The deposit has to go back."""

    reason: Literal["slot_taken", "cancelled", "already_paid", "unknown_reservation", "in_the_past"]


@dataclass(frozen=True, slots=True)
class Reseat:
    """Paid too late: confirmed as `after` if everybody in it is still free, and else the deposit goes back."""

    after: Reservation


def segments_of(plan: Plan, staff: Staff, start: datetime) -> tuple[Segment, ...]:
    """`plan` from `start` by `staff`: back to back, the buffers at both ends only."""
    busy = plan.busy_at(start)
    found = []
    last = len(plan.services) - 1
    for position, service in enumerate(plan.services):
        end = start + timedelta(minutes=service.duration_minutes)
        found.append(
            Segment(
                position=position,
                service_id=service.id,
                service_name=service.name,
                staff_id=staff.id,
                staff_name=staff.name,
                start=start,
                end=end,
                busy_from=busy.start if position == 0 else start,
                busy_until=busy.end if position == last else end,
                price_minor=service.price_minor,
            )
        )
        start = end
    return tuple(found)


def hold(
    salon: Salon,
    plan: Plan,
    staff: Staff,
    start: datetime,
    *,
    id: UUID,
    any_staff: bool,
    now: datetime,
    request_id: UUID | None,
    conversation_id: UUID | None,
    contact_id: UUID | None,
    guest_name: str | None,
) -> Reservation:
    """A new hold on the salon's terms as they are now; it never outlasts the start of the visit."""
    terms = salon.terms(plan.services)
    return Reservation(
        id=id,
        status="held",
        version=1,
        segments=segments_of(plan, staff, start),
        any_staff=any_staff,
        currency=salon.profile.currency,
        price_minor=sum(service.price_minor for service in plan.services),
        terms=terms,
        expires_at=min(now + timedelta(seconds=terms.hold_seconds), start),
        zone=salon.profile.zone.key,
        request_id=request_id,
        conversation_id=conversation_id,
        contact_id=contact_id,
        guest_name=guest_name,
    )


def agree(
    it: Reservation, *, guest_name: str | None, now: datetime, waive_deposit: bool = False
) -> Reservation | Nothing | Refused:
    """The client says yes: confirmed, or held for longer until the deposit is paid."""
    if it.status in ("confirmed", "completed", "no_show"):
        return Nothing()
    if it.status == "cancelled":
        return Refused("already_cancelled")
    if it.status == "expired" or it.overdue(now):
        return Refused("hold_expired")
    name = guest_name or it.guest_name
    if it.terms.deposit_minor == 0 or waive_deposit:
        return _confirmed(replace(it, guest_name=name))
    if it.deposit_due_at is not None:
        return Nothing()
    due = min(now + timedelta(seconds=it.terms.deposit_deadline_seconds), it.start)
    return replace(it, guest_name=name, expires_at=due, deposit_due_at=due, version=it.version + 1)


def expire(it: Reservation, now: datetime) -> Reservation | Nothing:
    """End a hold whose time is up."""
    return replace(it, status="expired", version=it.version + 1) if it.overdue(now) else Nothing()


def pay(
    it: Reservation, *, transaction_id: UUID, paid_minor: int, now: datetime
) -> Reservation | Reseat | Unusable | Nothing:
    """The deposit has arrived."""
    if it.transaction_id == transaction_id:
        return Nothing()
    if it.status == "cancelled":
        return Unusable("cancelled")
    if it.transaction_id is not None:
        return Unusable("already_paid")
    if it.start <= now or it.status in ("completed", "no_show"):
        return Unusable("in_the_past")
    paid = replace(it, transaction_id=transaction_id, paid_minor=paid_minor)
    if it.status == "confirmed":
        # Confirmed by hand without waiting for the deposit: the visit stays as it is, and is paid now.
        return paid
    return Reseat(_confirmed(paid)) if it.status == "expired" else _confirmed(paid)


def cancel(it: Reservation) -> Reservation | Nothing | Refused:
    """Give the visit, or the hold, up."""
    if it.status in ("completed", "no_show"):
        return Refused("already_over")
    if it.status in ("cancelled", "expired"):
        return Nothing()
    return replace(it, status="cancelled", expires_at=None, version=it.version + 1)


def finish(it: Reservation, outcome: Literal["completed", "no_show"], now: datetime) -> Reservation | Nothing | Refused:
    """Say how a confirmed visit went, once it has begun."""
    if it.status == outcome:
        return Nothing()
    if it.status != "confirmed":
        return Refused("not_confirmed")
    if now < it.start:
        return Refused("not_started")
    return replace(it, status=outcome, version=it.version + 1)


def move(it: Reservation, segments: Sequence[Segment]) -> Reservation:
    """The same services at the same prices at another time or with somebody else."""
    priced = tuple(
        replace(new, service_name=old.service_name, price_minor=old.price_minor)
        for new, old in zip(segments, it.segments, strict=True)
    )
    return replace(it, segments=priced, version=it.version + 1)


def _confirmed(it: Reservation) -> Reservation:
    return replace(it, status="confirmed", expires_at=None, deposit_due_at=None, version=it.version + 1)
