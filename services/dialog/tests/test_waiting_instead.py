# ruff: noqa: E501 - texts
"""Who has a visit and would like a better time for it waits with that visit in hand, and ends with one."""

from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import AvailabilityRequested, ConfirmationRequested, ReservationMoved
from booka_common.contracts.waitlist import Replaced, WaitlistJoined, WaitlistRefused, WaitlistRequested
from booka_common.ids import new_id
from booka_dialog.domain import Say

from .house import FRIDAY_15, SATURDAY_15
from .listed import offer_of
from .visits import moved, quoted

STAYS = "Your visit stays booked meanwhile: Haircut, Friday, 27 November at 15:00. It only moves if you take what becomes free."
INSTEAD = "It would take the place of your visit: Haircut, Friday, 27 November at 15:00."


def joined(talk: Any, **fields: Any) -> str:
    """Booking has put the client on the list, in place of the visit that they said."""
    request = talk.one(WaitlistRequested)
    known = {"first_day": request.first_day, "last_day": request.last_day, "replaces": request.replaces, **fields}
    return str(
        talk.take(
            WaitlistJoined(
                entry_id=new_id(), request_id=request.request_id, conversation_id=request.conversation_id, **known
            )
        )
    )


def nothing_on_saturday(talk: Any, words: str = "can we move it to saturday 3pm?") -> str:
    talk.at_done()
    talk.says(words)
    quoted(talk)
    return str(talk.found(SATURDAY_15 + timedelta(days=2), exact=False))


def offered(talk: Any, **fields: Any) -> Any:
    """Something is free on Saturday, in place of the visit on Friday."""
    known = talk.session.visits[0]
    replaces = Replaced(reservation_id=known.reservation_id, visit=known.visit)
    return offer_of(talk, **{"visit": talk.house.visit(SATURDAY_15), "replaces": replaces, **fields})


def taken(talk: Any, offer: Any) -> ReservationMoved:
    return moved(talk, offer.visit.start).model_copy(update={"offer_id": offer.reservation_id})


@pytest.mark.parametrize("words", ["2", "waiting list", "avise se abrir"])
def test_where_nothing_is_free_to_move_to_the_client_may_wait(talk: Any, words: str) -> None:
    assert "2. Put me on the waiting list for Saturday, 28 November" in nothing_on_saturday(talk)
    visit = talk.session.visits[0]
    assert talk.says(words) == ""
    request = talk.one(WaitlistRequested)
    assert (request.replaces, request.first_day) == (visit.reservation_id, SATURDAY_15.date())
    told = joined(talk)
    if "avise" not in words:
        assert told.startswith("You are on the waiting list: Haircut, Saturday, 28")
        assert told.endswith(STAYS)
    assert talk.session.visits == (visit,)
    assert (talk.session.state, talk.session.moving) == ("done", None)


@pytest.mark.parametrize(
    ("words", "stays"),
    [
        ("put me on the waiting list for saturday", STAYS),
        (
            "me coloca na lista de espera para sábado",
            "Enquanto isso, seu horário continua marcado: Haircut, sexta-feira, 27 de novembro às 15:00. Ele só muda se você aceitar a vaga.",
        ),
    ],
)
def test_asked_before_joining_which_visit_it_is_about(talk: Any, words: str, stays: str) -> None:
    talk.at_done()
    talk.says("can we move it?")
    quoted(talk)
    asked = talk.says(words)
    assert f"\n{stays}\n1. " in asked
    visit = talk.session.visits[0]
    talk.says("1")
    assert talk.one(WaitlistRequested).replaces == visit.reservation_id


def test_rather_free_times_than_waiting(talk: Any) -> None:
    talk.at_done()
    talk.says("can we move it?")
    quoted(talk)
    talk.says("waiting list for saturday")
    talk.says("no")
    assert talk.one(AvailabilityRequested).moving == talk.session.visits[0].reservation_id


@pytest.mark.parametrize("words", ["keep it", "leave it as it is"])
def test_or_everything_stays_as_it_is(talk: Any, words: str) -> None:
    talk.at_done()
    talk.says("can we move it?")
    quoted(talk)
    talk.says("waiting list for saturday")
    assert talk.says(words).startswith("Fine, everything stays as it is.")
    assert talk.session.moving is None


def test_somebody_who_wants_one_more_visit_waits_for_one_more(talk: Any) -> None:
    talk.at_done()
    talk.says("waiting list for a haircut with Ana on saturday")
    talk.says("yes")
    assert talk.one(WaitlistRequested).replaces is None


