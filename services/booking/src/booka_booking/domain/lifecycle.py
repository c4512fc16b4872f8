"""What may become of a reservation. Every decision is pure: the reservation and now in, the changed one out.

    held ──agree──▶ held (deposit due) ──pay──▶ confirmed ──finish──▶ completed ◀──finish──▶ no_show
      │ └──agree, no deposit──────────────────────▲ │
      ├──time──▶ expired ──pay, still free──────────┘ └──cancel──▶ cancelled
      └──cancel──▶ cancelled

`version` goes up by one with every change of state or time, and with nothing else.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from booka_booking.domain.availability import BACK
from booka_booking.domain.diary import Seating
from booka_booking.domain.planning import Party
from booka_booking.domain.policy import Client
from booka_booking.domain.reservation import Claim, Reservation, Segment
from booka_booking.domain.salon import Salon
from booka_common.money import Money

__all__ = [
    "Nothing", "Quote", "Refused", "Reseat", "Unusable", "agree", "cancel", "claims_of", "expire", "finish", "hold", "movable",
    "move", "move_to_offer", "pay", "quote", "segments_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Nothing:
    """It is so already, or it is none of its business any more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Not possible, by a stable code."""

    code: Literal[
        "hold_expired",
        "already_cancelled",
        "not_confirmed",
        "not_started",
        "already_over",
        "in_the_past",
        "too_late",
        "too_many_moves",
    ]


@dataclass(frozen=True, slots=True)
class Unusable:
    """The deposit has to go back."""

    reason: Literal["slot_taken", "not_offered", "cancelled", "already_paid", "unknown_reservation", "in_the_past"]


@dataclass(frozen=True, slots=True)
class Reseat:
    """Paid too late: confirmed as `after` if everybody in it is still there and free, and else the deposit goes back."""

    after: Reservation


@dataclass(frozen=True, slots=True)
class Quote:
    """What giving a visit up, or moving it, would mean now for the client."""

    cancellable: bool
    refund: Money | None
    kept: Money | None
    free_until: datetime | None
    hindered: Literal["too_late", "too_many_moves", "not_confirmed"] | None


def segments_of(seating: Seating) -> tuple[Segment, ...]:
    """What is done when and by whom, without buffers."""
    start = seating.start
    return tuple(
        [
            Segment(
                position,
                part.service.id,
                part.service.name,
                part.staff.id,
                part.staff.name,
                part.wanted,
                resource.id if resource else None,
                resource.name if resource else None,
                start + part.begins,
                start + part.ends,
                part.price_minor,
            )
            for position, (part, resource) in enumerate(zip(seating.team.parts, seating.resources, strict=True))
        ]
    )


def claims_of(seating: Seating) -> tuple[Claim, ...]:
    """What is taken of everybody's and everything's time, by calendar and time: in this order nobody waits in a circle."""
    start, team = seating.start, seating.team
    found = [Claim(item.staff.id, start + item.begins, start + item.ends) for item in team.claims]
    for need in team.needs:
        resource = seating.resources[need.positions[0]]
        if resource is not None:
            found.append(Claim(resource.id, start + need.begins, start + need.ends))
    if len(found) == 1:
        return (found[0],)
    joined: list[Claim] = []
    for claim in sorted(found):
        before = joined[-1] if joined else None
        if before and before.calendar_id == claim.calendar_id and claim.busy_from <= before.busy_until:
            joined[-1] = before._replace(busy_until=max(before.busy_until, claim.busy_until))
        else:
            joined.append(claim)
    return tuple(joined)


def hold(
    salon: Salon,
    seating: Seating,
    *,
    id: UUID,
    client: Client,
    now: datetime,
    request_id: UUID | None = None,
    conversation_id: UUID | None = None,
    contact_id: UUID | None = None,
    client_id: UUID | None = None,
    guest_name: str | None = None,
    seconds: int | None = None,
) -> Reservation:
    """A new hold on the salon's terms as they are now; it does not outlast the start of the visit, if that is ahead.

    Nobody pays in advance for what has begun.

    Args:
        seconds: how long it lasts, if not as long as the terms say.
    """
    currency = salon.profile.currency
    terms = seating.team.terms(currency, client)
    expires_at = now + timedelta(seconds=seconds or terms.hold_seconds)
    if seating.start > now:
        expires_at = min(expires_at, seating.start)
    else:
        terms = replace(terms, deposit_minor=0)
    return Reservation(
        id=id,
        status="held",
        version=1,
        segments=segments_of(seating),
        claims=claims_of(seating),
        currency=currency,
        price_minor=seating.team.price_minor,
        terms=terms,
        expires_at=expires_at,
        zone=salon.profile.zone.key,
        request_id=request_id,
        conversation_id=conversation_id,
        contact_id=contact_id,
        client_id=client_id,
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
        return _confirmed(it._replace(guest_name=name))
    if it.deposit_due_at is not None:
        return Nothing()
    due = min(now + timedelta(seconds=it.terms.deposit_deadline_seconds), it.start)
    return it._replace(guest_name=name, expires_at=due, deposit_due_at=due, version=it.version + 1)


def expire(it: Reservation, now: datetime) -> Reservation | Nothing:
    """End a hold whose time is up."""
    return it._replace(status="expired", version=it.version + 1) if it.overdue(now) else Nothing()


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
    paid = it._replace(transaction_id=transaction_id, paid_minor=paid_minor)
    if it.status == "confirmed":
        # Confirmed by hand without waiting for the deposit: the visit stays as it is, and is paid now.
        return paid
    return Reseat(_confirmed(paid)) if it.status == "expired" else _confirmed(paid)


def cancel(it: Reservation, by: Party, now: datetime) -> Reservation | Nothing | Refused:
    """Give the visit, or the hold, up. Once it has begun, only the salon can, whatever was said of how it went."""
    if by == "client" and it.status in ("completed", "no_show"):
        return Refused("already_over")
    if it.status in ("cancelled", "expired"):
        return Nothing()
    if by == "client" and it.status == "confirmed" and it.start <= now:
        return Refused("already_over")
    return it._replace(status="cancelled", expires_at=None, version=it.version + 1)


def finish(it: Reservation, outcome: Literal["completed", "no_show"], now: datetime) -> Reservation | Nothing | Refused:
    """Say how a confirmed visit went, once it has begun. Who was wrong about it says so again."""
    if it.status == outcome:
        return Nothing()
    if it.status not in ("confirmed", "completed", "no_show"):
        return Refused("not_confirmed")
    if now < it.start:
        return Refused("not_started")
    return it._replace(status=outcome, version=it.version + 1)


def movable(it: Reservation, by: Party, now: datetime) -> Refused | None:
    """Why it may not be moved; None if it may. The salon is bound by neither notice nor limit, and moves what has just begun."""
    if it.status != "confirmed":
        return Refused("not_confirmed")
    if it.start < now - BACK if by == "salon" else it.start <= now:
        return Refused("already_over")
    if by == "client" and now > it.free_until:
        return Refused("too_late")
    if by == "client" and it.moves >= it.terms.reschedule_limit:
        return Refused("too_many_moves")
    return None


def move(it: Reservation, seating: Seating, by: Party) -> Reservation:
    """The same services at the same prices at another time, or with somebody else. Only what the client moves is counted."""
    return _placed(it, segments_of(seating), claims_of(seating), by)


def move_to_offer(it: Reservation, offer: Reservation, now: datetime) -> tuple[Reservation, Reservation] | None:
    """The visit in the place of an offer that its client agrees to, and the offer, which has ended with that.

    None: the visit is not confirmed, or not ahead any more. The salon offers it, so the move is the salon's: neither notice
    nor limit counts. What is paid for the visit stays with it, and nothing is asked for the offer.
    """
    if it.status != "confirmed" or it.start <= now or offer.status != "held" or offer.deposit_due_at is not None:
        return None
    after = _placed(it, offer.segments, offer.claims, "salon")._replace(outside_hours=())
    return after, offer._replace(status="cancelled", expires_at=None, version=offer.version + 1)


def quote(it: Reservation, now: datetime) -> Quote:
    """What the terms say of cancelling and moving it now; changes nothing."""
    if it.status not in ("held", "confirmed") or it.overdue(now) or it.start <= now:
        return Quote(cancellable=False, refund=None, kept=None, free_until=None, hindered="not_confirmed")
    refund = it.refund("client", now)
    kept = it.paid_minor - (refund.minor if refund else 0)
    return Quote(
        cancellable=True,
        refund=refund,
        kept=Money(minor=kept, currency=it.currency) if kept else None,
        free_until=it.free_until if now <= it.free_until else None,
        hindered=_hindered(it, now),
    )


def _hindered(it: Reservation, now: datetime) -> Literal["too_late", "too_many_moves", "not_confirmed"] | None:
    refused = movable(it, "client", now)
    if refused is None:
        return None
    match refused.code:
        case "too_late" | "too_many_moves" as code:
            return code
        case _:
            return "not_confirmed"


def _placed(it: Reservation, segments: tuple[Segment, ...], claims: tuple[Claim, ...], by: Party) -> Reservation:
    kept = tuple(
        new._replace(service_name=old.service_name, price_minor=old.price_minor)
        for new, old in zip(segments, it.segments, strict=True)
    )
    return it._replace(segments=kept, claims=claims, moves=it.moves + (by == "client"), version=it.version + 1)


def _confirmed(it: Reservation) -> Reservation:
    return it._replace(status="confirmed", expires_at=None, deposit_due_at=None, version=it.version + 1)
