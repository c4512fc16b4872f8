"""Sends at the sandbox, over both gateways: what became of what was not answered, what is not sent, and in which form it goes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from fastapi import FastAPI, Request

from booka_common.contracts.messaging import (
    ChannelStateChanged,
    Choice,
    Choices,
    MessageDelivered,
    MessageFailed,
    MessageSent,
    TemplateUse,
)
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.jobs import Dead, Done, Job, Postponed, RetryIn
from booka_messaging.settings import Settings
from booka_messaging.store.templates import put_template
from booka_messaging.usecases.attending import hand_back, take_over
from booka_messaging.usecases.contacts import block

from .desk import CLIENT, RECHECK, Desk, desk_at

DAY = timedelta(days=1)
REMINDER = TemplateUse(name="visit_reminder", locale="pt-BR", parameters=("Corte com Ana", "sexta-feira", "15:00"))
QUESTION = Choices(
    lead="Posso marcar?", button="Escolher", choices=(Choice(id="4:1", title="Sim"), Choice(id="4:2", title="Não"))
)


@asynccontextmanager
async def hooks(posts: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Takes webhooks into `posts`."""
    app = FastAPI()

    @app.post("/")
    async def take(request: Request) -> None:
        posts.append(await request.json())

    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", access_log=False, lifespan="off", ws="none"
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    bound = config.bind_socket()
    await server.startup(sockets=[bound])
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        for listener in server.servers:
            listener.close()
        for connection in tuple(server.server_state.connections):
            connection.shutdown()


DeskOf = Callable[..., Any]


@pytest.fixture
async def desk_of(outside: Any, settings: Settings, db: Database, tenant_id: UUID) -> AsyncIterator[DeskOf]:
    """`await desk_of("cloud", show_typing=True)`."""
    async with AsyncExitStack() as stack:

        async def make(kind: str, **habits: Any) -> Desk:
            return await stack.enter_async_context(desk_at(kind, outside.url, hooks, settings, db, tenant_id, **habits))

        yield make


@pytest.fixture(params=["evolution", "cloud"])
async def desk(request: pytest.FixtureRequest, desk_of: DeskOf) -> Desk:
    """A line whose client has just written."""
    made: Desk = await desk_of(request.param)
    await made.client_writes()
    return made


@pytest.fixture
async def cloud(desk_of: DeskOf) -> Desk:
    made: Desk = await desk_of("cloud")
    await made.client_writes()
    return made


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


# --- nobody knows what became of it


UNANSWERED: dict[str, list[dict[str, Any]]] = {
    "evolution": [{"kind": "error_after", "status": 502}, {"kind": "timeout_after", "seconds": 3}],
    "cloud": [{"kind": "error_after", "code": 131000}, {"kind": "timeout_after", "seconds": 3}],
}


@pytest.mark.parametrize("which", [0, 1], ids=["error_after", "timeout_after"])
async def test_what_was_taken_without_an_answer_is_not_sent_again(desk: Desk, which: int) -> None:
    await desk.fails(**UNANSWERED[desk.kind][which])
    asked = await desk.asks("Confirmado!")
    outcome = await desk.step()
    assert isinstance(outcome, RetryIn)
    await desk.hears(1)
    await desk.works()
    assert await desk.sent() == ["Confirmado!"]
    (message,) = await desk.messages()
    assert message["status"] in {"sent", "delivered"}
    assert message["provider_id"]
    assert [sent.request_id for sent in await desk.told(MessageSent)] == [asked.id]
    assert await desk.told(MessageFailed) == []


async def test_the_proof_lets_what_waits_behind_it_go_at_once(desk: Desk) -> None:
    await desk.fails(**UNANSWERED[desk.kind][0])
    await desk.asks("1")
    await desk.asks("2")
    await desk.step()
    assert await desk.step() is None, "the lane waits"
    await desk.hears(1)
    before = desk.clock()
    await desk.works()
    assert await desk.sent() == ["1", "2"]
    assert desk.clock() - before < RECHECK


async def test_what_was_not_taken_is_sent_again_once_that_is_certain(desk: Desk) -> None:
    lost = {"status": 502} if desk.kind == "evolution" else {"code": 131000}
    await desk.fails("error_before", **lost)
    await desk.asks("Confirmado!")
    began = desk.clock()
    await desk.works()
    assert await desk.sent() == ["Confirmado!"]
    assert desk.clock() - began >= (RECHECK if desk.kind == "evolution" else 4 * RECHECK)


