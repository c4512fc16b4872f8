"""What clients write after the question seemed settled: corrections, "I have paid", "when is it?", "cancel both"."""

from typing import Any

import pytest

from booka_common.contracts.booking import CancellationQuoteRequested, CancellationRequested

from .house import FRIDAY_15
from .visits import quoted, second


@pytest.mark.parametrize("words", ["actually make it 4", "can we do 4 instead?", "make it 4pm", "change it to 16"])
def test_another_hour_for_what_is_held(talk: Any, words: str) -> None:
    talk.at_summary()
    held = talk.session.held
    talk.says(words)
    released = talk.one(CancellationRequested)
    assert (released.reservation_id, released.contact_id) == (held.reservation_id, talk.session.contact_id)
    assert (talk.session.when.day, talk.session.when.start.hour) == (FRIDAY_15.date(), 16)


@pytest.mark.parametrize("words", ["muda pra 16", "melhor 16", "que tal 16?", "pode passar para 16"])
def test_outra_hora(conversa: Any, words: str) -> None:
    conversa.says("corte com a Ana na sexta")
    conversa.found(FRIDAY_15)
    conversa.says("1")
    conversa.take(conversa.house.held(conversa.ask_hold()))
    conversa.says("Maria")
    conversa.says(words)
    assert conversa.session.when.start.hour == 16


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Maria Sylva*", "Maria Sylva"),
        ("*Joana", "Joana"),
        ("sorry, it's Mara Silva", "Mara Silva"),
        ("não, é Mária Silva", "Mária Silva"),
    ],
)
def test_a_name_is_put_right(talk: Any, words: str, name: str) -> None:
    talk.at_summary()
    assert f": {name}\n" in talk.says(words)


@pytest.mark.parametrize(
    "words",
    ["it's fine", "sorry, it's late", "*yes*", "é isso", "*", " " * 5000 + "*", "*" + "x" * 200],
)
def test_what_puts_no_name_right(talk: Any, words: str) -> None:
    talk.at_summary()
    talk.says(words)
    assert talk.session.guest_name == "Maria Silva"


def test_somebody_of_the_salon_with_a_star_is_who_does_it(talk: Any) -> None:
    talk.at_summary()
    talk.says("*Bia")
    assert (talk.session.guest_name, talk.people) == ("Maria Silva", ["Bia"])


@pytest.mark.parametrize("words", ["I paid", "paid!", "já paguei", "fiz o pix", "payment done"])
def test_who_says_that_they_have_paid_is_not_asked_to_pay(talk: Any, words: str) -> None:
    talk.at_payment()
    said = talk.says(words)
    assert said.startswith(("Thank you!", "Obrigado!"))
    assert "https://pay.example/1" in said


@pytest.mark.parametrize("words", ["when is my appointment?", "what time was it again?", "do I have a booking?"])
def test_who_asks_what_is_booked_is_told(talk: Any, words: str) -> None:
    talk.at_done()
    assert talk.says(words).startswith("Your visit: Haircut with Ana, Friday, 27 November at 15:00.")
    second(talk)
    assert talk.says(words).startswith(
        "Your visits:\nHaircut, Friday, 27 November at 15:00\nManicure, Monday, 30 November at 15:00\n"
    )
    assert talk.says("que horas é o meu horário?").startswith("Seus horários:")


def test_who_asks_what_is_booked_where_nothing_is(talk: Any) -> None:
    assert "I see no booked visit here.\n\nWhich service" in talk.says("when is my appointment?")
    talk.says("haircut with Ana")
    assert talk.says("when is my appointment?").startswith(
        "I see no booked visit here.\n\nWhen would you like to come?"
    )
    assert talk.services == ["Haircut"]


def test_cancelling_right_after_beginning_anew_is_about_the_visit(talk: Any) -> None:
    talk.at_done()
    talk.says("book")
    talk.says("cancel my appointment")
    assert talk.one(CancellationQuoteRequested)


def test_who_gives_up_one_more_visit_is_not_told_that_nothing_is_booked(talk: Any) -> None:
    talk.at_done()
    talk.says("book a haircut")
    assert talk.says("cancel") == (
        "All right, I book nothing more. Your visit stays as it is: Haircut, Friday, 27 November at 15:00."
    )
    second(talk)
    talk.says("book a haircut")
    assert talk.says("forget it") == "All right, I book nothing more. Your visits stay as they are."


@pytest.mark.parametrize("words", ["both", "1 and 2", "as duas", "all of them", "cancel everything"])
def test_several_visits_are_cancelled_one_by_one(talk: Any, words: str) -> None:
    talk.at_done()
    second(talk)
    talk.says("cancel")
    said = talk.says(words)
    assert said.startswith(("One after the other, please.", "Um de cada vez, por favor."))
    assert talk.session.state == "which_visit"


def test_a_time_at_which_there_is_no_visit_begins_no_booking(talk: Any) -> None:
    talk.at_done()
    second(talk)
    talk.says("cancel")
    assert talk.says("the one at 9").startswith("Sorry, I did not understand that.")
    assert talk.session.state == "which_visit"


@pytest.mark.parametrize(
    "words", ["haircut for me and my daughter", "2 haircuts", "a haircut for two people", "haircuts for both of us"]
)
def test_several_people_are_told_that_it_is_one_at_a_time(talk: Any, words: str) -> None:
    assert "I book for one person at a time." in talk.says(words)


@pytest.mark.parametrize("words", ["haircut for my daughter", "2", "haircut in 2 weeks", "haircut and manicure"])
def test_one_person_is_told_nothing_of_the_kind(talk: Any, words: str) -> None:
    talk.says("hi")
    assert "one person" not in talk.says(words)


@pytest.mark.parametrize(
    "words",
    [
        "can I talk to a human?",
        "where are you located?",
        "what time do you close?",
        "is there parking",
        "falar com atendente",
        "qual o endereço?",
    ],
)
@pytest.mark.parametrize("stage", ["at_slots", "at_summary", "at_done"])
def test_what_only_the_salon_can_answer(talk: Any, stage: str, words: str) -> None:
    getattr(talk, stage)()
    before = talk.session.state
    assert talk.says(words).startswith(("I can only book, move and cancel", "Por aqui só consigo marcar"))
    assert talk.session.state == before


def test_what_only_the_salon_can_answer_at_first(talk: Any) -> None:
    assert "please ask the salon.\n\nWhich service" in talk.says("where are you?")


def test_who_pays_after_the_time_is_up_is_told_what_becomes_of_it(talk: Any) -> None:
    talk.at_payment()
    talk.take(talk.expired())
    assert talk.says("I just paid").startswith("If your payment comes in, you get this time if it is still free")


@pytest.mark.parametrize("words", ["I can't make it on friday", "não vou poder remarcar para sexta"])
def test_who_cannot_come_is_not_offered_that_very_day(talk: Any, words: str) -> None:
    talk.at_done()
    talk.says(words)
    quoted(talk)
    assert talk.session.state == "when"
    assert talk.session.when.empty
