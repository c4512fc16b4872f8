"""What payments is called, and what it can be told."""

from datetime import timedelta

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from booka_common.service import Service
from booka_common.settings import SecretList, ServiceSettings

__all__ = ["SERVICE", "Settings"]

SERVICE = Service(
    name="payments",
    package="booka_payments",
    description="Deposits by Stripe Checkout, what the provider says about them, and refunds",
    # An event is kept even if no salon can be told from it, though not for ever if it says nothing of interest.
    system_tables={"payment_events": "SELECT, INSERT, DELETE", "ended_reservations": "SELECT (ctid, ended_at), DELETE"},
    keep={("queries.sql", "ended_prune"): timedelta(days=90), ("queries.sql", "ignored_prune"): timedelta(days=90)},
)


class Settings(ServiceSettings):
    """The settings of payments."""

    model_config = SettingsConfigDict(env_prefix="PAYMENTS_", frozen=True, extra="ignore")

    port: int = Field(8103, description="port to listen on")
    stripe_secret_key: SecretStr | None = Field(
        None, description="Stripe secret (or restricted) key; without it calls to Stripe wait"
    )
    stripe_webhook_secrets: SecretList = Field(
        (), description="signing secrets of the Stripe endpoint (whsec_…), comma-separated, the current one first"
    )
    stripe_api_base: str = Field(
        "https://api.stripe.com", description="where the Stripe API is; the sandbox has its own"
    )
    stripe_timeout_seconds: float = Field(10.0, gt=0, description="for one call to Stripe")
    checkout_success_url: str = Field("https://wa.me/", description="where the browser goes once the deposit is paid")
    checkout_cancel_url: str = Field("https://wa.me/", description="where the browser goes if the client turns back")
