# ruff: noqa: E501 - tables
"""Confirmed visits are given up with the terms quoted first."""

from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.booking import (
    AvailabilityRequested,
    CancellationQuoted,
    CancellationQuoteRequested,
    CancellationRequested,
)
from booka_dialog.domain import QuoteTimedOut

from .house import THURSDAY_15, real
from .visits import at_confirm_move, quoted, second


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"refund": real(5000), "free_until": THURSDAY_15}, "all of your deposit of R$50.00 comes back (until Thursday, 26 November, 15:00)."),
        ({"refund": real(5000), "kept": real(0)}, "all of your deposit of R$50.00 comes back."),
        ({"refund": real(2500), "kept": real(2500)}, "R$25.00 of your deposit of R$50.00 comes back."),
        ({"refund": real(0), "kept": real(5000)}, "your deposit of R$50.00 is not returned."),
        ({}, None),
        ({"refund": real(0), "kept": real(0)}, None),
    ],
)  # fmt: skip
def test_the_terms_are_told_before_cancelling(talk: Any, terms: Any, told: str | None) -> None:
    talk.at_done()
    assert talk.says("cancel") == ""
    said = quoted(talk, **terms)
    assert said.startswith("Shall I cancel this visit?\nHaircut with Ana, Friday, 27 November at 15:00\n")
    assert said.endswith("1. Yes, cancel it\n2. No, keep it\n3. Move it instead")
    assert ("deposit" in said) is (told is not None)
    assert (told or "") in said


def test_the_quote_goes_with_the_cancellation(talk: Any) -> None:
    talk.at_done()
    visit = talk.session.visits[0]
    talk.says("cancel")
    quoted(talk, refund=real(1000), kept=real(1000))
    at = talk.now
    talk.now += timedelta(minutes=5)
    assert talk.says("yes") == ""
    request = talk.one(CancellationRequested)
    assert (request.reservation_id, request.quoted_at) == (visit.reservation_id, at)
    said = talk.take(talk.gone(visit.reservation_id, was="confirmed", refund=real(1000)))
    assert (
        said == "Your visit is cancelled: Haircut, Friday, 27 November at 15:00.\nYou get R$10.00 of your deposit back."
    )
    assert talk.session.visits == ()


def test_terms_that_are_too_old_are_asked_for_again(talk: Any) -> None:
    talk.at_done()
    talk.says("cancel")
    quoted(talk, refund=real(2000))
    talk.now += timedelta(minutes=20)
    talk.says("yes")
    assert talk.none(CancellationRequested)
    assert "is not returned" in quoted(talk, kept=real(2000))
    talk.says("yes")
    assert talk.one(CancellationRequested)


@pytest.mark.parametrize("words", ["2", "no", "keep it", "não"])
def test_not_cancelled_after_all(talk: Any, words: str) -> None:
    talk.at_done()
    talk.says("cancel")
    quoted(talk)
    assert talk.says(words)
    assert talk.none(CancellationRequested)
    assert (talk.session.state, len(talk.session.visits)) == ("done", 1)


def test_cancelled_while_another_time_is_chosen(talk: Any) -> None:
    at_confirm_move(talk)
    talk.says("cancel")
    assert "Shall I cancel this visit?" in quoted(talk)


@pytest.mark.parametrize("words", ["cancel", "reschedule"])
def test_terms_that_never_come(talk: Any, words: str) -> None:
    talk.at_done()
    talk.says(words)
    request = talk.one(CancellationQuoteRequested)
    said = talk.take(QuoteTimedOut(request.request_id))
    assert ("follows the salon's terms" in said) is (words == "cancel")
    assert talk.take(QuoteTimedOut(request.request_id)) == ""
    late = CancellationQuoted(
        request_id=request.request_id,
        reservation_id=request.reservation_id,
        conversation_id=request.conversation_id,
        quoted_at=talk.now,
        cancellable=False,
        movable=False,
    )
    assert talk.take(late) == ""
    if words == "cancel":
        talk.says("yes")
        assert talk.one(CancellationRequested).quoted_at is None
    else:
        talk.says("saturday")
        assert talk.one(AvailabilityRequested).moving


@pytest.mark.parametrize("words", ["cancel", "reschedule"])
def test_a_visit_that_is_over_or_unknown(talk: Any, words: str) -> None:
    talk.at_done()
    talk.says(words)
    assert "can no longer be changed" in quoted(talk, cancellable=False, movable=False)
    assert (talk.session.state, talk.session.visits) == ("idle", ())


def test_which_of_two_visits_to_cancel(talk: Any) -> None:
    talk.at_done()
    other = second(talk)
    assert "2. Manicure, Monday, 30 November at 15:00" in talk.says("cancel")
    talk.says("2")
    assert "Manicure with Carla" in quoted(talk)
    talk.says("1")
    assert talk.one(CancellationRequested).reservation_id == other.reservation_id


@pytest.mark.parametrize("words", ["cancel the manicure", "cancel my monday appointment"])
def test_the_visit_to_cancel_is_named(talk: Any, words: str) -> None:
    talk.at_done()
    other = second(talk)
    talk.says(words)
    assert talk.one(CancellationQuoteRequested).reservation_id == other.reservation_id


def test_cancel_without_a_refund_says_so(talk: Any) -> None:
    talk.at_done()
    visit = talk.session.visits[0]
    talk.says("cancel")
    quoted(talk, kept=real(2000))
    talk.says("yes")
    assert "not returned" in talk.take(talk.gone(visit.reservation_id, was="confirmed"))
