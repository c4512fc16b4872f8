"""The Evolution stand-in, over real HTTP."""

import asyncio
import hashlib
import hmac
import json
import time

import jwt
import pytest

from .conftest import Sandbox

CLIENT = "34600111222"
CLIENT_JID = f"{CLIENT}@s.whatsapp.net"


async def test_what_a_phone_says_arrives_in_evolutions_envelope(sandbox: Sandbox) -> None:
    made = await sandbox.instance(own_number="+34 910 000 000", headers={"X-Salon": "s3cret"}, addressing="pn")
    said = await sandbox.say("hola", push_name="Ana", id="3AFIRST", timestamp=1_790_000_000)

    hook = await sandbox.receiver.next()

    assert hook.headers["x-salon"] == "s3cret"
    assert "authorization" not in hook.headers
    body = hook.json
    assert {k: body[k] for k in ("event", "instance", "sender", "destination", "apikey", "server_url")} == {
        "event": "messages.upsert",
        "instance": "salon",
        "sender": "34910000000@s.whatsapp.net",
        "destination": f"{sandbox.receiver.url}/evolution",
        "apikey": made["token"],
        "server_url": f"{sandbox.url}/evolution",
    }
    assert body["date_time"].endswith("Z")
    data = body["data"]
    assert data["key"] == said["key"]
    assert data["key"]["remoteJid"] == CLIENT_JID
    assert data["key"]["fromMe"] is False
    assert (data["key"]["id"], data["pushName"], data["messageTimestamp"]) == ("3AFIRST", "Ana", 1_790_000_000)
    assert (data["messageType"], data["message"]) == ("conversation", {"conversation": "hola"})
    delivered = await sandbox.wait("webhook.delivered", number=CLIENT, after=said["after"])
    assert (delivered["attempts"], delivered["status"], delivered["id"]) == (1, 200, "3AFIRST")


@pytest.mark.parametrize(
    ("version", "addressing", "jid", "alt", "mode"),
    [
        ("2.2.3", "pn", "pn", None, None),
        ("2.2.3", "lid", "lid", None, None),
        ("2.3.6", "lid", "lid", "pn", "lid"),
        ("2.3.6", "pn", "pn", "lid", "pn"),
        ("2.3.7", "lid", "pn", "pn", "lid"),
        ("2.3.7", "pn", "pn", "lid", "pn"),
        ("2.4.0", "lid", "pn", "lid", "pn"),
    ],
)
async def test_addresses_have_the_shape_of_the_version(
    sandbox: Sandbox, version: str, addressing: str, jid: str, alt: str | None, mode: str | None
) -> None:
    await sandbox.instance(version=version, addressing=addressing)
    key = (await sandbox.say("hola"))["key"]
    ending = {"pn": "@s.whatsapp.net", "lid": "@lid"}
    assert key["remoteJid"].endswith(ending[jid])
    assert key.get("addressingMode") == mode
    if alt is None:
        assert "remoteJidAlt" not in key
    else:
        assert key["remoteJidAlt"].endswith(ending[alt])


async def test_identities_that_only_some_versions_have(sandbox: Sandbox) -> None:
    await sandbox.instance(version="2.3.5")
    moved = (await sandbox.say("hola", addressing="lid_moved"))["key"]
    assert moved["remoteJid"] == moved["senderPn"] == CLIENT_JID
    assert moved["previousRemoteJid"].endswith("@lid")
    for version in ("2.2.3", "2.3.0", "2.3.7", "2.4.0"):
        await sandbox.instance(version=version)
        key = (await sandbox.say("hola", addressing="lid_only"))["key"]
        assert key["remoteJid"].endswith("@lid")
        assert CLIENT not in json.dumps(key)


@pytest.mark.parametrize(
    ("version", "addressing", "named"),
    [
        ("2.2.3", "lid", {"participant"}),
        ("2.3.0", "lid", {"participant", "participantPn"}),
        ("2.3.7", "lid", {"participant", "participantAlt", "addressingMode"}),
        ("2.3.7", "pn", {"participant"}),
    ],
)
async def test_participants_of_groups(sandbox: Sandbox, version: str, addressing: str, named: set[str]) -> None:
    await sandbox.instance(version=version, addressing=addressing)
    key = (await sandbox.say("hola a todos", group="120363041"))["key"]
    assert key["remoteJid"] == "120363041@g.us"
    assert set(key) - {"remoteJid", "fromMe", "id"} == named


