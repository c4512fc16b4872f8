"""Sends at the sandbox, over both gateways: what became of what was not answered, what is not sent, and in which form it goes."""

from datetime import timedelta
from typing import Any

import pytest

from booka_common.contracts.messaging import (
    Choice,
    Choices,
    MessageFailed,
    MessageSent,
    TemplateUse,
)
from booka_common.jobs import Dead, Done
from booka_messaging.store.templates import put_template
from booka_messaging.usecases.attending import hand_back, take_over
from booka_messaging.usecases.contacts import block

from .desk import Desk, DeskOf

DAY = timedelta(days=1)
REMINDER = TemplateUse(name="visit_reminder", locale="pt-BR", parameters=("Corte com Ana", "sexta-feira", "15:00"))
QUESTION = Choices(
    lead="Posso marcar?", button="Escolher", choices=(Choice(id="4:1", title="Sim"), Choice(id="4:2", title="Não"))
)


async def approve(desk: Desk, locale: str = "pt-BR", parameters: int = 3, language: str = "pt_BR") -> None:
    async with desk.db.tx(desk.tenant_id) as tx:
        await put_template(
            tx, desk.channel.id, "visit_reminder", locale, provider_name="lembrete", language=language,
            parameters=parameters, now=desk.clock(),
        )  # fmt: skip
    await desk.settle(templates={"lembrete": {language: parameters}})


# --- the ordinary way


async def test_what_is_asked_for_is_sent_once_and_its_receipts_raise_it(desk: Desk) -> None:
    asked = await desk.asks("Olá, Rui!")
    (outcome,) = await desk.works()
    assert isinstance(outcome, Done)
    await desk.hears(1)
    (message,) = await desk.messages()
    assert message["status"] in {"delivered", "sent"}
    assert [sent.request_id for sent in await desk.told(MessageSent)] == [asked.id]
    assert await desk.sent() == ["Olá, Rui!"]


async def test_the_longest_text_goes_whole(desk: Desk) -> None:
    text = "ã" * 4096
    await desk.asks(text)
    await desk.works()
    assert await desk.sent() == [text]


# --- what is not sent


async def test_a_reply_is_not_sent_where_a_person_answers_but_a_reminder_is(desk: Desk) -> None:
    async with desk.db.tx(desk.tenant_id) as tx:
        (row,) = await desk.rows("SELECT id FROM conversations WHERE tenant_id = $1")
        await take_over(tx, row["id"], by="console", now=desk.clock())
    await desk.asks("Posso ajudar?")
    await desk.asks("Lembrete", purpose="reminder")
    outcomes = await desk.works()
    assert all(isinstance(outcome, Done) for outcome in outcomes), "nothing is wrong with it"
    assert await desk.sent() == ["Lembrete"]
    assert [failed.code for failed in await desk.told(MessageFailed)] == ["attended"]
    async with desk.db.tx(desk.tenant_id) as tx:
        await hand_back(tx, row["id"], by="console", now=desk.clock())
    await desk.asks("De volta")
    await desk.works()
    assert await desk.sent() == ["Lembrete", "De volta"]


async def test_nothing_is_sent_to_somebody_who_is_blocked(desk: Desk) -> None:
    (row,) = await desk.rows("SELECT contact_id FROM conversations WHERE tenant_id = $1")
    async with desk.db.tx(desk.tenant_id) as tx:
        await block(tx, row["contact_id"], blocked=True, now=desk.clock())
    await desk.asks("Olá", purpose="notice")
    assert all(isinstance(outcome, Done) for outcome in await desk.works())
    assert await desk.sent() == []
    assert [failed.code for failed in await desk.told(MessageFailed)] == ["blocked"]


async def test_what_could_not_be_sent_for_a_day_is_not_sent_any_more(desk: Desk) -> None:
    await desk.asks("Até já")
    desk.clock.advance(DAY + timedelta(minutes=1))
    (outcome,) = await desk.works()
    assert isinstance(outcome, Dead)
    assert [failed.code for failed in await desk.told(MessageFailed)] == ["too_late"]
    assert await desk.sent() == []


# --- in which form


async def test_choices_are_shown_where_they_arrive(desk: Desk) -> None:
    await desk.asks("Posso marcar?\n1. Sim\n2. Não", choices=QUESTION)
    await desk.works()
    (shown,) = await desk.phone()
    if desk.kind == "cloud":
        assert [choice["title"] for choice in shown["choices"]] == ["Sim", "Não"]
        assert "1." not in shown["text"]
    else:
        assert shown["text"] == "Posso marcar?\n1. Sim\n2. Não"


