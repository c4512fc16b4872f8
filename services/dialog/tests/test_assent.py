"""What a yes settles is not settled by words that only sound like one."""

from typing import Any

import pytest

from booka_common.contracts.booking import CancellationRequested, ConfirmationRequested, HoldRequested

from .visits import quoted

WITHHELD = [
    "not sure yet",
    "I'm not sure",
    "that's not right",
    "that isn't correct",
    "of course not",
    "don't book it",
    "please don't confirm yet",
    "is that right?",
    "is that correct",
    "how do I confirm?",
    "can I confirm later?",
    "let me confirm with my husband",
    "ok wait",
    "ok no",
    "yes but not with her",
    "vou confirmar depois",
    "posso confirmar mais tarde?",
    "preciso confirmar com meu marido",
    "claro que não",
    "não sei",
    "talvez",
]
GIVEN = [
    "yes", "Yes!", "ok", "okk", "sure, thanks", "yes, and is there parking?", "could you book it please?", "no problem",
    "why not", "no worries, book it", "that's right", "exactly", "sim", "siim", "pode ser", "pode confirmar?", "ótimo",
    "exato", "uhum", "sem problema", "isso aí", "👍🏽", "tá ok",
]  # fmt: skip


@pytest.mark.parametrize("words", WITHHELD)
def test_a_doubt_books_nothing(talk: Any, words: str) -> None:
    talk.at_summary()
    assert talk.says(words)
    assert talk.none(ConfirmationRequested)
    assert talk.session.held is not None


@pytest.mark.parametrize("words", GIVEN)
def test_assent_in_its_many_forms(talk: Any, words: str) -> None:
    talk.at_summary()
    talk.says(words)
    assert talk.one(ConfirmationRequested)


@pytest.mark.parametrize("words", ["not sure", "is that right?", "of course not", "claro que não", "ainda não sei"])
def test_a_doubt_cancels_nothing(talk: Any, words: str) -> None:
    talk.at_done()
    talk.says("cancel")
    quoted(talk)
    talk.says(words)
    assert talk.none(CancellationRequested)
    assert talk.session.visits


def test_who_hesitates_is_told_how_long_there_is(talk: Any) -> None:
    talk.at_slots()
    assert talk.says("let me think").startswith("Take your time.\n\n")
    talk.says("1")
    talk.take(talk.house.held(talk.one(HoldRequested)))
    talk.says("Maria Silva")
    assert talk.says("let me check with my mum").startswith("Take your time. I am keeping it for you until 10:15.")


@pytest.mark.parametrize(
    "words",
    ["can I cancel later?", "what if I have to cancel", "posso cancelar depois?", "e se eu precisar cancelar?"],
)
def test_asking_about_cancelling_cancels_nothing(talk: Any, words: str) -> None:
    talk.at_summary()
    talk.says(words)
    assert talk.session.held is not None


@pytest.mark.parametrize("words", ["I'm not sure", "what is the total", "que horas fecha", "isn't there another way"])
def test_a_sentence_is_no_name(talk: Any, words: str) -> None:
    talk.at_slots()
    talk.says("1")
    talk.take(talk.house.held(talk.one(HoldRequested)))
    talk.says(words)
    assert (talk.session.state, talk.session.guest_name) == ("name", None)
