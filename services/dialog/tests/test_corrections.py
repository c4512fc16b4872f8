"""Clients who change their mind, chat, write in bursts or in another language."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    CancellationRequested,
    ConfirmationRequested,
    HoldRequested,
)
from booka_dialog.domain import ClientSaid, SessionEnded, SlotsUpdated
from booka_dialog.understanding import When

from .house import FRIDAY_15


def test_the_contact_name_is_offered(talk: Any) -> None:
    talk.at_slots()
    talk.take(ClientSaid(text="1", contact_name="Ana Paula"))
    said = talk.take(talk.house.held(talk.one(HoldRequested)))
    assert said == "Shall I book it under Ana Paula?\n1. Yes, I am Ana Paula\nOr write another name."
    assert "Name: Ana Paula" in talk.says("yes")


@pytest.mark.parametrize("stage", ["at_slots", "at_summary", "at_payment"])
@pytest.mark.parametrize(
    ("words", "check"),
    [
        ("no, change it to saturday", lambda request, house: request.earliest.day == 28),
        ("actually a manicure", lambda request, house: request.wants[0].service_id == house.services["Manicure"]),
        ("can I have Bia instead?", lambda request, house: request.wants[0].staff_id == house.staff["Bia"]),
    ],
)
def test_corrections_at_any_time(talk: Any, stage: str, words: str, check: Callable[..., bool]) -> None:
    getattr(talk, stage)()
    held = talk.session.held
    talk.says(words)
    if held is not None:
        assert talk.one(CancellationRequested).reservation_id == held.reservation_id
        assert talk.session.held is None
        # The old time has to be free again before free times are looked for.
        assert talk.none(AvailabilityRequested)
        assert talk.take(talk.gone(held.reservation_id)) == ""
    request = talk.one(AvailabilityRequested)
    assert check(request, talk.house)


def test_a_correction_while_a_hold_is_on_its_way(talk: Any) -> None:
    talk.at_slots()
    talk.says("1")
    hold = talk.one(HoldRequested)
    talk.says("no, saturday")
    assert talk.one(AvailabilityRequested)
    late = talk.house.held(hold)
    assert talk.take(late) == ""
    assert talk.one(CancellationRequested).reservation_id == late.reservation_id
    assert talk.session.state == "searching"


def test_saying_the_held_time_again_is_a_yes(talk: Any) -> None:
    talk.at_summary()
    talk.says("yes, friday at 3pm")
    assert talk.one(ConfirmationRequested)


def test_no_at_the_summary_asks_what_to_change(talk: Any) -> None:
    talk.at_summary()
    assert "What would you like to change?" in talk.says("no")
    assert "What name" in talk.says("4")
    assert "Name: Joana" in talk.says("Joana")


def test_the_name_can_be_corrected_at_the_summary(talk: Any) -> None:
    talk.at_summary()
    assert "Name: Joana" in talk.says("my name is Joana")


@pytest.mark.parametrize("words", ["cancel", "stop", "cancelar"])
def test_cancel_without_a_hold(talk: Any, words: str) -> None:
    talk.at_slots()
    assert talk.says(words) in {
        "All right, nothing is booked. Write whenever you want to book.",
        "Tudo bem, nada foi marcado. Escreva quando quiser marcar.",
    }
    assert talk.session.state == "idle"


@pytest.mark.parametrize("stage", ["at_summary", "at_payment"])
def test_cancel_with_a_hold(talk: Any, stage: str) -> None:
    getattr(talk, stage)()
    held = talk.session.held
    assert talk.says("cancel") == ""
    assert talk.one(CancellationRequested).reservation_id == held.reservation_id
    assert talk.take(talk.gone(held.reservation_id)) == "Your booking is cancelled."
    assert talk.session.state == "idle"


def test_cancel_when_it_has_just_expired(talk: Any) -> None:
    talk.at_summary()
    held = talk.session.held
    talk.says("cancel")
    said = talk.take(talk.expired(held.reservation_id, due=False))
    assert "nothing is booked" in said


def test_restart(talk: Any) -> None:
    talk.at_summary()
    assert "Which service" in talk.says("start over")
    assert talk.one(CancellationRequested)


def test_language_follows_the_client(talk: Any) -> None:
    assert "Which service" in talk.says("hi")
    assert "com quem você gostaria" in talk.says("quero um corte")
    assert "When would you like" in talk.says("with Ana please")


def test_media_is_asked_for_as_text(talk: Any) -> None:
    talk.says("hi")
    said = talk.take(ClientSaid(text="", kind="audio"))
    assert said.startswith("I can only read text")
    assert "Which service" in said
    talk.take(ClientSaid(text="haircut with Ana", kind="image"))
    assert talk.session.state == "when"


def test_not_understood_twice(talk: Any) -> None:
    talk.says("haircut")
    assert talk.says("blorp").startswith("Sorry, I did not understand")
    assert talk.says("blorp blorp").startswith("Sorry, I still do not understand")


def test_small_talk_only_repeats_the_question(talk: Any) -> None:
    talk.says("haircut")
    assert talk.says("thanks").startswith("You are welcome!\n\nHaircut: who would you like")
    assert talk.says("hi").startswith("Haircut: who would you like")
    assert talk.says("how much is it?").startswith("Haircut – R$80.00 (45 min)\n\nHaircut: who")


def test_a_burst_is_answered_once(talk: Any) -> None:
    said = talk.says("oi", "quero um corte", "com a Ana")
    assert said.count("?") == 1
    assert "Quando você gostaria" in said
    assert "Qual serviço" not in said


def test_a_burst_that_corrects_itself_asks_once(talk: Any) -> None:
    talk.says("haircut with Ana on friday", "no, saturday", "after 3")
    assert talk.one(AvailabilityRequested).earliest == datetime(2026, 11, 28, 18, 0, tzinfo=UTC)


def test_a_choice_that_is_taken_back_in_the_same_burst_is_never_held(talk: Any) -> None:
    talk.at_slots()
    talk.says("1", "no, saturday")
    assert talk.none(HoldRequested)
    assert talk.one(AvailabilityRequested)


def test_typing_while_waiting(talk: Any) -> None:
    talk.says("haircut with Ana on friday")
    request = talk.one(AvailabilityRequested)
    assert (
        talk.says("hello??")
        == "Hi! This is Studio Bela. You can book your visit right here.\n\nOne moment, I am on it."
    )
    talk.says("after 4")
    again = talk.one(AvailabilityRequested)
    assert again.earliest == datetime(2026, 11, 27, 19, 0, tzinfo=UTC)
    stale = AvailabilityFound(
        request_id=request.request_id,
        conversation_id=request.conversation_id,
        exact=True,
        slots=(talk.house.slot(FRIDAY_15),),
    )
    assert talk.take(stale) == ""
    assert talk.session.state == "searching"


def test_asks_again_when_booking_has_been_silent(talk: Any) -> None:
    talk.says("haircut with Ana on friday")
    talk.now += timedelta(seconds=20)
    talk.says("hello?")
    assert talk.one(AvailabilityRequested)


def test_old_talk_starts_anew(talk: Any) -> None:
    talk.says("haircut with Ana")
    talk.now += timedelta(hours=7)
    said = talk.says("hi")
    assert said.startswith("Hi! This is Studio Bela.")
    assert "Which service" in said


def test_slots_set_from_outside(talk: Any) -> None:
    talk.says("hi")
    talk.take(SlotsUpdated(service_id=talk.house.services["Manicure"], day=FRIDAY_15.date()))
    assert talk.one(AvailabilityRequested).wants[0].staff_id == talk.house.staff["Carla"]


def test_ending_frees_the_hold_without_a_word(talk: Any) -> None:
    talk.at_summary()
    assert talk.take(SessionEnded()) == ""
    assert talk.one(CancellationRequested)
    assert talk.session.state == "idle"
    assert talk.session.when == When()


def test_an_unclear_correction_gives_the_hold_back_once_it_is_clear(talk: Any) -> None:
    names = iter(("Women's cut", "Men's cut", "Manicure"))
    talk.at_summary()
    held = talk.session.held
    services = tuple(
        service.model_copy(update={"name": next(names)}) for service in reversed(talk.house.catalogue.services)
    )
    talk.house = replace(talk.house, catalogue=talk.house.catalogue.model_copy(update={"services": services}))
    assert "Which of these do you mean?" in talk.says("actually a cut")
    assert talk.session.held == held
    talk.says("1")
    assert talk.one(CancellationRequested).reservation_id == held.reservation_id
    assert talk.session.held is None
