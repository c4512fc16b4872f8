"""From hello to a time: conversations with the pure core, turn by turn."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityRequested,
    ConfirmationRequested,
    HoldRequested,
    Want,
)
from booka_common.ids import new_id
from booka_dialog.domain import ClientSaid, Salon, Say, step
from booka_dialog.domain.inputs import Context

from .house import FRIDAY_15


def test_greeting_asks_for_the_service_with_prices(talk: Any) -> None:
    said = talk.says("hi")
    assert said == (
        "Hi! This is Studio Bela. You can book your visit right here.\n\n"
        "Which service would you like?\n"
        "1. Haircut – R$80.00 (45 min)\n2. Manicure – R$80.00 (45 min)\n3. Hair Coloring – R$80.00 (45 min)\n"
        "Reply with a number or several, or just write what you need."
    )
    assert "Studio Bela" not in talk.says("hello?")


def test_menu_only(talk: Any) -> None:
    talk.says("hi")
    assert "1. Ana\n2. Bia\n3. Anyone" in talk.says("1")
    assert "1. As soon as possible\n2. Today, Wednesday, 25 November\n3. Tomorrow, Thursday, 26 November" in talk.says(
        "3"
    )
    talk.says("3")
    request = talk.one(AvailabilityRequested)
    assert request.wants[0].staff_id is None
    assert request.earliest == datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
    assert request.latest == datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
    assert request.limit == 6
    start = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    assert "Thursday, 26 November\n1. 09:00\n2. 10:00" in talk.found(start, start + timedelta(hours=1))
    talk.says("2")
    hold = talk.one(HoldRequested)
    assert (hold.start, hold.wants[0].staff_id) == (start + timedelta(hours=1), None)
    assert talk.take(talk.house.held(hold)) == "What name should I put the booking under?"
    summary = talk.says("Maria Silva")
    assert summary == (
        "Please check:\n*Haircut* with Ana\nThursday, 26 November at 10:00 (São Paulo time), 45 min\nName: Maria Silva\n"
        "Price: R$80.00\n\nShall I book it?\n1. Yes\n2. No, change something"
    ).replace("São", "Sao")
    talk.says("1")
    assert talk.one(ConfirmationRequested).guest_name == "Maria Silva"
    assert talk.take(talk.confirmed()).startswith("Booked! *Haircut* with Ana")
    assert talk.session.state == "done"


def test_everything_in_one_message(talk: Any) -> None:
    assert talk.says("haircut tomorrow after 3 with Ana") == ""
    request = talk.one(AvailabilityRequested)
    assert request.wants == (Want(service_id=talk.house.services["Haircut"], staff_id=talk.house.staff["Ana"]),)
    assert request.contact_id == talk.session.contact_id
    assert request.earliest == datetime(2026, 11, 26, 18, 0, tzinfo=UTC)


def test_the_exact_time_that_is_free_is_held_at_once(conversa: Any) -> None:
    conversa.says("corte com a Ana sexta às 15h")
    assert conversa.found(FRIDAY_15) == ""
    assert conversa.one(HoldRequested).start == FRIDAY_15
    assert "Em que nome" in conversa.take(conversa.house.held(conversa.one(HoldRequested)))


def test_the_exact_time_that_is_taken_leads_to_the_next_ones(talk: Any) -> None:
    talk.says("haircut with Ana friday at 3pm")
    said = talk.found(FRIDAY_15 + timedelta(hours=1), exact=False)
    assert "Nothing is free then" in said
    assert "1. 16:00" in said


def test_no_time_at_all(talk: Any) -> None:
    talk.says("haircut with Ana friday")
    said = talk.found(exact=False)
    assert "no free time" in said
    assert "When would you like to come?" in said


def test_who_is_not_asked_where_only_one_does_it(talk: Any) -> None:
    assert "When would you like" in talk.says("manicure")
    talk.says("friday")
    assert talk.one(AvailabilityRequested).wants[0].staff_id == talk.house.staff["Carla"]


def test_somebody_who_does_not_do_it(talk: Any) -> None:
    said = talk.says("manicure with Ana")
    assert "Ana does not do Manicure" in said


def test_a_word_that_means_several_services(talk: Any) -> None:
    names = iter(("Women's cut", "Men's cut", "Manicure"))
    services = tuple(service.model_copy(update={"name": next(names)}) for service in talk.house.catalogue.services)
    talk.house = replace(talk.house, catalogue=talk.house.catalogue.model_copy(update={"services": services}))
    said = talk.says("a cut on friday please")
    assert "Which of these do you mean?\n1. Women's cut" in said
    assert "2. Men's cut" in said
    assert "3." not in said
    assert "who would you like" in talk.says("1")


@pytest.mark.parametrize("words", ["the second one", "2", "15:45", "friday at 15:45", "3:45pm"])
def test_ways_to_choose_a_time(talk: Any, words: str) -> None:
    talk.at_slots()
    talk.says(words)
    assert talk.one(HoldRequested).start == FRIDAY_15 + timedelta(minutes=45)


def test_other_times(talk: Any) -> None:
    talk.at_slots()
    talk.says("other times please")
    request = talk.one(AvailabilityRequested)
    assert request.earliest > FRIDAY_15 + timedelta(minutes=45)
    assert "1. 17:00" in talk.found(FRIDAY_15 + timedelta(hours=2))


def test_a_number_that_is_not_in_the_list(talk: Any) -> None:
    talk.at_slots()
    assert "choose a number from 1 to 2" in talk.says("7")


@pytest.mark.parametrize("words", ["Ana", "my name is Ana", "ana", "It's Ana"])
def test_a_client_may_be_called_like_the_staff(talk: Any, words: str) -> None:
    talk.at_slots()
    talk.says("2")
    talk.take(talk.house.held(talk.one(HoldRequested)))
    assert "Name: Ana" in talk.says(words)


def test_portuguese_by_default(conversa: Any) -> None:
    assert conversa.says("1234567").startswith("Olá! Aqui é Studio Bela.")
    assert "R$ 80,00" in conversa.says("?")


def test_a_time_that_is_over(talk: Any) -> None:
    said = talk.says("haircut with Ana today at 9")
    assert "already over" in said
    assert "When would you like" in said


def test_a_day_without_an_hour_keeps_the_hour(talk: Any) -> None:
    talk.says("haircut with Ana at 3pm")
    assert talk.session.state == "when"
    talk.says("friday")
    assert talk.one(AvailabilityRequested).earliest == FRIDAY_15


def test_a_bare_number_beyond_the_list_is_an_hour(talk: Any) -> None:
    talk.says("haircut with Ana")
    assert "On which day?" in talk.says("9")
    talk.says("friday")
    assert talk.one(AvailabilityRequested).earliest == datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def test_several_days_and_a_part_of_the_day(talk: Any) -> None:
    talk.says("haircut with Ana next week in the afternoon")
    assert talk.one(AvailabilityRequested).limit == 50
    monday = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    said = talk.found(*(monday + timedelta(hours=hours) for hours in (0, 5, 24, 29)))
    assert "1. Monday, 30 November, 14:00\n2. Tuesday, 1 December, 14:00" in said


def test_the_salon_is_not_open(talk: Any) -> None:
    context = Context(now=talk.now, request_id=new_id(), salon=None)
    session, effects = step(talk.session, ClientSaid(text="hi"), context)
    assert [effect.text for effect in effects if isinstance(effect, Say)] == [
        "Thanks for your message! Booking by chat is not open yet here. Please try again later."
    ]
    empty = Salon(talk.house.catalogue.model_copy(update={"services": ()}))
    _, effects = step(session, ClientSaid(text="oi, quero marcar"), replace(context, salon=empty))
    assert "Ainda não é possível" in str(effects)


def test_a_service_that_is_withdrawn_meanwhile(talk: Any) -> None:
    talk.says("haircut with Ana")
    services = tuple(service for service in talk.house.catalogue.services if service.name != "Haircut")
    talk.house = replace(talk.house, catalogue=talk.house.catalogue.model_copy(update={"services": services}))
    assert "can no longer be booked" in talk.says("friday")
