"""What is said in a recording: the port, and the adapter for OpenAI-compatible endpoints.

The endpoint takes one form and gives one object. The `openai` package would bring 25 MB and a second HTTP library for that.
"""

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Protocol

import aiohttp
import orjson

from booka_messaging.domain.media_types import extension
from booka_messaging.domain.reading import MAX_TEXT, mapping, text
from booka_messaging.providers.gateway import Medium

__all__ = ["OpenAITranscription", "Transcription", "TranscriptionFailed"]

_LONGEST_ANSWER = 1024 * 1024
_AGAIN = frozenset({408, 409, 425, 429})


class TranscriptionFailed(Exception):
    """Nobody knows what is said in it.

    Attributes:
        reason: short, and nothing of what was said.
        again: another attempt may work.
    """

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again


class Transcription(Protocol):
    """Somebody who listens."""

    async def transcribe(self, medium: Medium) -> str:
        """What is said in it, at most 4096 characters; empty if nothing is.

        Raises:
            TranscriptionFailed: no answer.
        """
        ...


class OpenAITranscription:
    """`POST {url}/audio/transcriptions`, one request a call, on connections that are open while the context is.

    Args:
        key: sent as a bearer token; None: the endpoint needs none.
        total: for one call altogether.
    """

    def __init__(self, url: str, key: str | None, model: str, *, connect: timedelta, total: timedelta) -> None:
        self._url = f"{url.rstrip('/')}/audio/transcriptions"
        self._headers = {"user-agent": "booka-messaging/1"} | (
            {} if key is None else {"authorization": f"Bearer {key}"}
        )
        self._model = model
        self._timeout = aiohttp.ClientTimeout(total=total.total_seconds(), connect=connect.total_seconds())
        self._client: aiohttp.ClientSession | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "OpenAITranscription":
        client = aiohttp.ClientSession(
            timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(), headers=self._headers
        )
        self._client = await self._open.enter_async_context(client)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._client = None
        await self._open.aclose()

    async def transcribe(self, medium: Medium) -> str:
        """See `Transcription`. The endpoint goes by the ending of the file's name."""
        if self._client is None:
            raise RuntimeError("the connections to the endpoint are not open")
        form = aiohttp.FormData({"model": self._model, "response_format": "json"})
        form.add_field(
            "file", medium.content, filename=f"voice.{extension(medium.mime_type)}", content_type=medium.mime_type
        )
        try:
            async with self._client.post(self._url, data=form, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise TranscriptionFailed(
                        f"status {answer.status}", again=answer.status >= 500 or answer.status in _AGAIN
                    )
                body = await answer.content.read(_LONGEST_ANSWER)
        except TimeoutError:
            raise TranscriptionFailed("timeout", again=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise TranscriptionFailed(f"no connection: {type(error).__name__}", again=True) from None
        try:
            told = mapping(orjson.loads(body)).get("text")
        except orjson.JSONDecodeError:
            told = None
        if not isinstance(told, str):
            raise TranscriptionFailed("the answer has no text", again=False)
        return text(told).strip()[:MAX_TEXT]
