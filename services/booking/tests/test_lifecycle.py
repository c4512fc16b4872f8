"""What may become of a reservation: every state with every step, and who may take it when."""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pytest

from booka_booking.domain import lifecycle as rules
from booka_booking.domain.lifecycle import Nothing, Refused, Reseat, Unusable
from booka_booking.domain.planning import Party
from booka_booking.domain.reservation import Reservation, Status
from booka_common.money import Money

from .domain_salons import resource
from .stages import ANA, NOON, OTHER_TX, START, TX, agreed, confirmed, held, in_state, seating, with_terms


def test_a_hold_is_made_of_the_seating_and_of_the_terms_as_they_are() -> None:
    it = held(guest_name="Rui", contact_id=UUID(int=9), conversation_id=UUID(int=8))
    assert (it.status, it.version, it.moves, it.paid_minor) == ("held", 1, 0, 0)
    assert [(s.service_name, s.staff_name, s.resource_name) for s in it.segments] == [
        ("Service 1", "Ana", "Chair 1"),
        ("Service 2", "Ana", "Chair 1"),
    ]
    assert [(s.start - START, s.end - START) for s in it.segments] == [
        (timedelta(), timedelta(minutes=30)),
        (timedelta(minutes=30), timedelta(minutes=120)),
    ]
    assert (it.start, it.end) == (START, START + timedelta(minutes=120))
    assert it.price_minor == 29000 == it.visit.price.minor
    assert it.deposit == Money(minor=3000, currency="BRL")
    assert it.expires_at == NOON + timedelta(seconds=600)
    assert it.held_until == it.expires_at
    assert it.zone == "Europe/Lisbon"
    assert it.visit.staff_names == ("Ana", "Ana")
    # One run of work up to the gap, the rest of it after the gap, and the chair all the time.
    ana = [(c.busy_from - START, c.busy_until - START) for c in it.claims if c.calendar_id == ANA.id]
    assert ana == [(timedelta(), timedelta(minutes=60)), (timedelta(minutes=90), timedelta(minutes=120))]
    chair = [(c.busy_from - START, c.busy_until - START) for c in it.claims if c.calendar_id == resource(1).id]
    assert chair == [(timedelta(), timedelta(minutes=120))]


@pytest.mark.parametrize(
    ("lead", "seconds", "expected"),
    [
        (timedelta(days=3), None, timedelta(seconds=600)),
        (timedelta(days=3), 60, timedelta(seconds=60)),
        (timedelta(minutes=3), None, timedelta(minutes=3)),
        (timedelta(minutes=3), 900, timedelta(minutes=3)),
    ],
)
def test_no_hold_outlasts_the_start_of_its_visit(lead: timedelta, seconds: int | None, expected: timedelta) -> None:
    it = held(now=START - lead, seconds=seconds)
    assert it.expires_at == START - lead + expected
    due = rules.agree(it, guest_name="Rui", now=START - lead)
    assert isinstance(due, Reservation)
    assert due.expires_at == due.deposit_due_at == min(START - lead + timedelta(seconds=1800), START)


