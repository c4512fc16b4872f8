"""What every gateway must do, over both adapters and real HTTP against the sandbox. A third gateway is one more `World`."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from booka_common.errors import Unavailable
from booka_messaging.domain.media import Media, media_of
from booka_messaging.domain.model import ChatMessage, Echoed, Receipt
from booka_messaging.providers.gateway import (
    Line,
    Medium,
    NotNow,
    OutcomeUnknown,
    Refused,
    Sent,
)

from .outside import KEY
from .worlds import TO, Sandbox, World, events

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
