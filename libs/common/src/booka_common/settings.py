"""Settings that every service has. A service subclasses `ServiceSettings` with its own prefix and fields.

Only `__main__` reads the environment. A missing secret never stops a service: what needs it answers 503 and names it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from booka_common.signing import SecretSet

if TYPE_CHECKING:
    from booka_common.sealing import Sealer

__all__ = ["SecretList", "ServiceSettings", "settings_table"]

SecretList = Annotated[tuple[SecretStr, ...], NoDecode]


class ServiceSettings(BaseSettings):
    """What a service needs to run. Frozen; secrets are `SecretStr` and never printed."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: SecretStr = Field(description="PostgreSQL URL of the service's own role")
    amqp_url: SecretStr = Field(description="RabbitMQ URL, virtual host included")
    migrate_url: SecretStr | None = Field(
        None, description="PostgreSQL URL of the role that may create the schema; only `migrate` uses it"
    )
    internal_secrets: SecretList = Field(
        (), description="HMAC secrets of the internal API, comma-separated, the current one first"
    )
    encryption_keys: SecretList = Field(
        (), description="base64 AES-256 keys for tenants' secrets at rest, comma-separated, the current one first"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, description="port to listen on")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    db_pool_size: int = Field(12, ge=2, description="database connections at most")
    prefetch: int = Field(32, ge=1, description="messages of one queue handled at once")
    worker_concurrency: int = Field(16, ge=1, description="jobs run at once")
    job_lease_seconds: int = Field(30, ge=2, description="a job whose worker died is taken over after this long")
    max_body_bytes: int = Field(262_144, ge=1024, description="larger request bodies are refused with 413")
    crash_at: str = Field("", description="for crash tests: kill the process at a named point, e.g. relay.confirmed:5")

    @field_validator("*", mode="before")
    @classmethod
    def _split_lists(cls, value: Any, info: Any) -> Any:
        field = cls.model_fields[info.field_name]
        if NoDecode in field.metadata and isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable of `field`."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()

    def secret_set(self, field: str) -> SecretSet:
        """The secrets in `field`, ready for `booka_common.signing`."""
        values: Iterable[SecretStr] = getattr(self, field)
        return SecretSet(self.variable(field), tuple(value.get_secret_value() for value in values))

    def sealer(self) -> "Sealer":
        """Encryption at rest with `encryption_keys`."""
        from booka_common.sealing import Sealer  # 7 MB that only a service with secrets of its tenants needs

        return Sealer(self.variable("encryption_keys"), [key.get_secret_value() for key in self.encryption_keys])


def settings_table(settings: type[ServiceSettings]) -> str:
    """The settings as a Markdown table, for a service's README."""
    rows = ["| variable | default | what it is |", "| --- | --- | --- |"]
    for name, field in settings.model_fields.items():
        default = (
            "**required**" if field.is_required() else "" if field.default in (None, (), "") else f"`{field.default}`"
        )
        rows.append(f"| `{settings.variable(name)}` | {default} | {field.description} |")
    return "\n".join(rows)
