"""From a held time to the visit: refusals, deposit, confirmation, cancellation."""

from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityRequested,
    ConfirmationRefused,
    ConfirmationRequested,
    HoldRefused,
    HoldRequested,
    ReminderReady,
    ReservationMoved,
)
from booka_common.contracts.payments import CheckoutFailed, RefundSettled
from booka_common.ids import new_id
from booka_dialog.domain import Say

from .house import DEPOSIT, FRIDAY_15


def test_slot_taken_offers_the_alternatives(talk: Any) -> None:
    talk.at_slots()
    talk.says("1")
    hold = talk.one(HoldRequested)
    said = talk.take(
        HoldRefused(
            request_id=hold.request_id,
            conversation_id=hold.conversation_id,
            code="slot_taken",
            alternatives=(talk.house.slot(FRIDAY_15 + timedelta(hours=1)),),
        )
    )
    assert said.startswith("Sorry, that time has just been taken.")
    assert "1. 16:00" in said
    talk.says("1")
    assert talk.one(HoldRequested).start == FRIDAY_15 + timedelta(hours=1)


@pytest.mark.parametrize(
    "code",
    [
        "slot_taken",
        "not_offered",
        "in_the_past",
        "unknown_service",
        "unknown_staff",
        "too_many_holds",
        "salon_not_ready",
    ],
)
def test_every_refusal_of_a_hold_is_answered(talk: Any, code: Any) -> None:
    talk.at_slots()
    talk.says("1")
    hold = talk.one(HoldRequested)
    said = talk.take(HoldRefused(request_id=hold.request_id, conversation_id=hold.conversation_id, code=code))
    assert said
    assert talk.session.pending is None or talk.one(AvailabilityRequested)


def test_deposit_link_and_confirmation(talk: Any) -> None:
    assert "Deposit to pay now: R$20.00" in talk.at_summary(deposit=DEPOSIT)
    assert talk.says("yes") == ""
    assert talk.one(ConfirmationRequested)
    assert talk.take(talk.opened()) == (
        "Almost done! Please pay the deposit of R$20.00 by 10:15, then your visit is booked:\nhttps://pay.example/1"
    )
    assert talk.session.state == "paying"
    assert "https://pay.example/1" in talk.says("ok, paying now")
    said = talk.take(talk.confirmed(deposit_paid=DEPOSIT))
    assert said == (
        "Booked! *Haircut* with Ana\nFriday, 27 November at 15:00 (Sao Paulo time)\nName: Maria Silva\n"
        "Deposit paid: R$20.00\nSee you then!"
    )
    assert talk.says("thanks!") == "You are welcome! See you on Friday, 27 November."


def test_checkout_failed(talk: Any) -> None:
    talk.at_summary(deposit=DEPOSIT)
    talk.says("yes")
    failed = CheckoutFailed(
        reservation_id=talk.session.held.reservation_id,
        conversation_id=talk.session.conversation_id,
        transaction_id=new_id(),
        code="provider_failed",
    )
    assert "cannot open the payment page" in talk.take(failed)
    assert "https://pay.example/1" in talk.take(talk.opened())


def test_a_second_link_is_told_and_the_same_one_is_not(talk: Any) -> None:
    talk.at_payment()
    assert talk.take(talk.opened()) == ""
    assert "https://pay.example/2" in talk.take(talk.opened("https://pay.example/2"))


def test_never_paid(talk: Any) -> None:
    talk.at_payment()
    expired = talk.expired()
    said = talk.take(expired)
    assert said.startswith("The deposit did not arrive in time")
    assert "1. Yes\n2. No" in said
    assert talk.take(expired) == ""
    assert talk.says("yes") == ""
    assert talk.one(AvailabilityRequested).wants[0].service_id == talk.house.services["Haircut"]


def test_never_paid_and_no_more_interest(talk: Any) -> None:
    talk.at_payment()
    talk.take(talk.expired())
    assert "nothing is booked" in talk.says("no")
    assert talk.session.state == "idle"


def test_paid_after_expiry_and_seated_again(talk: Any) -> None:
    talk.at_payment()
    held = talk.session.held
    talk.take(talk.expired())
    said = talk.take(
        talk.confirmed(reservation_id=held.reservation_id, visit=held.visit, reseated=True, deposit_paid=DEPOSIT)
    )
    assert "still free" in said
    assert "Booked!" in said
    assert talk.session.state == "done"


def test_paid_after_expiry_and_refunded(talk: Any) -> None:
    talk.at_payment()
    held = talk.session.held
    talk.take(talk.expired())
    said = talk.take(RefundSettled(
        reservation_id=held.reservation_id, conversation_id=talk.session.conversation_id, transaction_id=new_id(), amount=DEPOSIT,
        reason="deposit_unusable",
    ))  # fmt: skip
    assert "R$20.00" in said
    assert "all of it back" in said


def test_hold_over_at_confirmation(talk: Any) -> None:
    talk.at_summary()
    talk.says("yes")
    said = talk.take(ConfirmationRefused(
        reservation_id=talk.session.held.reservation_id, conversation_id=talk.session.conversation_id, code="hold_expired",
        alternatives=(talk.house.slot(FRIDAY_15 + timedelta(hours=1)),),
    ))  # fmt: skip
    assert said.startswith("Sorry, I could not keep that time")
    assert "1. 16:00" in said
    assert talk.session.held is None


@pytest.mark.parametrize("code", ["hold_expired", "already_cancelled", "unknown_reservation"])
def test_confirmation_refused_without_alternatives_looks_again(talk: Any, code: Any) -> None:
    talk.at_summary()
    talk.says("yes")
    talk.take(ConfirmationRefused(
        reservation_id=talk.session.held.reservation_id, conversation_id=talk.session.conversation_id, code=code
    ))  # fmt: skip
    assert talk.one(AvailabilityRequested)


def test_the_salon_cancels_and_moves(talk: Any) -> None:
    talk.at_done()
    visit = talk.session.visits[0]
    later = talk.house.visit(FRIDAY_15 + timedelta(hours=1))
    moved = ReservationMoved(
        reservation_id=visit.reservation_id, conversation_id=talk.session.conversation_id, version=3, visit=later
    )
    assert "at 16:00" in talk.take(moved)
    assert talk.take(moved) == ""
    said = talk.take(talk.gone(visit.reservation_id, was="confirmed", by="salon", refund=DEPOSIT))
    assert "The salon had to cancel" in said
    assert talk.take(talk.gone(visit.reservation_id, was="confirmed", by="salon", refund=DEPOSIT)) == ""


def test_a_second_booking_after_the_first(talk: Any) -> None:
    talk.at_done()
    assert "Which service" in talk.says("I'd like to book another appointment")
    talk.says("manicure on friday")
    assert talk.one(AvailabilityRequested)
    assert len(talk.session.visits) == 1
    talk.found(FRIDAY_15, staff="Carla")
    talk.says("1")
    assert "Name: Maria Silva" not in talk.says("ok")
    assert "Please check" in talk.take(talk.house.held(talk.ask_hold()))


def test_reminder(talk: Any) -> None:
    talk.at_done()
    visit = talk.session.visits[0]
    said = talk.take(ReminderReady(
        reminder_id=new_id(), reservation_id=visit.reservation_id, conversation_id=talk.session.conversation_id, visit=visit.visit
    ))  # fmt: skip
    assert said.startswith("Reminder: *Haircut* with Ana\nFriday, 27 November at 15:00")
    assert talk.one(Say).purpose == "reminder"
