# ruff: noqa: E501 - tables
"""Properties of the core: whatever comes, in whatever order, the conversation neither breaks nor falls silent."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import resources
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booka_common.contracts import booking, llm, payments, waitlist
from booka_common.ids import new_id
from booka_common.money import Money
from booka_dialog.domain import (
    ClientSaid,
    Context,
    Input,
    InterpretationTimedOut,
    QuoteTimedOut,
    Say,
    Session,
    converse,
    dump_session,
    load_session,
    step,
)
from booka_dialog.texts import CATALOGUES, Formats, say

TEXTS = (
    "hi", "oi", "haircut", "corte", "manicure", "ana", "bia", "anyone", "qualquer um", "friday", "sexta às 15h", "tomorrow after 3", "15/12",
    "asap", "1", "2", "3", "9", "0", "the last one", "more", "yes", "sim", "no", "não", "change", "mudar", "cancel", "cancelar", "restart",
    "thanks", "obrigada", "Maria", "my name is Ana", "how much?", "today at 8", "today", "manicure today", "next week", "no, saturday", "actually a manicure", "", "👍",
    "haircut tomorrow at 3pm with Ana", "book", "blorp", "help", "hair color",
    "1 and 2", "1,3", "haircut and manicure", "corte e unha", "cut with Ana, nails with Carla", "also a manicure", "também unha", "without the manicure", "sem a unha",
    "only the haircut", "hair color instead of the manicure", "add", "instead", "for my daughter Lia", "para minha mãe", "reschedule", "remarcar pra sábado",
    "can we move it to friday 3pm?", "keep it", "waiting list", "lista de espera sexta", "avise se abrir", "leave the waiting list", "sair da lista",
    "take the offer", "aceitar a vaga", "decline the offer", "recusar a vaga", "4", "5", "6", "7",
)  # fmt: skip
KINDS = st.sampled_from(("text", "text", "text", "choice", "audio", "image", "location"))
#: What another service answers: the kind, whether to the open question or to a forgotten one, and a number to vary it.
ANSWERS = st.tuples(
    st.sampled_from(
        ("found", "nothing", "held", "refused", "not_confirmed", "opened", "not_opened", "confirmed", "moved", "cancelled", "expired",
         "refunded", "reminded", "read", "unread", "timed_out", "quoted", "quoted", "quote_timed_out", "not_moved", "joined", "not_joined", "offered",
         "offered", "left")
    ),
    st.booleans(),
    st.integers(0, 5),
)  # fmt: skip
SAID = st.builds(
    ClientSaid,
    text=st.one_of(st.sampled_from(TEXTS), st.text(max_size=40)),
    kind=KINDS,
    contact_name=st.sampled_from((None, "Ana", "🌸")),
)
SCRIPT = st.lists(st.one_of(SAID, SAID, ANSWERS), min_size=1, max_size=25)


def answer(talk: Any, kind: str, current: bool, n: int) -> Input:
    session: Session = talk.session
    house = talk.house
    request_id = session.pending.request_id if current and session.pending else new_id()
    reading_id = session.interpreting.request_id if current and session.interpreting else new_id()
    reservation_id = new_id()
    if current:
        known = [session.held.reservation_id] if session.held else []
        known += [found for found in (session.releasing, session.target) if found]
        known += [visit.reservation_id for visit in session.visits]
        known += [offer.reservation_id for offer in session.offers]
        reservation_id = known[n % len(known)] if known else reservation_id
    start = talk.now + timedelta(days=n - 1, hours=n)
    visit = house.visit(start)
    slots = tuple(house.slot(start + timedelta(hours=more)) for more in range(n))
    on = {"conversation_id": session.conversation_id}
    money = Money(minor=n * 100, currency="BRL")
    made: dict[str, Callable[[], Input]] = {
        "found": lambda: booking.AvailabilityFound(request_id=request_id, exact=n % 2 == 0, slots=slots, **on),
        "nothing": lambda: booking.AvailabilityFound(request_id=request_id, exact=False, slots=(), **on),
        "held": lambda: booking.ReservationHeld(
            reservation_id=reservation_id, request_id=request_id, version=1, visit=visit, expires_at=talk.now, deposit=money if n else None, **on
        ),
        "refused": lambda: booking.HoldRefused(
            request_id=request_id,
            code=("slot_taken", "not_offered", "in_the_past", "unknown_service", "unknown_staff", "too_many_holds")[n],
            alternatives=slots,
            **on,
        ),
        "not_confirmed": lambda: booking.ConfirmationRefused(reservation_id=reservation_id, code="hold_expired", alternatives=slots, **on),
        "opened": lambda: payments.CheckoutOpened(
            reservation_id=reservation_id, transaction_id=new_id(), url="https://pay", amount=money, expires_at=talk.now, **on
        ),
        "not_opened": lambda: payments.CheckoutFailed(reservation_id=reservation_id, transaction_id=new_id(), code="x", **on),
        "confirmed": lambda: booking.ReservationConfirmed(reservation_id=reservation_id, version=2, visit=visit, reseated=n > 3, **on),
        "moved": lambda: booking.ReservationMoved(reservation_id=reservation_id, version=3, visit=visit, **on),
        "cancelled": lambda: booking.ReservationCancelled(
            reservation_id=reservation_id, version=3, was="held", by="salon" if n % 2 else "client", refund=money, **on
        ),
        "expired": lambda: booking.ReservationExpired(reservation_id=reservation_id, version=2, deposit_was_due=n > 2, **on),
        "refunded": lambda: payments.RefundSettled(reservation_id=reservation_id, transaction_id=new_id(), amount=money, reason="cancelled", **on),
        "reminded": lambda: booking.ReminderReady(reminder_id=new_id(), reservation_id=reservation_id, visit=visit, **on),
        "read": lambda: llm.InterpretationReady(
            request_id=reading_id,
            intent=("book", "cancel", "confirm", "decline", "greeting", "other")[n],
            staff_id=house.staff["Ana"] if n > 2 else None,
            day=start.date(),
            name="Maria" if n > 3 else None,
            **on,
        ),
        "unread": lambda: llm.InterpretationUnavailable(request_id=reading_id, reason="refused", **on),
        "timed_out": lambda: InterpretationTimedOut(reading_id),
        "quote_timed_out": lambda: QuoteTimedOut(request_id),
        "quoted": lambda: booking.CancellationQuoted(
            request_id=request_id,
            reservation_id=reservation_id,
            quoted_at=talk.now,
            cancellable=n != 5,
            refund=money if n % 2 else None,
            kept=money if n > 2 else None,
            free_until=start if n else None,
            movable=n < 3,
            not_movable_because=(None, None, None, "too_late", "too_many_moves", "not_confirmed")[n],
            **on,
        ),
        "not_moved": lambda: booking.MoveRefused(
            request_id=request_id,
            reservation_id=reservation_id,
            code=("slot_taken", "too_late", "too_many_moves", "unknown_reservation", "unknown_service", "unknown_staff")[n],
            alternatives=slots,
            **on,
        ),
        "joined": lambda: waitlist.WaitlistJoined(
            entry_id=new_id(), request_id=request_id, first_day=start.date(), last_day=start.date(), **on
        ),
        "not_joined": lambda: waitlist.WaitlistRefused(
            request_id=request_id,
            code=("unknown_service", "unknown_staff", "not_offered", "in_the_past", "too_many_entries", "salon_not_ready")[n],
            **on,
        ),
        "offered": lambda: waitlist.WaitlistOffered(
            entry_id=new_id(), reservation_id=new_id(), contact_id=new_id(), version=1, visit=visit, expires_at=talk.now, deposit=money if n else None,
            service_ids=tuple(house.services.values())[: n % 3 + 1], **on
        ),
        "left": lambda: waitlist.WaitlistLeft(
            entry_id=session.listed[n % len(session.listed)].entry_id if current and session.listed else new_id(),
            reason=("booked", "asked", "over")[n % 3],
            **on,
        ),
    }  # fmt: skip
    return made[kind]()


@settings(max_examples=250, deadline=None)
@given(script=SCRIPT, portuguese=st.booleans(), model=st.booleans(), data=st.data())
def test_the_conversation_holds_together(
    script: Sequence[Any], portuguese: bool, model: bool, data: st.DataObject, make_house: Any, new_talk: Any
) -> None:
    talk = new_talk(make_house("pt-BR" if portuguese else "en-GB"))
    talk.llm_enabled = model
    for item in script:
        before: Session = talk.session
        given_input = item if isinstance(item, ClientSaid) else answer(talk, *item)
        told = talk.take(given_input)
        after: Session = talk.session
        if isinstance(item, ClientSaid):
            assert told or after.waiting, (before.state, item.text, after.state)
        asked = [effect for effect in talk.effects if isinstance(effect, booking.AvailabilityRequested)]
        for request in asked:
            assert talk.now <= request.earliest < request.latest
            assert after.held is None, "free times are looked for while one is still held"
            assert after.pending is not None
            assert after.pending.request_id == request.request_id
        let_go = _kept(before) - _kept(after)
        if isinstance(item, ClientSaid):
            released = [effect for effect in talk.effects if isinstance(effect, booking.CancellationRequested)]
            assert let_go <= {effect.reservation_id for effect in released}, "a hold was forgotten"
        for effect in talk.effects:
            if isinstance(effect, booking.MoveRequested | booking.CancellationQuoteRequested):
                assert before.known(effect.reservation_id)
            if isinstance(effect, booking.HoldRequested):
                assert after.held is None
        assert len(after.wishes) <= 5
        assert load_session(dump_session(after)) == after
        talk.now += timedelta(seconds=data.draw(st.sampled_from((1, 60, 7200, 30000))))


def _kept(session: Session) -> set[UUID]:
    """The times that are kept for the client."""
    return {held.reservation_id for held in (session.held, *session.offers) if held is not None}


@settings(max_examples=150, deadline=None)
@given(script=SCRIPT, portuguese=st.booleans())
def test_every_question_can_be_answered(
    script: Sequence[Any], portuguese: bool, make_house: Any, new_talk: Any
) -> None:
    """Wherever a conversation gets to, it is either at rest, waiting for somebody who will answer, or its question leads on:
    each of its numbers does something, and starting over always works."""
    talk = new_talk(make_house("pt-BR" if portuguese else "en-GB"))
    for item in script:
        talk.take(item if isinstance(item, ClientSaid) else answer(talk, *item))
        talk.now += timedelta(seconds=30)
    reached: Session = talk.session
    for number in range(1, len(reached.choices) + 1):
        talk.session = reached
        told = talk.says(str(number))
        assert told or talk.session.waiting, (reached.state, number)
        assert talk.session != reached or reached.state == "again", (reached.state, number, reached.choices)
    talk.session = reached
    told = talk.says("restart")
    assert talk.session.state in {"service", "offer"}, (reached.state, talk.session.state)
    assert told


@settings(max_examples=150, deadline=None)
@given(script=SCRIPT, portuguese=st.booleans())
def test_a_tap_is_the_number_of_its_line_and_nothing_is_lost(
    script: Sequence[Any], portuguese: bool, make_house: Any, new_talk: Any
) -> None:
    """Where a question is shown as choices, its parts have every word of its text, and tapping one does what its number does."""
    talk = new_talk(make_house("pt-BR" if portuguese else "en-GB"))
    for item in script:
        talk.take(item if isinstance(item, ClientSaid) else answer(talk, *item))
        talk.now += timedelta(seconds=30)
        choices = next((effect.choices for effect in talk.effects if isinstance(effect, Say)), None)
        if choices is None:
            continue
        text, session = talk.one(Say).text, talk.session
        lines = [
            f"{number}. {choice.title}" + (f" – {choice.description}" if choice.description else "")
            for number, choice in enumerate(choices.choices, start=1)
        ]
        assert "\n".join(lines) in text
        rest = text.replace("\n".join(lines), "")
        hints = {say(language, key) for language in CATALOGUES for key in ("hint_services", "hint_slots")}
        assert {line for line in rest.splitlines() if line} - hints <= set(choices.lead.splitlines())
        assert [choice.id for choice in choices.choices] == [
            f"{talk.told}:{number}" for number in range(1, len(session.choices) + 1)
        ]
        context = Context(now=talk.now, request_id=new_id(), salon=talk.house.salon, said=talk.told)
        for number, choice in enumerate(choices.choices, start=1):
            tap = ClientSaid(text=choice.title, kind="choice", choice_id=choice.id)
            assert converse(session, [tap], context) == converse(session, [ClientSaid(text=str(number))], context)


@settings(max_examples=100, deadline=None)
@given(script=st.lists(st.lists(SAID, min_size=1, max_size=4), min_size=1, max_size=8))
def test_a_turn_has_one_message_however_much_came_at_once(
    script: Sequence[Sequence[Any]], make_house: Any, new_talk: Any
) -> None:
    talk = new_talk(make_house("en-GB"))
    for inputs in script:
        context = Context(now=talk.now, request_id=new_id(), salon=talk.house.salon, said=talk.told)
        talk.session, effects = converse(talk.session, inputs, context)
        said = [effect for effect in effects if isinstance(effect, Say)]
        assert len(said) <= 1
        assert all(0 < len(effect.text) <= 4096 for effect in said)
        talk.told += len(said)


@settings(max_examples=100, deadline=None)
@given(items=st.lists(ANSWERS, min_size=1, max_size=4))
def test_stale_answers_change_nothing(items: Sequence[Any], make_house: Any, new_talk: Any) -> None:
    talk = new_talk(make_house("en-GB"))
    talk.says("haircut with Ana on friday")
    before = talk.session
    for kind, _, n in items:
        if kind not in {
            "confirmed",
            "moved",
            "refunded",
            "reminded",
            "joined",
            "offered",
        }:  # these speak for themselves
            talk.take(answer(talk, kind, False, n))
    assert talk.session == before


@settings(deadline=None)
@given(text=st.text(max_size=60))
def test_a_step_is_pure(text: str, make_house: Any, new_talk: Any) -> None:
    talk = new_talk(make_house("en-GB"))
    context = Context(now=talk.now, request_id=new_id(), salon=talk.house.salon)
    assert step(talk.session, ClientSaid(text=text), context) == step(talk.session, ClientSaid(text=text), context)


def test_an_unknown_field_of_a_newer_version_is_ignored(talk: Any) -> None:
    assert load_session({**dump_session(talk.session), "mood": "good"}) == talk.session


def test_the_catalogues_say_the_same_things() -> None:
    def placeholders(text: str) -> set[str]:
        return {part.partition("}")[0] for part in text.split("{")[1:]}

    english, portuguese = CATALOGUES["en"], CATALOGUES["pt"]
    assert english.keys() == portuguese.keys()
    assert {key: placeholders(text) for key, text in english.items()} == {
        key: placeholders(text) for key, text in portuguese.items()
    }


def test_every_text_is_used() -> None:
    sources = "".join(
        path.read_text() for path in (resources.files("booka_dialog") / "domain").iterdir() if path.name.endswith(".py")
    )
    assert [key for key in CATALOGUES["en"] if f'"{key}"' not in sources.replace("'", '"')] == []


@pytest.mark.parametrize(
    ("language", "locale", "day", "time", "amount"),
    [
        ("pt", "pt-BR", "sexta-feira, 27 de novembro", "15:00", "R$ 1.234,50"),
        ("en", "pt-BR", "Friday, 27 November", "15:00", "R$1,234.50"),
        ("en", "en-US", "Friday, November 27", "3:00 PM", "R$1,234.50"),
        ("en", "xx-nonsense", "Friday, 27 November", "15:00", "R$1,234.50"),
    ],
)
def test_formats(language: Any, locale: str, day: str, time: str, amount: str, now: Any) -> None:
    formats = Formats.of(language, locale, ZoneInfo("America/Sao_Paulo"))
    at = now + timedelta(days=2, hours=5)
    assert formats.day_of(at, now) == day
    assert formats.time(at) == time
    assert formats.money(Money(minor=123450, currency="BRL")) == amount
    assert formats.day_of(at.replace(year=2027), now) != day


def test_money_without_minor_units() -> None:
    formats = Formats.of("en", "en-GB", ZoneInfo("Asia/Tokyo"))
    assert formats.money(Money(minor=5000, currency="JPY")) == "¥5,000".replace("¥", "JP¥")


def test_say_fills_in() -> None:
    assert say("pt", "pick_from", last=3) == "Por favor, escolha um número de 1 a 3."
    assert Say(text="x").part == "notice"
