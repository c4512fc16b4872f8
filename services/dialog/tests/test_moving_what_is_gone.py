"""A visit of a service that the salon does not offer any more: it stands, and only the salon can move it."""

from dataclasses import replace
from typing import Any

import pytest

from booka_common.contracts.booking import AvailabilityRequested, MoveRequested

from .visits import quoted


def withdrawn(talk: Any, name: str) -> None:
    """The salon takes a service out of its offer."""
    services = tuple(service for service in talk.house.catalogue.services if service.name != name)
    talk.house = replace(talk.house, catalogue=talk.house.catalogue.model_copy(update={"services": services}))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_visit_booked_in_the_chat(talk: Any, when: str) -> None:
    talk.at_done()
    if when == "before":
        withdrawn(talk, "Haircut")
    talk.says("reschedule")
    if when == "after":
        withdrawn(talk, "Haircut")
    assert "shall I cancel it instead?" in quoted(talk)
    assert talk.none(AvailabilityRequested)
    assert talk.says("no")
    assert talk.none(MoveRequested)
    assert len(talk.session.visits) == 1


def test_one_service_of_two(talk: Any) -> None:
    talk.says("hi")
    talk.take(talk.confirmed(visit=talk.house.visit(talk.now.replace(hour=18), "Haircut+Manicure", "Ana+Ana")))
    talk.says("reschedule")
    withdrawn(talk, "Manicure")
    assert "shall I cancel it instead?" in quoted(talk)
    assert talk.none(AvailabilityRequested)
