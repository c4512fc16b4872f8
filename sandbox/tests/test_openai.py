"""The model stand-in."""

import json
from typing import Any

import httpx
import pytest

from .conftest import Sandbox

READING = {
    "type": "object",
    "properties": {
        "intent": {"$ref": "#/$defs/Intent"},
        "service": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "date": {"type": ["string", "null"]},
        "party": {"type": "integer", "minimum": 1},
        "notes": {"type": "array", "items": {"type": "string"}},
        "sure": {"type": "boolean"},
        "name": {"type": "string"},
    },
    "$defs": {"Intent": {"enum": ["book", "cancel", "other"], "type": "string"}},
}


async def ask(sandbox: Sandbox, text: str, key: str = "sk-1", **more: Any) -> httpx.Response:
    body = {
        "model": "gpt-5-mini",
        "messages": [{"role": "system", "content": "Read."}, {"role": "user", "content": text}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "r", "strict": True, "schema": READING}},
        **more,
    }
    headers = {"authorization": f"Bearer {key}"}
    return await sandbox.http.post("/openai/v1/chat/completions", json=body, headers=headers)


def content_of(answer: httpx.Response) -> Any:
    return json.loads(answer.json()["choices"][0]["message"]["content"])


async def test_without_a_script_it_commits_to_nothing(sandbox: Sandbox) -> None:
    answer = await ask(sandbox, "blah")
    assert content_of(answer) == {
        "intent": "other",
        "service": None,
        "date": None,
        "party": 1,
        "notes": [],
        "sure": False,
        "name": "",
    }
    usage = answer.json()["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert (await sandbox.http.get("/_/openai/usage")).json()["requests"] == 1
    assert (await sandbox.wait("completion"))["text"] == "blah"


async def test_scripted_replies(sandbox: Sandbox) -> None:
    script = [
        {"match": "corte", "reply": {"intent": "book"}, "usage": {"prompt_tokens": 7, "completion_tokens": 3}},
        {"match": "CORTE mañana", "reply": "not json", "times": 1},
        {"match": "busy", "status": 429},
        {"match": "rude", "refusal": "I cannot help with that."},
    ]
    assert (await sandbox.http.post("/_/openai/script", json=script)).json() == {"replies": 4}
    first = (await ask(sandbox, "corte mañana")).json()["choices"][0]["message"]["content"]
    second = await ask(sandbox, "corte mañana")
    assert (first, content_of(second)) == ("not json", {"intent": "book"})
    assert second.json()["usage"]["total_tokens"] == 10
    assert (await ask(sandbox, "busy?")).status_code == 429
    refused = (await ask(sandbox, "rude")).json()["choices"][0]["message"]
    assert (refused["content"], refused["refusal"]) == (None, "I cannot help with that.")
    await sandbox.http.delete("/_/openai/script")
    assert content_of(await ask(sandbox, "corte"))["intent"] == "other"


async def test_refusals(sandbox: Sandbox) -> None:
    assert (await ask(sandbox, "x", key="sk-2")).status_code == 401
    assert (await ask(sandbox, "x", messages=[])).status_code == 400
    assert (await ask(sandbox, "x", stream=True)).status_code == 400
    models = await sandbox.http.get("/openai/v1/models", headers={"authorization": "Bearer sk-1"})
    assert models.json()["data"][0]["object"] == "model"
    assert (await sandbox.http.get("/openai/v1/models")).status_code == 401


@pytest.mark.parametrize(("kind", "completions"), [("error_before", 0), ("error_after", 1)])
async def test_faults(sandbox: Sandbox, kind: str, completions: int) -> None:
    fault = {"provider": "openai", "operation": "chat.completions", "kind": kind, "status": 503}
    await sandbox.http.post("/_/faults", json=fault)
    assert (await ask(sandbox, "x")).status_code == 503
    assert len(await sandbox.ledger(kind="completion")) == completions
    assert (await ask(sandbox, "x")).status_code == 200
