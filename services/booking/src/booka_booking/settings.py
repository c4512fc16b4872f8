"""What booking is, and what it needs to run."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from booka_common.service import Service
from booka_common.settings import SecretList, ServiceSettings

__all__ = ["SERVICE", "Settings"]

SERVICE = Service(
    name="booking",
    package="booka_booking",
    description="Catalogue, availability, holds and reservations of salons",
    # Holds that wait at the same time share a transaction, whichever salons they are for.
    shared_tables=(
        "profiles",
        "clients",
        "reservations",
        "reservation_segments",
        "claims",
        "reservation_history",
        "waitlist_offers",
    ),
    # How much of a calendar a question reads depends on its dates. A plan that was made while a table was empty, and is kept
    # while it grows, goes by an index all the same.
    planner={"plan_cache_mode": "auto", "enable_seqscan": "off"},
)


class Settings(ServiceSettings):
    """What booking needs beyond what every service has."""

    model_config = SettingsConfigDict(env_prefix="BOOKING_", frozen=True, extra="ignore")

    port: int = Field(8101, description="port to listen on")
    feed_secrets: SecretList = Field(
        (), description="HMAC secrets of the addresses of staff calendars, comma-separated, the current one first"
    )
    public_url: str = Field("", description="what those addresses begin with; empty: as they are asked for")
