"""The OpenAI-compatible API (prefix /openai/v1) and its control (/_/openai)."""

import asyncio
import hmac
import json
import secrets
import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from booka_sandbox.faults import Fault, Faults
from booka_sandbox.ledger import Ledger
from booka_sandbox.openai_api.script import Reply, Script, empty_reading
from booka_sandbox.openai_api.speech import Speech

MODEL = "booka-sandbox-1"


class ReplyOrder(BaseModel):
    """One element of POST /_/openai/script. `reply`: an object becomes JSON text. `usage`: token counts to report."""

    model_config = ConfigDict(extra="forbid")

    match: str = ""
    reply: Any = ""
    usage: dict[str, int] = Field(default_factory=dict)
    delay: float = Field(default=0.0, ge=0)
    status: int = 200
    times: int | None = Field(default=None, ge=1)
    refusal: str | None = None
    finish_reason: str = "stop"


class OpenAiApi:
    """A model that reads its script."""

    def __init__(self, ledger: Ledger, faults: Faults, key: str) -> None:
        self.script = Script()
        self._speech = Speech(ledger, faults, self.script)
        self._ledger = ledger
        self._faults = faults
        self._key = key
        self._used = {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0}

    @property
    def used(self) -> dict[str, int]:
        """Totals since the start."""
        return dict(self._used)

    async def complete(self, request: Request) -> Response:
        """POST /chat/completions."""
        if not self._knows(request):
            return _error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        try:
            body = json.loads(await request.body())
            messages = body["messages"]
            user_text = _text_of(next(m for m in reversed(messages) if m["role"] == "user"))
        except (ValueError, KeyError, TypeError, StopIteration):
            return _error(400, "The body needs `messages` with a user message.", "invalid_request_error", None)
        if body.get("stream"):
            return _error(400, "The sandbox does not stream.", "invalid_request_error", "unsupported_value")
        return await self._faults.run(
            "openai", "chat.completions", user_text, lambda: self._reply(body, messages, user_text), _broken
        )

    async def transcribe(self, request: Request) -> Response:
        """POST /audio/transcriptions."""
        if not self._knows(request):
            return _error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        return await self._speech.transcribe(request)

    async def models(self, request: Request) -> Response:
        """GET /models."""
        if not self._knows(request):
            return _error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        model = {"id": MODEL, "object": "model", "created": 1767225600, "owned_by": "booka"}
        return await self._faults.run(
            "openai", "models", "", lambda: JSONResponse({"object": "list", "data": [model]}), _broken
        )

    async def _reply(self, body: dict[str, Any], messages: list[Any], user_text: str) -> Response:
        scripted = self.script.take(user_text)
        if scripted is not None and scripted.delay > 0:
            await asyncio.sleep(scripted.delay)
        if scripted is not None and scripted.status >= 400:
            return _error(scripted.status, str(scripted.reply or "scripted failure"), "server_error", None)
        schema = ((body.get("response_format") or {}).get("json_schema") or {}).get("schema")
        if scripted is not None:
            content = scripted.reply if isinstance(scripted.reply, str) else json.dumps(scripted.reply)
        elif schema is not None:
            content = json.dumps(empty_reading(schema))
        else:
            content = "{}" if body.get("response_format") else "I can only help with bookings."
        prompt = sum(len(_text_of(message)) for message in messages) // 4 + 1
        usage = {"prompt_tokens": prompt, "completion_tokens": len(content) // 4 + 1}
        if scripted is not None:
            usage |= scripted.usage
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
        self._used["requests"] += 1
        self._used["prompt_tokens"] += usage["prompt_tokens"]
        self._used["completion_tokens"] += usage["completion_tokens"]
        refusal = scripted.refusal if scripted else None
        completion_id = f"chatcmpl-{secrets.token_urlsafe(18)}"
        self._ledger.add(
            "completion", id=completion_id, model=body.get("model"), text=user_text, reply=content, **usage
        )
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if refusal else content,
            "refusal": refusal,
            "annotations": [],
        }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": scripted.finish_reason if scripted else "stop",
        }
        answer = {
            "id": completion_id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model") or MODEL,
            "choices": [choice],
            "usage": {
                **usage,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            },
            "service_tier": "default",
        }
        return JSONResponse(answer, headers={"x-request-id": f"req_{secrets.token_hex(12)}"})

    def _knows(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._key}".encode())


def routers(api: OpenAiApi) -> list[APIRouter]:
    """The API and its control."""
    public = APIRouter(prefix="/openai/v1", include_in_schema=False)
    public.add_api_route("/chat/completions", api.complete, methods=["POST"], response_model=None)
    public.add_api_route("/audio/transcriptions", api.transcribe, methods=["POST"], response_model=None)
    public.add_api_route("/models", api.models, methods=["GET"], response_model=None)

    control = APIRouter(prefix="/_/openai", tags=["openai"])

    @control.post("/script", status_code=201)
    async def add(replies: list[ReplyOrder]) -> dict[str, int]:
        api.script.add([Reply(**reply.model_dump()) for reply in replies])
        return {"replies": len(api.script)}

    @control.delete("/script", status_code=204)
    async def clear() -> None:
        api.script.clear()

    @control.get("/usage")
    async def usage() -> dict[str, int]:
        return api.used

    return [public, control]


def _text_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def _error(status: int, message: str, kind: str, code: str | None) -> Response:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return JSONResponse({"error": error}, status)


def _broken(_fault: Fault) -> dict[str, Any]:
    return {"error": {"message": "ordered failure", "type": "server_error", "param": None, "code": None}}
