# ruff: noqa: E501 - tables
"""The waiting list: getting on it, being offered something, and getting off it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityRequested,
    CancellationRequested,
    ConfirmationRequested,
    HoldRequested,
    ReservationExpired,
    Want,
)
from booka_common.contracts.waitlist import (
    WaitlistJoined,
    WaitlistLeaveRequested,
    WaitlistLeft,
    WaitlistOffered,
    WaitlistRefused,
    WaitlistRequested,
)
from booka_common.ids import new_id
from booka_common.money import Money
from booka_dialog.domain import Say

FRIDAY_15 = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
FRIDAY = date(2026, 11, 27)
DEPOSIT = Money(minor=2000, currency="BRL")


def joined(talk: Any) -> str:
    request = talk.one(WaitlistRequested)
    return str(
        talk.take(
            WaitlistJoined(
                entry_id=new_id(),
                request_id=request.request_id,
                conversation_id=request.conversation_id,
                first_day=request.first_day,
                last_day=request.last_day,
            )
        )
    )


def on_the_list(talk: Any) -> None:
    talk.says("put me on the waiting list for a haircut with Ana on friday")
    talk.says("yes")
    joined(talk)


def offer_of(talk: Any, **fields: Any) -> WaitlistOffered:
    return WaitlistOffered(
        **{
            "entry_id": talk.session.listed[0].entry_id if talk.session.listed else new_id(),
            "reservation_id": new_id(),
            "conversation_id": talk.session.conversation_id,
            "contact_id": new_id(),
            "version": 1,
            "service_ids": (talk.house.services["Haircut"],),
            "visit": talk.house.visit(FRIDAY_15),
            "expires_at": talk.now + timedelta(minutes=15),
            **fields,
        }
    )


def expired(talk: Any, reservation_id: Any, *, due: bool = False) -> ReservationExpired:
    return ReservationExpired(
        reservation_id=reservation_id,
        conversation_id=talk.session.conversation_id,
        version=4,
        deposit_was_due=due,
    )


def left(talk: Any, reason: Any) -> WaitlistLeft:
    return WaitlistLeft(
        entry_id=talk.session.listed[0].entry_id, conversation_id=talk.session.conversation_id, reason=reason
    )


@pytest.mark.parametrize("slots", [(), (FRIDAY_15 + timedelta(days=1),)])
@pytest.mark.parametrize("words", ["the last one", "waiting list", "avise se abrir", "lista de espera"])
def test_offered_where_nothing_is_free(talk: Any, slots: Any, words: str) -> None:
    talk.says("haircut with Ana friday afternoon")
    said = talk.found(*slots, exact=False)
    assert "Put me on the waiting list for Friday, 27 November, 12:00–18:00" in said
    assert talk.says(words) == ""
    request = talk.one(WaitlistRequested)
    assert request.wants == (Want(service_id=talk.house.services["Haircut"], staff_id=talk.house.staff["Ana"]),)
    assert (request.first_day, request.last_day, request.from_minute, request.until_minute) == (
        FRIDAY,
        FRIDAY,
        720,
        1080,
    )
    assert request.contact_id == talk.session.contact_id
    told = joined(talk)
    assert told.startswith(
        ("You are on the waiting list: Haircut, Friday, 27", "Você está na lista de espera: Haircut")
    )
    assert talk.session.state == "idle"


def test_not_offered_where_something_is_free(talk: Any) -> None:
    assert "waiting list" not in talk.at_slots()


def test_another_wish_after_nothing_was_free(talk: Any) -> None:
    talk.says("haircut with Ana friday")
    talk.found(FRIDAY_15 + timedelta(days=1), exact=False)
    talk.says("monday then")
    assert "waiting list" not in talk.found(FRIDAY_15 + timedelta(days=3))


@pytest.mark.parametrize(
    ("words", "days", "minutes"),
    [
        ("friday", (FRIDAY, FRIDAY), (0, 1440)),
        ("friday morning", (FRIDAY, FRIDAY), (0, 720)),
        ("friday after 4", (FRIDAY, FRIDAY), (960, 1440)),
        ("friday at 3pm", (FRIDAY, FRIDAY), (840, 960)),
        ("next week", (date(2026, 11, 30), date(2026, 12, 6)), (0, 1440)),
        ("as soon as possible", (date(2026, 11, 25), date(2026, 12, 9)), (0, 1440)),
    ],
)
def test_what_is_missing_is_asked_for_first(talk: Any, words: str, days: Any, minutes: Any) -> None:
    assert "Which service" in talk.says("can I get on the waiting list?")
    assert "who would you like" in talk.says("haircut")
    assert "When would you like" in talk.says("anyone")
    assert talk.says(words).startswith("Shall I put you on the waiting list?\nHaircut, ")
    talk.says("yes")
    request = talk.one(WaitlistRequested)
    assert (request.first_day, request.last_day) == days
    assert (request.from_minute, request.until_minute) == minutes
    assert request.wants[0].staff_id is None


def test_corrected_before_joining(talk: Any) -> None:
    talk.says("waiting list for a haircut with Ana on friday")
    assert "Saturday, 28 November" in talk.says("no, saturday")
    assert "Haircut with Bia" in talk.says("with Bia")
    talk.says("yes")
    assert talk.one(WaitlistRequested).wants[0].staff_id == talk.house.staff["Bia"]


def test_rather_free_times_than_waiting(talk: Any) -> None:
    talk.says("waiting list for a haircut with Ana on friday")
    talk.says("no")
    assert talk.one(AvailabilityRequested)


@pytest.mark.parametrize(
    "code", ["unknown_service", "unknown_staff", "not_offered", "in_the_past", "too_many_entries", "salon_not_ready"]
)
def test_every_refusal_leads_on(talk: Any, code: Any) -> None:
    talk.says("waiting list for a haircut with Ana on friday")
    talk.says("yes")
    request = talk.one(WaitlistRequested)
    refusal = WaitlistRefused(request_id=request.request_id, conversation_id=request.conversation_id, code=code)
    assert talk.take(refusal)
    assert not talk.session.waiting
    assert talk.take(refusal) == ""


def test_told_once_that_they_are_on_the_list(talk: Any) -> None:
    talk.says("waiting list for a haircut with Ana on friday")
    talk.says("yes")
    request = talk.one(WaitlistRequested)
    message = WaitlistJoined(
        entry_id=new_id(), request_id=request.request_id, conversation_id=request.conversation_id, first_day=FRIDAY, last_day=FRIDAY
    )  # fmt: skip
    assert talk.take(message)
    assert talk.take(message) == ""


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
    assert "You stay on the list" in talk.take(expired(talk, offer.reservation_id))
    assert talk.one(Say).purpose == "notice"
    assert talk.take(expired(talk, offer.reservation_id)) == ""
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
    assert "You stay on the list" in talk.take(expired(talk, offer.reservation_id))
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
    assert talk.take(expired(talk, offer.reservation_id, due=True)).startswith("The deposit did not arrive in time")


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


@pytest.mark.parametrize("words", ["leave the waiting list", "sair da lista de espera", "take me off the list"])
def test_leaving_the_list(talk: Any, words: str) -> None:
    on_the_list(talk)
    gone = left(talk, "asked")
    said = talk.says(words)
    assert said.startswith(("You are off the waiting list: Haircut", "Você saiu da lista de espera: Haircut"))
    assert talk.one(WaitlistLeaveRequested).entry_id is None
    assert talk.take(gone) == "", "the client knows"


def test_taken_off_the_list_by_the_salon(talk: Any) -> None:
    on_the_list(talk)
    gone = left(talk, "asked")
    assert talk.take(gone).startswith("You are off the waiting list: Haircut, Friday, 27 November")
    assert talk.take(gone) == ""


def test_leaving_one_place_of_several(talk: Any) -> None:
    on_the_list(talk)
    talk.says("waiting list for a manicure on saturday")
    talk.says("yes")
    joined(talk)
    asked = talk.says("leave the waiting list")
    assert "1. Haircut, Friday, 27 November\n2. Manicure, Saturday, 28 November\n3. All of them" in asked
    entry_id = talk.session.listed[1].entry_id
    talk.says("2")
    assert talk.one(WaitlistLeaveRequested).entry_id == entry_id
    assert talk.session.state == "idle"


def test_not_on_the_list(talk: Any) -> None:
    talk.says("haircut")
    said = talk.says("leave the waiting list")
    assert said.startswith("You are not on the waiting list.")
    assert "who would you like" in said


def test_the_days_have_passed(talk: Any) -> None:
    on_the_list(talk)
    assert talk.take(left(talk, "over")).startswith("Sorry, nothing became free in time: Haircut, Friday, 27 November.")


def test_a_held_time_is_not_given_up_for_the_list(talk: Any) -> None:
    talk.at_summary()
    said = talk.says("or put me on the waiting list")
    assert said.startswith("Let us finish this booking first")
    assert "Please check" in said
    assert talk.session.held is not None


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