async def test_held_webhooks_leave_in_the_order_asked_for(sandbox: Sandbox) -> None:
    await sandbox.instance()
    await sandbox.http.post("/_/evolution/instances/salon/hold")
    said = [(await sandbox.say(text))["id"] for text in ("one", "two", "three")]
    assert sandbox.receiver.hooks == []
    order = {"order": "reversed", "copies": 2}
    assert (await sandbox.http.post("/_/evolution/instances/salon/release", json=order)).json() == {"posts": 6}
    arrived = [(await sandbox.receiver.next()).json["data"]["key"]["id"] for _ in range(6)]
    assert sorted(arrived) == sorted(said * 2)
    await sandbox.say("at once again")
    assert (await sandbox.receiver.next()).json["data"]["message"] == {"conversation": "at once again"}


async def test_jwt_is_made_once_per_event_and_repeated_by_retries(sandbox: Sandbox) -> None:
    key = "k" * 32
    await sandbox.instance(headers={"jwt_key": key})
    sandbox.receiver.answers.extend([503, 503])
    said = await sandbox.say("hola")

    tokens = {(await sandbox.receiver.next()).headers["authorization"] for _ in range(3)}

    assert len(tokens) == 1
    claims = jwt.decode(tokens.pop().removeprefix("Bearer "), key, algorithms=["HS256"])
    assert (claims["app"], claims["action"], claims["exp"] - claims["iat"]) == ("evolution", "webhook", 600)
    delivered = await sandbox.wait("webhook.delivered", after=said["after"])
    assert delivered["attempts"] == 3


async def test_hmac_covers_the_raw_body(sandbox: Sandbox) -> None:
    await sandbox.instance(hmac_secret="shh")
    await sandbox.say("señorita ✂")
    hook = await sandbox.receiver.next()
    expected = hmac.new(b"shh", hook.body, hashlib.sha256).hexdigest()
    assert hook.headers["x-booka-signature"] == f"sha256={expected}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_some_answers_end_the_delivery(sandbox: Sandbox, status: int) -> None:
    await sandbox.instance()
    sandbox.receiver.answers.append(status)
    await sandbox.say("hola")
    abandoned = await sandbox.wait("webhook.abandoned", number=CLIENT)
    assert (abandoned["attempts"], abandoned["status"]) == (1, status)


async def test_gives_up_after_ten_attempts(sandbox: Sandbox) -> None:
    await sandbox.instance()
    sandbox.receiver.answers.extend([500] * 20)
    await sandbox.say("hola")
    assert (await sandbox.wait("webhook.abandoned"))["attempts"] == 10
    assert len(sandbox.receiver.hooks) == 10


async def test_nobody_listening_is_retried(sandbox: Sandbox) -> None:
    await sandbox.instance(webhook_url="http://127.0.0.1:9/closed")
    await sandbox.say("hola")
    abandoned = await sandbox.wait("webhook.abandoned")
    assert (abandoned["attempts"], abandoned["status"]) == (10, 0)


async def test_copies_are_the_same_webhook(sandbox: Sandbox) -> None:
    await sandbox.instance()
    await sandbox.say("hola", copies=5)
    hooks = [await sandbox.receiver.next() for _ in range(5)]
    assert len({hook.body for hook in hooks}) == 1


async def test_lost_webhook_is_found_by_find_messages(sandbox: Sandbox) -> None:
    await sandbox.instance(addressing="pn")
    lost = await sandbox.say("anyone there?", copies=0, timestamp=1_790_000_000)
    await sandbox.say("hello?", timestamp=1_790_000_100)
    where = {
        "key": {"remoteJid": CLIENT_JID},
        "messageTimestamp": {"gte": "2026-09-21T14:13:19Z", "lte": "2026-09-21T14:13:30Z"},
    }
    answer = await sandbox.evolution("POST", "/chat/findMessages/salon", {"where": where})
    found = answer.json()["messages"]
    assert (found["total"], [r["key"]["id"] for r in found["records"]]) == (1, [lost["id"]])
    everything = (await sandbox.evolution("POST", "/chat/findMessages/salon", {})).json()["messages"]
    assert [r["message"]["conversation"] for r in everything["records"]] == ["hello?", "anyone there?"]
    assert len(sandbox.receiver.hooks) <= 1