Step = Literal["agree", "agree free", "expire", "pay", "cancel", "cancel late", "salon cancels", "complete", "no_show"]
AFTER = START + timedelta(minutes=1)
#: What every step does in every state: the new state, or what is said instead.
TABLE: dict[Step, dict[Status, object]] = {
    "agree": {
        "held": "held",
        "confirmed": Nothing(),
        "completed": Nothing(),
        "no_show": Nothing(),
        "cancelled": Refused("already_cancelled"),
        "expired": Refused("hold_expired"),
    },
    "agree free": {
        "held": "confirmed",
        "confirmed": Nothing(),
        "completed": Nothing(),
        "no_show": Nothing(),
        "cancelled": Refused("already_cancelled"),
        "expired": Refused("hold_expired"),
    },
    "expire": {
        "held": "expired",
        "confirmed": Nothing(),
        "completed": Nothing(),
        "no_show": Nothing(),
        "cancelled": Nothing(),
        "expired": Nothing(),
    },
    "pay": {
        "held": "confirmed",
        "confirmed": Unusable("already_paid"),
        "completed": Unusable("already_paid"),
        "no_show": Unusable("already_paid"),
        "cancelled": Unusable("cancelled"),
        "expired": "confirmed, if free",
    },
    "cancel": {
        "held": "cancelled",
        "confirmed": "cancelled",
        "completed": Refused("already_over"),
        "no_show": Refused("already_over"),
        "cancelled": Nothing(),
        "expired": Nothing(),
    },
    "cancel late": {
        "held": "cancelled",
        "confirmed": Refused("already_over"),
        "completed": Refused("already_over"),
        "no_show": Refused("already_over"),
        "cancelled": Nothing(),
        "expired": Nothing(),
    },
    "salon cancels": {
        "held": "cancelled",
        "confirmed": "cancelled",
        "completed": "cancelled",
        "no_show": "cancelled",
        "cancelled": Nothing(),
        "expired": Nothing(),
    },
    "complete": {
        "held": Refused("not_confirmed"),
        "confirmed": "completed",
        "completed": Nothing(),
        "no_show": "completed",
        "cancelled": Refused("not_confirmed"),
        "expired": Refused("not_confirmed"),
    },
    "no_show": {
        "held": Refused("not_confirmed"),
        "confirmed": "no_show",
        "completed": "no_show",
        "no_show": Nothing(),
        "cancelled": Refused("not_confirmed"),
        "expired": Refused("not_confirmed"),
    },
}


def do(step: Step, it: Reservation) -> object:
    match step:
        case "agree":
            return rules.agree(it, guest_name="Rui", now=NOON)
        case "agree free":
            return rules.agree(it, guest_name="Rui", now=NOON, waive_deposit=True)
        case "expire":
            return rules.expire(it, NOON + timedelta(hours=1))
        case "pay":
            return rules.pay(it, transaction_id=OTHER_TX, paid_minor=3000, now=NOON)
        case "cancel":
            return rules.cancel(it, "client", NOON)
        case "cancel late":
            return rules.cancel(it, "client", AFTER)
        case "salon cancels":
            return rules.cancel(it, "salon", AFTER)
        case "complete":
            return rules.finish(it, "completed", AFTER)
        case "no_show":
            return rules.finish(it, "no_show", AFTER)


@pytest.mark.parametrize(
    ("step", "status", "expected"), [(step, *row) for step, rows in TABLE.items() for row in rows.items()]
)
def test_every_step_in_every_state(step: Step, status: Status, expected: object) -> None:
    before = in_state(status)
    outcome = do(step, before)
    if isinstance(expected, str):
        if expected == "confirmed, if free":
            assert isinstance(outcome, Reseat)
            outcome, expected = outcome.after, "confirmed"
        assert isinstance(outcome, Reservation)
        assert outcome.status == expected
        assert outcome.version == before.version + 1
        assert outcome.segments == before.segments
        assert outcome.claims == before.claims
        assert outcome.terms == before.terms
        assert outcome.seated == (expected not in ("cancelled", "expired"))
        assert (outcome.held_until is not None) == (expected == "held")
        assert outcome.status == "expired" or (outcome.expires_at is not None) == (outcome.status == "held")
    else:
        assert outcome == expected


def test_a_hold_is_agreed_to_once_and_not_when_it_is_over() -> None:
    it = agreed()
    assert it.guest_name == "Rui"
    assert it.deposit_due_at == it.expires_at == NOON + timedelta(seconds=1800)
    assert rules.agree(it, guest_name="Rui", now=NOON) == Nothing()
    over = NOON + timedelta(seconds=1800)
    assert rules.agree(it, guest_name="Rui", now=over) == Refused("hold_expired")
    assert rules.agree(held(), guest_name="Rui", now=NOON + timedelta(seconds=600)) == Refused("hold_expired")
    assert rules.expire(it, over - timedelta(microseconds=1)) == Nothing()
    assert isinstance(rules.expire(it, over), Reservation)
    free = rules.agree(with_terms(held(guest_name="Ida"), deposit_minor=0), guest_name=None, now=NOON)
    assert isinstance(free, Reservation)
    assert (free.status, free.guest_name) == ("confirmed", "Ida")