async def test_outside_the_window_the_approved_text_is_sent(desk_of: DeskOf) -> None:
    desk: Desk = await desk_of("cloud")
    await desk.client_known(ago=timedelta(hours=23, minutes=59, seconds=30))
    await approve(desk)
    await desk.asks("Lembrete: …", purpose="reminder", template=REMINDER)
    await desk.works()
    (entry,) = (await desk.control("GET", f"/ledger?kind=message.sent&instance={desk.name}"))["entries"]
    assert entry["type"] == "template"
    assert len(await desk.told(MessageSent)) == 1


@pytest.mark.parametrize(("asked", "known"), [("pt-BR", "pt"), ("pt", "pt-BR"), ("pt-PT", "pt-BR")])
async def test_a_template_of_the_same_language_will_do(desk_of: DeskOf, asked: str, known: str) -> None:
    desk: Desk = await desk_of("cloud")
    await desk.client_known(ago=2 * DAY)
    await approve(desk, known)
    await desk.asks("…", purpose="reminder", template=REMINDER.model_copy(update={"locale": asked}))
    await desk.works()
    assert len(await desk.sent()) == 1


@pytest.mark.parametrize(
    ("template", "approved", "code"),
    [
        (None, ("pt-BR", 3), "window_closed"),
        (REMINDER, ("en", 3), "window_closed"),
        (REMINDER, ("pt-BR", 4), "template_rejected"),
    ],
    ids=["none", "other language", "more gaps"],
)
async def test_without_an_approved_text_nothing_goes_outside_the_window(
    desk_of: DeskOf, template: Any, approved: Any, code: str
) -> None:
    desk: Desk = await desk_of("cloud")
    await desk.client_known(ago=2 * DAY)
    await approve(desk, *approved)
    await desk.asks("…", purpose="reminder", template=template)
    (outcome,) = await desk.works()
    assert isinstance(outcome, Dead)
    assert [failed.code for failed in await desk.told(MessageFailed)] == [code]
    assert await desk.sent() == []


async def test_a_template_with_fewer_gaps_takes_the_first_words(desk_of: DeskOf) -> None:
    desk: Desk = await desk_of("cloud")
    await desk.client_known(ago=2 * DAY)
    await approve(desk, parameters=1)
    await desk.asks("…", purpose="reminder", template=REMINDER)
    await desk.works()
    assert len(await desk.sent()) == 1


@pytest.mark.parametrize("window", ["status", "error"])
async def test_where_the_provider_knows_better_the_approved_text_follows_once(desk_of: DeskOf, window: str) -> None:
    """Our clock says that the client has just written; the provider never heard of it."""
    desk: Desk = await desk_of("cloud")
    await desk.client_known()
    await approve(desk)
    await desk.settle(window=window)
    await desk.asks("Lembrete: …", purpose="reminder", template=REMINDER)
    await desk.works()
    await desk.hears(1)
    await desk.works()
    await desk.hears()
    (message,) = await desk.messages()
    assert message["status"] == "delivered"
    assert await desk.told(MessageFailed) == []
    assert len(await desk.told(MessageSent)) == 1
    kinds = [
        one["type"] for one in (await desk.control("GET", f"/ledger?kind=message.sent&instance={desk.name}"))["entries"]
    ]
    assert kinds[-1] == "template"
    assert len(kinds) <= 2


async def test_where_the_provider_knows_better_and_nothing_is_approved_it_has_failed(desk_of: DeskOf) -> None:
    desk: Desk = await desk_of("cloud")
    await desk.client_known()
    await desk.asks("Lembrete: …", purpose="reminder", template=REMINDER)
    await desk.works()
    await desk.hears(1)
    assert await desk.works() == []
    assert [failed.code for failed in await desk.told(MessageFailed)] == ["window_closed"]


@pytest.mark.parametrize("kind", ["evolution", "cloud"])
async def test_writing_is_shown_before_an_answer_where_the_salon_wants_it(desk_of: DeskOf, kind: str) -> None:
    desk: Desk = await desk_of(kind, show_typing=True)
    await desk.client_writes()
    await desk.asks("Olá!")
    await desk.asks("Lembrete", purpose="reminder")
    await desk.works()
    shown = (await desk.control("GET", f"/ledger?kind=presence.sent&instance={desk.name}"))["entries"]
    assert len(shown) == 1
    assert await desk.sent() == ["Olá!", "Lembrete"]