async def test_without_its_store_the_gateways_echo_is_proof_enough(desk_of: DeskOf) -> None:
    desk: Desk = await desk_of("evolution")
    await desk.client_writes()
    await desk.fails("error_after", status=502)
    await desk.control(
        "POST", "/faults",
        {"provider": "evolution", "operation": "findMessages", "kind": "error_before", "status": 503, "times": 50},
    )  # fmt: skip
    await desk.asks("Confirmado!")
    await desk.step()
    await desk.hears(1)
    await desk.works()
    assert await desk.sent() == ["Confirmado!"]
    assert len(await desk.told(MessageSent)) == 1


async def test_an_echo_is_of_one_message_only(desk_of: DeskOf) -> None:
    """The same words twice: the echo of the first proves nothing of the second."""
    desk: Desk = await desk_of("evolution")
    await desk.client_writes()
    await desk.asks("Menu")
    await desk.step()
    await desk.fails("error_before", status=502)
    await desk.asks("Menu")
    await desk.step()
    await desk.hears(1)  # tells of the first
    await desk.works()
    assert await desk.sent() == ["Menu", "Menu"]
    ids = [message["provider_id"] for message in await desk.messages()]
    assert len(set(ids)) == 2


async def test_a_receipt_that_comes_after_the_wait_doubles_the_message_and_loses_nothing(cloud: Desk) -> None:
    await cloud.control("POST", f"{cloud.path}/hold")
    await cloud.fails("error_after", code=131000)
    await cloud.asks("Confirmado!")
    await cloud.works()
    assert await cloud.sent() == ["Confirmado!", "Confirmado!"], "no proof within the wait"
    await cloud.control("POST", f"{cloud.path}/release", {"order": "shuffled"})
    await cloud.hears(1)
    (message,) = await cloud.messages()
    assert message["status"] == "delivered"
    assert len(await cloud.told(MessageSent)) == 1
    assert await cloud.told(MessageFailed) == []


async def test_who_was_away_waits_for_receipts_as_long_as_that_before_sending_again(cloud: Desk) -> None:
    """Meta repeats what nobody took, ever more seldom: after ten minutes, perhaps ten minutes later."""
    await cloud.control("POST", f"{cloud.path}/hold")
    await cloud.fails("error_after", code=131000)
    await cloud.asks("Confirmado!")
    await cloud.step()
    cloud.clock.advance(timedelta(minutes=10))
    cloud.restarts()
    await cloud.works(within=timedelta(minutes=9))
    assert await cloud.sent() == ["Confirmado!"]
    await cloud.control("POST", f"{cloud.path}/release", {"order": "said"})
    await cloud.hears(1)
    await cloud.works()
    assert await cloud.sent() == ["Confirmado!"]
    assert [message["status"] for message in await cloud.messages()] == ["delivered"]


async def test_that_one_of_two_sends_failed_says_nothing_of_the_other(cloud: Desk) -> None:
    """The first was taken without an answer and fails later; by then the message has gone out once more."""
    await cloud.control("POST", f"{cloud.path}/hold")
    await cloud.control("PUT", f"{cloud.path}/phones/{CLIENT}", {"fails_with": 131026})
    await cloud.fails("error_after", code=131000)
    await cloud.asks("Confirmado!")
    await cloud.step()
    await cloud.control("PUT", f"{cloud.path}/phones/{CLIENT}", {"fails_with": 0})
    await cloud.works()
    await cloud.control("POST", f"{cloud.path}/release", {"order": "said"})
    await cloud.hears(1)
    (message,) = await cloud.messages()
    assert message["status"] == "delivered"
    assert await cloud.told(MessageFailed) == []


async def test_a_receipt_before_the_answer_is_recorded_counts_once(cloud: Desk) -> None:
    """All of them, twice and in any order, while the outcome is still written down."""
    await cloud.asks("Olá!")
    (job,) = await cloud.rows("SELECT id FROM jobs WHERE tenant_id = $1 AND type = 'send_message'")
    await cloud.control("POST", f"{cloud.path}/hold")
    sent = await cloud.sending.run(*await _as_job(cloud, job["id"]))
    await cloud.control("POST", f"{cloud.path}/release", {"order": "reversed", "copies": 2})
    await cloud.hears(1)
    assert isinstance(sent, Done)
    await cloud.step()
    (message,) = await cloud.messages()
    assert message["status"] == "delivered"
    assert len(await cloud.told(MessageSent)) == 1
    assert [news.status for news in await cloud.told(MessageDelivered)] == ["delivered"]


