"""An OpenAI-compatible endpoint through the `openai` SDK: one request a call, no retries of its own.

The SDK costs 25 MB and most of a second, so it is imported by the first call, in a thread: a service in which no salon
uses the model never pays for it.
"""

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from booka_llm.context import Prompt
from booka_llm.providers.port import CallFailed, Completion

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["OpenAIChat"]

_AGAIN = frozenset({408, 409, 429})


class OpenAIChat:
    """Calls `base_url`; `close` when done."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()

    async def complete(self, model: str, prompt: Prompt, *, max_tokens: int, timeout: float) -> Completion:
        """Ask once; see `Model`."""
        asked = False
        try:
            # The SDK's timeout is per read and would not end a response that trickles in.
            async with asyncio.timeout(timeout):
                client = await self._opened()
                asked = True
                return await self._ask(client, model, prompt, max_tokens, timeout)
        except TimeoutError:
            raise CallFailed("timeout", again=True, timed_out=asked) from None

    async def _ask(
        self, client: "AsyncOpenAI", model: str, prompt: Prompt, max_tokens: int, timeout: float
    ) -> Completion:
        import openai  # see the module's docstring; `_opened` has loaded it

        schema: Any = {"name": "reading", "strict": True, "schema": prompt.schema}
        try:
            answer = await client.chat.completions.create(
                model=model,
                messages=[{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
                response_format={"type": "json_schema", "json_schema": schema},
                max_completion_tokens=max_tokens,
                timeout=timeout,
            )
        except openai.APITimeoutError:
            raise CallFailed("timeout", again=True, timed_out=True) from None
        except openai.APIConnectionError as error:
            raise CallFailed(f"no connection: {type(error.__cause__).__name__}", again=True) from None
        except openai.APIStatusError as error:
            again = error.status_code >= 500 or error.status_code in _AGAIN
            raise CallFailed(f"status {error.status_code}", again=again) from None
        except (openai.OpenAIError, ValueError, TypeError) as error:
            raise CallFailed(f"unreadable response: {type(error).__name__}", again=False) from None
        return _completion(answer)

    async def _opened(self) -> "AsyncOpenAI":
        async with self._opening:
            if self._client is None:
                sdk: Any = await asyncio.to_thread(importlib.import_module, "openai")
                self._client = sdk.AsyncOpenAI(base_url=self._base_url, api_key=self._api_key, max_retries=0)
            return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()


def _completion(answer: Any) -> Completion:
    """Compatible servers leave things out, so nothing is taken for granted here."""
    usage = getattr(answer, "usage", None)
    choices = getattr(answer, "choices", None) or ()
    if not choices:
        raise CallFailed("no choices in the response", again=False)
    message = choices[0].message
    refused = bool(getattr(message, "refusal", None)) or choices[0].finish_reason == "content_filter"
    return Completion(
        text=None if refused else message.content or "",
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
    )


def _count(usage: Any, name: str) -> int | None:
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and value >= 0 else None
