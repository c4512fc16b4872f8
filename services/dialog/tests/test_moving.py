# ruff: noqa: E501 - tables
"""Confirmed visits are moved: in one sentence or step by step, refused, or changed by the salon meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityRequested,
    CancellationQuoteRequested,
    CancellationRequested,
    HoldRequested,
    MoveRequested,
    ReminderReady,
)
from booka_common.ids import new_id

from .house import FRIDAY_15, SATURDAY_15, THURSDAY_15
from .visits import at_confirm_move, moved, quoted, refused, second


@pytest.mark.parametrize("words", ["can we move it to saturday 3pm?", "remarcar para sábado às 15h", "change it to saturday at 3pm", "reschedule to saturday 15:00"])  # fmt: skip
def test_all_in_one_sentence(talk: Any, words: str) -> None:
    talk.at_done()
    visit = talk.session.visits[0]
    assert talk.says(words) == ""
    assert talk.one(CancellationQuoteRequested).reservation_id == visit.reservation_id
    quoted(talk)
    request = talk.one(AvailabilityRequested)
    assert (request.earliest, request.moving) == (SATURDAY_15, visit.reservation_id)
    assert [want.staff_id for want in request.wants] == [talk.house.staff["Ana"]]
    asked = talk.found(SATURDAY_15)
    assert "15:00" in asked
    assert talk.none(HoldRequested)
    talk.says("1")
    request = talk.one(MoveRequested)
    assert (request.reservation_id, request.start) == (visit.reservation_id, SATURDAY_15)
    assert request.staff_ids == (talk.house.staff["Ana"],)
    assert talk.take(moved(talk, SATURDAY_15))
    assert talk.take(moved(talk, SATURDAY_15)) == ""
    assert (talk.session.state, talk.session.visits[0].visit.start) == ("done", SATURDAY_15)


def test_booking_is_told_who_asks(talk: Any) -> None:
    talk.at_done()
    who = talk.session.contact_id
    talk.says("can we move it to saturday 3pm?")
    assert talk.one(CancellationQuoteRequested).contact_id == who
    quoted(talk)
    talk.found(SATURDAY_15)
    talk.says("1")
    assert talk.one(MoveRequested).contact_id == who
    talk.take(moved(talk, SATURDAY_15))
    talk.says("cancel it")
    quoted(talk)
    talk.says("yes")
    assert talk.one(CancellationRequested).contact_id == who


def test_step_by_step_with_the_old_and_the_new_time_confirmed(talk: Any) -> None:
    talk.at_done()
    talk.says("reschedule")
    assert "When would you like to come instead?\n1. As soon as possible" in quoted(talk)
    talk.says("saturday")
    said = talk.found(FRIDAY_15, SATURDAY_15, SATURDAY_15 + timedelta(hours=1))
    assert said.startswith("Haircut with Ana, free times:\nSaturday, 28 November\n1. 15:00\n2. 16:00")
    assert talk.says("2") == (
        "Shall I move your visit?\n*Haircut* with Ana\nNow: Friday, 27 November at 15:00\n"
        "New: Saturday, 28 November at 16:00\n1. Yes, move it\n2. No, another time\n3. Leave it as it is"
    )
    assert talk.says("yes") == ""
    told = talk.take(moved(talk, SATURDAY_15 + timedelta(hours=1)))
    assert told.startswith("Your visit was moved. It is now:\n*Haircut* with Ana\nSaturday, 28 November at 16:00")


def test_another_person_and_another_day_on_the_way(talk: Any) -> None:
    at_confirm_move(talk)
    talk.says("with Bia please")
    assert talk.one(AvailabilityRequested).wants[0].staff_id == talk.house.staff["Bia"]
    talk.found(SATURDAY_15, staff="Bia")
    talk.says("no, monday at 10")
    assert talk.one(AvailabilityRequested).earliest == datetime(2026, 11, 30, 13, 0, tzinfo=UTC)
    talk.found(datetime(2026, 11, 30, 13, 0, tzinfo=UTC), staff="Bia")
    talk.says("yes")
    assert talk.one(MoveRequested).staff_ids == (talk.house.staff["Bia"],)


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("can I bring it forward to 2pm?", FRIDAY_15 - timedelta(hours=1)),
        ("move it to 16:30", FRIDAY_15 + timedelta(minutes=90)),
        ("could Bia do it instead?", FRIDAY_15),
    ],
)
def test_what_is_not_said_stays_as_the_visit_is(talk: Any, words: str, start: datetime) -> None:
    talk.at_done()
    talk.says(words)
    quoted(talk)
    request = talk.one(AvailabilityRequested)
    assert (request.earliest, request.latest) == (start, start + timedelta(minutes=1))
    assert request.wants[0].staff_id == talk.house.staff["Bia" if "Bia" in words else "Ana"]


def test_somebody_else_at_the_same_time(talk: Any) -> None:
    talk.at_done()
    talk.says("reschedule")
    quoted(talk)
    talk.says("could Bia do it instead?")
    said = talk.found(FRIDAY_15, staff="Bia")
    assert "*Haircut* with Bia\nNow: Friday, 27 November at 15:00\nNew: Friday, 27 November at 15:00" in said


@pytest.mark.parametrize("words", ["never mind", "esquece", "forget it"])
@pytest.mark.parametrize("stage", ["when", "confirm_move", "cancel_visit"])
def test_words_that_call_off_what_was_begun_do_not_cancel_the_visit(talk: Any, words: str, stage: str) -> None:
    if stage == "confirm_move":
        at_confirm_move(talk)
    else:
        talk.at_done()
        talk.says("reschedule" if stage == "when" else "cancel")
        quoted(talk)
    assert talk.session.state == stage
    assert talk.says(words) in {"Fine, everything stays as it is.", "Certo, fica tudo como está."}
    assert talk.none(CancellationRequested)
    assert (talk.session.state, len(talk.session.visits)) == ("done", 1)


@pytest.mark.parametrize("words", ["3", "keep it", "deixa assim"])
def test_left_as_it_is(talk: Any, words: str) -> None:
    at_confirm_move(talk)
    talk.says(words)
    assert talk.none(MoveRequested)
    assert (talk.session.state, talk.session.moving) == ("done", None)


@pytest.mark.parametrize("words", ["2", "no"])
def test_another_time_after_all(talk: Any, words: str) -> None:
    at_confirm_move(talk)
    assert "come instead" in talk.says(words)
    talk.says("monday")
    assert talk.one(AvailabilityRequested).moving


@pytest.mark.parametrize(
    ("why", "told"),
    [("too_late", "too late to move"), ("too_many_moves", "as often as the salon allows")],
)
def test_not_movable_is_told_with_what_can_be_done(talk: Any, why: Any, told: str) -> None:
    talk.at_done()
    talk.says("reschedule")
    said = quoted(talk, movable=False, not_movable_because=why)
    assert told in said
    assert "shall I cancel it instead?\n1. Yes, cancel it\n2. No, keep it" in said
    assert "stays as it is" in talk.says("no")
    talk.says("reschedule")
    quoted(talk, movable=False, not_movable_because=why)
    talk.says("yes")
    assert "Shall I cancel this visit?" in quoted(talk, movable=False, not_movable_because=why)


def test_which_of_two_visits(talk: Any) -> None:
    talk.at_done()
    other = second(talk)
    said = talk.says("can we move it to friday 4pm?")
    assert "Which visit would you like to move?\n1. Haircut, Friday, 27 November at 15:00\n2. Manicure" in said
    talk.says("2")
    assert talk.one(CancellationQuoteRequested).reservation_id == other.reservation_id
    quoted(talk)
    assert talk.one(AvailabilityRequested).earliest == FRIDAY_15 + timedelta(hours=1), "the time is remembered"


def test_the_new_time_is_said_while_the_terms_are_on_their_way(talk: Any) -> None:
    talk.at_done()
    assert talk.says("remarcar", "sábado às 15h") == ""
    assert talk.none(AvailabilityRequested)
    request = talk.one(CancellationQuoteRequested)
    talk.says("with Bia")
    talk.effects = (request,)
    quoted(talk)
    found = talk.one(AvailabilityRequested)
    assert (found.earliest, found.wants[0].staff_id) == (SATURDAY_15, talk.house.staff["Bia"])


def test_the_visit_named_by_its_service(talk: Any) -> None:
    talk.at_done()
    other = second(talk)
    talk.says("reschedule my manicure")
    assert talk.one(CancellationQuoteRequested).reservation_id == other.reservation_id


@pytest.mark.parametrize("code", ["slot_taken", "in_the_past", "not_offered", "unknown_staff"])
def test_refused_with_alternatives(talk: Any, code: Any) -> None:
    at_confirm_move(talk)
    talk.says("yes")
    said = talk.take(refused(talk, code, SATURDAY_15 + timedelta(hours=1)))
    assert "1. 16:00" in said
    assert "New: Saturday, 28 November at 16:00" in talk.says("1")
    talk.says("yes")
    assert talk.one(MoveRequested).start == SATURDAY_15 + timedelta(hours=1)


@pytest.mark.parametrize(
    "code",
    ["slot_taken", "unknown_service", "too_many_holds", "salon_not_ready", "too_late", "too_many_moves",
     "unknown_reservation", "not_confirmed", "already_over"],
)  # fmt: skip
def test_every_refusal_leads_on(talk: Any, code: Any) -> None:
    at_confirm_move(talk)
    talk.says("yes")
    message = refused(talk, code)
    assert talk.take(message) or talk.one(AvailabilityRequested).moving
    assert talk.take(message) == ""


def test_moved_by_the_salon_while_another_time_is_chosen(talk: Any) -> None:
    at_confirm_move(talk)
    said = talk.take(moved(talk, FRIDAY_15 + timedelta(hours=1)))
    assert said.startswith("Your visit was moved.")
    assert "Now: Friday, 27 November at 16:00" in said
    assert talk.take(moved(talk, FRIDAY_15 + timedelta(hours=1))) == ""
    talk.says("yes")
    assert talk.one(MoveRequested)


def test_an_older_word_about_a_visit_does_not_undo_a_newer_one(talk: Any) -> None:
    talk.at_done()
    assert talk.take(moved(talk, SATURDAY_15, version=4))
    assert talk.take(moved(talk, THURSDAY_15, version=3)) == ""
    assert talk.session.visits[0].visit.start == SATURDAY_15


def test_cancelled_by_the_salon_while_another_time_is_chosen(talk: Any) -> None:
    at_confirm_move(talk)
    visit = talk.session.visits[0]
    assert "had to cancel" in talk.take(talk.gone(visit.reservation_id, was="confirmed", by="salon"))
    assert (talk.session.state, talk.session.moving, talk.session.visits) == ("idle", None, ())


def test_other_services_are_not_a_move(talk: Any) -> None:
    at_confirm_move(talk)
    assert talk.says("and a manicure").startswith("Moving a visit only changes its time")
    assert "Shall I move your visit?" in talk.says("hm?")
    assert "Manicure" not in str(talk.services)
    talk.says("book a manicure on monday")
    assert talk.one(AvailabilityRequested).moving is None
    assert talk.services == ["Manicure"]


def test_nothing_to_move(talk: Any) -> None:
    said = talk.says("I need to reschedule my appointment")
    assert "no booked visit" in said
    assert "Which service" in said


def test_a_visit_booked_elsewhere_is_moved_by_its_names(talk: Any) -> None:
    talk.says("hi")
    talk.take(talk.confirmed(visit=talk.house.visit(FRIDAY_15, "Haircut+Manicure", "Bia+Carla")))
    talk.says("reschedule")
    quoted(talk)
    talk.says("saturday")
    wants = talk.one(AvailabilityRequested).wants
    assert [want.staff_id for want in wants] == [talk.house.staff["Bia"], talk.house.staff["Carla"]]


def test_a_visit_whose_service_is_gone_can_still_be_cancelled(talk: Any) -> None:
    talk.says("hi")
    talk.take(talk.confirmed(visit=talk.house.visit(FRIDAY_15, "Perm", "Ana")))
    talk.says("reschedule")
    assert "shall I cancel it instead?" in quoted(talk)


def test_after_a_reminder(conversa: Any) -> None:
    conversa.at_done()
    visit = conversa.session.visits[0]
    conversa.take(ReminderReady(
        reminder_id=new_id(), reservation_id=visit.reservation_id, conversation_id=conversa.session.conversation_id, visit=visit.visit
    ))  # fmt: skip
    conversa.says("não vou conseguir, dá pra reagendar?")
    assert conversa.one(CancellationQuoteRequested)


@pytest.mark.parametrize("words", ["3", "can you move it instead?", "remarcar"])
def test_moved_instead_of_cancelled(talk: Any, words: str) -> None:
    talk.at_done()
    talk.says("cancel")
    quoted(talk)
    assert talk.says(words)
    assert (talk.session.state, talk.session.moving) == ("when", talk.session.visits[0].reservation_id)


def test_moving_is_not_offered_where_it_is_not_possible(talk: Any) -> None:
    talk.at_done()
    talk.says("cancel")
    assert quoted(talk, movable=False, not_movable_because="too_late").endswith("2. No, keep it")


def test_another_booking_instead_of_an_answer(talk: Any) -> None:
    talk.at_done()
    talk.says("cancel")
    quoted(talk)
    talk.says("actually book me a manicure on monday too")
    assert talk.one(AvailabilityRequested)
    assert (talk.services, talk.session.target) == (["Manicure"], None)


@pytest.mark.parametrize("stage", ["confirm_move", "cancel_visit"])
def test_a_visit_that_is_over_meanwhile_is_not_asked_about_any_more(talk: Any, stage: str) -> None:
    if stage == "confirm_move":
        at_confirm_move(talk)
    else:
        talk.at_done()
        talk.says("cancel")
        quoted(talk)
    talk.now = FRIDAY_15 + timedelta(hours=1)
    assert talk.says("yes")
    assert talk.none(MoveRequested)
    assert talk.none(CancellationRequested)
    assert (talk.session.moving, talk.session.target) == (None, None)


def test_a_client_who_waits_for_long_is_told_how_to_go_on(talk: Any) -> None:
    at_confirm_move(talk)
    talk.says("yes")
    talk.now += timedelta(seconds=10)
    assert talk.says("hello?") == "One moment, I am on it."
    talk.now += timedelta(seconds=60)
    assert 'write "restart"' in talk.says("hello?")
    talk.says("restart")
    assert talk.session.state == "service"
