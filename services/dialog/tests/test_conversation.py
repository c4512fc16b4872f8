# ruff: noqa: E501 - tables
"""Conversations with the pure core, turn by turn."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityFound,
    AvailabilityRequested,
    CancellationRequested,
    ConfirmationRefused,
    ConfirmationRequested,
    HoldRefused,
    HoldRequested,
    ReminderReady,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
    ReservationMoved,
)
from booka_common.contracts.llm import InterpretationReady, InterpretationRequested, InterpretationUnavailable
from booka_common.contracts.payments import CheckoutFailed, CheckoutOpened, RefundSettled
from booka_common.ids import new_id
from booka_common.money import Money
from booka_dialog.domain import ClientSaid, InterpretationTimedOut, Salon, Say, SessionEnded, SlotsUpdated, step
from booka_dialog.domain.inputs import Context
from booka_dialog.understanding import When

FRIDAY_15 = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
DEPOSIT = Money(minor=2000, currency="BRL")


def found(talk: Any, *starts: datetime, exact: bool = True, staff: str = "Ana") -> str:
    """Booking answers the open availability question."""
    request = talk.one(AvailabilityRequested)
    return str(
        talk.take(
            AvailabilityFound(
                request_id=request.request_id,
                conversation_id=request.conversation_id,
                exact=exact,
                slots=tuple(talk.house.slot(start, staff) for start in starts),
            )
        )
    )


def at_slots(talk: Any) -> str:
    """Up to the list of free times."""
    talk.says("haircut with Ana on friday")
    return found(talk, FRIDAY_15, FRIDAY_15 + timedelta(minutes=45))


def at_summary(talk: Any, *, deposit: Money | None = None) -> str:
    """Up to the summary of a held time."""
    at_slots(talk)
    talk.says("1")
    talk.take(talk.house.held(talk.one(HoldRequested), deposit=deposit))
    return str(talk.says("Maria Silva"))


def at_payment(talk: Any) -> str:
    at_summary(talk, deposit=DEPOSIT)
    talk.says("yes")
    return str(talk.take(opened(talk)))


def opened(talk: Any, url: str = "https://pay.example/1") -> CheckoutOpened:
    return CheckoutOpened(
        reservation_id=talk.session.held.reservation_id,
        conversation_id=talk.session.conversation_id,
        transaction_id=new_id(),
        url=url,
        amount=DEPOSIT,
        expires_at=talk.now + timedelta(minutes=15),
    )


def confirmed(talk: Any, **fields: Any) -> ReservationConfirmed:
    held = talk.session.held
    return ReservationConfirmed(
        **{
            "reservation_id": held.reservation_id if held else new_id(),
            "conversation_id": talk.session.conversation_id,
            "version": 2,
            "visit": held.visit if held else talk.house.visit(FRIDAY_15),
            "guest_name": "Maria Silva",
            **fields,
        }
    )


def at_done(talk: Any) -> str:
    at_payment(talk)
    return str(talk.take(confirmed(talk, deposit_paid=DEPOSIT)))


def gone(
    talk: Any, reservation_id: Any, *, was: Any = "held", by: Any = "client", refund: Money | None = None
) -> ReservationCancelled:
    return ReservationCancelled(
        reservation_id=reservation_id,
        conversation_id=talk.session.conversation_id,
        version=3,
        was=was,
        by=by,
        refund=refund,
    )


def test_greeting_asks_for_the_service_with_prices(talk: Any) -> None:
    said = talk.says("hi")
    assert said == (
        "Hi! This is Studio Bela. You can book your visit right here.\n\n"
        "Which service would you like?\n"
        "1. Haircut – R$80.00 (45 min)\n2. Manicure – R$80.00 (45 min)\n3. Hair Coloring – R$80.00 (45 min)\n"
        "Reply with a number, or just write what you need."
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
    assert request.staff_id is None
    assert request.earliest == datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
    assert request.latest == datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
    assert request.limit == 6
    start = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    assert "Thursday, 26 November\n1. 09:00\n2. 10:00" in found(talk, start, start + timedelta(hours=1))
    talk.says("2")
    hold = talk.one(HoldRequested)
    assert (hold.start, hold.staff_id) == (start + timedelta(hours=1), None)
    assert talk.take(talk.house.held(hold)) == "What name should I put the booking under?"
    summary = talk.says("Maria Silva")
    assert summary == (
        "Please check:\n*Haircut* with Ana\nThursday, 26 November at 10:00 (São Paulo time)\nName: Maria Silva\n"
        "Price: R$80.00\n\nShall I book it?\n1. Yes\n2. No, change something"
    ).replace("São", "Sao")
    talk.says("1")
    assert talk.one(ConfirmationRequested).guest_name == "Maria Silva"
    assert talk.take(confirmed(talk)).startswith("Booked! *Haircut* with Ana")
    assert talk.session.state == "done"


def test_everything_in_one_message(talk: Any) -> None:
    assert talk.says("haircut tomorrow after 3 with Ana") == ""
    request = talk.one(AvailabilityRequested)
    assert request.service_ids == (talk.house.services["Haircut"],)
    assert request.staff_id == talk.house.staff["Ana"]
    assert request.earliest == datetime(2026, 11, 26, 18, 0, tzinfo=UTC)


def test_the_exact_time_that_is_free_is_held_at_once(conversa: Any) -> None:
    conversa.says("corte com a Ana sexta às 15h")
    assert found(conversa, FRIDAY_15) == ""
    assert conversa.one(HoldRequested).start == FRIDAY_15
    assert "Em que nome" in conversa.take(conversa.house.held(conversa.one(HoldRequested)))


def test_the_exact_time_that_is_taken_leads_to_the_next_ones(talk: Any) -> None:
    talk.says("haircut with Ana friday at 3pm")
    said = found(talk, FRIDAY_15 + timedelta(hours=1), exact=False)
    assert "Nothing is free then" in said
    assert "1. 16:00" in said


def test_no_time_at_all(talk: Any) -> None:
    talk.says("haircut with Ana friday")
    said = found(talk, exact=False)
    assert "no free time" in said
    assert "When would you like to come?" in said


def test_who_is_not_asked_where_only_one_does_it(talk: Any) -> None:
    assert "When would you like" in talk.says("manicure")
    assert talk.session.staff_id == talk.house.staff["Carla"]


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
    at_slots(talk)
    talk.says(words)
    assert talk.one(HoldRequested).start == FRIDAY_15 + timedelta(minutes=45)


def test_other_times(talk: Any) -> None:
    at_slots(talk)
    talk.says("other times please")
    request = talk.one(AvailabilityRequested)
    assert request.earliest > FRIDAY_15 + timedelta(minutes=45)
    assert "1. 17:00" in found(talk, FRIDAY_15 + timedelta(hours=2))


def test_a_number_that_is_not_in_the_list(talk: Any) -> None:
    at_slots(talk)
    assert "choose a number from 1 to 2" in talk.says("7")


def test_slot_taken_offers_the_alternatives(talk: Any) -> None:
    at_slots(talk)
    talk.says("1")
    hold = talk.one(HoldRequested)
    said = talk.take(
        HoldRefused(
            request_id=hold.request_id,
            conversation_id=hold.conversation_id,
            code="slot_taken",
            alternatives=(talk.house.slot(FRIDAY_15 + timedelta(hours=1)),),
        )
    )
    assert said.startswith("Sorry, that time has just been taken.")
    assert "1. 16:00" in said
    talk.says("1")
    assert talk.one(HoldRequested).start == FRIDAY_15 + timedelta(hours=1)


@pytest.mark.parametrize(
    "code",
    [
        "slot_taken",
        "not_offered",
        "in_the_past",
        "unknown_service",
        "unknown_staff",
        "too_many_holds",
        "salon_not_ready",
    ],
)
def test_every_refusal_of_a_hold_is_answered(talk: Any, code: Any) -> None:
    at_slots(talk)
    talk.says("1")
    hold = talk.one(HoldRequested)
    said = talk.take(HoldRefused(request_id=hold.request_id, conversation_id=hold.conversation_id, code=code))
    assert said
    assert talk.session.pending is None or talk.one(AvailabilityRequested)


def test_the_contact_name_is_offered(talk: Any) -> None:
    at_slots(talk)
    talk.take(ClientSaid(text="1", contact_name="Ana Paula"))
    said = talk.take(talk.house.held(talk.one(HoldRequested)))
    assert said == "Shall I book it under Ana Paula?\n1. Yes, I am Ana Paula\nOr write another name."
    assert "Name: Ana Paula" in talk.says("yes")


@pytest.mark.parametrize("words", ["Ana", "my name is Ana", "ana", "It's Ana"])
def test_a_client_may_be_called_like_the_staff(talk: Any, words: str) -> None:
    at_slots(talk)
    talk.says("2")
    talk.take(talk.house.held(talk.one(HoldRequested)))
    assert "Name: Ana" in talk.says(words)


def test_deposit_link_and_confirmation(talk: Any) -> None:
    assert "Deposit to pay now: R$20.00" in at_summary(talk, deposit=DEPOSIT)
    assert talk.says("yes") == ""
    assert talk.one(ConfirmationRequested)
    assert talk.take(opened(talk)) == (
        "Almost done! Please pay the deposit of R$20.00 by 10:15, then your visit is booked:\nhttps://pay.example/1"
    )
    assert talk.session.state == "paying"
    assert "https://pay.example/1" in talk.says("ok, paying now")
    said = talk.take(confirmed(talk, deposit_paid=DEPOSIT))
    assert said == (
        "Booked! *Haircut* with Ana\nFriday, 27 November at 15:00 (Sao Paulo time)\nName: Maria Silva\n"
        "Deposit paid: R$20.00\nSee you then!"
    )
    assert talk.says("thanks!") == "You are welcome! See you on Friday, 27 November."


def test_checkout_failed(talk: Any) -> None:
    at_summary(talk, deposit=DEPOSIT)
    talk.says("yes")
    failed = CheckoutFailed(
        reservation_id=talk.session.held.reservation_id,
        conversation_id=talk.session.conversation_id,
        transaction_id=new_id(),
        code="provider_failed",
    )
    assert "cannot open the payment page" in talk.take(failed)
    assert "https://pay.example/1" in talk.take(opened(talk))


def test_a_second_link_is_told_and_the_same_one_is_not(talk: Any) -> None:
    at_payment(talk)
    assert talk.take(opened(talk)) == ""
    assert "https://pay.example/2" in talk.take(opened(talk, "https://pay.example/2"))


def test_never_paid(talk: Any) -> None:
    at_payment(talk)
    expired = ReservationExpired(
        reservation_id=talk.session.held.reservation_id,
        conversation_id=talk.session.conversation_id,
        version=2,
        deposit_was_due=True,
    )
    said = talk.take(expired)
    assert said.startswith("The deposit did not arrive in time")
    assert "1. Yes\n2. No" in said
    assert talk.take(expired) == ""
    assert talk.says("yes") == ""
    assert talk.one(AvailabilityRequested).service_ids == (talk.house.services["Haircut"],)


def test_never_paid_and_no_more_interest(talk: Any) -> None:
    at_payment(talk)
    talk.take(ReservationExpired(
        reservation_id=talk.session.held.reservation_id, conversation_id=talk.session.conversation_id, version=2, deposit_was_due=True
    ))  # fmt: skip
    assert "nothing is booked" in talk.says("no")
    assert talk.session.state == "idle"


def test_paid_after_expiry_and_seated_again(talk: Any) -> None:
    at_payment(talk)
    held = talk.session.held
    talk.take(
        ReservationExpired(
            reservation_id=held.reservation_id,
            conversation_id=talk.session.conversation_id,
            version=2,
            deposit_was_due=True,
        )
    )
    said = talk.take(
        confirmed(talk, reservation_id=held.reservation_id, visit=held.visit, reseated=True, deposit_paid=DEPOSIT)
    )
    assert "still free" in said
    assert "Booked!" in said
    assert talk.session.state == "done"


def test_paid_after_expiry_and_refunded(talk: Any) -> None:
    at_payment(talk)
    held = talk.session.held
    talk.take(
        ReservationExpired(
            reservation_id=held.reservation_id,
            conversation_id=talk.session.conversation_id,
            version=2,
            deposit_was_due=True,
        )
    )
    said = talk.take(RefundSettled(
        reservation_id=held.reservation_id, conversation_id=talk.session.conversation_id, transaction_id=new_id(), amount=DEPOSIT,
        reason="deposit_unusable",
    ))  # fmt: skip
    assert "R$20.00" in said
    assert "all of it back" in said


def test_hold_over_at_confirmation(talk: Any) -> None:
    at_summary(talk)
    talk.says("yes")
    said = talk.take(ConfirmationRefused(
        reservation_id=talk.session.held.reservation_id, conversation_id=talk.session.conversation_id, code="hold_expired",
        alternatives=(talk.house.slot(FRIDAY_15 + timedelta(hours=1)),),
    ))  # fmt: skip
    assert said.startswith("Sorry, I could not keep that time")
    assert "1. 16:00" in said
    assert talk.session.held is None


@pytest.mark.parametrize("code", ["hold_expired", "already_cancelled", "unknown_reservation"])
def test_confirmation_refused_without_alternatives_looks_again(talk: Any, code: Any) -> None:
    at_summary(talk)
    talk.says("yes")
    talk.take(ConfirmationRefused(
        reservation_id=talk.session.held.reservation_id, conversation_id=talk.session.conversation_id, code=code
    ))  # fmt: skip
    assert talk.one(AvailabilityRequested)


@pytest.mark.parametrize("stage", [at_slots, at_summary, at_payment])
@pytest.mark.parametrize(
    ("words", "check"),
    [
        ("no, change it to saturday", lambda request, house: request.earliest.day == 28),
        ("actually a manicure", lambda request, house: request.service_ids == (house.services["Manicure"],)),
        ("can I have Bia instead?", lambda request, house: request.staff_id == house.staff["Bia"]),
    ],
)
def test_corrections_at_any_time(
    talk: Any, stage: Callable[[Any], str], words: str, check: Callable[..., bool]
) -> None:
    stage(talk)
    held = talk.session.held
    talk.says(words)
    if held is not None:
        assert talk.one(CancellationRequested).reservation_id == held.reservation_id
        assert talk.session.held is None
        # The old time has to be free again before free times are looked for.
        assert talk.none(AvailabilityRequested)
        assert talk.take(gone(talk, held.reservation_id)) == ""
    request = talk.one(AvailabilityRequested)
    assert check(request, talk.house)


def test_a_correction_while_a_hold_is_on_its_way(talk: Any) -> None:
    at_slots(talk)
    talk.says("1")
    hold = talk.one(HoldRequested)
    talk.says("no, saturday")
    assert talk.one(AvailabilityRequested)
    late = talk.house.held(hold)
    assert talk.take(late) == ""
    assert talk.one(CancellationRequested).reservation_id == late.reservation_id
    assert talk.session.state == "searching"


def test_saying_the_held_time_again_is_a_yes(talk: Any) -> None:
    at_summary(talk)
    talk.says("yes, friday at 3pm")
    assert talk.one(ConfirmationRequested)


def test_no_at_the_summary_asks_what_to_change(talk: Any) -> None:
    at_summary(talk)
    assert "What would you like to change?" in talk.says("no")
    assert "What name" in talk.says("4")
    assert "Name: Joana" in talk.says("Joana")


def test_the_name_can_be_corrected_at_the_summary(talk: Any) -> None:
    at_summary(talk)
    assert "Name: Joana" in talk.says("my name is Joana")


@pytest.mark.parametrize("words", ["cancel", "stop", "cancelar"])
def test_cancel_without_a_hold(talk: Any, words: str) -> None:
    at_slots(talk)
    assert talk.says(words) in {
        "All right, nothing is booked. Write whenever you want to book.",
        "Tudo bem, nada foi marcado. Escreva quando quiser marcar.",
    }
    assert talk.session.state == "idle"


@pytest.mark.parametrize("stage", [at_summary, at_payment])
def test_cancel_with_a_hold(talk: Any, stage: Callable[[Any], str]) -> None:
    stage(talk)
    held = talk.session.held
    assert talk.says("cancel") == ""
    assert talk.one(CancellationRequested).reservation_id == held.reservation_id
    assert talk.take(gone(talk, held.reservation_id)) == "Your booking is cancelled."
    assert talk.session.state == "idle"


def test_cancel_when_it_has_just_expired(talk: Any) -> None:
    at_summary(talk)
    held = talk.session.held
    talk.says("cancel")
    said = talk.take(ReservationExpired(
        reservation_id=held.reservation_id, conversation_id=talk.session.conversation_id, version=2, deposit_was_due=False
    ))  # fmt: skip
    assert "nothing is booked" in said


def test_cancel_a_confirmed_visit(talk: Any) -> None:
    at_done(talk)
    visit = talk.session.visits[0]
    assert "Shall I cancel this visit?" in talk.says("cancel")
    assert "stays as it is" in talk.says("no")
    talk.says("cancel")
    assert talk.says("yes") == ""
    assert talk.one(CancellationRequested).reservation_id == visit.reservation_id
    said = talk.take(gone(talk, visit.reservation_id, was="confirmed", refund=DEPOSIT))
    assert "Your visit is cancelled: Haircut, Friday, 27 November at 15:00." in said
    assert "R$20.00 back" in said
    assert talk.session.visits == ()


def test_cancel_without_a_refund_says_so(talk: Any) -> None:
    at_done(talk)
    visit = talk.session.visits[0]
    talk.says("cancel")
    talk.says("yes")
    assert "not returned" in talk.take(gone(talk, visit.reservation_id, was="confirmed"))


def test_which_of_two_visits(talk: Any) -> None:
    at_done(talk)
    other = confirmed(talk, visit=talk.house.visit(FRIDAY_15 + timedelta(days=3), "Manicure", "Carla"))
    talk.take(other)
    assert "2. Manicure, Monday, 30 November at 15:00" in talk.says("cancel")
    assert "Manicure with Carla" in talk.says("2")
    talk.says("1")
    assert talk.one(CancellationRequested).reservation_id == other.reservation_id


def test_the_salon_cancels_and_moves(talk: Any) -> None:
    at_done(talk)
    visit = talk.session.visits[0]
    later = talk.house.visit(FRIDAY_15 + timedelta(hours=1))
    moved = ReservationMoved(
        reservation_id=visit.reservation_id, conversation_id=talk.session.conversation_id, version=3, visit=later
    )
    assert "at 16:00" in talk.take(moved)
    assert talk.take(moved) == ""
    said = talk.take(gone(talk, visit.reservation_id, was="confirmed", by="salon", refund=DEPOSIT))
    assert "The salon had to cancel" in said
    assert talk.take(gone(talk, visit.reservation_id, was="confirmed", by="salon", refund=DEPOSIT)) == ""


def test_a_second_booking_after_the_first(talk: Any) -> None:
    at_done(talk)
    assert "Which service" in talk.says("I'd like to book another appointment")
    talk.says("manicure on friday")
    assert talk.one(AvailabilityRequested)
    assert len(talk.session.visits) == 1
    found(talk, FRIDAY_15, staff="Carla")
    talk.says("1")
    assert "Name: Maria Silva" not in talk.says("ok")
    assert "Please check" in talk.take(talk.house.held(ask_hold(talk)))


def ask_hold(talk: Any) -> HoldRequested:
    """The hold that is open, as booking would see it."""
    return HoldRequested(
        request_id=talk.session.pending.request_id,
        conversation_id=talk.session.conversation_id,
        contact_id=talk.session.contact_id,
        service_ids=(talk.session.service_id,),
        staff_id=talk.session.staff_id,
        start=FRIDAY_15,
    )


def test_moving_a_booked_visit_is_explained(talk: Any) -> None:
    at_done(talk)
    assert "cancel it first" in talk.says("can I change it to saturday?")


def test_reminder(talk: Any) -> None:
    at_done(talk)
    visit = talk.session.visits[0]
    said = talk.take(ReminderReady(
        reminder_id=new_id(), reservation_id=visit.reservation_id, conversation_id=talk.session.conversation_id, visit=visit.visit
    ))  # fmt: skip
    assert said.startswith("Reminder: *Haircut* with Ana\nFriday, 27 November at 15:00")
    assert talk.one(Say).purpose == "reminder"


def test_restart(talk: Any) -> None:
    at_summary(talk)
    assert "Which service" in talk.says("start over")
    assert talk.one(CancellationRequested)


def test_language_follows_the_client(talk: Any) -> None:
    assert "Which service" in talk.says("hi")
    assert "com quem você gostaria" in talk.says("quero um corte")
    assert "When would you like" in talk.says("with Ana please")


def test_portuguese_by_default(conversa: Any) -> None:
    assert conversa.says("1234567").startswith("Olá! Aqui é Studio Bela.")
    assert "R$ 80,00" in conversa.says("?")


def test_media_is_asked_for_as_text(talk: Any) -> None:
    talk.says("hi")
    said = talk.take(ClientSaid(text="", kind="audio"))
    assert said.startswith("I can only read text")
    assert "Which service" in said
    talk.take(ClientSaid(text="haircut with Ana", kind="image"))
    assert talk.session.state == "when"


def test_not_understood_twice(talk: Any) -> None:
    talk.says("haircut")
    assert talk.says("blorp").startswith("Sorry, I did not understand")
    assert talk.says("blorp blorp").startswith("Sorry, I still do not understand")


def test_small_talk_only_repeats_the_question(talk: Any) -> None:
    talk.says("haircut")
    assert talk.says("thanks").startswith("You are welcome!\n\nHaircut: who would you like")
    assert talk.says("hi").startswith("Haircut: who would you like")
    assert talk.says("how much is it?").startswith("Haircut – R$80.00 (45 min)\n\nHaircut: who")


def test_a_burst_is_answered_once(talk: Any) -> None:
    said = talk.says("oi", "quero um corte", "com a Ana")
    assert said.count("?") == 1
    assert "Quando você gostaria" in said
    assert "Qual serviço" not in said


def test_a_burst_that_corrects_itself_asks_once(talk: Any) -> None:
    talk.says("haircut with Ana on friday", "no, saturday", "after 3")
    assert talk.one(AvailabilityRequested).earliest == datetime(2026, 11, 28, 18, 0, tzinfo=UTC)


def test_a_choice_that_is_taken_back_in_the_same_burst_is_never_held(talk: Any) -> None:
    at_slots(talk)
    talk.says("1", "no, saturday")
    assert talk.none(HoldRequested)
    assert talk.one(AvailabilityRequested)


def test_typing_while_waiting(talk: Any) -> None:
    talk.says("haircut with Ana on friday")
    request = talk.one(AvailabilityRequested)
    assert (
        talk.says("hello??")
        == "Hi! This is Studio Bela. You can book your visit right here.\n\nOne moment, I am on it."
    )
    talk.says("after 4")
    again = talk.one(AvailabilityRequested)
    assert again.earliest == datetime(2026, 11, 27, 19, 0, tzinfo=UTC)
    stale = AvailabilityFound(
        request_id=request.request_id,
        conversation_id=request.conversation_id,
        exact=True,
        slots=(talk.house.slot(FRIDAY_15),),
    )
    assert talk.take(stale) == ""
    assert talk.session.state == "searching"


def test_asks_again_when_booking_has_been_silent(talk: Any) -> None:
    talk.says("haircut with Ana on friday")
    talk.now += timedelta(seconds=20)
    talk.says("hello?")
    assert talk.one(AvailabilityRequested)


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
    said = found(talk, *(monday + timedelta(hours=hours) for hours in (0, 5, 24, 29)))
    assert "1. Monday, 30 November, 14:00\n2. Tuesday, 1 December, 14:00" in said


def test_old_talk_starts_anew(talk: Any) -> None:
    talk.says("haircut with Ana")
    talk.now += timedelta(hours=7)
    said = talk.says("hi")
    assert said.startswith("Hi! This is Studio Bela.")
    assert "Which service" in said


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


# The model


def test_the_model_is_asked_where_the_rules_fail(talk: Any) -> None:
    talk.llm_enabled = True
    talk.says("haircut")
    assert talk.says("the lady with the red glasses") == ""
    request = talk.one(InterpretationRequested)
    assert (request.question, request.locale, request.zone) == ("staff", "en", "America/Sao_Paulo")
    assert [choice.name for choice in request.staff] == ["Ana", "Bia", "Carla"]
    said = talk.take(ready(request, staff_id=talk.house.staff["Bia"]))
    assert "When would you like" in said
    assert talk.session.staff_id == talk.house.staff["Bia"]


def ready(request: Any, intent: Any = "book", **fields: Any) -> InterpretationReady:
    return InterpretationReady(
        request_id=request.request_id, conversation_id=request.conversation_id, intent=intent, **fields
    )


def test_the_model_may_not_invent(talk: Any) -> None:
    talk.llm_enabled = True
    talk.says("haircut")
    talk.says("blorp")
    request = talk.one(InterpretationRequested)
    said = talk.take(ready(request, service_id=new_id(), staff_id=new_id(), day=talk.now.date() - timedelta(days=3)))
    assert "did not understand" in said
    assert talk.session.service_id == talk.house.services["Haircut"]
    assert talk.session.staff_id is None


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
    assert talk.take(ready(request, staff_id=talk.house.staff["Bia"])) == ""


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
    talk.take(ready(request, staff_id=talk.house.staff["Ana"], day=FRIDAY_15.date()))
    assert talk.one(AvailabilityRequested).staff_id == talk.house.staff["Bia"]


@pytest.mark.parametrize(("intent", "effect"), [("confirm", ConfirmationRequested), ("cancel", CancellationRequested)])
def test_the_model_says_yes_and_cancel(talk: Any, intent: str, effect: type[Any]) -> None:
    talk.llm_enabled = True
    at_summary(talk)
    talk.says("blorp")
    talk.take(ready(talk.one(InterpretationRequested), intent))
    assert talk.one(effect)


# Over HTTP


def test_slots_set_from_outside(talk: Any) -> None:
    talk.says("hi")
    talk.take(SlotsUpdated(service_id=talk.house.services["Manicure"], day=FRIDAY_15.date()))
    assert talk.one(AvailabilityRequested).staff_id == talk.house.staff["Carla"]


def test_ending_frees_the_hold_without_a_word(talk: Any) -> None:
    at_summary(talk)
    assert talk.take(SessionEnded()) == ""
    assert talk.one(CancellationRequested)
    assert talk.session.state == "idle"
    assert talk.session.when == When()