async def test_send_text_reaches_the_phone(sandbox: Sandbox) -> None:
    await sandbox.instance()
    answer = await sandbox.evolution("POST", "/message/sendText/salon", {"number": CLIENT, "text": "Hi!"})
    assert answer.status_code == 201
    raw = answer.json()
    assert (raw["status"], raw["key"]["fromMe"], raw["key"]["remoteJid"]) == ("PENDING", True, CLIENT_JID)
    events = {hook.json["event"]: hook.json["data"] for hook in [await sandbox.receiver.next() for _ in range(2)]}
    assert events["send.message"]["key"]["id"] == raw["key"]["id"]
    assert (events["messages.update"]["keyId"], events["messages.update"]["status"]) == (
        raw["key"]["id"],
        "DELIVERY_ACK",
    )
    sent = await sandbox.wait("message.sent", number="+34 600 111 222")
    assert (sent["instance"], sent["text"], sent["key_id"]) == ("salon", "Hi!", raw["key"]["id"])


async def test_wrong_key_and_unknown_instance(sandbox: Sandbox) -> None:
    made = await sandbox.instance()
    message = {"number": CLIENT, "text": "Hi!"}
    assert (await sandbox.evolution("POST", "/message/sendText/salon", message, key="nope")).status_code == 401
    assert (await sandbox.evolution("POST", "/message/sendText/nobody", message)).status_code == 404
    own = await sandbox.evolution("POST", "/message/sendText/salon", message, key=made["token"])
    assert own.status_code == 201
    assert (await sandbox.evolution("POST", "/message/sendText/salon", {"number": CLIENT})).status_code == 400


async def test_numbers_without_whatsapp_and_lids_are_refused(sandbox: Sandbox) -> None:
    await sandbox.instance()
    await sandbox.http.put(f"/_/evolution/instances/salon/phones/{CLIENT}", json={"exists": False})
    for number in (CLIENT, "154417159582282@lid"):
        answer = await sandbox.evolution("POST", "/message/sendText/salon", {"number": number, "text": "Hi"})
        assert answer.status_code == 400
        assert answer.json()["response"]["message"][0]["exists"] is False
    numbers = await sandbox.evolution("POST", "/chat/whatsappNumbers/salon", {"numbers": [CLIENT, "34600999888"]})
    assert [n["exists"] for n in numbers.json()] == [False, True]
    assert await sandbox.ledger(kind="message.sent") == []


async def test_human_at_the_salon(sandbox: Sandbox) -> None:
    await sandbox.instance()
    await sandbox.say("I take over", from_me=True)
    data = (await sandbox.receiver.next()).json["data"]
    assert (data["key"]["fromMe"], data["pushName"]) == (True, "Você")


async def test_choices_of_lists_and_buttons(sandbox: Sandbox) -> None:
    await sandbox.instance()
    await sandbox.say("15:00", kind="list", choice_id="slot:3")
    data = (await sandbox.receiver.next()).json["data"]
    assert data["message"]["listResponseMessage"]["singleSelectReply"]["selectedRowId"] == "slot:3"
    await sandbox.say("Yes", kind="button", choice_id="yes")
    data = (await sandbox.receiver.next()).json["data"]
    assert data["message"]["buttonsResponseMessage"]["selectedButtonId"] == "yes"
    refused = await sandbox.http.post(
        "/_/evolution/instances/salon/phones/34600111222/messages", json={"text": "x", "kind": "telepathy"}
    )
    assert refused.status_code == 422


