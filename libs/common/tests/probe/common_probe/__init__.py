"""A service that exists only for the tests of the shared machinery."""

from pydantic_settings import SettingsConfigDict

from booka_common.service import Service
from booka_common.settings import ServiceSettings

__all__ = ["SERVICE", "Settings"]

# It borrows booking's name, so that it may hear what the topology gives to booking.
SERVICE = Service(name="booking", package="common_probe", description="A probe of the shared machinery")


class Settings(ServiceSettings):
    """Settings of the probe."""

    model_config = SettingsConfigDict(env_prefix="PROBE_", frozen=True, extra="ignore")
