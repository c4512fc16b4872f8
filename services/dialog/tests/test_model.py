"""The model as a second reader."""

from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityRequested,
    CancellationRequested,
    ConfirmationRequested,
)
from booka_common.contracts.llm import InterpretationRequested, InterpretationUnavailable
from booka_common.ids import new_id
from booka_dialog.domain import InterpretationTimedOut

from .house import FRIDAY_15


def test_the_model_is_asked_where_the_rules_fail(talk: Any) -> None:
    talk.llm_enabled = True
    talk.says("haircut")
    assert talk.says("the lady with the red glasses") == ""
    request = talk.one(InterpretationRequested)
    assert (request.question, request.locale, request.zone) == ("staff", "en", "America/Sao_Paulo")
    assert [choice.name for choice in request.staff] == ["Ana", "Bia", "Carla"]
    said = talk.take(talk.ready(request, staff_id=talk.house.staff["Bia"]))
    assert "When would you like" in said
    assert talk.people == ["Bia"]


def test_the_model_may_not_invent(talk: Any) -> None:
    talk.llm_enabled = True
    talk.says("haircut")
    talk.says("blorp")
    request = talk.one(InterpretationRequested)
    said = talk.take(
        talk.ready(request, service_id=new_id(), staff_id=new_id(), day=talk.now.date() - timedelta(days=3))
    )
    assert "did not understand" in said
    assert (talk.services, talk.people) == (["Haircut"], [None])


@pytest.mark.parametrize("late", [False, True])
def test_without_the_model_the_menu_goes_on(talk: Any, late: bool) -> None:
    talk.llm_enabled = True
    talk.says("haircut")
    talk.says("blorp")
    request = talk.one(InterpretationRequested)
    unavailable = InterpretationUnavailable(
        request_id=request.request_id, conversation_id=request.conversation_id, reason="over_budget"
    )
    first, second = (
        (InterpretationTimedOut(request.request_id), unavailable)
        if late
        else (unavailable, InterpretationTimedOut(request.request_id))
    )
    assert "1. Ana\n2. Bia\n3. Anyone" in talk.take(first)
    assert talk.take(second) == ""
    assert talk.take(talk.ready(request, staff_id=talk.house.staff["Bia"])) == ""


def test_two_texts_that_only_the_model_can_read_are_read_together(talk: Any) -> None:
    talk.llm_enabled = True
    talk.says("haircut")
    talk.says("blorp")
    talk.says("blarp")
    assert talk.one(InterpretationRequested).text == "blorp\nblarp"


def test_a_late_interpretation_only_fills_what_is_empty(talk: Any) -> None:
    talk.llm_enabled = True
    talk.says("haircut")
    talk.says("blorp")
    request = talk.one(InterpretationRequested)
    assert "When would you like" in talk.says("Bia")
    talk.take(talk.ready(request, staff_id=talk.house.staff["Ana"], day=FRIDAY_15.date()))
    assert talk.one(AvailabilityRequested).wants[0].staff_id == talk.house.staff["Bia"]


@pytest.mark.parametrize(("intent", "effect"), [("confirm", ConfirmationRequested), ("cancel", CancellationRequested)])
def test_the_model_says_yes_and_cancel(talk: Any, intent: str, effect: type[Any]) -> None:
    talk.llm_enabled = True
    talk.at_summary()
    talk.says("blorp")
    talk.take(talk.ready(talk.one(InterpretationRequested), intent))
    assert talk.one(effect)
