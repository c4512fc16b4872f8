"""What phones send besides text, and what is heard in it."""

import base64

import pytest

OGG = b"OggS" + b"I would like a haircut tomorrow"


async def test_evolution_gives_the_bytes_that_a_phone_sent(sandbox):
    await sandbox.instance()
    said = await sandbox.say("", kind="audio", media=base64.b64encode(OGG).decode(), mime_type="audio/mpeg")
    body = {"message": {"key": {"id": said["id"]}}}
    answer = await sandbox.evolution("POST", "/chat/getBase64FromMediaMessage/salon", body)
    assert answer.status_code == 201
    assert base64.b64decode(answer.json()["base64"]) == OGG
    assert answer.json()["mimetype"] == "audio/mpeg"
    told = await sandbox.receiver.next()
    assert told.json["data"]["message"]["audioMessage"]["fileLength"] == str(len(OGG))


@pytest.mark.parametrize("kind", ["audio", "image", "document", "sticker"])
async def test_what_nobody_chose_is_recognisable(sandbox, kind):
    await sandbox.instance()
    said = await sandbox.say("", kind=kind)
    body = {"message": {"key": {"id": said["id"]}}}
    answer = (await sandbox.evolution("POST", "/chat/getBase64FromMediaMessage/salon", body)).json()
    starts = {"audio": b"OggS", "image": b"\xff\xd8\xff", "document": b"%PDF-", "sticker": b"RIFF"}
    assert base64.b64decode(answer["base64"]).startswith(starts[kind])


async def test_there_is_nothing_to_fetch_of_a_text_or_of_an_unknown_message(sandbox):
    await sandbox.instance()
    for message_id in ((await sandbox.say("oi"))["id"], "3AUNKNOWN"):
        body = {"message": {"key": {"id": message_id}}}
        answer = await sandbox.evolution("POST", "/chat/getBase64FromMediaMessage/salon", body)
        assert answer.status_code == 400


async def test_the_cloud_api_gives_the_bytes_that_a_phone_sent(sandbox):
    await sandbox.line()
    await sandbox.say_cloud("", kind="audio", media=base64.b64encode(OGG).decode(), mime_type="audio/ogg")
    value = (await sandbox.receiver.next()).json["entry"][0]["changes"][0]["value"]
    told = (await sandbox.cloud(f"/{value['messages'][0]['audio']['id']}")).json()
    assert (told["mime_type"], told["file_size"]) == ("audio/ogg", len(OGG))
    bytes_of_it = await sandbox.http.get(told["url"], headers={"authorization": "Bearer cloud-token"})
    assert bytes_of_it.content == OGG


async def test_an_instances_token_tells_about_that_instance(sandbox):
    token = (await sandbox.instance())["token"]
    await sandbox.instance("other")
    mine = await sandbox.evolution("GET", "/instance/fetchInstances?instanceName=salon", key=token)
    assert [one["name"] for one in mine.json()] == ["salon"]
    for path in ("/instance/fetchInstances?instanceName=other", "/instance/fetchInstances"):
        assert (await sandbox.evolution("GET", path, key=token)).status_code == 401


async def transcribe(sandbox, content=OGG, name="voice.ogg", key="sk-1", **form):
    return await sandbox.http.post(
        "/openai/v1/audio/transcriptions",
        headers={"authorization": f"Bearer {key}"},
        files={"file": (name, content)},
        data={"model": "whisper-1", **form},
    )


async def test_a_recording_is_heard_as_the_script_says(sandbox):
    script = [{"match": "haircut", "reply": "um corte amanhã", "times": 1}]
    assert (await sandbox.http.post("/_/openai/script", json=script)).status_code == 201
    assert (await transcribe(sandbox)).json() == {"text": "um corte amanhã"}
    assert (await transcribe(sandbox)).json() == {"text": ""}, "the script is used up"
    entries = await sandbox.ledger(kind="transcription")
    assert [(entry["model"], entry["bytes"], entry["text"]) for entry in entries] == [
        ("whisper-1", len(OGG), "um corte amanhã"),
        ("whisper-1", len(OGG), ""),
    ]


async def test_a_recording_is_refused_for_its_key_its_name_and_on_order(sandbox):
    assert (await transcribe(sandbox, key="wrong")).status_code == 401
    assert (await transcribe(sandbox, name="voice.opus")).status_code == 400
    assert (await transcribe(sandbox, model="")).status_code == 400
    order = {"provider": "openai", "operation": "audio.transcriptions", "kind": "error_before", "status": 503}
    assert (await sandbox.http.post("/_/faults", json=order)).status_code == 201
    assert (await transcribe(sandbox)).status_code == 503
    assert (await transcribe(sandbox)).status_code == 200
    await sandbox.http.post("/_/openai/script", json=[{"match": "haircut", "status": 429}])
    assert (await transcribe(sandbox)).status_code == 429
