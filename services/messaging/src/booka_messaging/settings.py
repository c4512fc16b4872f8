"""What messaging is called, what it owns beyond the plumbing, and its settings."""

from datetime import timedelta

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from booka_common.service import Service
from booka_common.settings import SecretList, ServiceSettings
from booka_common.signing import SecretSet

__all__ = ["SERVICE", "Settings"]

SERVICE = Service(
    name="messaging",
    package="booka_messaging",
    description="Channels, contacts, conversations and messages: what clients write and what they are told",
    # A webhook names its channel before its tenant is known; what nobody could read for a month is removed.
    system_tables={
        "channels": "SELECT",
        "unread_deliveries": "SELECT, DELETE",
        "unread_of_nobody": "SELECT, INSERT, UPDATE, DELETE",
        "listening": "SELECT, INSERT, UPDATE",
        "held_deliveries": "SELECT, INSERT, DELETE",
    },
    keep={
        ("queries/unread.sql", "unread_prune"): timedelta(days=30),
        ("queries/unread.sql", "unread_prune_nobodys"): timedelta(days=7),
        # For as long as Meta would have repeated it.
        ("queries/held.sql", "held_prune"): timedelta(days=7),
    },
    # What is received, requested and sent at the same time shares a transaction, whichever salons it belongs to.
    shared_tables=(
        "channels",
        "contacts",
        "contact_aliases",
        "conversations",
        "messages",
        "receipts",
        "paces",
        "channel_templates",
    ),
    # Every statement finds its few rows by an index. Plans are kept, and one that was made while a table was small, for a
    # batch of rows, would go on reading all of it.
    planner={"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "enable_material": "off"},
)


class Settings(ServiceSettings):
    """Settings of messaging, from variables that start with `MESSAGING_`."""

    model_config = SettingsConfigDict(env_prefix="MESSAGING_", frozen=True, extra="ignore")

    port: int = Field(8102, description="port to listen on")
    webhook_max_bytes: int = Field(
        3 * 1024 * 1024,
        ge=1024,
        description="larger webhooks are refused with 413; Meta repeats what is refused, and puts up to 3 MB into one",
    )
    channel_cache_seconds: float = Field(
        3.0, ge=0, description="a channel that another replica changed is known here after this long"
    )
    cloud_app_secrets: SecretList = Field(
        (), description="app secrets of the installation's own Meta app, comma-separated, the current one first"
    )
    cloud_verify_token: SecretStr | None = Field(
        None, description="what Meta says when it asks whether `/webhooks/cloud` is ours; at least 24 bytes"
    )
    cloud_graph_url: str = Field(
        "https://graph.facebook.com",
        description="Meta's Graph API, which is asked whose the lines of the installation's own Meta app are",
    )
    stale_after_hours: int = Field(
        24,
        ge=1,
        le=168,
        description="older messages, as gateways bring after a reconnection, are stored and not answered",
    )
    watch_seconds: float = Field(
        300.0, gt=0, description="how often each line is looked at: its connection, and what its webhooks did not bring"
    )
    silent_after_hours: float = Field(
        12.0,
        gt=0,
        description="a line that is open and from which nothing has come for so long is told to have fallen silent",
    )
    sweep_grace_seconds: float = Field(
        10.0, ge=0, description="what a gateway has in its store for no longer than this may still come by webhook"
    )
    media_max_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="larger media are not fetched from gateways")
    media_seconds: float = Field(20.0, gt=0, description="how long fetching one medium may take altogether")
    media_hosts: str = Field(
        "lookaside.fbsbx.com", description="hosts of media besides a line's own gateway, comma-separated"
    )
    transcription_url: str = Field(
        "",
        description="OpenAI-compatible endpoint that voice messages are transcribed by, as `https://api.openai.com/v1`; "
        "empty: clients are asked to write. Each channel has to be switched on as well",
    )
    transcription_key: SecretStr | None = Field(None, description="its API key")
    transcription_model: str = Field("whisper-1", description="the model that it is asked for")
    transcription_seconds: float = Field(
        20.0, gt=0, description="how long a client waits for an answer to a voice message for this"
    )
    gateway_connect_seconds: float = Field(2.0, gt=0, description="how long to wait for a connection to a gateway")
    gateway_total_seconds: float = Field(10.0, gt=0, description="how long one call to a gateway may take altogether")
    send_attempts: int = Field(12, ge=1, description="tries to send a message before it is given up")
    send_recheck_seconds: float = Field(
        5.0,
        ge=0,
        description="after an unknown outcome, look in the gateway's store this much later; four times as long for a receipt",
    )
    send_within_hours: int = Field(
        24,
        ge=1,
        description="a message that could not be sent for so long is given up, however long its line has been away",
    )

    def cloud_verify_tokens(self) -> SecretSet:
        """What Meta has to say when it asks whether `/webhooks/cloud` is ours."""
        token = self.cloud_verify_token
        values = () if token is None else (token.get_secret_value(),)
        return SecretSet(self.variable("cloud_verify_token"), values)

    def media_sources(self) -> frozenset[str]:
        """The hosts of media besides a line's own gateway."""
        hosts = (host.strip().lower() for host in self.media_hosts.split(","))
        return frozenset(host for host in hosts if host)
