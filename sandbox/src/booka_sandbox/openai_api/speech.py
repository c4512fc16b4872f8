"""POST /audio/transcriptions: what was said in a recording is what the script says for its bytes."""

import asyncio
import secrets
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from booka_sandbox.faults import Fault, Faults
from booka_sandbox.ledger import Ledger
from booka_sandbox.openai_api.script import Script

KINDS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
"""How the file's name must end: the real endpoint goes by that."""


class Speech:
    """Transcriptions of the OpenAI-compatible API. Without a script, nobody says anything in any recording."""

    def __init__(self, ledger: Ledger, faults: Faults, script: Script) -> None:
        self._ledger = ledger
        self._faults = faults
        self._script = script

    async def transcribe(self, request: Request) -> Response:
        """Answers `{text}`; `match` of the script is searched in the recording, read as Latin-1."""
        async with request.form() as form:
            upload, model = form.get("file"), form.get("model")
            if not isinstance(upload, UploadFile) or not isinstance(model, str) or not model:
                return refusal(400, "The form needs `file` and `model`.")
            if (upload.filename or "").rpartition(".")[2].lower() not in KINDS:
                return refusal(400, f"Unrecognized file format. Supported formats: {list(KINDS)}")
            content = await upload.read()
        heard = content.decode("latin-1")

        async def effect() -> Response:
            return await self._answer(heard, model)

        return await self._faults.run("openai", "audio.transcriptions", heard, effect, _broken)

    async def _answer(self, heard: str, model: str) -> Response:
        scripted = self._script.take(heard)
        if scripted is not None and scripted.delay > 0:
            await asyncio.sleep(scripted.delay)
        if scripted is not None and scripted.status >= 400:
            return refusal(scripted.status, str(scripted.reply or "scripted failure"))
        text = str(scripted.reply) if scripted is not None else ""
        self._ledger.add("transcription", model=model, bytes=len(heard), text=text)
        return JSONResponse({"text": text}, headers={"x-request-id": f"req_{secrets.token_hex(12)}"})


def refusal(status: int, message: str) -> Response:
    """An error in the API's words."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)


def _broken(_fault: Fault) -> dict[str, Any]:
    return {"error": {"message": "ordered failure", "type": "server_error", "param": None, "code": None}}
