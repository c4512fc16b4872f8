"""What comes free is offered to who waits: taken, declined, left unanswered, in the middle of something else."""

from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityRequested,
    CancellationRequested,
    ConfirmationRequested,
    HoldRequested,
)
from booka_dialog.domain import Say

from .house import DEPOSIT, FRIDAY_15
from .listed import left, offer_of, on_the_list


def test_an_offer_is_taken(talk: Any) -> None:
    on_the_list(talk)
    said = talk.take(offer_of(talk, deposit=DEPOSIT))
    assert said == (
        "Good news from the waiting list, this is free:\n*Haircut* with Ana\n"
        "Friday, 27 November at 15:00 (Sao Paulo time)\nPrice: R$80.00\nDeposit to pay now: R$20.00\n"
        "I am keeping it for you until 10:15. Would you like it?\n1. Yes\n2. No"
    )
    assert talk.says("yes") == "What name should I put the booking under?"
    assert talk.says("Maria Silva") == ""
    assert talk.one(ConfirmationRequested).guest_name == "Maria Silva"
    assert "https://pay.example/1" in talk.take(talk.opened())
    assert talk.take(talk.confirmed(deposit_paid=DEPOSIT)).startswith("Booked! *Haircut* with Ana")
    assert talk.take(left(talk, "booked")) == "", "the client knows"
    assert talk.session.listed == ()


def test_with_a_known_name_one_word_is_enough(talk: Any) -> None:
    on_the_list(talk)
    talk.knows(guest_name="Maria Silva")
    talk.take(offer_of(talk))
    talk.says("1")
    assert talk.one(ConfirmationRequested)


@pytest.mark.parametrize("words", ["2", "no", "cancel", "decline the offer"])
def test_an_offer_is_declined(talk: Any, words: str) -> None:
    on_the_list(talk)
    offer = offer_of(talk)
    talk.take(offer)
    assert "You stay on the waiting list" in talk.says(words)
    assert talk.one(CancellationRequested).reservation_id == offer.reservation_id
    assert talk.take(talk.gone(offer.reservation_id)) == ""
    assert (talk.session.state, len(talk.session.listed)) == ("idle", 1)


def test_an_offer_that_is_not_answered(talk: Any) -> None:
    on_the_list(talk)
    offer = offer_of(talk)
    talk.take(offer)
    assert "You stay on the list" in talk.take(talk.expired(offer.reservation_id, version=4, due=False))
    assert talk.one(Say).purpose == "notice"
    assert talk.take(talk.expired(offer.reservation_id, version=4, due=False)) == ""
    assert talk.session.state == "idle"


def test_the_same_offer_twice(talk: Any) -> None:
    on_the_list(talk)
    offer = offer_of(talk)
    assert talk.take(offer)
    assert talk.take(offer) == ""


@pytest.mark.parametrize("stage", ["staff", "slot", "confirm", "paying"])
@pytest.mark.parametrize("words", ["take the offer", "aceitar a vaga"])
def test_an_offer_in_the_middle_of_another_booking_is_taken(talk: Any, stage: str, words: str) -> None:
    talk.knows(contact_name="Maria")
    match stage:
        case "staff":
            talk.says("haircut")
        case "slot":
            talk.at_slots()
        case "confirm":
            talk.at_summary()
        case _:
            talk.at_payment()
    state, held = talk.session.state, talk.session.held
    offer = offer_of(talk, visit=talk.house.visit(FRIDAY_15 + timedelta(days=7)))
    said = talk.take(offer)
    assert 'Write "take the offer" or "decline the offer".' in said
    assert (talk.session.state, talk.session.held) == (state, held)
    assert talk.says(words)
    request = talk.one(ConfirmationRequested)
    assert request.reservation_id == offer.reservation_id
    assert request.guest_name in {"Maria", "Maria Silva"}
    assert (talk.session.state, talk.session.held) == (state, held)
    told = talk.take(talk.confirmed(reservation_id=offer.reservation_id, visit=offer.visit))
    assert "4" in told
    assert (talk.session.state, talk.session.held, talk.session.offers) == (state, held, ())


def test_a_plain_yes_is_about_the_open_question(talk: Any) -> None:
    talk.at_summary()
    held = talk.session.held
    talk.take(offer_of(talk, visit=talk.house.visit(FRIDAY_15 + timedelta(days=7))))
    talk.says("yes")
    assert talk.one(ConfirmationRequested).reservation_id == held.reservation_id


