# ruff: noqa: E501 - tables
"""Corpora: several services and people in one text, visits for somebody else, and what is done with visits."""

from datetime import date, time
from typing import Any

import pytest

from booka_common.ids import new_id
from booka_dialog.understanding import Intent, Named, Names, Reading, Vocabulary, When, read

TODAY = date(2026, 11, 25)
SERVICES = {
    name: new_id()
    for name in ("Corte", "Manicure", "Pedicure", "Coloração", "Escova", "Colour & gloss", "Design de sobrancelha")
}
STAFF = {name: new_id() for name in ("Ana", "Bia Souza", "João")}
NAMES = Names(
    Vocabulary([Named(key, name) for name, key in SERVICES.items()], concepts=True, first_enough=False),
    Vocabulary([Named(key, name) for name, key in STAFF.items()], concepts=False, first_enough=True),
)


def understood(text: str, *, language: Any = "en") -> Reading:
    return read(text, names=NAMES, today=TODAY, language=language, day_first=True, asked_when=True)


def told(reading: Reading) -> str:
    """`Corte@Ana Manicure +Bia`: each service with whoever is to do it, then people named for none in particular."""
    service = {key: name.split()[0] for name, key in SERVICES.items()}
    person = {key: name.split()[0] for name, key in STAFF.items()}
    parts = []
    for mention in reading.mentions:
        who = "|".join(person[key] for key in mention.staff) or ("*" if mention.anyone else "")
        parts.append("|".join(service[key] for key in mention.services) + (f"@{who}" if who else ""))
    parts += ["+" + "|".join(person[key] for key in people) for people in reading.people]
    return " ".join(parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("haircut and manicure", "Corte Manicure"),
        ("manicure and haircut", "Manicure Corte"),
        ("corte e unha", "Corte Manicure"),
        ("unha e corte", "Manicure Corte"),
        ("corte, unha e escova", "Corte Manicure Escova"),
        ("corte + unhas + pé", "Corte Manicure Pedicure"),
        ("haircut manicure", "Corte Manicure"),
        ("hair cut, nails & a brow design please", "Corte Manicure Design"),
        ("maincure e pedicuri", "Manicure Pedicure"),
        ("corte e maniure", "Corte Manicure"),
        ("colour & gloss", "Colour"),
        ("colour & gloss and a manicure", "Colour Manicure"),
        ("cut with Ana, nails with Bia", "Corte@Ana Manicure@Bia"),
        ("cut with Ana and nails with Bia on friday", "Corte@Ana Manicure@Bia"),
        ("corte com a ana e unha com a bia sexta às 15h", "Corte@Ana Manicure@Bia"),
        ("corte e unha com a Ana", "Corte@Ana Manicure@Ana"),
        ("cut and nails with Ana tomorrow after 3", "Corte@Ana Manicure@Ana"),
        ("cut with Ana and nails", "Corte@Ana Manicure"),
        ("com a Ana corte e unha", "Corte@Ana Manicure@Ana"),
        ("Ana for the cut and Bia for the nails", "Corte@Ana Manicure@Bia"),
        ("cut and nails with Ana and Bia", "Corte@Ana Manicure@Bia"),
        ("corte e escova com a Ana, unha com o João", "Corte@Ana Escova@Ana Manicure@João"),
        ("cut with Ana, nails with anyone", "Corte@Ana Manicure@*"),
        ("corte com a Ana e unha com qualquer pessoa", "Corte@Ana Manicure@*"),
        ("cut cut and a cut", "Corte"),
        ("with Ana and Bia", "+Ana +Bia"),
        ("com a bia", "+Bia"),
        ("também uma escova", "Escova"),
        ("add a brow design", "Design"),
        ("thanks and goodbye", ""),
        ("friday and saturday", ""),
    ],
)
def test_services_and_who_does_them(text: str, expected: str) -> None:
    assert told(understood(text)) == expected


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("corte e unha sexta às 15h", When(day=date(2026, 11, 27), start=time(15), exact=True)),
        ("haircut and manicure tomorrow after 3", When(day=date(2026, 11, 26), start=time(15))),
        ("cut with Ana, nails with Bia saturday morning", When(day=date(2026, 11, 28), end=time(12))),
        ("corte, escova e unha amanha de tarde", When(day=date(2026, 11, 26), start=time(12), end=time(18))),
        ("for my daughter Lia, cut and nails friday 3pm", When(day=date(2026, 11, 27), start=time(15), exact=True)),
    ],
)
def test_the_time_beside_several_services(text: str, when: When) -> None:
    reading = understood(text)
    assert reading.when == when
    assert len(reading.mentions) >= 2


def test_a_name_with_an_and_in_it_beats_its_parts() -> None:
    names = Names(
        Vocabulary([Named(new_id(), name) for name in ("Corte e escova", "Corte", "Escova")], concepts=True, first_enough=False),
        Vocabulary([], concepts=False, first_enough=True),
    )  # fmt: skip
    reading = read("corte e escova", names=names, today=TODAY, language="pt", day_first=True, asked_when=False)
    assert len(reading.mentions) == 1


