"""Voice messages and other media of clients: fetched for the salon, and heard before anybody is told of them."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from pydantic import SecretStr

from booka_common.contracts.messaging import MessageReceived
from booka_common.testing import Tap, eventually, signed
from booka_messaging.providers.gateway import Medium
from booka_messaging.providers.transcription import OpenAITranscription, TranscriptionFailed
from booka_messaging.settings import Settings

from .outside import CLIENT, KEY

OGG = b"OggS" + bytes(20) + b"corte de cabelo"


class Talk:
    """A salon with the service running, at the sandbox, and a client with a phone."""

    def __init__(self, salon: Any, outside: Any, tap: Tap) -> None:
        self.salon = salon
        self.outside = outside
        self.tap = tap

    async def open(self, **habits: Any) -> None:
        self.salon.instance = self.outside.name
        await self.salon.provision(f"{self.outside.url}/evolution", api_key=KEY, **habits)

    async def sends(self, kind: str = "audio", content: bytes = OGG, mime_type: str | None = None, **more: Any) -> str:
        """Something that the phone sends; its webhook is brought by hand. Returns the message's id here."""
        media = base64.b64encode(content).decode()
        path = f"/evolution/instances/{self.outside.name}/phones/{CLIENT}/messages"
        said = await self.outside.control(
            "POST", path, {"kind": kind, "media": media, "mime_type": mime_type, "copies": 0, **more}
        )
        stored = await self.outside.http.post(
            f"/evolution/chat/findMessages/{self.outside.name}",
            json={"where": {"key": {"id": said["id"]}}},
            headers={"apikey": KEY},
        )
        (record,) = stored.json()["messages"]["records"]
        answer = await self.salon.deliver(record)
        assert answer.status_code == 200, answer.text
        return str((await self.salon.messages())[-1]["id"])

    async def received(self, after: int = 0) -> MessageReceived:
        envelope = await self.tap.next(
            MessageReceived, tenant_id=self.salon.tenant_id, where=lambda told: told.turn == after + 1
        )
        return envelope.data

    async def medium(self, message_id: str, tenant_id: UUID | None = None) -> Any:
        auth = signed(tenant_id or self.salon.tenant_id)
        return await self.salon.http.get(f"/v1/messages/{message_id}/media", auth=auth)


@pytest.fixture
def talking(settings: Settings, started: Any, salon_of: Any, outside: Any, tenant_id: UUID) -> Any:
    """`async with talking(transcription_url=…) as talk`. No line is looked after meanwhile: its webhooks come by hand."""

    @asynccontextmanager
    async def make(**changes: Any) -> AsyncIterator[Talk]:
        changed = settings.model_copy(update={"sweep_grace_seconds": 3600.0, **changes})
        async with started(changed) as client, Tap(changed.amqp_url.get_secret_value()) as tap:
            yield Talk(salon_of(tenant_id, client), outside, tap)

    return make


# --- for the salon


async def test_what_a_client_sent_is_a_file_for_the_salon(talking: Any) -> None:
    async with talking() as talk:
        await talk.open()
        voice = await talk.sends()
        answer = await talk.medium(voice)
        assert (answer.status_code, answer.content) == (200, OGG)
        assert answer.headers["content-type"] == "audio/ogg"
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{voice}.ogg"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "private, no-store"
        other = UUID("018f0000-0000-7000-8000-000000000001")
        assert (await talk.medium(voice, other)).status_code == 404
        assert (await talk.medium(str(other))).json()["code"] == "unknown_message"


async def test_what_cannot_be_handed_on_is_said(talking: Any) -> None:
    async with talking(media_max_bytes=1024) as talk:
        await talk.open()
        text = await talk.sends("text", b"")
        assert (await talk.medium(text)).json()["code"] == "no_media"
        page = await talk.sends("document", b"<html><script>", "text/html")
        answer = await talk.medium(page)
        assert (answer.status_code, answer.json()["code"]) == (422, "media_type")
        large = await talk.sends("image", b"\xff\xd8\xff" + bytes(1024))
        answer = await talk.medium(large)
        assert (answer.status_code, answer.json()["code"]) == (422, "media_too_large")
        await talk.outside.fails("getBase64")
        answer = await talk.medium(large)
        assert (answer.status_code, answer.json()["code"]) == (503, "gateway_away")
        await talk.outside.fails("getBase64", status=404)
        answer = await talk.medium(large)
        assert (answer.status_code, answer.json()["code"]) == (410, "media_gone")


# --- heard


def to(outside: Any, **changes: Any) -> dict[str, Any]:
    return {"transcription_url": f"{outside.url}/openai/v1", "transcription_key": SecretStr("sk-sandbox"), **changes}


async def script(outside: Any, *replies: dict[str, Any]) -> None:
    await outside.control("POST", "/openai/script", list(replies))


async def test_a_voice_message_is_told_with_what_is_said_in_it(talking: Any, outside: Any) -> None:
    await script(outside, {"match": "corte", "reply": " um corte amanhã "})
    async with talking(**to(outside)) as talk:
        await talk.open(transcribe=True)
        voice = await talk.sends()
        said = await talk.received()
        assert (str(said.message_id), said.kind, said.text, said.turn) == (voice, "audio", "um corte amanhã", 1)
        (message,) = await talk.salon.messages()
        assert message["text"] == "um corte amanhã"
        await talk.sends("text", b"", text="obrigada")
        assert (await talk.received(after=1)).turn == 2
        assert "booka_messaging_transcription_seconds" in (await talk.salon.http.get("/metrics")).text


