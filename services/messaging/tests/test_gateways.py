"""What every gateway must do, over both adapters and real HTTP against the sandbox. A third gateway is one more `World`."""

import base64
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from booka_common.errors import Unavailable
from booka_common.testing import eventually
from booka_messaging.domain import cloud as cloud_parser
from booka_messaging.domain import evolution as evolution_parser
from booka_messaging.domain.identity import correlated
from booka_messaging.domain.media import Media, media_of
from booka_messaging.domain.model import Alias, ChatEvent, ChatMessage, Echoed, Receipt
from booka_messaging.providers.cloud import Cloud
from booka_messaging.providers.evolution import Evolution
from booka_messaging.providers.gateway import (
    Choices,
    Gateway,
    Line,
    Medium,
    NotNow,
    Option,
    OutcomeUnknown,
    Refused,
    Sent,
    Template,
)
from booka_messaging.providers.media import MediaLimits
from booka_sandbox.app import create_app
from booka_sandbox.serving import free_socket, serving
from booka_sandbox.settings import Settings

CLIENT = "351912345678"
TO = Alias("pn", CLIENT)
NAME = "209000111"
KEY = "the-key-of-the-line-0123456789"
LONG, SHORT = timedelta(seconds=10), timedelta(seconds=0.3)


class Sandbox:
    """The outside world, and the webhooks that it would have delivered."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self.http = http
        self.delivered: list[dict[str, Any]] = []

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/_{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def ledger(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = (await self.control("GET", f"/ledger?kind={kind}"))["entries"]
        return entries

    async def fails(self, kind: str, **order: Any) -> None:
        await self.control("POST", "/faults", {"kind": kind, **order})

    def receiver(self) -> FastAPI:
        """Takes every webhook."""
        app = FastAPI()

        @app.post("/")
        async def take(request: Request) -> None:
            self.delivered.append(await request.json())

        return app


#: Where sends are made to fail, and which orders mean "never", "later" and "nobody knows".
FAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "evolution": {
        "where": {"provider": "evolution", "operation": "sendText"},
        "never": {"status": 413},
        "later": {"status": 429},
        "unknown": {"status": 502},
    },
    "cloud": {
        "where": {"provider": "cloud", "operation": "messages.send"},
        "never": {"code": 131009},
        "later": {"code": 130429},
        "unknown": {"code": 131000},
    },
}


class World(Protocol):
    """One kind of gateway as the contract needs to handle it."""

    gateway: Gateway
    line: Line

    @property
    def provider(self) -> str: ...

    def impatient(self) -> AbstractAsyncContextManager[Gateway]: ...
    def of_little_memory(self, most: int) -> AbstractAsyncContextManager[Gateway]: ...
    async def say(self, text: str, **more: Any) -> dict[str, Any]: ...
    async def unreachable(self) -> None: ...
    async def offline(self) -> None: ...
    def read(self, payload: dict[str, Any]) -> tuple[ChatEvent, ...]: ...


@dataclass
class EvolutionWorld:
    sandbox: Sandbox
    gateway: Gateway
    line: Line
    provider: str = "evolution"

    def impatient(self) -> AbstractAsyncContextManager[Gateway]:
        return Evolution(connect=LONG, total=SHORT, connections=1)

    def of_little_memory(self, most: int) -> AbstractAsyncContextManager[Gateway]:
        return Evolution(connect=LONG, total=LONG, connections=1, media=MediaLimits(max_bytes=most))

    async def say(self, text: str, **more: Any) -> dict[str, Any]:
        path = f"/evolution/instances/{NAME}/phones/{CLIENT}/messages"
        said: dict[str, Any] = await self.sandbox.control("POST", path, {"text": text, **more})
        return said

    async def unreachable(self) -> None:
        await self.sandbox.control("PUT", f"/evolution/instances/{NAME}/phones/{CLIENT}", {"exists": False})

    async def offline(self) -> None:
        await self.sandbox.control("PUT", f"/evolution/instances/{NAME}", {"state": "close"})

    def read(self, payload: dict[str, Any]) -> tuple[ChatEvent, ...]:
        return evolution_parser.read(payload, datetime.now(UTC))


@dataclass
class CloudWorld:
    sandbox: Sandbox
    gateway: Gateway
    line: Line
    provider: str = "cloud"

    def impatient(self) -> AbstractAsyncContextManager[Gateway]:
        return Cloud(connect=LONG, total=SHORT, connections=1)

    def of_little_memory(self, most: int) -> AbstractAsyncContextManager[Gateway]:
        return Cloud(connect=LONG, total=LONG, connections=1, media=MediaLimits(max_bytes=most))

    async def say(self, text: str, **more: Any) -> dict[str, Any]:
        path = f"/cloud/lines/{NAME}/phones/{CLIENT}/messages"
        said: dict[str, Any] = await self.sandbox.control("POST", path, {"text": text, **more})
        return said

    async def unreachable(self) -> None:
        await self.sandbox.fails("error_before", provider="cloud", operation="messages.send", code=131026)

    async def offline(self) -> None:
        await self.sandbox.control("PUT", f"/cloud/lines/{NAME}", {"token_expired": True})

    def read(self, payload: dict[str, Any]) -> tuple[ChatEvent, ...]:
        return cloud_parser.read_for(payload, NAME, datetime.now(UTC))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    bound = free_socket()
    settings = Settings(evolution_api_key="global", retry_scale=0.001, port=bound.getsockname()[1])
    async with serving(create_app(settings), bound) as url, httpx.AsyncClient(base_url=url, timeout=15) as http:
        yield Sandbox(url, http)


@pytest.fixture(params=["evolution", "cloud"])
async def world(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[World]:
    async with contextlib.AsyncExitStack() as stack:
        hooks = await stack.enter_async_context(serving(sandbox.receiver(), free_socket()))
        if request.param == "evolution":
            order = {"webhook_url": hooks, "token": KEY, "own_number": "351210000000"}
            await sandbox.control("PUT", f"/evolution/instances/{NAME}", order)
            evolution = await stack.enter_async_context(Evolution(connect=LONG, total=LONG, connections=4))
            yield EvolutionWorld(sandbox, evolution, Line(f"{sandbox.url}/evolution", NAME, KEY))
        else:
            order = {"webhook_url": hooks, "access_token": KEY, "own_number": "351210000000"}
            await sandbox.control("PUT", f"/cloud/lines/{NAME}", order)
            cloud = await stack.enter_async_context(Cloud(connect=LONG, total=LONG, connections=4))
            yield CloudWorld(sandbox, cloud, Line(f"{sandbox.url}/cloud/v23.0", NAME, KEY))


async def events(sandbox: Sandbox, world: World, count: int) -> list[ChatEvent]:
    """The events of all webhooks so far, once there are `count`."""

    async def enough() -> list[ChatEvent] | None:
        told = [event for payload in sandbox.delivered for event in world.read(payload)]
        return told if len(told) >= count else None

    found = await eventually(enough)
    assert found is not None
    return found


# --- coming in


async def test_what_a_client_says_is_read_back(sandbox: Sandbox, world: World) -> None:
    said = await world.say("bom dia", push_name="Rui")
    (event,) = await events(sandbox, world, 1)
    assert isinstance(event, ChatMessage)
    assert (event.author, event.provider_id, event.text, event.name) == ("client", said["id"], "bom dia", "Rui")
    assert TO in event.aliases


async def test_a_person_at_the_salon_is_told_from_the_client_and_from_us(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    sent = await world.gateway.send_text(world.line, TO, "Olá!", reference="r-1")
    typed = await world.say("Aqui é a Carla", from_me=True)
    found = await events(sandbox, world, 4)
    by_salon = [e for e in found if isinstance(e, ChatMessage) and e.author == "salon"]
    assert [event.provider_id for event in by_salon] == [typed["id"]]
    assert isinstance(sent, Sent)
    ours = [e for e in found if isinstance(e, Receipt | Echoed) and e.provider_id == sent.provider_id]
    assert ours


async def test_choices_voice_notes_and_reactions(sandbox: Sandbox, world: World) -> None:
    await world.say("15:00", kind="list", choice_id="slot-3")
    await world.say("Sim", kind="button", choice_id="yes")
    await world.say("", kind="audio")
    await world.say("👍", kind="reaction")
    found = await events(sandbox, world, 4)
    said = {event.kind + (event.choice_id or ""): event for event in found if isinstance(event, ChatMessage)}
    assert set(said) == {"choiceslot-3", "choiceyes", "audio"}
    assert said["audio"].metadata["media"]["voice"] is True


# --- going out


async def test_a_text_arrives_and_its_receipts_name_it(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    sent = await world.gateway.send_text(world.line, TO, "Olá! Às 15:00?", reference="r-1")
    assert isinstance(sent, Sent)
    assert sent.provider_id
    assert TO in sent.aliases
    (entry,) = await sandbox.ledger("message.sent")
    assert (entry["number"], entry["text"], entry["key_id"]) == (CLIENT, "Olá! Às 15:00?", sent.provider_id)
    receipts = [event for event in await events(sandbox, world, 3) if isinstance(event, Receipt)]
    assert {receipt.provider_id for receipt in receipts} == {sent.provider_id}
    assert "delivered" in {receipt.status for receipt in receipts}


async def test_choices_arrive_in_the_best_way_that_does(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    options = (Option("1", "Às 15:00"), Option("2", "Às 16:00"))
    choices = Choices("Quando?\n1. Às 15:00\n2. Às 16:00", "Quando?", options, "Escolher")
    assert isinstance(await world.gateway.send_choices(world.line, TO, choices), Sent)
    too_many = Choices("many", "Quando?", tuple(Option(str(n), f"Às {n}") for n in range(11)), "Escolher")
    assert isinstance(await world.gateway.send_choices(world.line, TO, too_many), Sent)
    shown, plain = [(entry["type"], entry["text"]) for entry in await sandbox.ledger("message.sent")]
    interactive = world.gateway.capabilities.interactive
    assert shown == (("interactive", "Quando?") if interactive else ("conversation", choices.text))
    assert plain[1] == "many"


async def test_a_choice_with_many_words_is_shown_all_the_same(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    options = (Option("1", "Amanhã, quinta-feira, 26 de novembro"), Option("2", "Depois de amanhã, sexta-feira"))
    text = "Quando?\n" + "\n".join(f"{option.id}. {option.title}" for option in options)
    assert isinstance(await world.gateway.send_choices(world.line, TO, Choices(text, "Quando?", options, "Ver")), Sent)
    path = f"/evolution/instances/{NAME}" if world.provider == "evolution" else f"/cloud/lines/{NAME}"
    shown = await sandbox.control("GET", f"{path}/phones/{CLIENT}/messages")
    told = next(one for one in shown if one["side"] == "salon")
    if world.gateway.capabilities.interactive:
        assert [one["title"] for one in told["choices"]] == ["Amanhã, quinta-feira, 2…", "Depois de amanhã, sexta…"]
    else:
        assert told["text"] == text


FAMILY = "👩‍👩‍👧‍👦"
#: What Meta would have to take: the titles, what opens the list (none: buttons), and how they are shown; None: as numbered text.
LIMITS: list[tuple[list[str], str, list[str] | None]] = [
    (["x" * 20, "y" * 20, "z" * 20], "Ver", ["x" * 20, "y" * 20, "z" * 20]),
    (["x" * 21, "y"], "Ver", ["x" * 21, "y"]),
    (["x" * 24, "y" * 25], "Ver", ["x" * 24, "y" * 23 + "…"]),
    (["é" * 24, "e\u0301" * 13], "Ver", ["é" * 24, "e\u0301" * 11 + "…"]),
    (["😀" * 12, "😀" * 13], "Ver", ["😀" * 12, "😀" * 11 + "…"]),
    ([f"{FAMILY} família {FAMILY}", "outra"], "Ver", [f"{FAMILY} família…", "outra"]),
    (["x" * 30 + "a", "x" * 30 + "b"], "Ver", None),  # cut, they would be the same
    (["x" * 72, "y"], "Ver", ["x" * 23 + "…", "y"]),
    (["x" * 73, "y"], "Ver", None),
    (["x" * 25, "y"], "B" * 20, ["x" * 23 + "…", "y"]),
    (["x" * 25, "y"], "B" * 19 + "😀", None),
]


@pytest.mark.parametrize(("titles", "button", "expected"), LIMITS)
async def test_choices_keep_to_the_limits_of_whatsapp(
    sandbox: Sandbox, world: World, titles: list[str], button: str, expected: list[str] | None
) -> None:
    await world.say("bom dia")
    options = tuple(Option(str(number), title) for number, title in enumerate(titles))
    sent = await world.gateway.send_choices(world.line, TO, Choices("as text", "Quando?", options, button))
    assert isinstance(sent, Sent)
    path = f"/evolution/instances/{NAME}" if world.provider == "evolution" else f"/cloud/lines/{NAME}"
    told = next(
        one for one in await sandbox.control("GET", f"{path}/phones/{CLIENT}/messages") if one["side"] == "salon"
    )
    if expected is None or not world.gateway.capabilities.interactive:
        assert told["text"] == "as text"
    else:
        assert [one["title"] for one in told["choices"]] == expected


async def test_the_longest_text_arrives_whole(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    text = "Às 15:00? " * 409 + "fim. 😀"
    assert len(text) == 4096
    assert isinstance(await world.gateway.send_text(world.line, TO, text), Sent)
    (entry,) = await sandbox.ledger("message.sent")
    assert entry["text"] == text


async def test_nobody_there_is_a_refusal(world: World) -> None:
    await world.unreachable()
    outcome = await world.gateway.send_text(world.line, TO, "Olá!")
    assert isinstance(outcome, Refused)
    assert outcome.code == "recipient_unknown"


async def test_the_answer_decides_between_never_later_and_unknown(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    faults = FAULTS[world.provider]
    expected: list[tuple[dict[str, Any], type]] = [
        (faults["never"], Refused),
        ({**faults["later"], "retry_after": 7}, NotNow),
        (faults["unknown"], OutcomeUnknown),
    ]
    for order, kind in expected:
        await sandbox.fails("error_before", **faults["where"], **order)
        outcome = await world.gateway.send_text(world.line, TO, "Olá!")
        assert isinstance(outcome, kind), outcome
        if isinstance(outcome, NotNow):
            assert outcome.delay == timedelta(seconds=7)
            assert not outcome.unreachable
            assert not outcome.line_down, "the line works, it is only too fast"
    assert await sandbox.ledger("message.sent") == []
    assert isinstance(await world.gateway.send_text(world.line, TO, "Olá!"), Sent)


async def test_an_answer_that_is_lost_is_resolved_by_the_gateways_proof(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    before = datetime.now(UTC) - timedelta(seconds=2)
    await sandbox.fails("error_after", **FAULTS[world.provider]["where"], status=504)
    outcome = await world.gateway.send_text(world.line, TO, "Olá!", reference="r-1")
    assert isinstance(outcome, OutcomeUnknown)
    (entry,) = await sandbox.ledger("message.sent")
    if world.gateway.capabilities.proof == "store":
        stored = await world.gateway.sent_between(world.line, before, datetime.now(UTC) + timedelta(seconds=2))
        assert [(one.provider_id, one.text, TO in one.to) for one in stored] == [(entry["key_id"], "Olá!", True)]
    else:
        with pytest.raises(Unavailable) as refusal:
            await world.gateway.sent_between(world.line, before, datetime.now(UTC))
        assert refusal.value.code == "no_store"
        receipts = [event for event in await events(sandbox, world, 3) if isinstance(event, Receipt)]
        assert {(one.reference, one.provider_id) for one in receipts} == {("r-1", entry["key_id"])}


async def test_no_answer_in_time_is_unknown_and_no_connection_is_not(sandbox: Sandbox, world: World) -> None:
    await world.say("bom dia")
    await sandbox.fails("timeout_after", **FAULTS[world.provider]["where"], seconds=1)
    async with world.impatient() as impatient:
        assert isinstance(await impatient.send_text(world.line, TO, "Olá!"), OutcomeUnknown)
    closed = Line("http://127.0.0.1:9", NAME, KEY)
    refused = await world.gateway.send_text(closed, TO, "Olá!")
    assert isinstance(refused, NotNow)
    assert refused.unreachable
    assert (await world.gateway.connection(closed)).state == "away"


async def test_the_state_of_the_line(world: World) -> None:
    assert (await world.gateway.connection(world.line)).state == "open"
    wrong_key = Line(world.line.base_url, world.line.instance, "not-the-key")
    found = await world.gateway.connection(wrong_key)
    assert found.state == "refused"
    assert "not-the-key" not in found.detail
    unknown = await world.gateway.connection(Line(world.line.base_url, "nobody", KEY))
    assert unknown.state == "refused"
    await world.offline()
    assert (await world.gateway.connection(world.line)).state in {"close", "refused"}
    # Nothing was lost: the message waits for somebody to bring the line back.
    assert isinstance(await world.gateway.send_text(world.line, TO, "Olá!"), NotNow | OutcomeUnknown)


async def test_typing_is_shown(sandbox: Sandbox, world: World) -> None:
    said = await world.say("bom dia")
    assert await world.gateway.show_typing(world.line, TO, said["id"])
    (entry,) = await sandbox.ledger("presence.sent")
    assert entry["number"] == CLIENT


async def test_a_template_reaches_the_client(sandbox: Sandbox, world: World) -> None:
    if world.provider == "cloud":
        templates = {"reminder": {"pt_PT": 2}}
        await sandbox.control("PUT", f"/cloud/lines/{NAME}", {"templates": templates})
    template = Template("reminder", "pt_PT", ("Rui", "15:00"), "Rui, até às 15:00!")
    assert isinstance(await world.gateway.send_template(world.line, TO, template), Sent)
    (entry,) = await sandbox.ledger("message.sent")
    assert "15:00" in entry["text"]


async def test_another_spelling_of_the_number_is_learnt_from_the_answer(sandbox: Sandbox, world: World) -> None:
    asked, spelt = Alias("pn", "5511987654321"), Alias("pn", "551187654321")
    if world.provider == "cloud":
        await sandbox.control("PUT", f"/cloud/lines/{NAME}", {"window": "off"})
        path = f"/cloud/lines/{NAME}/phones/{asked.value}"
    else:
        path = f"/evolution/instances/{NAME}/phones/{asked.value}"
    await sandbox.control("PUT", path, {"wa_id": spelt.value})
    sent = await world.gateway.send_text(world.line, asked, "Olá!")
    assert isinstance(sent, Sent)
    assert correlated(asked, sent.aliases) >= {asked, spelt}
    await sandbox.control("POST", f"{path}/messages", {"text": "oi"})

    async def answered() -> ChatMessage | None:
        told = [event for payload in sandbox.delivered for event in world.read(payload)]
        return next((one for one in told if isinstance(one, ChatMessage) and one.author == "client"), None)

    message = await eventually(answered)
    assert message is not None
    assert spelt in message.aliases
    assert asked not in message.aliases, "nobody guesses the ninth digit"


# --- what only the Cloud API has


@pytest.fixture
async def meta(sandbox: Sandbox) -> AsyncIterator[CloudWorld]:
    await sandbox.control("PUT", f"/cloud/lines/{NAME}", {"access_token": KEY, "window": "error"})
    async with Cloud(connect=LONG, total=LONG, connections=4) as gateway:
        yield CloudWorld(sandbox, gateway, Line(f"{sandbox.url}/cloud/v23.0", NAME, KEY))


async def test_the_window_is_told_from_other_refusals(meta: CloudWorld) -> None:
    outcome = await meta.gateway.send_text(meta.line, TO, "Olá!")
    assert isinstance(outcome, Refused)
    assert outcome.code == "window_closed"
    template = Template("reminder", "pt_PT", (), "…")
    outcome = await meta.gateway.send_template(meta.line, TO, template)
    assert isinstance(outcome, Refused)
    assert outcome.code == "template_rejected"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (131026, Refused),
        (131049, Refused),
        (131050, Refused),
        (100, Refused),
        (130429, NotNow),
        (131056, NotNow),
        (80007, NotNow),
        (131048, NotNow),
        (190, NotNow),
        (131042, NotNow),
        (368, NotNow),
        (10, NotNow),
        (200, NotNow),
        (131000, OutcomeUnknown),
        (2, OutcomeUnknown),
    ],
)
async def test_codes_decide_and_not_the_status(sandbox: Sandbox, meta: CloudWorld, code: int, expected: type) -> None:
    await sandbox.fails("error_before", provider="cloud", code=code, status=400)
    outcome = await meta.gateway.send_text(meta.line, TO, "Olá!")
    assert isinstance(outcome, expected), outcome
    if isinstance(outcome, NotNow):
        assert outcome.line_down is (code in {190, 131042, 368, 10, 200})


async def test_a_client_without_a_number_is_written_to_by_user_id(sandbox: Sandbox, meta: CloudWorld) -> None:
    phone = await sandbox.control("PUT", f"/cloud/lines/{NAME}/phones/{CLIENT}", {"username": "@rui"})
    await meta.say("bom dia")
    user = Alias("bsuid", phone["user_id"])
    sent = await meta.gateway.send_text(meta.line, user, "Olá!")
    assert isinstance(sent, Sent)
    assert sent.aliases == (user,)
    nowhere = Line("http://127.0.0.1:9", NAME, KEY)
    assert isinstance(await meta.gateway.send_text(nowhere, Alias("lid", "77001122334455"), "Olá!"), Refused)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {"error": {"code": 190, "error_data": {"details": f"Malformed access token {KEY}"}}}, NotNow),
        (400, {"error": {"code": 5, "is_transient": True}}, NotNow),
        (400, {"error": {"code": "190"}}, Refused),
        (400, {"error": []}, Refused),
        (403, "<html>", NotNow),
        (307, {}, Refused),
        (502, "<html>", OutcomeUnknown),
        (200, {"messages": []}, Sent),
        (200, "<html>", Sent),
    ],
)
async def test_answers_that_are_not_metas_usual_ones(status: int, body: Any, expected: type) -> None:
    app = FastAPI()

    @app.post("/v23.0/{line}/messages")
    async def answer() -> JSONResponse:
        return JSONResponse(body, status, {"location": "/elsewhere"} if status == 307 else None)

    async with serving(app, free_socket()) as url, Cloud(connect=LONG, total=LONG, connections=1) as gateway:
        outcome = await gateway.send_text(Line(f"{url}/v23.0", NAME, KEY), TO, "Olá!")
    assert isinstance(outcome, expected), outcome
    assert KEY not in repr(outcome)


# --- what clients send besides text

OGG = b"OggS" + bytes(range(200))


async def sent_by_a_client(sandbox: Sandbox, world: World, content: bytes, mime_type: str) -> Media:
    await world.say("", kind="audio", media=base64.b64encode(content).decode(), mime_type=mime_type)
    (event,) = await events(sandbox, world, 1)
    assert isinstance(event, ChatMessage)
    media = media_of(event.metadata)
    assert media is not None
    return media


async def test_what_a_client_sends_is_fetched_as_it_is(sandbox: Sandbox, world: World) -> None:
    media = await sent_by_a_client(sandbox, world, OGG, "audio/ogg; codecs=opus")
    assert await world.gateway.fetch_media(world.line, media) == Medium(OGG, "audio/ogg")


@pytest.mark.parametrize(
    ("content", "mime_type", "code"),
    [(b"<svg/>", "image/jpeg", "media_type"), (b"MZ", "application/x-msdownload", "media_type")],
)
async def test_what_is_not_what_it_is_said_to_be_is_not_handed_on(
    sandbox: Sandbox, world: World, content: bytes, mime_type: str, code: str
) -> None:
    media = await sent_by_a_client(sandbox, world, content, mime_type)
    outcome = await world.gateway.fetch_media(world.line, media)
    assert isinstance(outcome, Refused)
    assert outcome.code == code


async def test_media_that_are_gone_too_large_or_not_told_now(sandbox: Sandbox, world: World) -> None:
    gone = await world.gateway.fetch_media(world.line, Media("12345"))
    assert isinstance(gone, Refused)
    assert gone.code == "media_gone"
    media = await sent_by_a_client(sandbox, world, OGG, "audio/ogg")
    async with world.of_little_memory(len(OGG) - 1) as modest:
        large = await modest.fetch_media(world.line, media)
    assert isinstance(large, Refused)
    assert large.code == "media_too_large"
    for operation in {"evolution": ["getBase64"], "cloud": ["media.info", "media.download"]}[world.provider]:
        await sandbox.fails("error_before", provider=world.provider, operation=operation, status=503)
        assert isinstance(await world.gateway.fetch_media(world.line, media), NotNow)
    assert isinstance(await world.gateway.fetch_media(world.line, media), Medium)
    nowhere = Line("http://127.0.0.1:9/x", world.line.instance, KEY)
    assert isinstance(await world.gateway.fetch_media(nowhere, media), NotNow)


# --- what a gateway keeps


async def test_what_was_said_is_asked_for_again_or_there_is_no_store(sandbox: Sandbox, world: World) -> None:
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(minutes=1)
    at = int(now.timestamp())
    early = await world.say("bom dia", copies=0, timestamp=at - 1200, push_name="Rui")
    typed = await world.say("Aqui é a Carla", copies=0, timestamp=at - 600, from_me=True)
    voice = await world.say("", copies=0, timestamp=at - 300, kind="audio")
    await world.say("👍", copies=0, timestamp=at - 200, kind="reaction")
    await world.say("ontem", copies=0, timestamp=at - 90000)
    if world.gateway.capabilities.proof != "store":
        with pytest.raises(Unavailable) as caught:
            await world.gateway.received_between(world.line, start, end)
        assert caught.value.code == "no_store"
        return
    sent = await world.gateway.send_text(world.line, TO, "Olá!")
    assert isinstance(sent, Sent)
    found = await world.gateway.received_between(world.line, start, end)
    assert found.complete
    assert found.through == end
    told = [(message.author, message.provider_id, message.kind) for message in found.messages]
    assert told == [
        ("client", early["id"], "text"),
        ("salon", typed["id"], "text"),
        ("client", voice["id"], "audio"),
        ("salon", sent.provider_id, "text"),
    ]
    assert found.messages[0].name == "Rui"
    assert found.messages[0].sent_at == datetime.fromtimestamp(at - 1200, UTC)
    await sandbox.fails("error_before", provider=world.provider, operation="findMessages", status=500)
    with pytest.raises(Unavailable):
        await world.gateway.received_between(world.line, start, end)
