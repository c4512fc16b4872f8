"""Likely, and not foreseen by the question that is open: days that are none, prices, hours instead of numbers."""

from typing import Any

import pytest

from booka_common.contracts.booking import AvailabilityRequested, CancellationRequested, HoldRequested

from .house import FRIDAY_15


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("on 31/02", "There is no such day."),
        ("30 of february", "There is no such day."),
        ("31/11 at 3pm", "There is no such day."),
        ("2027-02-29", "There is no such day."),
        ("the 32nd", "There is no such day."),
        ("20/11/2026", "That day is over already."),
        ("yesterday", "That day is over already."),
        ("last friday", "That day is over already."),
        ("15/12/2029", "I cannot book that far ahead."),
    ],
)
def test_who_names_a_day_on_which_nobody_can_come_is_told(talk: Any, words: str, told: str) -> None:
    assert told in talk.says(f"haircut with Ana {words}")
    assert talk.session.state == "when"
    assert talk.says(words).startswith(f"{told}\n\n")
    assert talk.session.when.day is None


@pytest.mark.parametrize("words", ["dia 31/02", "30 de fevereiro"])
def test_dias_que_nao_existem(conversa: Any, words: str) -> None:
    assert "Esse dia não existe." in conversa.says(f"corte com a Ana {words}")


def test_a_day_that_is_over_is_no_name(talk: Any) -> None:
    talk.at_slots()
    talk.says("1")
    talk.take(talk.house.held(talk.one(HoldRequested)))
    assert talk.says("yesterday").startswith("That day is over already.")
    assert talk.session.guest_name is None


def test_what_was_long_ago_is_not_in_the_way_of_what_is_wanted(talk: Any) -> None:
    talk.says("I was there last week, haircut with Ana tomorrow please")
    assert talk.one(AvailabilityRequested).earliest.day == 26


@pytest.mark.parametrize(
    "words", ["how much is a manicure?", "and how much is a manicure?", "quanto custa a manicure?"]
)
@pytest.mark.parametrize("stage", ["at_slots", "at_summary", "at_payment"])
def test_asking_what_something_else_costs_changes_nothing(talk: Any, stage: str, words: str) -> None:
    getattr(talk, stage)()
    before = talk.session
    assert talk.says(words).startswith("Manicure – R$")
    assert talk.none(CancellationRequested)
    assert (talk.services, talk.session.held, talk.session.state) == (["Haircut"], before.held, before.state)


def test_a_price_asked_for_at_first_is_told_and_the_booking_goes_on(talk: Any) -> None:
    assert "Manicure – R$80.00 (45 min)\n\nWhen would you like to come?" in talk.says("hi, how much is a manicure?")


def test_a_price_and_a_wish_in_one_message(talk: Any) -> None:
    assert "Haircut – R$80.00 (45 min)" in talk.says("how much is a haircut and can I come to Ana tomorrow?")
    assert talk.one(AvailabilityRequested)


def test_an_hour_in_place_of_a_number_of_the_list(talk: Any) -> None:
    talk.at_slots()
    talk.says("15")
    assert talk.one(HoldRequested).start == FRIDAY_15


def test_an_hour_that_is_not_offered_is_looked_for(talk: Any) -> None:
    talk.at_slots()
    talk.says("9")
    assert talk.one(AvailabilityRequested).earliest.hour == 12  # 9 in São Paulo
