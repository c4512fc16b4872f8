"""Visits of several services, by one person or by several, and visits for somebody else."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityRequested,
    CancellationRequested,
    ConfirmationRequested,
    HoldRequested,
)
from booka_common.ids import new_id
from booka_dialog.domain import SlotsUpdated

from .house import FRIDAY_15


@pytest.fixture
def team(new_talk: Any, make_house: Any) -> Any:
    """Bia does hair and hands, Ana only hair, Carla only hands."""
    return new_talk(
        make_house(
            "en-GB",
            Ana=("Haircut", "Hair Coloring"),
            Bia=("Haircut", "Manicure"),
            Carla=("Manicure",),
            Dora=("Haircut",),
        )
    )


@pytest.fixture
def equipe(new_talk: Any, make_house: Any) -> Any:
    return new_talk(make_house("pt-BR", Ana=("Corte", "Coloração"), Bia=("Corte", "Manicure"), Carla=("Manicure",)))


def wants(talk: Any, kind: type[Any] = AvailabilityRequested) -> list[tuple[str, str | None]]:
    return [
        (talk.house.service_name(want.service_id), want.staff_id and talk.house.staff_name(want.staff_id))
        for want in talk.one(kind).wants
    ]


def summary(talk: Any, text: str = "cut with Ana, nails with Bia on friday") -> str:
    """Up to the summary of a visit of two services with two people."""
    talk.says(text)
    talk.found(FRIDAY_15, FRIDAY_15 + timedelta(hours=1), staff="Ana+Bia")
    talk.says("1")
    talk.take(talk.house.held(talk.one(HoldRequested)))
    return str(talk.says("Maria Silva"))


@pytest.mark.parametrize("words", ["1 and 2", "1,2", "1 e 2", "1 2", "haircut and manicure", "haircut, nails"])
def test_one_question_for_all_where_somebody_can_do_it_all(team: Any, words: str) -> None:
    team.says("hi")
    said = team.says(words)
    assert "Haircut + Manicure: " in said
    assert re.search(r"\n1\. Bia\n2\. (Anyone|Qualquer pessoa)\n3\. (Different people|Pessoas diferentes)$", said)
    team.says("1")
    assert team.people == ["Bia", "Bia"]


def test_the_order_is_the_clients(team: Any) -> None:
    team.says("manicure and haircut with Bia on friday")
    assert wants(team) == [("Manicure", "Bia"), ("Haircut", "Bia")]


def test_different_people_are_chosen_one_by_one(team: Any) -> None:
    team.says("haircut and manicure")
    assert team.says("3").startswith("Haircut: who would you like to come to?\n1. Ana\n2. Bia\n3. Dora\n4. Anyone")
    assert team.says("Ana").startswith("Manicure: who would you like to come to?\n1. Bia\n2. Carla\n3. Anyone")
    assert "When would you like" in team.says("3")
    team.says("friday")
    assert wants(team) == [("Haircut", "Ana"), ("Manicure", None)]


def test_where_nobody_can_do_it_all_each_service_is_asked_about(team: Any) -> None:
    said = team.says("hair coloring and manicure")
    assert "Manicure: who would you like to come to?\n1. Bia\n2. Carla\n3. Anyone" in said
    team.says("carla")
    team.says("friday")
    assert wants(team) == [("Hair Coloring", "Ana"), ("Manicure", "Carla")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cut with Ana, nails with Carla on friday", [("Haircut", "Ana"), ("Manicure", "Carla")]),
        ("cut and nails with Ana and Carla on friday", [("Haircut", "Ana"), ("Manicure", "Carla")]),
        ("cut and nails with Bia on friday", [("Haircut", "Bia"), ("Manicure", "Bia")]),
        ("cut with Ana, nails with anyone on friday", [("Haircut", "Ana"), ("Manicure", None)]),
    ],
)
def test_people_named_with_their_services(team: Any, words: str, expected: Any) -> None:
    team.says(words)
    assert wants(team) == expected


def test_anyone_for_all_of_it(equipe: Any) -> None:
    equipe.says("corte e unha sexta às 15h")
    equipe.says("tanto faz")
    assert wants(equipe) == [("Corte", None), ("Manicure", None)]


def test_somebody_who_can_only_do_a_part(team: Any) -> None:
    said = team.says("cut and nails with Ana on friday")
    assert "Ana does not do Manicure" in said
    assert "Manicure: who would you like" in said
    team.says("Bia")
    assert wants(team) == [("Haircut", "Ana"), ("Manicure", "Bia")]


def test_somebody_named_afterwards_does_what_they_can(team: Any) -> None:
    summary(team)
    team.says("can I have Carla instead?")
    assert team.people == ["Ana", "Carla"]


def test_the_offer_and_the_summary_say_who_does_what_how_long_and_for_how_much(team: Any) -> None:
    team.says("cut with Ana, nails with Bia on friday")
    offered = team.found(FRIDAY_15, FRIDAY_15 + timedelta(hours=1), staff="Ana+Bia")
    assert (
        "Haircut with Ana + Manicure with Bia (90 min, R$160.00), free times:\nFriday, 27 November\n1. 15:00" in offered
    )
    team.says("1")
    assert wants(team, HoldRequested) == [("Haircut", "Ana"), ("Manicure", "Bia")]
    team.take(team.house.held(team.one(HoldRequested)))
    assert team.says("Maria Silva").startswith(
        "Please check:\n*Haircut* with Ana\n*Manicure* with Bia\n"
        "Friday, 27 November at 15:00 (Sao Paulo time), 90 min\nName: Maria Silva\nPrice: R$160.00"
    )


def test_with_anyone_the_offer_says_who_it_would_be(team: Any) -> None:
    team.says("cut and nails with anyone on friday")
    assert "1. 15:00 – Ana + Carla" in team.found(FRIDAY_15, staff="Ana+Carla")


@pytest.mark.parametrize("words", ["add hair coloring", "also coloring please", "and a hair color", "também coloração"])
def test_one_more_at_the_summary(team: Any, words: str) -> None:
    summary(team)
    held = team.session.held
    team.says(words)
    assert team.one(CancellationRequested).reservation_id == held.reservation_id
    team.take(team.gone(held.reservation_id))
    assert wants(team) == [("Haircut", "Ana"), ("Manicure", "Bia"), ("Hair Coloring", "Ana")]
    request = team.one(AvailabilityRequested)
    assert (request.earliest, request.latest - request.earliest) == (FRIDAY_15, timedelta(minutes=1)), "the same start"
    team.found(FRIDAY_15, staff="Ana+Bia+Ana")
    assert team.one(HoldRequested).start == FRIDAY_15


def test_one_more_goes_to_the_person_who_does_the_rest(team: Any) -> None:
    team.says("haircut with Bia")
    team.says("and a manicure")
    assert team.people == ["Bia", "Bia"]


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("without the manicure", ["Haircut"]),
        ("remove the nails please", ["Haircut"]),
        ("sem a unha", ["Haircut"]),
        ("cancel the manicure", ["Haircut"]),
        ("only the manicure", ["Manicure"]),
        ("só o corte", ["Haircut"]),
        ("hair coloring instead of the manicure", ["Haircut", "Hair Coloring"]),
    ],
)
def test_one_less_or_another_one(team: Any, words: str, left: list[str]) -> None:
    summary(team)
    held = team.session.held
    team.says(words)
    assert team.services == left
    assert team.one(CancellationRequested).reservation_id == held.reservation_id


def test_one_more_and_one_less_by_the_menu(team: Any) -> None:
    summary(team)
    assert "5. Add a service\n6. Leave a service out\n7. Cancel the booking" in team.says("no")
    assert "Which service would you like?" in team.says("5")
    assert team.session.held is not None
    team.says("3")
    assert team.services == ["Haircut", "Manicure", "Hair Coloring"]
    team.take(team.gone(team.session.releasing))
    team.found(FRIDAY_15, staff="Ana+Bia+Ana")
    team.take(team.house.held(team.one(HoldRequested)))
    team.says("no")
    assert "Which service shall I leave out?\n1. Haircut\n2. Manicure" in team.says("6")
    team.says("2")
    assert team.services == ["Haircut", "Hair Coloring"]


@pytest.mark.parametrize(
    ("answer", "services"),
    [("1", ["Haircut", "Manicure", "Hair Coloring"]), ("instead", ["Hair Coloring"]), ("3", ["Haircut", "Manicure"])],
)
def test_another_service_beside_several_is_asked_about(team: Any, answer: str, services: list[str]) -> None:
    summary(team)
    assert team.says("hair coloring").startswith("Hair Coloring: besides Haircut + Manicure, or instead?")
    said = team.says(answer)
    assert team.services == services
    if answer == "3":
        assert "Please check" in said


def test_a_single_service_is_simply_replaced(team: Any) -> None:
    team.says("haircut with Ana")
    team.says("actually a manicure")
    assert team.services == ["Manicure"]


def test_a_whole_new_list_takes_the_place_of_the_old_one(team: Any) -> None:
    team.says("hair coloring")
    team.says("actually a haircut and a manicure")
    assert team.services == ["Haircut", "Manicure"]


def test_at_most_five(new_talk: Any, make_house: Any) -> None:
    talk = new_talk(make_house("en-GB"))
    services = talk.house.catalogue.services
    more = tuple(
        services[0].model_copy(update={"service_id": new_id(), "name": name})
        for name in ("Pedicure", "Massage", "Facial", "Waxing")
    )
    ana = talk.house.catalogue.staff[0]
    everything = (*services, *more)
    ana = ana.model_copy(update={"service_ids": tuple(service.service_id for service in everything)})
    catalogue = talk.house.catalogue.model_copy(update={"services": everything, "staff": (ana,)})
    talk.house = replace(talk.house, catalogue=catalogue)
    talk.says("hi")
    assert "at most 5 services" in talk.says("1,2,3,4,5,6")
    assert len(talk.session.wishes) == 5
    assert "at most 5 services" in talk.says("also waxing")


def test_unclear_and_clear_services_together(team: Any) -> None:
    names = {"Haircut": "Women's cut", "Hair Coloring": "Men's cut"}
    services = tuple(
        service.model_copy(update={"name": names.get(service.name, service.name)})
        for service in team.house.catalogue.services
    )
    team.house = replace(team.house, catalogue=team.house.catalogue.model_copy(update={"services": services}))
    said = team.says("a cut and a manicure")
    assert "Which of these do you mean?\n1. Women's cut" in said
    team.says("2")
    assert [wish.service_id for wish in team.session.wishes] == [services[2].service_id, services[1].service_id]


def test_a_service_of_several_that_is_withdrawn_meanwhile(team: Any) -> None:
    team.says("cut with Ana, nails with Bia")
    services = tuple(service for service in team.house.catalogue.services if service.name != "Manicure")
    team.house = replace(team.house, catalogue=team.house.catalogue.model_copy(update={"services": services}))
    assert "can no longer be booked" in team.says("friday")
    assert team.services == ["Haircut"]


def test_several_slots_from_outside(team: Any) -> None:
    team.says("hi")
    pairs = (("Haircut", "Ana"), ("Manicure", "Carla"))
    found = tuple({"service_id": team.house.services[name], "staff_id": team.house.staff[who]} for name, who in pairs)
    want = AvailabilityRequested.model_fields["wants"].annotation.__args__[0]
    team.take(SlotsUpdated(wants=tuple(want(**one) for one in found), day=FRIDAY_15.date()))
    assert wants(team) == list(pairs)


@pytest.mark.parametrize("words", ["for my daughter Lia", "it's for my daughter lia", "é para minha filha Lia"])
@pytest.mark.parametrize("stage", ["name", "confirm"])
def test_a_visit_for_somebody_else(talk: Any, words: str, stage: str) -> None:
    talk.at_slots()
    talk.says("1")
    assert talk.one(HoldRequested).guest_name is None
    talk.take(talk.house.held(talk.one(HoldRequested)))
    if stage == "confirm":
        talk.says("Maria Silva")
    assert ": Lia" in talk.says(words)
    talk.says("1")
    assert talk.one(ConfirmationRequested).guest_name == "Lia"
    talk.take(talk.confirmed(guest_name="Lia"))
    assert talk.session.guest_name is None, "the next visit is not for Lia as a matter of course"


def test_a_guest_in_the_first_sentence_goes_with_the_hold(conversa: Any) -> None:
    conversa.says("corte com a Ana para minha mãe Rosa sexta às 15h")
    conversa.found(FRIDAY_15)
    assert conversa.one(HoldRequested).guest_name == "Rosa"
    assert "Nome: Rosa" in conversa.take(conversa.house.held(conversa.one(HoldRequested)))


def test_a_guest_without_a_name_is_asked_for(talk: Any) -> None:
    talk.says("haircut with Ana for my daughter on friday at 3pm")
    talk.found(FRIDAY_15)
    assert "What is the name of the person who is coming?" in talk.take(talk.house.held(talk.one(HoldRequested)))
    assert "Name: Lia" in talk.says("Lia")
