"""A visit in each of its states, for tests of what may become of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.availability import choose
from booka_booking.domain.diary import Seating
from booka_booking.domain.policy import Client, Policy
from booka_booking.domain.reservation import Reservation, Status

from .domain_salons import between, diary_of, person, plan_of, resource, salon_of, service
from .situations import POOLS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
START = NOON + timedelta(days=3)
TX, OTHER_TX = UUID(int=77), UUID(int=78)

CUT = service(
    1,
    30,
    pool_id=POOLS[0],
    buffer_after_minutes=10,
    policy=Policy(deposit_kind="fixed", deposit_value=3000, late_kind="refund_share", late_value=50),
)
COLOUR = service(2, 90, price_minor=20000, gap_start_minutes=30, gap_minutes=30, pool_id=POOLS[0])
ANA, BIA = person("Ana", CUT, COLOUR), person("Bia", CUT)
SALON = salon_of((CUT, COLOUR), (ANA, BIA), pools={POOLS[0]: (resource(1), resource(2))}, zone="Europe/Lisbon")


def seating(start: datetime, *taken: datetime) -> Seating:
    """Cut and colour at `start`, by whoever is free."""
    diary = diary_of(SALON, between(start, hours=1), {ANA.id: [between(at, minutes=30) for at in taken]})
    found = choose(diary, plan_of(SALON, CUT, COLOUR), start)
    assert found is not None
    return found


def held(now: datetime = NOON, start: datetime = START, **rest: Any) -> Reservation:
    return rules.hold(SALON, seating(start), id=UUID(int=5), client=Client(), now=now, request_id=UUID(int=6), **rest)


def with_terms(it: Reservation, **terms: Any) -> Reservation:
    return it._replace(terms=replace(it.terms, **terms))


def agreed() -> Reservation:
    """Held until its deposit is paid."""
    found = rules.agree(held(), guest_name="Rui", now=NOON)
    assert isinstance(found, Reservation)
    return found


def confirmed(paid: int = 3000) -> Reservation:
    found = rules.pay(agreed(), transaction_id=TX, paid_minor=paid, now=NOON)
    assert isinstance(found, Reservation)
    return found


def in_state(status: Status) -> Reservation:
    match status:
        case "held":
            return held()
        case "confirmed" | "completed" | "no_show":
            return confirmed()._replace(status=status)
        case "expired":
            return agreed()._replace(status="expired")
        case "cancelled":
            return held()._replace(status="cancelled", expires_at=None)
