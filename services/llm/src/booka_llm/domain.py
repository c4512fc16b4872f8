"""A salon's settings for the model, and the arithmetic of tokens and money. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID

__all__ = [
    "MAX_COMPLETION_TOKENS",
    "CallStatus",
    "OpenCall",
    "TenantSettings",
    "Used",
    "budget_day",
    "cost_micros",
    "estimate_tokens",
    "worst_case_tokens",
]

#: The model is cut off after this many tokens; a reading needs about 80.
MAX_COMPLETION_TOKENS = 400

# What a chat template adds around the messages.
_OVERHEAD_TOKENS = 64

CallStatus = Literal["started", "ok", "refused", "invalid", "failed", "timeout", "lost"]


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """How one salon uses the model.

    Attributes:
        enabled: off unless the salon switches it on.
        preferred_llm_model: None means the installation's default.
        llm_token_rate: price of 1000 tokens, in millionths of the currency in which the installation buys them.
        daily_token_budget: tokens a UTC day, prompt and completion together.
        history_messages: how many of the client's last messages a prompt may hold.
        revision: counts the changes; 0 means nothing was ever set.
    """

    tenant_id: UUID
    enabled: bool = False
    preferred_llm_model: str | None = None
    llm_token_rate: int = 0
    daily_token_budget: int = 100_000
    history_messages: int = 6
    revision: int = 0


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that is about to be made, with its share of the day's budget already taken."""

    id: UUID
    request_id: UUID
    model: str
    day: date
    reserved_tokens: int


@dataclass(frozen=True, slots=True)
class Used:
    """What a call used."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


def budget_day(now: datetime) -> date:
    """The day on whose budget a call goes: the UTC date."""
    return now.astimezone(UTC).date()


def cost_micros(tokens: int, rate_per_1000: int) -> int:
    """The price of `tokens`, rounded up to a whole micro-unit."""
    return -(-tokens * rate_per_1000 // 1000)


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is, for endpoints that do not say."""
    return len(text) // 4 + 1


def worst_case_tokens(prompt_bytes: int) -> int:
    """More tokens than a call can use: a token is at least one byte."""
    return prompt_bytes + _OVERHEAD_TOKENS + MAX_COMPLETION_TOKENS
