# ruff: noqa: E501 - tables
"""The waiting list: getting on it and off it."""

from datetime import date, timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityRequested,
    Want,
)
from booka_common.contracts.waitlist import (
    WaitlistJoined,
    WaitlistLeaveRequested,
    WaitlistRefused,
    WaitlistRequested,
)
from booka_common.ids import new_id

from .house import FRIDAY, FRIDAY_15
from .listed import joined, left, on_the_list


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