@pytest.mark.parametrize(
    ("text", "picks"),
    [
        ("1 and 3", (1, 3)),
        ("1,3", (1, 3)),
        ("1, 3", (1, 3)),
        ("3 e 1", (3, 1)),
        ("1 2 3", (1, 2, 3)),
        ("1, 2 e 3 por favor", (1, 2, 3)),
        ("quero o 1 e o 3", (1, 3)),
        ("um e dois", (1, 2)),
        ("1 and 1", (1,)),
        ("1+2", (1, 2)),
        ("1", ()),
        ("10:30", ()),
        ("2/3", ()),
        ("15h", ()),
        ("haircut and 2", ()),
    ],
)
def test_several_numbers(text: str, picks: tuple[int, ...]) -> None:
    assert understood(text).picks == picks


@pytest.mark.parametrize(
    ("text", "guest"),
    [
        ("for my daughter Lia", "Lia"),
        ("it's for my daughter lia", "Lia"),
        ("é para minha mãe Rosa", "Rosa"),
        ("eh pra minha mae rosa", "Rosa"),
        ("haircut for my son Tom on friday", "Tom"),
        ("corte para o meu filho João Pedro amanhã", "João Pedro"),
        ("para minha filha, Maria da Luz", "Maria da Luz"),
        ("for my wife called Joana Lima", "Joana Lima"),
        ("for my mom", None),
        ("corte pra minha filha amanhã", None),
        ("for my daughter on friday", None),
        ("para meu marido às 15h", None),
        ("não é para mim", None),
    ],
)
def test_for_somebody_else(text: str, guest: str | None) -> None:
    found = understood(text).guest
    assert found is not None
    assert found.name == guest


@pytest.mark.parametrize("text", ["my daughter too", "for 3pm", "haircut for men", "for Ana", "para sexta", "corte", "para mim"])  # fmt: skip
def test_for_nobody_else(text: str) -> None:
    assert understood(text).guest is None


def test_a_guest_is_not_the_one_who_does_it() -> None:
    reading = understood("haircut for my daughter Ana with Bia")
    assert reading.guest is not None
    assert reading.guest.name == "Ana"
    assert told(reading) == "Corte@Bia"


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        *((text, Intent.MOVE) for text in (
            "can we move it to friday 3pm?", "reschedule", "I need to reschedule my appointment", "reshedule please", "move my appointment", "move",
            "can you push it back?", "change my appointment", "postpone it", "could I change the time?", "rebook for friday",
            "remarcar", "quero remarcar", "remarca pra sexta", "reagendar", "preciso reagendar", "mudar o horário", "quero trocar o dia",
            "dá pra mudar meu horário?", "adiar", "antecipar minha visita", "remarcação",
        )),
        *((text, Intent.WAIT) for text in (
            "waiting list", "put me on the waitlist", "wait list please", "let me know if something opens", "tell me if anything opens up", "call me if a spot opens",
            "lista de espera", "me coloca na lista de espera", "avise se abrir", "me avisa se abrir uma vaga", "avisa quando tiver horário", "se vagar me avisa",
            "entrar na lista", "quero ficar na lista",
        )),
        *((text, Intent.LEAVE_LIST) for text in (
            "leave the waiting list", "take me off the list", "remove me from the waiting list", "cancel the waiting list", "I don't want to wait any more, off the waiting list",
            "sair da lista", "sair da lista de espera", "me tira da lista", "cancelar a lista de espera", "não precisa mais me avisar",
        )),
        *((text, Intent.ADD) for text in ("also a manicure", "add a brow design", "plus nails", "a manicure too", "também uma escova", "acrescenta unha", "mais uma escova", "inclui manicure")),
        *((text, Intent.REMOVE) for text in ("without the manicure", "remove the nails", "drop the manicure", "I don't need the nails", "take the nails off", "sem a unha", "tira a manicure", "não preciso da unha", "retirar o corte")),
        *((text, Intent.ONLY) for text in ("only the haircut", "just the cut", "só o corte", "somente unha", "apenas o corte")),
        *((text, Intent.INSTEAD) for text in ("a pedicure instead of the manicure", "pé em vez de unha", "pedicure no lugar da manicure")),
        *((text, Intent.KEEP) for text in ("keep it", "leave it as it is", "deixa assim", "manter", "mantém como está")),
        *((text, Intent.TAKE_OFFER) for text in ("take the offer", "I'll take the spot, accept the offer", "aceitar a vaga", "quero a vaga", "aceito a vaga", "fico com a vaga")),
        *((text, Intent.REFUSE_OFFER) for text in ("decline the offer", "I don't want the offer", "recusar a vaga", "não quero a vaga", "dispenso a vaga")),
    ],
)  # fmt: skip
def test_intents_about_visits_and_the_waiting_list(text: str, intent: Intent) -> None:
    assert intent in understood(text).intents


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("cancel", Intent.MOVE),
        ("desmarcar", Intent.MOVE),
        ("quero marcar", Intent.MOVE),
        ("lista", Intent.WAIT),
        ("tem vaga amanhã?", Intent.WAIT),
        ("tem vaga amanhã?", Intent.TAKE_OFFER),
        ("não quero a vaga", Intent.TAKE_OFFER),
        ("sair da lista", Intent.WAIT),
        ("me avisa se alguém desistir", Intent.CANCEL),
        ("sem preferência", Intent.REMOVE),
        ("haircut tomorrow", Intent.ADD),
    ],
)
def test_what_is_not_meant(text: str, intent: Intent) -> None:
    assert intent not in understood(text).intents
