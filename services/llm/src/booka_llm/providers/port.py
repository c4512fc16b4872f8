"""What llm needs from a model, whoever runs it."""

from dataclasses import dataclass
from typing import Protocol

from booka_llm.context import Prompt

__all__ = ["CallFailed", "Completion", "Model"]


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back.

    Attributes:
        text: the answer; None if the model refused or was filtered.
        prompt_tokens, completion_tokens: None if the endpoint does not say.
    """

    text: str | None
    prompt_tokens: int | None
    completion_tokens: int | None


class CallFailed(Exception):
    """No answer came.

    Attributes:
        reason: short and without any text of prompt or answer.
        again: another attempt may work.
        timed_out: the endpoint may have done, and may bill, the work.
    """

    def __init__(self, reason: str, *, again: bool, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.timed_out = timed_out


class Model(Protocol):
    """A chat model with structured output."""

    async def complete(self, model: str, prompt: Prompt, *, max_tokens: int, timeout: float) -> Completion:
        """Ask once, without retries, for at most `timeout` seconds.

        Raises:
            CallFailed: no answer.
        """
        ...
