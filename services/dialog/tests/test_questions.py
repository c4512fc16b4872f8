# ruff: noqa: E501 - tables
"""Every question there is, from a conversation that has everything: each of its numbers, and plain words, lead on."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from booka_common.ids import new_id
from booka_dialog.domain import Context, Session
from booka_dialog.domain.questions import repeat
from booka_dialog.domain.session import Held, KnownVisit, Listed, Quote, State, Wish
from booka_dialog.understanding import When

from .house import FRIDAY, FRIDAY_15

WITHOUT_QUESTION = {
    "idle",
    "done",
    "searching",
    "holding",
    "confirming",
    "paying",
    "quoting",
    "cancelling",
    "moving",
    "listing",
}
QUESTIONS = [state for state in get_args(State) if state not in WITHOUT_QUESTION]
WORDS = (
    "yes", "no", "cancel", "restart", "hm?", "0", "99", "friday at 4pm", "haircut", "manicure with Carla", "also coloring", "without the haircut",
    "for my daughter Lia", "anyone", "reschedule", "keep it", "waiting list", "leave the waiting list", "take the offer", "decline the offer",
    "thanks", "how much?", "never mind", "1 and 2",
)  # fmt: skip
#: Questions that are answered in words alone.
IN_WORDS = {"offer_name"}


def rich(talk: Any, state: Any) -> Session:
    """A session with everything that a question may be about."""
    house = talk.house
    wishes = (Wish(service_id=house.services["Haircut"]), Wish(service_id=house.services["Manicure"], anyone=True))
    visits = tuple(
        KnownVisit(reservation_id=new_id(), visit=house.visit(FRIDAY_15 + timedelta(days=day)), version=2)
        for day in range(2)
    )
    held = Held(reservation_id=new_id(), visit=house.visit(FRIDAY_15), deposit=None, expires_at=FRIDAY_15)
    moving = state == "confirm_move"
    quote = Quote(reservation_id=visits[0].reservation_id, quoted_at=talk.now)
    session = Session(
        conversation_id=new_id(),
        contact_id=new_id(),
        contact_name="Maria",
        language="en",
        greeted=True,
        wishes=wishes[:1] if moving else wishes,
        unsure=(house.services["Hair Coloring"],) if state == "add_or_replace" else (),
        when=When(day=FRIDAY),
        slots=(house.slot(FRIDAY_15, "Ana+Carla"), house.slot(FRIDAY_15 + timedelta(hours=1), "Ana+Carla")),
        chosen=house.slot(FRIDAY_15 + timedelta(hours=1)) if moving else None,
        guest_name=None if state == "name" else "Maria Silva",
        held=held if state in {"name", "confirm", "change", "remove", "add_or_replace", "offer"} else None,
        visits=visits,
        target=visits[0].reservation_id if state in {"cancel_visit", "cannot_move"} else None,
        moving=visits[0].reservation_id if moving else None,
        quote=quote,
        missed=When(day=FRIDAY) if state in {"slot", "when"} else None,
        listed=tuple(Listed(entry_id=new_id(), service_ids=(), first_day=FRIDAY, last_day=FRIDAY) for _ in range(2)),
        offers=(replace(held, reservation_id=new_id(), entry_id=new_id()),) if state == "offer_name" else (),
        interrupted="slot" if state == "offer_name" else None,
        touched_at=talk.now,
        state=state,
    )
    asked, _ = repeat(session, Context(now=talk.now, request_id=new_id(), salon=house.salon))
    return asked


@pytest.mark.parametrize("state", QUESTIONS)
def test_every_number_leads_on(talk: Any, state: Any) -> None:
    asked = rich(talk, state)
    assert asked.choices or state in IN_WORDS
    for number, choice in enumerate(asked.choices, start=1):
        talk.session = asked
        told = talk.says(str(number))
        assert told or talk.effects, (number, choice)
        assert "choose a number" not in told
        assert talk.session != asked, (number, choice, told)


@pytest.mark.parametrize("state", QUESTIONS)
def test_every_question_answers_whatever_is_said(talk: Any, state: Any) -> None:
    asked = rich(talk, state)
    for words in WORDS:
        talk.session = asked
        assert talk.says(words) or talk.session.waiting, words


@pytest.mark.parametrize("state", get_args(State))
def test_starting_over_works_in_every_state(talk: Any, state: Any) -> None:
    talk.session = replace(rich(talk, state), state=state)
    talk.says("restart")
    assert talk.session.state == "service"
