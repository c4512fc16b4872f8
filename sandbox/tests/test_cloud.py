"""The Cloud API stand-in, over real HTTP."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import pytest

from .conftest import Hook, Sandbox

CLIENT = "34600111222"
LINE = "106540"


def text(words: str = "Hi!", **more: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": CLIENT, "type": "text", "text": {"body": words}, **more}


def of_type(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": CLIENT, "type": kind, kind: content}


def values(hook: Hook) -> list[dict[str, Any]]:
    return [change["value"] for entry in hook.json["entry"] for change in entry["changes"]]


async def error(sandbox: Sandbox, body: dict[str, Any], **more: Any) -> tuple[int, int]:
    answer = await sandbox.cloud(f"/{LINE}/messages", body, **more)
    return answer.status_code, answer.json()["error"]["code"]


async def test_what_a_phone_says_arrives_signed_in_metas_envelope(sandbox: Sandbox) -> None:
    await sandbox.line(own_number="+34 910 000 000")
    said = await sandbox.say_cloud("hola ✂", push_name="Ana", timestamp=1_790_000_000)

    hook = await sandbox.receiver.next()

    expected = hmac.new(b"app-secret", hook.body, hashlib.sha256).hexdigest()
    assert hook.headers["x-hub-signature-256"] == f"sha256={expected}"
    assert hook.json["object"] == "whatsapp_business_account"
    (value,) = values(hook)
    assert value["metadata"] == {"display_phone_number": "34910000000", "phone_number_id": LINE}
    (contact,) = value["contacts"]
    assert (contact["profile"], contact["wa_id"]) == ({"name": "Ana"}, CLIENT)
    assert value["messages"] == [
        {
            "from": CLIENT,
            "from_user_id": contact["user_id"],
            "id": said["id"],
            "timestamp": "1790000000",
            "type": "text",
            "text": {"body": "hola ✂"},
        }
    ]
    delivered = await sandbox.wait("webhook.delivered", provider="cloud", number=CLIENT)
    assert (delivered["instance"], delivered["id"], delivered["event"]) == (LINE, said["id"], "messages")


async def test_a_username_hides_the_number(sandbox: Sandbox) -> None:
    await sandbox.line()
    path = f"/_/cloud/lines/{LINE}/phones/{CLIENT}"
    user_id = (await sandbox.http.put(path, json={"username": "@ana"})).json()["user_id"]
    assert user_id.startswith("ES.")
    await sandbox.say_cloud("hola")
    (value,) = values(await sandbox.receiver.next())
    assert CLIENT not in json.dumps(
        {**value, "metadata": None, "contacts": [{**value["contacts"][0], "profile": None}]}
    )
    body = text()
    del body["to"]
    answer = await sandbox.cloud(f"/{LINE}/messages", {**body, "recipient": user_id})
    assert answer.json()["contacts"] == [{"input": user_id, "user_id": user_id}]
    assert (await sandbox.wait("message.sent"))["number"] == CLIENT


async def test_the_subscription_asks_for_the_challenge(sandbox: Sandbox) -> None:
    await sandbox.line(webhook_url="")
    path = f"/_/cloud/lines/{LINE}/subscribe"
    url = f"{sandbox.receiver.url}/cloud"
    assert (await sandbox.http.post(path, json={"url": url, "verify_token": "wrong"})).status_code == 400
    assert (await sandbox.http.post(path, json={"url": "http://127.0.0.1:9/", "verify_token": "x"})).status_code == 400
    answer = await sandbox.http.post(path, json={"url": url, "verify_token": "the-verify-token"})
    assert (answer.status_code, answer.json()["webhook_url"]) == (200, url)


async def test_a_text_is_answered_with_its_id_and_followed_by_statuses(sandbox: Sandbox) -> None:
    await sandbox.line()
    await sandbox.say_cloud("hola", copies=0)
    answer = await sandbox.cloud(f"/{LINE}/messages", text(biz_opaque_callback_data="outbox:7"))
    assert answer.status_code == 200
    sent = answer.json()
    assert sent["contacts"] == [{"input": CLIENT, "wa_id": CLIENT}]
    (wamid,) = [message["id"] for message in sent["messages"]]
    assert wamid.startswith("wamid.")
    await sandbox.http.post(f"/_/cloud/lines/{LINE}/phones/{CLIENT}/read")
    statuses = [values(await sandbox.receiver.next())[0]["statuses"][0] for _ in range(3)]
    assert {status["status"] for status in statuses} == {"sent", "delivered", "read"}
    assert {(s["id"], s["biz_opaque_callback_data"], s["recipient_id"]) for s in statuses} == {
        (wamid, "outbox:7", CLIENT)
    }
    prices = [status["pricing"] for status in statuses if "pricing" in status]
    assert (
        prices
        == [{"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"}] * 2
    )
    entry = await sandbox.wait("message.sent", number=CLIENT)
    assert (entry["instance"], entry["text"], entry["key_id"], entry["callback"]) == (LINE, "Hi!", wamid, "outbox:7")


async def test_outside_the_window_only_templates_go(sandbox: Sandbox) -> None:
    await sandbox.line(templates={"reminder": {"es": 2}})
    assert (await sandbox.cloud(f"/{LINE}/messages", text())).status_code == 200
    (value,) = values(await sandbox.receiver.next())
    assert [(s["status"], s["errors"][0]["code"]) for s in value["statuses"]] == [("failed", 131047)]
    assert "contacts" not in value
    assert await sandbox.ledger(kind="message.sent") == []
    await sandbox.line(window="error")
    assert await error(sandbox, text()) == (400, 131047)

    parameters = [{"type": "text", "text": word} for word in ("Ana", "15:00")]
    template = {
        "name": "reminder",
        "language": {"code": "es"},
        "components": [{"type": "body", "parameters": parameters}],
    }
    answer = await sandbox.cloud(f"/{LINE}/messages", of_type("template", template))
    assert answer.json()["messages"][0]["message_status"] == "accepted"
    assert (await sandbox.wait("message.sent"))["text"] == "[reminder] · Ana · 15:00"
    (value,) = values(await sandbox.receiver.next())
    assert value["statuses"][0]["pricing"] | {"pricing_model": ""} == {
        "billable": True, "pricing_model": "", "type": "regular", "category": "utility",
    }  # fmt: skip
    assert await error(sandbox, of_type("template", {**template, "language": {"code": "pt_BR"}})) == (404, 132001)
    assert await error(sandbox, of_type("template", {**template, "components": []})) == (400, 132000)


def buttons(*titles: str) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": title.lower(), "title": title}} for title in titles]
    return of_type("interactive", {"type": "button", "body": {"text": "?"}, "action": {"buttons": replies}})


def rows(count: int) -> dict[str, Any]:
    choices = [{"id": str(n), "title": f"Choice {n}"} for n in range(count)]
    action = {"button": "Choose", "sections": [{"title": "All", "rows": choices}]}
    return of_type("interactive", {"type": "list", "body": {"text": "?"}, "action": action})


async def test_interactive_messages_and_their_limits(sandbox: Sandbox) -> None:
    await sandbox.line(window="off")
    for body in (buttons("Yes", "No"), rows(10)):
        assert (await sandbox.cloud(f"/{LINE}/messages", body)).status_code == 200
    for body in (buttons("1", "2", "3", "4"), buttons("x" * 21), buttons("Yes", "Yes"), rows(11)):
        assert await error(sandbox, body) == (400, 131009)
    shown = (await sandbox.http.get(f"/_/cloud/lines/{LINE}/phones/{CLIENT}/messages")).json()
    assert [choice["title"] for choice in shown[0]["choices"]] == ["Yes", "No"]


async def test_choices_and_other_things_a_client_says(sandbox: Sandbox) -> None:
    await sandbox.line()
    expected = {
        "button": ("interactive", {"type": "button_reply", "button_reply": {"id": "slot:1", "title": "15:00"}}),
        "template_button": ("button", {"payload": "slot:1", "text": "15:00"}),
        "reaction": ("reaction", {"message_id": "wamid.X", "emoji": "15:00"}),
    }
    for kind, (type_, content) in expected.items():
        await sandbox.say_cloud("15:00", kind=kind, choice_id="slot:1", about="wamid.X")
        message = values(await sandbox.receiver.next())[0]["messages"][0]
        assert (message["type"], message[type_]) == (type_, content)
        assert ("context" in message) == (kind != "reaction")
    unknown = await sandbox.http.post(
        f"/_/cloud/lines/{LINE}/phones/{CLIENT}/messages", json={"text": "x", "kind": "telepathy"}
    )
    assert unknown.status_code == 422


async def test_media_are_fetched_by_id_with_the_token(sandbox: Sandbox) -> None:
    await sandbox.line()
    await sandbox.say_cloud("", kind="audio")
    audio = values(await sandbox.receiver.next())[0]["messages"][0]["audio"]
    assert (audio["voice"], audio["mime_type"]) == (True, "audio/ogg; codecs=opus")
    assert (await sandbox.cloud(f"/{audio['id']}", token="nope")).status_code == 401
    found = (await sandbox.cloud(f"/{audio['id']}")).json()
    assert found["sha256"] == audio["sha256"]
    assert (await sandbox.http.get(found["url"])).status_code == 401
    content = await sandbox.http.get(found["url"], headers={"authorization": "Bearer cloud-token"})
    assert len(content.content) == found["file_size"]
    assert hashlib.sha256(content.content).hexdigest() == audio["sha256"]
    assert (await sandbox.cloud("/123")).json()["error"]["error_subcode"] == 33


async def test_read_and_typing(sandbox: Sandbox) -> None:
    await sandbox.line()
    said = await sandbox.say_cloud("hola")
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": said["id"]}
    assert (await sandbox.cloud(f"/{LINE}/messages", body)).json() == {"success": True}
    assert await sandbox.ledger(kind="presence.sent") == []
    await sandbox.cloud(f"/{LINE}/messages", {**body, "typing_indicator": {"type": "text"}})
    assert (await sandbox.wait("presence.sent"))["number"] == CLIENT
    assert await error(sandbox, {**body, "message_id": "wamid.NOBODY"}) == (400, 131009)


async def test_tokens_lines_and_bodies_are_checked(sandbox: Sandbox) -> None:
    await sandbox.line(own_number="34911")
    assert await error(sandbox, text(), token="nope") == (401, 190)
    assert (await sandbox.cloud("/999/messages", text())).json()["error"]["code"] == 100
    assert await error(sandbox, {**text(), "messaging_product": "sms"}) == (400, 100)
    assert await error(sandbox, text("x" * 4097)) == (400, 131009)
    assert await error(sandbox, text("")) == (400, 131008)
    assert await error(sandbox, {**text(), "type": "telepathy"}) == (400, 131008)
    assert await error(sandbox, {**text(), "to": "x"}) == (400, 131008)
    await sandbox.line(token_expired=True)
    answer = await sandbox.cloud(f"/{LINE}/messages", text())
    assert (answer.status_code, answer.json()["error"]["error_subcode"]) == (401, 463)
    assert (await sandbox.http.post("/cloud/23/106540/messages", json=text())).status_code == 400


@pytest.mark.parametrize(("code", "status"), [(130429, 429), (131056, 429), (190, 401), (131000, 500), (100, 400)])
async def test_errors_on_demand_have_code_status_and_retry_after(sandbox: Sandbox, code: int, status: int) -> None:
    await sandbox.line(window="off")
    order = {"provider": "cloud", "operation": "messages.send", "kind": "error_before", "code": code, "retry_after": 7}
    assert (await sandbox.http.post("/_/faults", json=order)).status_code == 201
    answer = await sandbox.cloud(f"/{LINE}/messages", text())
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["retry-after"] == "7"
    assert (await sandbox.cloud(f"/{LINE}/messages", text())).status_code == 200


async def test_a_phone_whose_messages_fail_later(sandbox: Sandbox) -> None:
    await sandbox.line(window="off")
    await sandbox.http.put(f"/_/cloud/lines/{LINE}/phones/{CLIENT}", json={"fails_with": 131026})
    assert (await sandbox.cloud(f"/{LINE}/messages", text())).status_code == 200
    (value,) = values(await sandbox.receiver.next())
    assert value["statuses"][0]["errors"][0]["code"] == 131026


async def test_the_salons_own_app_is_echoed(sandbox: Sandbox) -> None:
    await sandbox.line(own_number="34910000000")
    await sandbox.say_cloud("I take over", from_me=True)
    hook = await sandbox.receiver.next()
    (change,) = hook.json["entry"][0]["changes"]
    (echo,) = change["value"]["message_echoes"]
    assert (change["field"], echo["from"], echo["to"]) == ("smb_message_echoes", "34910000000", CLIENT)
    await sandbox.line(fields=["messages"])
    await sandbox.say_cloud("nobody listens", from_me=True)
    assert (await sandbox.http.get("/_/health")).json()["webhooks_under_way"] == 0


@pytest.mark.parametrize(("together", "posts"), [("posts", 3), ("changes", 1), ("messages", 1)])
async def test_held_changes_leave_in_any_order_and_grouping(sandbox: Sandbox, together: str, posts: int) -> None:
    await sandbox.line()
    await sandbox.http.post(f"/_/cloud/lines/{LINE}/hold")
    said = [(await sandbox.say_cloud(word, number=f"3460011122{n}"))["id"] for n, word in enumerate("abc")]
    order = {"order": "reversed", "together": together, "copies": 2}
    answer = await sandbox.http.post(f"/_/cloud/lines/{LINE}/release", json=order)
    assert answer.json() == {"posts": posts * 2}
    hooks = [await sandbox.receiver.next() for _ in range(posts * 2)]
    told = [[message["id"] for value in values(hook) for message in value["messages"]] for hook in hooks]
    assert sorted(one for post in told for one in post) == sorted(said * 2)
    if posts == 1:
        assert told[0] == said[::-1]
        assert len(values(hooks[0])) == (3 if together == "changes" else 1)
    if together == "messages":
        assert len(values(hooks[0])[0]["contacts"]) == 3


async def test_meta_repeats_whatever_the_answer_is(sandbox: Sandbox) -> None:
    await sandbox.line()
    sandbox.receiver.answers.extend([401, 404, 500])
    await sandbox.say_cloud("hola")
    delivered = await sandbox.wait("webhook.delivered", provider="cloud")
    assert delivered["attempts"] == 4


async def test_the_phone_page_chats_with_a_line(sandbox: Sandbox) -> None:
    await sandbox.line(display_name="Núria </script>", window="off")
    assert "/phone/cloud/106540" in (await sandbox.http.get("/")).text
    page = await sandbox.http.get(f"/phone/cloud/{LINE}", follow_redirects=True)
    assert (page.status_code, page.text.count("</script>")) == (200, 1)
    assert f"/_/cloud/lines/{LINE}/phones/346" in page.text
    assert (await sandbox.http.get("/phone/cloud/nobody")).status_code == 404
    path = f"/_/cloud/lines/{LINE}/phones/{CLIENT}/stream"
    async with asyncio.timeout(10), sandbox.http.stream("GET", path) as stream:
        changes = (json.loads(line[6:]) async for line in stream.aiter_lines() if line.startswith("data: "))
        assert (await anext(changes))["messages"] == []
        await sandbox.cloud(f"/{LINE}/messages", buttons("Yes", "No"))
        shown = (await anext(changes))["message"]
        assert (shown["side"], shown["text"], shown["choices"][0]["id"]) == ("salon", "?", "yes")
