# ruff: noqa: E501 - tables
"""Corpora: what clients write, and what the rules have to find in it. Today is Wednesday, 25 November 2026."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booka_common.ids import new_id
from booka_dialog.domain.windows import window_of
from booka_dialog.understanding import Intent, Named, Names, Reading, Vocabulary, When, guest_name, read

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
    """`"25/11 15:00-16:00"`-like shorthand of the tables below as fields of `When`."""
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


ENGLISH_TIMES = {
    "tomorrow after 3": "2026-11-26 >15:00",
    "tomorrow": "2026-11-26",
    "today": "2026-11-25",
    "tonight": "2026-11-25 >17:00",
    "tmrw at 10": "2026-11-26 =10:00",
    "tommorow morning": "2026-11-26 <12:00",
    "day after tomorrow in the afternoon": "2026-11-27 >12:00 <18:00",
    "friday": "2026-11-27",
    "on friday at 3pm": "2026-11-27 =15:00",
    "fri 3:30pm": "2026-11-27 =15:30",
    "friday 15:30": "2026-11-27 =15:30",
    "this friday": "2026-11-27",
    "next friday": "2026-12-04",
    "next friday morning": "2026-12-04 <12:00",
    "wensday at noon": "2026-11-25 =12:00",
    "thursday before 11": "2026-11-26 <11:00",
    "saturday after 2": "2026-11-28 >14:00",
    "sunday evening": "2026-11-29 >17:00",
    "monday or tuesday": "2026-11-30..2026-12-01",
    "next week": "2026-11-30..2026-12-06",
    "this week": "2026-11-25..2026-11-29",
    "tuesday next week": "2026-12-01",
    "this weekend": "2026-11-28..2026-11-29",
    "next weekend": "2026-12-05..2026-12-06",
    "in 3 days": "2026-11-28",
    "in two weeks": "2026-12-09",
    "in a week at 5": "2026-12-02 =17:00",
    "two weeks from now": "2026-12-09",
    "in a fortnight": "2026-12-09",
    "15/12": "2026-12-15",
    "15/12/2026 at 9": "2026-12-15 =09:00",
    "12/25": "2026-12-25",
    "3/1": "2027-01-03",
    "2026-12-24": "2026-12-24",
    "15.12.2026": "2026-12-15",
    "december 15": "2026-12-15",
    "dec 15th at 2": "2026-12-15 =14:00",
    "15th of december": "2026-12-15",
    "the 15 december, 4pm": "2026-12-15 =16:00",
    "first of december": "2026-12-01",
    "the 28th": "2026-11-28",
    "on the 3rd": "2026-12-03",
    "3pm": "=15:00",
    "3 pm": "=15:00",
    "3 p.m.": "=15:00",
    "15:30": "=15:30",
    "at 9": "=09:00",
    "at 3": "=15:00",
    "at three": "=15:00",
    "9am": "=09:00",
    "half past three": "=15:30",
    "quarter to 5": "=16:45",
    "3 o'clock": "=15:00",
    "noon": "=12:00",
    "after 3": ">15:00",
    "before noon": "<12:00",
    "until 6pm": "<18:00",
    "after 10 and before 12": ">10:00 <12:00",
    "between 2 and 4": ">14:00 <16:00",
    "from 9 to 11": ">09:00 <11:00",
    "2-4pm": ">14:00 <16:00",
    "11-1pm": ">11:00 <13:00",
    "in the morning": "<12:00",
    "afternoon": ">12:00 <18:00",
    "evening": ">17:00",
    "after lunch": ">13:00 <18:00",
    "after work": ">17:00",
    "at lunchtime": ">11:30 <14:00",
    "tomorrow 3": "2026-11-26 =15:00",
    "friday 10 in the morning": "2026-11-27 =10:00",
    "8 in the evening": "=20:00",
    "as soon as possible": "soon",
    "asap": "soon",
    "next available": "soon",
    "anytime": "soon",
    "no, friday": "2026-11-27",
    "actually saturday instead": "2026-11-28",
    "could we do thursday around 4?": "2026-11-26 =16:00",
    "not friday, saturday": "2026-11-28",
    "today at 6 pm please": "2026-11-25 =18:00",
    "next month": "2026-12-01..2026-12-31",
    "this afternoon": "2026-11-25 >12:00 <18:00",
    "tomorrow at 10:15": "2026-11-26 =10:15",
    "friday from 2pm": "2026-11-27 >14:00",
    "haircut tomorrow after 3 with Ana": "2026-11-26 >15:00",
    "in three days": "2026-11-28",
}
PORTUGUESE_TIMES = {
    "amanhã": "2026-11-26",
    "amanha": "2026-11-26",
    "AMANHÃ ÀS 15H": "2026-11-26 =15:00",
    "hoje": "2026-11-25",
    "hj a noite": "2026-11-25 >17:00",
    "hoje à tarde": "2026-11-25 >12:00 <18:00",
    "depois de amanhã": "2026-11-27",
    "depois de amanhã de tarde": "2026-11-27 >12:00 <18:00",
    "amanhã de manhã": "2026-11-26 <12:00",
    "amanhã depois das 15h": "2026-11-26 >15:00",
    "amanhã a partir das 14h": "2026-11-26 >14:00",
    "sexta às 15h": "2026-11-27 =15:00",
    "sexta as 15": "2026-11-27 =15:00",
    "sexta-feira às 15h30": "2026-11-27 =15:30",
    "sexta feira 15:30": "2026-11-27 =15:30",
    "na sexta": "2026-11-27",
    "nesta sexta": "2026-11-27",
    "próxima sexta": "2026-11-27",
    "sexta que vem": "2026-12-04",
    "sexta que vem às 9 da manhã": "2026-12-04 =09:00",
    "6ª feira": "2026-11-27",
    "segunda": "2026-11-30",
    "segunda ou terça de manhã": "2026-11-30..2026-12-01 <12:00",
    "terça-feira": "2026-12-01",
    "quarta": "2026-11-25",
    "quinta antes das 11": "2026-11-26 <11:00",
    "no sábado": "2026-11-28",
    "sabado de manha": "2026-11-28 <12:00",
    "sabdo": "2026-11-28",
    "este domingo": "2026-11-29",
    "fim de semana": "2026-11-28..2026-11-29",
    "no próximo fim de semana": "2026-11-28..2026-11-29",
    "semana que vem": "2026-11-30..2026-12-06",
    "na próxima semana": "2026-11-30..2026-12-06",
    "terça da semana que vem": "2026-12-01",
    "daqui a duas semanas": "2026-12-09",
    "daqui a 3 dias": "2026-11-28",
    "em 3 dias": "2026-11-28",
    "daqui a uma semana": "2026-12-02",
    "daqui a 15 dias": "2026-12-09",
    "15/12": "2026-12-15",
    "dia 15/12 às 10h": "2026-12-15 =10:00",
    "15/12/26": "2026-12-15",
    "3/1": "2027-01-03",
    "dia 28": "2026-11-28",
    "no dia 3": "2026-12-03",
    "15 de dezembro": "2026-12-15",
    "15 de dezembro às 10h30": "2026-12-15 =10:30",
    "dia 15 de dez": "2026-12-15",
    "primeiro de dezembro": "2026-12-01",
    "1º de dezembro": "2026-12-01",
    "às 9": "=09:00",
    "às 9h": "=09:00",
    "as 3": "=15:00",
    "às 3 da tarde": "=15:00",
    "às três da tarde": "=15:00",
    "às 15:30": "=15:30",
    "15h": "=15:00",
    "15h30": "=15:30",
    "15 horas": "=15:00",
    "9 horas": "=09:00",
    "3 e meia": "=15:30",
    "três e meia": "=15:30",
    "15h e meia": "=15:30",
    "meio-dia": "=12:00",
    "meio dia e meia": "=12:30",
    "8 da noite": "=20:00",
    "10 da manhã": "=10:00",
    "depois das 15h": ">15:00",
    "depois das três": ">15:00",
    "a partir das 14": ">14:00",
    "antes das 10": "<10:00",
    "até as 12h": "<12:00",
    "entre 14h e 16h": ">14:00 <16:00",
    "das 14 às 16": ">14:00 <16:00",
    "entre as 9 e as 11": ">09:00 <11:00",
    "de manhã": "<12:00",
    "à tarde": ">12:00 <18:00",
    "de noite": ">17:00",
    "depois do almoço": ">13:00 <18:00",
    "fim do dia": ">17:00",
    "na hora do almoço": ">11:30 <14:00",
    "o quanto antes": "soon",
    "o mais rápido possível": "soon",
    "qualquer dia": "soon",
    "primeira vaga disponível": "soon",
    "não, sexta": "2026-11-27",
    "na verdade sábado": "2026-11-28",
    "mês que vem": "2026-12-01..2026-12-31",
    "corte com a Ana amanhã às 15h": "2026-11-26 =15:00",
    "boa tarde, queria marcar pra quinta": "2026-11-26",
    "bom dia! tem horário amanhã?": "2026-11-26",
    "umas 16h": "=16:00",
    "lá pelas 17h": "=17:00",
    "por volta das 16": "=16:00",
}
NO_TIME = ("hi", "good morning", "good evening!", "boa tarde", "bom dia", "boa noite, tudo bem?", "mais tarde", "haircut", "2", "um",
           "não", "no", "yes", "sim", "obrigada", "my daughter too", "", "?", "ok", "👍", "cancelar")  # fmt: skip


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