def test_the_offer_says_which_visit_it_replaces_and_a_yes_moves_it(talk: Any) -> None:
    nothing_on_saturday(talk)
    talk.says("2")
    joined(talk)
    offer = offered(talk)
    assert talk.take(offer) == (
        "Good news from the waiting list, this is free:\n*Haircut* with Ana\n"
        "Saturday, 28 November at 15:00 (Sao Paulo time)\nPrice: R$80.00\n"
        f"{INSTEAD}\nI am keeping it for you until 10:15. Would you like it?\n1. Yes\n2. No"
    )
    use = talk.one(Say).template
    in_place = "Haircut with Ana (in place of Haircut, Friday, 27 November at 15:00)"
    assert (use.name, use.parameters) == ("waitlist_offer", (in_place, "Saturday, 28 November", "15:00", "10:15"))
    assert talk.says("yes") == ""
    assert talk.one(ConfirmationRequested).reservation_id == offer.reservation_id
    assert talk.one(ConfirmationRequested).contact_id == talk.session.contact_id
    message = taken(talk, offer)
    assert talk.take(message).startswith("Your visit was moved. It is now:\n*Haircut* with Ana\nSaturday, 28 November")
    (visit,) = talk.session.visits
    assert (visit.visit.start, talk.session.held, talk.session.state) == (SATURDAY_15, None, "done")
    assert talk.take(message) == ""


def test_in_portuguese(talk: Any) -> None:
    talk.knows(language="pt")
    replaces = Replaced(reservation_id=new_id(), visit=talk.house.visit(FRIDAY_15))
    said = talk.take(offer_of(talk, visit=talk.house.visit(SATURDAY_15), replaces=replaces))
    assert "\nEla ficaria no lugar do seu horário: Haircut, sexta-feira, 27 de novembro às 15:00.\n" in said
    in_place = "Haircut com Ana (no lugar de Haircut, sexta-feira, 27 de novembro às 15:00)"
    assert talk.one(Say).template.parameters[0] == in_place


def test_nobody_is_asked_for_a_name_for_a_visit_that_has_one(talk: Any) -> None:
    talk.at_done()
    talk.knows(guest_name=None, contact_name="Maria")
    offer = offered(talk)
    talk.take(offer)
    assert talk.says("yes") == ""
    assert talk.one(ConfirmationRequested).guest_name == "Maria"


def test_taken_in_the_middle_of_looking_for_another_time_for_it(talk: Any) -> None:
    talk.at_done()
    talk.says("can we move it to monday?")
    quoted(talk)
    talk.found(SATURDAY_15 + timedelta(days=2), SATURDAY_15 + timedelta(days=2, hours=1))
    offer = offered(talk)
    assert INSTEAD in talk.take(offer)
    talk.says("take the offer")
    assert talk.one(ConfirmationRequested).reservation_id == offer.reservation_id
    assert talk.one(ConfirmationRequested).contact_id == talk.session.contact_id
    assert talk.take(taken(talk, offer)).startswith("Your visit was moved.")
    assert (talk.session.state, talk.session.moving, talk.session.offers) == ("done", None, ())


def test_a_later_move_that_is_heard_first_does_not_leave_the_client_waiting(talk: Any) -> None:
    talk.at_done()
    offer = offered(talk)
    talk.take(offer)
    talk.says("yes")
    message = taken(talk, offer)
    talk.take(moved(talk, SATURDAY_15 + timedelta(days=3), version=9))
    assert talk.take(message) == ""
    assert (talk.session.held, talk.session.waiting) == (None, False)
    assert talk.session.visits[0].visit.start == SATURDAY_15 + timedelta(days=3)


def test_once_its_visit_is_cancelled_an_offer_stands_by_itself(talk: Any) -> None:
    talk.at_done()
    visit = talk.session.visits[0]
    offer = offered(talk)
    talk.take(offer)
    said = talk.take(talk.gone(visit.reservation_id, was="confirmed", by="salon"))
    assert "The salon had to cancel your visit" in said
    assert talk.session.held.replaces is None
    talk.says("yes")
    assert talk.take(talk.confirmed()).startswith("Booked!")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("unknown_reservation", "That visit can no longer be changed here."),
        ("already_over", "That visit can no longer be changed here."),
        ("other_services", "Sorry, I cannot put you on the waiting list for that."),
        ("unknown_service", "Sorry, I cannot put you on the waiting list for that."),
    ],
)
def test_a_visit_that_cannot_be_replaced(talk: Any, code: Any, said: str) -> None:
    nothing_on_saturday(talk)
    talk.says("2")
    request = talk.one(WaitlistRequested)
    refusal = WaitlistRefused(request_id=request.request_id, conversation_id=request.conversation_id, code=code)
    assert talk.take(refusal) == said
    assert (talk.session.moving, talk.session.waiting) == (None, False)
    assert bool(talk.session.visits) == (code in {"other_services", "unknown_service"})