@pytest.mark.parametrize("off", [{"transcribe": False}, {"url": ""}])
async def test_where_it_is_off_it_is_told_at_once_and_without_a_text(talking: Any, outside: Any, off: Any) -> None:
    changes = to(outside) if "url" not in off else {}
    async with talking(**changes) as talk:
        await talk.open(transcribe=off.get("transcribe", True))
        await talk.sends()
        said = await talk.received()
        assert (said.kind, said.text) == ("audio", "")
        assert (await outside.control("GET", "/ledger?kind=transcription"))["entries"] == []


async def test_one_failure_is_made_good(talking: Any, outside: Any) -> None:
    await script(outside, {"match": "corte", "reply": "um corte"}, {"match": "corte", "status": 503, "times": 1})
    async with talking(**to(outside)) as talk:
        await talk.open(transcribe=True)
        await talk.sends()
        assert (await talk.received()).text == "um corte"


@pytest.mark.parametrize(
    "trouble", [{"status": 503}, {"status": 400}, {"status": 429}, {"delay": 5.0, "reply": "late"}, {"reply": ""}]
)
async def test_what_nobody_can_hear_is_told_without_a_text_and_soon(talking: Any, outside: Any, trouble: Any) -> None:
    await script(outside, {"match": "corte", **trouble})
    async with talking(**to(outside, transcription_seconds=1.0)) as talk:
        await talk.open(transcribe=True)
        await talk.sends()
        await talk.sends("text", b"", text="olá?")
        told = [await talk.received(), await talk.received(after=1)]
        assert sorted((said.turn, said.text) for said in told) == [(1, ""), (2, "olá?")]
        assert len({told.id for told in talk.tap.seen(MessageReceived, tenant_id=talk.salon.tenant_id)}) == 2
        dead = await talk.salon.get("/v1/jobs?status=dead")
        assert dead["items"] == []


async def test_a_recording_that_cannot_be_fetched_is_told_without_a_text(talking: Any, outside: Any) -> None:
    async with talking(**to(outside)) as talk:
        await talk.open(transcribe=True)
        await talk.sends(content=b"<html>")
        assert (await talk.received()).text == ""
        await outside.fails("getBase64", times=2)
        await talk.sends()
        assert (await talk.received(after=1)).text == ""
        assert (await outside.control("GET", "/ledger?kind=transcription"))["entries"] == []


def secret() -> web.Response:
    return web.json_response({"text": "um segredo"})


async def test_what_is_taken_back_before_it_is_heard_is_not_kept(talking: Any, outside: Any) -> None:
    pause = Pause()
    async with endpoint(secret, pause) as url, talking(**to(outside, transcription_url=url)) as talk:
        await talk.open(transcribe=True)
        await talk.sends()
        await pause.asked.wait()
        (message,) = await talk.salon.messages()
        await talk.salon.deliver({"id": message["provider_id"]}, "messages.delete")
        pause.over.set()
        said = await talk.received()
        assert said.text == ""
        assert "segredo" not in json.dumps(await talk.salon.messages())


async def test_who_is_erased_meanwhile_is_not_told_of(talking: Any, outside: Any) -> None:
    pause = Pause()
    async with endpoint(secret, pause) as url, talking(**to(outside, transcription_url=url)) as talk:
        await talk.open(transcribe=True)
        await talk.sends()
        await pause.asked.wait()
        (conversation,) = (await talk.salon.get("/v1/conversations"))["items"]
        answer = await talk.salon.http.post(
            f"/v1/contacts/{conversation['contact']['id']}/erase",
            auth=talk.salon.auth,
            headers={"idempotency-key": "k" * 20},
        )
        assert answer.status_code < 300, answer.text
        pause.over.set()

        async def over() -> bool:
            jobs = (await talk.salon.get("/v1/jobs?status=done"))["items"]
            return any(job["type"] == "transcribe" for job in jobs)

        await eventually(over)
        assert talk.tap.seen(MessageReceived, tenant_id=talk.salon.tenant_id) == []


# --- the endpoint


class Pause:
    """Of an endpoint that was asked and does not answer yet."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.over = asyncio.Event()


@asynccontextmanager
async def endpoint(answer: Any, pause: Pause | None = None) -> AsyncIterator[str]:
    async def respond(_: web.Request) -> web.Response:
        if pause is not None:
            pause.asked.set()
            await pause.over.wait()
        made: web.Response = answer()
        return made

    app = web.Application()
    app.router.add_post("/v1/audio/transcriptions", respond)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def listening(url: str) -> OpenAITranscription:
    seconds = timedelta(seconds=2)
    return OpenAITranscription(url, "sk-1", "whisper-1", connect=seconds, total=seconds)


async def test_what_is_heard_is_cut_to_what_a_message_may_have() -> None:
    async with endpoint(lambda: web.json_response({"text": " olá\x00 " + "a" * 9000})) as url, listening(url) as one:
        heard = await one.transcribe(Medium(OGG, "audio/ogg"))
    assert heard == ("olá " + "a" * 9000)[:4096]


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (lambda: web.Response(status=503), True),
        (lambda: web.Response(status=429), True),
        (lambda: web.Response(status=401), False),
        (lambda: web.Response(status=302, headers={"location": "/elsewhere"}), False),
        (lambda: web.Response(text="<html>"), False),
        (lambda: web.json_response({"text": 7}), False),
        (lambda: web.json_response([]), False),
    ],
)
async def test_answers_that_say_nothing(answer: Any, again: bool) -> None:
    async with endpoint(answer) as url, listening(url) as one:
        with pytest.raises(TranscriptionFailed) as caught:
            await one.transcribe(Medium(OGG, "audio/ogg"))
    assert caught.value.again is again


async def test_an_endpoint_that_is_away() -> None:
    async with listening("http://127.0.0.1:9/v1") as one:
        with pytest.raises(TranscriptionFailed) as caught:
            await one.transcribe(Medium(OGG, "audio/ogg"))
    assert caught.value.again