async def test_provisioning_over_evolutions_own_api(sandbox: Sandbox) -> None:
    created = await sandbox.evolution("POST", "/instance/create", {"instanceName": "new", "number": "34911"})
    assert (created.status_code, created.json()["instance"]["status"]) == (201, "connecting")
    assert (await sandbox.evolution("POST", "/instance/create", {"instanceName": "new"})).status_code == 403
    hook = {"webhook": {"enabled": True, "url": f"{sandbox.receiver.url}/e", "events": ["CONNECTION_UPDATE"]}}
    assert (await sandbox.evolution("POST", "/webhook/set/new", hook)).status_code == 201
    found = (await sandbox.evolution("GET", "/webhook/find/new")).json()
    assert (found["url"], found["events"]) == (f"{sandbox.receiver.url}/e", ["CONNECTION_UPDATE"])
    assert "pairingCode" in (await sandbox.evolution("GET", "/instance/connect/new")).json()
    states = {(await sandbox.receiver.next()).json["data"]["state"] for _ in range(2)}
    assert states == {"connecting", "open"}
    state = (await sandbox.evolution("GET", "/instance/connectionState/new")).json()
    assert state == {"instance": {"instanceName": "new", "state": "open"}}
    all_instances = (await sandbox.evolution("GET", "/instance/fetchInstances")).json()
    assert [(i["name"], i["connectionStatus"]) for i in all_instances] == [("new", "open")]
    await sandbox.say("not subscribed", name="new")
    assert (await sandbox.http.get("/_/health")).json()["webhooks_under_way"] == 0


async def test_offline_instance_refuses_to_send(sandbox: Sandbox) -> None:
    await sandbox.instance(state="close")
    assert (await sandbox.receiver.next()).json["event"] == "connection.update"
    answer = await sandbox.evolution("POST", "/message/sendText/salon", {"number": CLIENT, "text": "Hi"})
    assert (answer.status_code, answer.json()["response"]["message"]) == (400, ["Error: Connection Closed"])


async def test_typing_delay_blocks_the_call(sandbox: Sandbox) -> None:
    await sandbox.instance()
    started = time.monotonic()
    body = {"number": CLIENT, "text": "Hi", "delay": 100_000}
    await sandbox.evolution("POST", "/message/sendText/salon", body)
    assert time.monotonic() - started >= 0.1


async def test_reading_emits_read_updates(sandbox: Sandbox) -> None:
    await sandbox.instance(events=["MESSAGES_UPDATE"])
    await sandbox.evolution("POST", "/message/sendText/salon", {"number": CLIENT, "text": "Hi"})
    assert (await sandbox.http.post(f"/_/evolution/instances/salon/phones/{CLIENT}/read")).json() == {"read": 1}
    assert (await sandbox.http.post(f"/_/evolution/instances/salon/phones/{CLIENT}/read")).json() == {"read": 0}
    statuses = {(await sandbox.receiver.next()).json["data"]["status"] for _ in range(2)}
    assert statuses == {"DELIVERY_ACK", "READ"}


async def test_stream_shows_the_conversation_live(sandbox: Sandbox) -> None:
    await sandbox.instance()
    await sandbox.say("hola")
    await sandbox.wait("webhook.delivered")
    path = f"/_/evolution/instances/salon/phones/{CLIENT}/stream"
    async with asyncio.timeout(10), sandbox.http.stream("GET", path) as stream:
        changes = (json.loads(line[6:]) async for line in stream.aiter_lines() if line.startswith("data: "))
        first = await anext(changes)
        assert [(m["side"], m["text"], m["status"]) for m in first["messages"]] == [("client", "hola", "DELIVERY_ACK")]
        presence = {"number": CLIENT, "presence": "composing", "delay": 1200}
        assert (await sandbox.evolution("POST", "/chat/sendPresence/salon", presence)).status_code == 201
        assert (await anext(changes))["presence"] == "composing"
        await sandbox.evolution("POST", "/message/sendText/salon", {"number": CLIENT, "text": "Hi *Ana*"})
        shown = await anext(changes)
        assert (shown["message"]["side"], shown["message"]["text"]) == ("salon", "Hi *Ana*")


async def test_pages_of_the_phone(sandbox: Sandbox) -> None:
    await sandbox.instance(display_name="Studio </script> Núria")
    salons = await sandbox.http.get("/")
    assert "Studio &lt;/script&gt; Núria" in salons.text
    page = await sandbox.http.get("/phone/salon", follow_redirects=True)
    assert page.status_code == 200
    assert "number=346" in str(page.url)
    named = await sandbox.http.get("/phone/salon", params={"number": CLIENT, "name": "</script>"})
    assert named.text.count("</script>") == 1
    assert (await sandbox.http.get("/phone/nobody")).status_code == 404