def test_an_offer_in_the_middle_is_declined(talk: Any) -> None:
    talk.at_slots()
    offer = offer_of(talk)
    talk.take(offer)
    said = talk.says("decline the offer")
    assert "You stay on the waiting list" in said
    assert "free times" in said
    assert talk.one(CancellationRequested).reservation_id == offer.reservation_id
    assert talk.says("take the offer")
    assert talk.none(ConfirmationRequested)


def test_an_offer_in_the_middle_is_asked_about_afterwards(talk: Any) -> None:
    talk.at_summary()
    offer = offer_of(talk, visit=talk.house.visit(FRIDAY_15 + timedelta(days=7)))
    talk.take(offer)
    talk.says("yes")
    said = talk.take(talk.confirmed())
    assert said.startswith("Booked!")
    assert said.endswith("Would you like it?\n1. Yes\n2. No")
    talk.says("yes")
    assert talk.one(ConfirmationRequested).reservation_id == offer.reservation_id


def test_an_offer_in_the_middle_expires(talk: Any) -> None:
    talk.at_slots()
    offer = offer_of(talk)
    talk.take(offer)
    assert "You stay on the list" in talk.take(talk.expired(offer.reservation_id, version=4, due=False))
    assert (talk.session.state, talk.session.offers) == ("slot", ())


def test_an_offer_taken_in_the_middle_without_a_name(talk: Any) -> None:
    talk.at_slots()
    offer = offer_of(talk)
    talk.take(offer)
    assert "What name" in talk.says("take the offer")
    said = talk.says("Rosa Lima")
    assert "free times" in said
    request = talk.one(ConfirmationRequested)
    assert (request.reservation_id, request.guest_name) == (offer.reservation_id, "Rosa Lima")
    link = talk.opened().model_copy(update={"reservation_id": offer.reservation_id}) if talk.session.held else None
    assert link is None
    talk.says("1")
    assert talk.one(HoldRequested).start == FRIDAY_15


@pytest.mark.parametrize("words", ["saturday", "restart", "cancel"])
def test_asked_for_the_name_and_something_else_is_said(talk: Any, words: str) -> None:
    talk.at_slots()
    talk.take(offer_of(talk))
    talk.says("take the offer")
    assert talk.says(words) or talk.one(AvailabilityRequested)
    assert talk.none(ConfirmationRequested)
    assert talk.session.state != "offer_name"


def test_the_deposit_of_an_offer_in_the_middle_of_another_booking(talk: Any) -> None:
    talk.at_summary()
    held = talk.session.held
    offer = offer_of(talk, visit=talk.house.visit(FRIDAY_15 + timedelta(days=7)), deposit=DEPOSIT)
    talk.take(offer)
    talk.says("take the offer")
    link = talk.opened("https://pay.example/9").model_copy(update={"reservation_id": offer.reservation_id})
    assert "https://pay.example/9" in talk.take(link)
    assert (talk.session.state, talk.session.held) == ("confirm", held)
    talk.says("yes")
    talk.take(talk.confirmed())
    assert talk.session.state == "paying", "now it is the only thing that is open"
    assert "https://pay.example/9" in talk.says("how do I pay?")
    assert talk.take(talk.expired(offer.reservation_id, version=4)).startswith("The deposit did not arrive in time")


def test_something_else_is_said_while_an_offer_is_open(talk: Any) -> None:
    on_the_list(talk)
    offer = offer_of(talk)
    talk.take(offer)
    said = talk.says("do you have a manicure on monday?")
    assert 'until 10:15: write "take the offer" or "decline the offer"' in said
    assert talk.one(AvailabilityRequested).wants[0].service_id == talk.house.services["Manicure"]
    assert talk.session.offers[0].reservation_id == offer.reservation_id
    talk.says("stop")
    assert talk.session.state == "offer", "nothing else is being talked about any more"


def test_an_offer_after_a_talk_that_was_left_long_ago(talk: Any) -> None:
    talk.says("haircut")
    talk.now += timedelta(days=2)
    assert "Would you like it?" in talk.take(offer_of(talk))
    talk.says("yes")
    assert talk.session.state == "name"


def test_a_greeting_is_not_in_the_way_of_an_offer(talk: Any) -> None:
    on_the_list(talk)
    assert talk.says("ok, thanks") == "You are welcome!"
    talk.says("hi")
    assert talk.session.state == "service"
    assert "Would you like it?" in talk.take(offer_of(talk))


def test_declined_when_asked_for_the_name(talk: Any) -> None:
    talk.at_slots()
    offer = offer_of(talk)
    talk.take(offer)
    talk.says("take the offer")
    assert "free times" in talk.says("decline the offer")
    assert talk.one(CancellationRequested).reservation_id == offer.reservation_id
    assert (talk.session.state, talk.session.interrupted) == ("slot", None)
