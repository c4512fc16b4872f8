"""What the dialog service is and what it needs to run."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from booka_common.service import Service
from booka_common.settings import ServiceSettings

__all__ = ["SERVICE", "Settings"]

SERVICE = Service(
    name="dialog",
    package="booka_dialog",
    description="The booking conversation: a slot-filling state machine that asks, listens and sets the other services to work",
    # What is removed by its age goes by its age alone: not a word of a client can be read across salons.
    system_tables={"turns": "SELECT (ctid, arrived_at, taken_at), DELETE"},
    keep={("queries.sql", "turns_prune"): timedelta(days=30)},
    # What comes in at the same time for several conversations shares a transaction, whichever salons they belong to.
    shared_tables=("sessions", "turns", "salons"),
    # Every statement finds its few rows by an index, and must go on doing so while its tables grow.
    planner={"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"},
)


class Settings(ServiceSettings):
    """Settings of the dialog service, read from `DIALOG_…`."""

    model_config = SettingsConfigDict(env_prefix="DIALOG_", frozen=True, extra="ignore")

    port: int = Field(8104, description="port to listen on")
    interpretation_timeout_seconds: float = Field(
        8.0, gt=0, description="the model is waited for this long, then the menu is shown"
    )
    quote_timeout_seconds: float = Field(
        5.0, gt=0, description="the terms of a visit are waited for this long, then the client is asked without them"
    )
    answer_patience_seconds: float = Field(
        30.0, gt=0, description="a client who agreed and has heard nothing for this long is told that it takes longer"
    )
    gap_seconds: float = Field(
        5.0, gt=0, description="a missing turn is waited for this long, then the later ones are answered"
    )
