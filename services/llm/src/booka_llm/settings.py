"""What llm is called and what it can be told from outside."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from booka_common.service import Service
from booka_common.settings import ServiceSettings

__all__ = ["SERVICE", "Settings"]

SERVICE = Service(
    name="llm",
    package="booka_llm",
    description="Reads free text that the rules cannot, through an OpenAI-compatible model: metered, capped, redacted.",
)


class Settings(ServiceSettings):
    """Where the model is, and how long an answer may take. Without key or address every request is unavailable."""

    model_config = SettingsConfigDict(env_prefix="LLM_", frozen=True, extra="ignore")

    port: int = Field(8105, description="port to listen on")
    base_url: str | None = Field(None, description="OpenAI-compatible endpoint, e.g. https://api.openai.com/v1")
    api_key: SecretStr | None = Field(None, description="key of that endpoint")
    default_model: str = Field("gpt-4.1-mini", description="model of a salon that prefers none")
    answer_within_seconds: float = Field(8.0, gt=0, le=30, description="an older request is answered as too late")
    attempt_seconds: float = Field(5.0, gt=0, le=30, description="for one call; the second gets what is left")
    history_days: int = Field(7, ge=1, le=90, description="messages kept for context are removed after this long")

    @property
    def configured(self) -> bool:
        """Whether there is a model to ask."""
        return bool(self.base_url and self.api_key and self.api_key.get_secret_value())