async def _as_job(desk: Desk, job_id: UUID) -> Any:
    (row,) = await desk.rows(
        """SELECT id, tenant_id, type, payload, attempts, max_attempts, scheduled_at, correlation_id, traceparent
           FROM jobs WHERE tenant_id = $1 AND id = $2""",
        job_id,
    )
    return Job(**row, lease_token=new_id()), desk.clock()


async def test_what_failed_after_it_was_taken_is_not_sent_again(cloud: Desk) -> None:
    await cloud.control("PUT", f"{cloud.path}/phones/{CLIENT}", {"fails_with": 131026})
    await cloud.fails("error_after", code=131000)
    await cloud.asks("Olá!")
    await cloud.step()
    await cloud.hears(1)
    await cloud.works()
    (message,) = await cloud.messages()
    assert (message["status"], message["failure"]) == ("failed", "recipient_unknown")
    assert [failed.code for failed in await cloud.told(MessageFailed)] == ["recipient_unknown"]
    tried = (await cloud.control("GET", f"/ledger?kind=message.failed&instance={cloud.name}"))["entries"]
    assert (len(tried), await cloud.sent()) == (1, [])


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


# --- the circuit breaker


async def test_after_failures_in_a_row_nothing_is_tried_and_no_attempt_used_up(desk: Desk) -> None:
    down = {"status": 502} if desk.kind == "evolution" else {"code": 131000}
    await desk.fails("error_before", times=1000, **down)
    await desk.asks("1")
    while not isinstance(outcome := await desk.step(), Postponed):
        if outcome is None:
            desk.clock.advance(timedelta(seconds=1))
    (job,) = await desk.rows("SELECT attempts FROM jobs WHERE tenant_id = $1 AND type = 'send_message'")
    assert job["attempts"] <= 5
    calls = len((await desk.control("GET", "/ledger?kind=fault"))["entries"])
    assert [change.state for change in await desk.told(ChannelStateChanged)] == ["away"]
    await desk.works(timedelta(seconds=5))
    assert len((await desk.control("GET", "/ledger?kind=fault"))["entries"]) == calls, (
        "nothing is sent while it is open"
    )
    await desk.control("DELETE", "/faults")
    await desk.works()
    assert await desk.sent() == ["1"]
    assert [change.state for change in await desk.told(ChannelStateChanged)] == ["away", "open"]
    (pace,) = await desk.rows("SELECT failures, openings, blocked_until FROM paces WHERE tenant_id = $1")
    assert pace == {"failures": 0, "openings": 0, "blocked_until": None}


async def test_a_line_that_needs_a_person_stops_at_once_and_goes_on_by_itself(cloud: Desk) -> None:
    await cloud.settle(token_expired=True)
    await cloud.asks("1")
    outcome = await cloud.step()
    assert isinstance(outcome, Postponed)
    assert outcome.until - cloud.clock() == timedelta(minutes=10)
    assert [change.state for change in await cloud.told(ChannelStateChanged)] == ["refused"]
    cloud.clock.advance(timedelta(minutes=10))
    outcome = await cloud.step()
    assert isinstance(outcome, Postponed), "the gateway says that it is still so"
    (job,) = await cloud.rows("SELECT attempts FROM jobs WHERE tenant_id = $1 AND type = 'send_message'")
    assert job["attempts"] == 0
    await cloud.settle(token_expired=False)
    await cloud.works()
    assert await cloud.sent() == ["1"]
    assert [change.state for change in await cloud.told(ChannelStateChanged)] == ["refused", "open"]


async def test_one_asks_whether_the_line_works_and_the_others_wait_for_that(cloud: Desk) -> None:
    await cloud.settle(token_expired=True)
    await cloud.asks("1")
    await cloud.step()
    await cloud.settle(token_expired=False)
    cloud.clock.advance(timedelta(minutes=11))
    async with cloud.db.tx(cloud.tenant_id) as tx:
        await tx.execute(
            "UPDATE paces SET probing_until = $2 WHERE tenant_id = $1",
            cloud.tenant_id,
            cloud.clock() + timedelta(seconds=9),
        )
    outcome = await cloud.step()
    assert isinstance(outcome, Postponed)
    assert outcome.until - cloud.clock() == timedelta(seconds=1)
    assert await cloud.sent() == []
    await cloud.works()
    assert await cloud.sent() == ["1"]
