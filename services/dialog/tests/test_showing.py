"""Questions as choices that can be tapped, and what is said as approved templates."""

from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_common.contracts import booking, payments, waitlist
from booka_common.ids import new_id
from booka_common.money import Money
from booka_dialog.domain import ClientSaid, Context, Say, Session
from booka_dialog.domain.showing import in_parts, tapped
from booka_dialog.domain.voice import Voice, numbered

from .house import FRIDAY_15


def voice_of(talk: Any) -> Voice:
    return Voice.of(talk.session, Context(now=talk.now, request_id=new_id(), salon=talk.house.salon))


def test_the_services_are_choices_with_prices_below(talk: Any) -> None:
    talk.says("hi")
    choices = talk.one(Say).choices
    assert [(choice.id, choice.title, choice.description) for choice in choices.choices] == [
        ("1:1", "Haircut", "R$80.00 (45 min)"),
        ("1:2", "Manicure", "R$80.00 (45 min)"),
        ("1:3", "Hair Coloring", "R$80.00 (45 min)"),
    ]
    assert choices.lead.startswith("Hi! This is Studio Bela.")
    assert "number" not in choices.lead
    assert choices.button == "Choose"


def test_a_whole_booking_by_tapping(talk: Any) -> None:
    talk.says("hi")
    talk.taps(1)  # haircut
    talk.taps(1)  # Ana
    talk.taps(2)  # tomorrow or so
    talk.found(FRIDAY_15, FRIDAY_15 + timedelta(minutes=45))
    talk.taps(2)
    held = talk.one(booking.HoldRequested)
    assert held.start == FRIDAY_15 + timedelta(minutes=45)
    talk.take(talk.house.held(held))
    talk.says("Maria Silva")
    talk.taps(1)
    assert talk.one(booking.ConfirmationRequested).guest_name == "Maria Silva"


def test_a_yes_to_an_earlier_question_is_no_yes_to_the_open_one(talk: Any) -> None:
    """The client changes the name after the summary, and taps the old summary's button: nothing is booked."""
    talk.at_summary()
    old = talk.one(Say).choices.choices[0]
    talk.says("my name is Joana Lima")
    assert talk.session.state == "confirm"
    told = talk.take(ClientSaid(text=old.title, kind="choice", choice_id=old.id))
    assert "Joana Lima" in told
    assert talk.session.state == "confirm"
    assert talk.none(booking.ConfirmationRequested)
    talk.taps(1)
    assert talk.one(booking.ConfirmationRequested)


def test_a_tap_on_an_earlier_list_is_taken_by_its_words(talk: Any) -> None:
    talk.says("hi")
    manicure = talk.one(Say).choices.choices[1]
    talk.taps(1)
    assert talk.services == ["Haircut"]
    talk.take(ClientSaid(text=manicure.title, kind="choice", choice_id=manicure.id))
    assert talk.session.state == "add_or_replace" or talk.services == ["Manicure"]


def test_a_tap_counts_while_only_notices_were_said_since(talk: Any) -> None:
    talk.at_slots()
    tap = talk.one(Say).choices.choices[0]
    talk.take(payments.RefundSettled(
        reservation_id=new_id(), conversation_id=talk.session.conversation_id, transaction_id=new_id(),
        amount=Money(minor=100, currency="BRL"), reason="cancelled",
    ))  # fmt: skip
    talk.take(ClientSaid(text=tap.title, kind="choice", choice_id=tap.id))
    assert talk.one(booking.HoldRequested).start == FRIDAY_15


def test_a_tap_after_a_correction_of_the_same_turn_is_outdated(talk: Any) -> None:
    """Both come at once, so the question of the correction was never shown: the tap is not a place in its list."""
    talk.at_slots()
    tap = talk.one(Say).choices.choices[1]
    talk.take(ClientSaid(text="change"), ClientSaid(text=tap.title, kind="choice", choice_id=tap.id))
    assert talk.session.state != "service"  # the second line of what may be changed
    assert talk.session.when.start == time(15, 45)


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{1,3}:[0-9]{1,3}", fullmatch=True))
def test_any_choice_id_is_a_number_of_the_list_or_words(choice_id: str) -> None:
    session = Session(conversation_id=new_id(), choices=("a", "b"), shown_at=7)
    tap = tapped(session, ClientSaid(text="words", kind="choice", choice_id=choice_id))
    assert (tap.text, tap.outdated) == {
        "7:1": ("1", False),
        "7:2": ("2", False),
    }.get(choice_id, ("words", tap.outdated))


