# ruff: noqa: E501 - tables
"""Sessions that the previous version stored are understood by this one, in every state, and go on."""

from typing import Any

import pytest

from booka_common.contracts.booking import AvailabilityRequested, HoldRequested
from booka_common.ids import new_id
from booka_dialog.domain import dump_session, load_session

START, END = "2026-11-27T18:00:00Z", "2026-11-27T18:45:00Z"


def earlier(talk: Any, **fields: Any) -> dict[str, Any]:
    """A session as it was stored: one service, one person, slots of one person."""
    document = {
        "conversation_id": str(new_id()),
        "contact_id": str(new_id()),
        "contact_name": "Maria",
        "language": "en",
        "greeted": True,
        "service_id": str(talk.house.services["Haircut"]),
        "staff_id": str(talk.house.staff["Ana"]),
        "when": {"day": "2026-11-27", "last_day": None, "start": None, "end": None, "exact": False, "soon": False},
    }
    return {**document, **fields}


def slot(talk: Any) -> dict[str, Any]:
    return {"start": START, "end": END, "staff_id": str(talk.house.staff["Ana"]), "staff_name": "Ana"}


def visit(talk: Any) -> dict[str, Any]:
    return talk.house.visit(talk.now).model_dump(mode="json") | {"start": START, "end": END}


def test_at_the_list_of_free_times(talk: Any) -> None:
    talk.session = load_session(earlier(talk, state="slot", slots=[slot(talk)], choices=["slot:0"]))
    talk.says("1")
    want = talk.one(HoldRequested).wants[0]
    assert (want.service_id, want.staff_id) == (talk.house.services["Haircut"], talk.house.staff["Ana"])


def test_with_anyone(talk: Any) -> None:
    document = earlier(talk, state="when", any_staff=True, choices=["soon"])
    del document["staff_id"]
    talk.session = load_session(document)
    talk.says("saturday")
    assert talk.one(AvailabilityRequested).wants[0].staff_id is None


def test_with_the_only_person_who_does_it(talk: Any) -> None:
    talk.session = load_session(earlier(talk, state="when", staff_implied=True))
    assert talk.session.wishes[0].staff_id is None


@pytest.mark.parametrize("state", ["idle", "service", "staff", "when", "searching", "slot", "holding", "name", "confirm",
                                   "change", "confirming", "paying", "again", "which_visit", "cancel_visit", "cancelling", "done"])  # fmt: skip
def test_every_earlier_state_goes_on(talk: Any, state: str) -> None:
    held = {"reservation_id": str(new_id()), "visit": visit(talk), "deposit": None, "expires_at": END}
    known = {"reservation_id": str(new_id()), "visit": visit(talk)}
    pending = {"kind": "availability", "request_id": str(new_id()), "asked_at": "2026-11-25T12:00:00Z"}
    talk.session = load_session(
        earlier(
            talk,
            state=state,
            held=held if state in {"name", "confirm", "change", "confirming", "paying"} else None,
            pending=pending if state in {"searching", "holding"} else None,
            chosen=slot(talk) if state == "holding" else None,
            visits=[known],
            target=known["reservation_id"],
        )
    )
    assert load_session(dump_session(talk.session)) == talk.session
    assert talk.says("hello") or talk.session.waiting
    talk.says("restart")
    assert talk.session.state == "service"


def test_without_anything(talk: Any) -> None:
    talk.session = load_session({"conversation_id": str(new_id())})
    assert "Which service" in talk.says("hi")