def test_a_deposit_is_taken_once_while_there_is_something_ahead_to_pay_for() -> None:
    it = confirmed()
    assert (it.transaction_id, it.paid_minor, it.deposit_due_at) == (TX, 3000, None)
    assert rules.pay(it, transaction_id=TX, paid_minor=3000, now=NOON) == Nothing(), "the same payment again"
    assert rules.pay(it, transaction_id=OTHER_TX, paid_minor=3000, now=NOON) == Unusable("already_paid")
    assert rules.pay(agreed(), transaction_id=TX, paid_minor=3000, now=START) == Unusable("in_the_past")
    by_hand = rules.agree(held(), guest_name="Rui", now=NOON, waive_deposit=True)
    assert isinstance(by_hand, Reservation)
    paid = rules.pay(by_hand, transaction_id=TX, paid_minor=3000, now=NOON)
    assert isinstance(paid, Reservation)
    assert (paid.version, paid.paid_minor) == (by_hand.version, 3000), "neither state nor time has changed"
    for status in ("completed", "no_show"):
        unpaid = by_hand._replace(status=status)
        assert rules.pay(unpaid, transaction_id=TX, paid_minor=3000, now=NOON) == Unusable("in_the_past")


def test_who_paid_too_late_is_seated_again_as_they_were() -> None:
    late = rules.pay(in_state("expired"), transaction_id=TX, paid_minor=3000, now=NOON + timedelta(days=1))
    assert isinstance(late, Reseat)
    assert (late.after.status, late.after.paid_minor, late.after.expires_at) == ("confirmed", 3000, None)
    assert late.after.claims == agreed().claims


def test_a_visit_is_judged_only_once_it_has_begun() -> None:
    assert rules.finish(confirmed(), "completed", START - timedelta(microseconds=1)) == Refused("not_started")
    assert isinstance(rules.finish(confirmed(), "no_show", START), Reservation)
    assert rules.cancel(confirmed(), "client", START) == Refused("already_over")
    assert isinstance(rules.cancel(confirmed(), "salon", START), Reservation)


NOTICE = START - timedelta(hours=24)
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("by", "now", "moves", "expected"),
    [
        ("client", NOON, 0, None),
        ("client", NOTICE, 2, None),
        ("client", NOTICE + INSTANT, 0, "too_late"),
        ("client", NOON, 3, "too_many_moves"),
        ("client", NOTICE + INSTANT, 3, "too_late"),
        ("client", START, 0, "already_over"),
        ("salon", NOTICE + INSTANT, 9, None),
        ("salon", START + timedelta(hours=12), 0, None),
        ("salon", START + timedelta(hours=12) + INSTANT, 0, "already_over"),
    ],
)
def test_who_may_move_a_visit_and_until_when(by: Party, now: datetime, moves: int, expected: Any) -> None:
    refused = rules.movable(confirmed()._replace(moves=moves), by, now)
    assert refused == (expected and Refused(expected))


@pytest.mark.parametrize("status", ["held", "completed", "no_show", "cancelled", "expired"])
@pytest.mark.parametrize("by", ["client", "salon"])
def test_only_what_is_confirmed_can_be_moved(status: Status, by: Party) -> None:
    assert rules.movable(in_state(status), by, NOON) == Refused("not_confirmed")


def test_a_move_changes_time_people_and_chairs_and_keeps_prices_and_terms() -> None:
    before = confirmed()._replace(price_minor=29000, version=4)
    before = before._replace(
        segments=tuple(s._replace(price_minor=1, service_name="As booked") for s in before.segments)
    )
    there = START + timedelta(days=1)
    after = rules.move(before, seating(there, there), "client")
    assert (after.start, after.version, after.moves, after.status) == (there, 5, 1, "confirmed")
    assert [s.staff_name for s in after.segments] == ["Bia", "Ana"], "Ana is busy at first"
    assert {s.price_minor for s in after.segments} == {1}
    assert {s.service_name for s in after.segments} == {"As booked"}
    assert (after.terms, after.paid_minor, after.transaction_id, after.id) == (before.terms, 3000, TX, before.id)
    assert min(claim.busy_from for claim in after.claims) == there
    assert rules.move(before, seating(there), "salon").moves == 0, "what the salon moves is not counted"