def test_more_choices_than_can_be_shown_stay_a_text(talk: Any) -> None:
    voice = voice_of(talk)
    lines = [f"line {number}" for number in range(21)]
    assert in_parts(f"Which?\n{numbered(lines[:20])}", 20, voice) is not None
    assert in_parts(f"Which?\n{numbered(lines)}", 21, voice) is None
    assert in_parts("Which?\n1. a\n3. b", 2, voice) is None
    assert in_parts("Which name?", 0, voice) is None
    assert in_parts("1. a\n2. b", 2, voice) is None  # nothing to stand above the choices


def test_a_question_is_not_cut_for_what_is_said_before_it(talk: Any, make_house: Any, new_talk: Any) -> None:
    wordy = new_talk(make_house("en-GB", **dict.fromkeys(("A" * 1500, "B" * 1500, "C" * 1000), ("Haircut",))))
    told = wordy.says("haircut")
    assert len(told) <= 4096
    assert told.endswith("4. Anyone")
    assert "1. AAA" in told


@pytest.mark.parametrize(
    ("locale", "what", "day"),
    [("en-GB", "Haircut with Ana, Manicure with Carla", "Friday, 27 November"),
     ("pt-BR", "Corte com Ana, Manicure com Carla", "sexta-feira, 27 de novembro")],
)  # fmt: skip
def test_what_may_come_days_later_names_a_template(
    locale: str, what: str, day: str, make_house: Any, new_talk: Any
) -> None:
    talk = new_talk(make_house(locale))
    on = {"conversation_id": talk.session.conversation_id}
    names = "Haircut+Manicure" if locale == "en-GB" else "Corte+Manicure"
    visit = talk.house.visit(FRIDAY_15, names, "Ana+Carla")
    later = talk.house.visit(FRIDAY_15 + timedelta(hours=1), names, "Ana+Carla")
    reservation_id = new_id()
    money = Money(minor=2000, currency="BRL")

    def template() -> tuple[str, str, tuple[str, ...]]:
        use = talk.one(Say).template
        return use.name, use.locale, use.parameters

    talk.take(booking.ReservationConfirmed(reservation_id=reservation_id, version=1, visit=visit, **on))
    assert template() == ("visit_confirmed", locale, (what, day, "15:00"))
    talk.take(booking.ReminderReady(reminder_id=new_id(), reservation_id=reservation_id, visit=visit, **on))
    assert template() == ("visit_reminder", locale, (what, day, "15:00"))
    talk.take(booking.ReservationMoved(reservation_id=reservation_id, version=2, visit=later, **on))
    assert template() == ("visit_moved", locale, (what, day, "16:00"))
    offer = waitlist.WaitlistOffered(
        entry_id=new_id(), reservation_id=new_id(), contact_id=new_id(), version=1, visit=visit, deposit=None,
        expires_at=talk.now + timedelta(minutes=30), service_ids=tuple(talk.house.services.values())[:2], **on,
    )  # fmt: skip
    talk.take(offer)
    assert template() == ("waitlist_offer", locale, (what, day, "15:00", "10:30"))
    for by, name in (("salon", "visit_cancelled_by_salon"),):
        talk.take(booking.ReservationCancelled(reservation_id=reservation_id, version=3, was="confirmed", by=by, **on))
        assert template() == (name, locale, (names.replace("+", " + "), day, "16:00"))
    talk.take(
        payments.RefundSettled(
            reservation_id=reservation_id, transaction_id=new_id(), amount=money, reason="cancelled", **on
        )
    )
    assert template() == ("deposit_refunded", locale, ("R$ 20,00" if locale == "pt-BR" else "R$20.00",))


def test_the_clients_own_cancellation_names_its_template(talk: Any) -> None:
    talk.at_done()
    known = talk.session.visits[0]
    talk.says("cancel")
    talk.take(
        booking.ReservationCancelled(
            reservation_id=known.reservation_id,
            conversation_id=talk.session.conversation_id,
            version=3,
            was="confirmed",
            by="client",
        )
    )
    assert talk.one(Say).template.name == "visit_cancelled"
