# ruff: noqa: E501 - tables
"""What clients write, and what the rules have to find in it. Today is Wednesday, 25 November 2026."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booka_common.ids import new_id
from booka_dialog.domain.windows import window_of
from booka_dialog.understanding import Intent, Named, Names, Reading, Vocabulary, When, guest_name, read

from .corpora import ENGLISH_TIMES, NO_TIME, PORTUGUESE_TIMES

TODAY = date(2026, 11, 25)
SERVICES = {name: new_id() for name in ("Corte", "Manicure", "Pedicure", "Coloração", "Escova")}
STAFF = {name: new_id() for name in ("Ana", "Bia Souza", "João")}
NAMES = Names(
    Vocabulary([Named(key, name) for name, key in SERVICES.items()], concepts=True, first_enough=False),
    Vocabulary([Named(key, name) for name, key in STAFF.items()], concepts=False, first_enough=True),
)


def understood(text: str, *, language: Any = "en", day_first: bool = True) -> Reading:
    return read(text, names=NAMES, today=TODAY, language=language, day_first=day_first, asked_when=True)


def wish(text: str) -> dict[str, Any]:
    """`"25/11 15:00-16:00"`-like shorthand of the corpora as fields of `When`."""
    fields: dict[str, Any] = {}
    for part in text.split():
        if part == "soon":
            fields["soon"] = True
        elif part[0] == "=":
            fields |= {"start": time.fromisoformat(part[1:]), "exact": True}
        elif part[0] == ">":
            fields["start"] = time.fromisoformat(part[1:])
        elif part[0] == "<":
            fields["end"] = time.fromisoformat(part[1:])
        elif ".." in part:
            first, last = part.split("..")
            fields |= {"day": date.fromisoformat(first), "last_day": date.fromisoformat(last)}
        else:
            fields["day"] = date.fromisoformat(part)
    return fields


@pytest.mark.parametrize(("text", "expected"), ENGLISH_TIMES.items())
def test_english_times(text: str, expected: str) -> None:
    assert understood(text).when == When(**wish(expected))


@pytest.mark.parametrize(("text", "expected"), PORTUGUESE_TIMES.items())
def test_portuguese_times(text: str, expected: str) -> None:
    assert understood(text, language="pt").when == When(**wish(expected))


@pytest.mark.parametrize("text", NO_TIME)
def test_what_is_no_time(text: str) -> None:
    assert understood(text).when is None


def test_the_corpora_are_large_enough() -> None:
    assert len(ENGLISH_TIMES) >= 80
    assert len(PORTUGUESE_TIMES) >= 80


def test_month_first_where_the_salon_is_american() -> None:
    assert understood("12/3", day_first=False).when == When(day=date(2026, 12, 3))
    assert understood("25/12", day_first=False).when == When(day=date(2026, 12, 25))


@pytest.mark.parametrize("text", ["31/02", "32/13", "30 february", "99/99/9999", "in 999 weeks", "25:99", "0/0"])
def test_impossible_dates_are_no_dates(text: str) -> None:
    when = understood(text).when
    assert when is None or when.day is None


@pytest.mark.parametrize(
    ("text", "services", "staff"),
    [
        ("corte", ("Corte",), ()),
        ("haircut please", ("Corte",), ()),
        ("I'd like to get my nails done", ("Manicure",), ()),
        ("quero fazer as unhas", ("Manicure",), ()),
        ("maincure", ("Manicure",), ()),
        ("manicures", ("Manicure",), ()),
        ("pedicure", ("Pedicure",), ()),
        ("coloracao", ("Coloração",), ()),
        ("colouring", ("Coloração",), ()),
        ("escova com o joao", ("Escova",), ("João",)),
        ("corte com a Ana amanhã às 15h", ("Corte",), ("Ana",)),
        ("with Bia", (), ("Bia Souza",)),
        ("com a bia souza", (), ("Bia Souza",)),
        ("ana", (), ("Ana",)),
        ("tomorrow", (), ()),
        ("amanhã", (), ()),
        ("hello there", (), ()),
    ],
)
def test_names(text: str, services: tuple[str, ...], staff: tuple[str, ...]) -> None:
    reading = understood(text)
    assert reading.services == tuple(SERVICES[name] for name in services)
    assert reading.staff == tuple(STAFF[name] for name in staff)


def test_a_word_that_several_services_share_names_them_all() -> None:
    names = Vocabulary(
        [Named(name, name) for name in ("Corte feminino", "Corte masculino", "Manicure")],
        concepts=True,
        first_enough=False,
    )
    assert set(names.find("corte")[0]) == {"Corte feminino", "Corte masculino"}
    assert names.find("corte masculino")[0] == ("Corte masculino",)
    assert names.find("corte para homem")[0] == ("Corte masculino",)


def test_the_shorter_of_two_names_is_meant_when_only_it_is_said() -> None:
    names = Vocabulary([Named(name, name) for name in ("Corte e escova", "Corte")], concepts=True, first_enough=False)
    assert names.find("corte")[0] == ("Corte",)
    assert names.find("corte e escova")[0] == ("Corte e escova",)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        *((text, Intent.CANCEL) for text in ("cancel", "cancelar", "Cancela por favor", "stop", "never mind", "deixa pra lá", "quero desmarcar", "não quero mais", "forget it")),
        *((text, Intent.YES) for text in ("yes", "Yes!", "yep", "ok", "sure", "sim", "SIM", "claro", "pode ser", "confirmo", "👍", "isso mesmo", "perfect", "s", "y")),
        *((text, Intent.NO) for text in ("no", "No.", "nope", "não", "nao", "n", "👎", "no thanks")),
        *((text, Intent.RESTART) for text in ("restart", "start over", "recomeçar", "começar de novo")),
        *((text, Intent.THANKS) for text in ("thanks", "thank you so much", "obrigada!", "obrigado", "valeu", "obg")),
        *((text, Intent.ANYONE) for text in ("anyone", "no preference", "qualquer um", "tanto faz", "quem estiver livre")),
        *((text, Intent.MORE) for text in ("other times", "more", "outros horários", "mais opções", "none of these")),
        *((text, Intent.CHANGE) for text in ("I'd like to change it", "quero mudar", "actually", "na verdade", "trocar")),
    ],
)  # fmt: skip
def test_intents(text: str, intent: Intent) -> None:
    assert intent in understood(text).intents


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("don't cancel", Intent.CANCEL),
        ("não cancela", Intent.CANCEL),
        ("no sábado", Intent.NO),
        ("let's go", Intent.YES),
        ("não, tá errado", Intent.YES),
    ],
)
def test_what_is_not_meant(text: str, intent: Intent) -> None:
    assert intent not in understood(text).intents


@pytest.mark.parametrize(
    ("text", "pick"),
    [("1", 1), ("2.", 2), ("3)", 3), (" 2 ", 2), ("2️⃣", 2), ("option 2", 2), ("opção 3", 3), ("number 4", 4), ("#1", 1), ("the first one", 1),
     ("o segundo", 2), ("a terceira", 3), ("o último", -1), ("two", 2), ("duas", 2), ("um", 1), ("2 please", 2), ("quero o 2", 2)],
)  # fmt: skip
def test_picks(text: str, pick: int) -> None:
    assert understood(text).pick == pick


@pytest.mark.parametrize("text", ["segunda", "quarta", "sexta às 2", "2pm", "at 2", "2/3", "10:30", "a"])
def test_what_is_no_pick(text: str) -> None:
    assert understood(text).pick is None


@pytest.mark.parametrize(
    ("text", "language"),
    [("hello, haircut tomorrow?", "en"), ("oi, quero marcar", "pt"), ("bom dia", "pt"), ("thanks", "en"), ("obrigada", "pt"), ("amanhã", "pt"),
     ("corte", None), ("Ana", None), ("ok", None), ("2", None), ("15/12", None)],
)  # fmt: skip
def test_languages(text: str, language: str | None) -> None:
    assert understood(text).language == language


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Maria", ("Maria", False)),
        ("maria silva", ("Maria Silva", False)),
        ("MARIA", ("Maria", False)),
        ("my name is Maria", ("Maria", True)),
        ("I'm Maria O'Neil", ("Maria O'Neil", True)),
        ("Meu nome é João da Silva", ("João da Silva", True)),
        ("sou a Ana", ("Ana", True)),
        ("me chamo Zé", ("Zé", True)),
        ("Jean-Luc, please", ("Jean-Luc", False)),
        ("15h", None),
        ("x", None),
        ("???", None),
        ("the quick brown fox jumps over the lazy dog", None),
    ],
)
def test_guest_names(text: str, name: tuple[str, bool] | None) -> None:
    assert guest_name(text) == name


anything = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [
                *ENGLISH_TIMES,
                *PORTUGUESE_TIMES,
                *NO_TIME,
                "Ana",
                "corte",
                "12",
                "99",
                "/",
                "-",
                ":",
                "h",
                "e meia",
                "of",
                "de",
            ]
        ),
        max_size=6,
    ).map(" ".join),
)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2032, 12, 31))  # noqa: DTZ001 - made aware below


@settings(max_examples=250, deadline=None)
@given(
    anything,
    moments,
    st.sampled_from(["America/Sao_Paulo", "Europe/London", "Australia/Lord_Howe", "America/New_York"]),
    st.booleans(),
)
def test_reading_never_raises_and_never_looks_back(text: str, moment: datetime, zone: str, day_first: bool) -> None:
    place = ZoneInfo(zone)
    now = moment.replace(tzinfo=ZoneInfo("UTC"))
    today = now.astimezone(place).date()
    reading = read(text, names=NAMES, today=today, language="en", day_first=day_first, asked_when=True)
    if reading.when is None:
        return
    if reading.when.day:
        assert today <= reading.when.day <= today + timedelta(days=366)
        assert reading.when.last_day is None or reading.when.last_day > reading.when.day
    window = window_of(reading.when, now, place)
    if window:
        earliest, latest = window
        assert now <= earliest < latest
