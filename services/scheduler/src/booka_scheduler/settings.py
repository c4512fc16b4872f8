"""What the scheduler is called and what it can be told from outside."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from booka_common.service import Service
from booka_common.settings import ServiceSettings

__all__ = ["SERVICE", "Settings"]

SERVICE = Service(
    name="scheduler",
    package="booka_scheduler",
    description="Plans the reminders of confirmed visits and says when each one is due, once.",
    # For what is removed by its age.
    system_tables={
        "reservations": "SELECT (ctid, tenant_id, reservation_id, heard_at, starts_at), DELETE",
        "reminders": "SELECT (tenant_id, reservation_id), DELETE",
    },
    keep={("queries.sql", "reservations_prune"): timedelta(days=90)},
)


class Settings(ServiceSettings):
    """The scheduler needs nothing beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULER_", frozen=True, extra="ignore")

    port: int = Field(8106, description="port to listen on")
