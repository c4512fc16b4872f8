"""Settings of the sandbox, read from the environment (prefix SANDBOX_)."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The defaults are demo values: a stand-in's keys protect nothing."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = 8110
    public_url: str = ""
    """Address under which browsers reach the sandbox; empty = http://host:port."""

    evolution_api_key: str = "evolution-sandbox-key"

    cloud_access_token: str = "cloud-sandbox-token"  # noqa: S105 - demo value, see the class
    cloud_app_secret: str = "cloud-sandbox-app-secret-0123456"  # noqa: S105 - demo value, see the class
    """Of the Meta app; a line may have its own of both."""

    stripe_secret_key: str = "sk_test_sandbox"  # noqa: S105 - demo value, see the class
    stripe_webhook_secret: str = "whsec_sandbox_demo_signing_secret"  # noqa: S105 - demo value, see the class
    stripe_webhook_url: str = ""
    """Where Stripe events are delivered; empty = events are only recorded. Also set by PUT /_/stripe/webhook."""

    openai_api_key: str = "sk-sandbox"

    retry_scale: float = 1.0
    """Multiplies every retry delay (and Evolution's typing `delay`): 1.0 = the providers' real delays."""

    max_connections: int = 128
    """Webhooks under way at the same moment; the others wait their turn in memory."""

    @property
    def base_url(self) -> str:
        """Address of the sandbox without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
