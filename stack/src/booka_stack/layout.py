"""Where the parts of a local Booka listen, and the environment of each."""

import base64
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from booka_common.testing.servers import free_port

__all__ = ["SERVICES", "Layout"]

#: In the order in which they are started.
SERVICES = ("booking", "messaging", "payments", "dialog", "llm", "scheduler")
_PORTS = {
    "booking": 8101,
    "messaging": 8102,
    "payments": 8103,
    "dialog": 8104,
    "llm": 8105,
    "scheduler": 8106,
    "sandbox": 8110,
    "postgres": 8154,
    "amqp": 8156,
    "rabbitmq_api": 8157,
}


@dataclass(frozen=True)
class Layout:
    """Folders, ports and secrets of one local installation.

    Attributes:
        folder: everything it writes lies here.
        ports: by part.
        retry_scale: of the sandbox's webhook retries; 1 is the providers' real pace.
        extra: environment added to every service.
    """

    folder: Path
    ports: dict[str, int]
    internal_secret: str
    encryption_key: str
    stripe_webhook_secret: str
    stripe_secret_key: str
    gateway_key: str
    cloud_access_token: str
    cloud_app_secret: str
    cloud_verify_token: str
    openai_key: str
    feed_secret: str
    retry_scale: float = 1.0
    extra: dict[str, str] = field(default_factory=dict)

    @classmethod
    def local(cls, folder: Path) -> "Layout":
        """The fixed ports of `make up`, with secrets that are made once and kept in `folder`."""
        return cls._in(folder, dict(_PORTS))

    @classmethod
    def private(cls, folder: Path, *, retry_scale: float = 0.02, **extra: str) -> "Layout":
        """Free ports, for tests and benchmarks that run beside anything else."""
        ports = {name: free_port() for name in _PORTS}
        return cls._in(folder, ports, retry_scale=retry_scale, extra=extra)

    @classmethod
    def _in(
        cls, folder: Path, ports: dict[str, int], *, retry_scale: float = 1.0, extra: dict[str, str] | None = None
    ) -> "Layout":
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "secrets.json"
        kept: dict[str, str] = orjson.loads(file.read_bytes()) if file.exists() else {}
        made = {
            "internal_secret": secrets.token_urlsafe(32),
            "encryption_key": base64.b64encode(secrets.token_bytes(32)).decode(),
            "stripe_webhook_secret": f"whsec_{secrets.token_urlsafe(24)}",
            "stripe_secret_key": f"sk_test_{secrets.token_urlsafe(24)}",
            "gateway_key": secrets.token_urlsafe(24),
            "cloud_access_token": secrets.token_urlsafe(32),
            "cloud_app_secret": secrets.token_hex(32),
            "cloud_verify_token": secrets.token_urlsafe(24),
            "openai_key": secrets.token_urlsafe(24),
            "feed_secret": secrets.token_urlsafe(32),
        } | kept
        if made != kept:
            file.write_bytes(orjson.dumps(made))
            file.chmod(0o600)
        return cls(folder, ports, **made, retry_scale=retry_scale, extra=extra or {})

    def url(self, part: str) -> str:
        """The HTTP address of a part."""
        return f"http://127.0.0.1:{self.ports[part]}"

    def sandbox_environment(self) -> dict[str, str]:
        """What the sandbox reads."""
        return {
            "SANDBOX_HOST": "127.0.0.1",
            "SANDBOX_PORT": str(self.ports["sandbox"]),
            "SANDBOX_PUBLIC_URL": self.url("sandbox"),
            "SANDBOX_STRIPE_SECRET_KEY": self.stripe_secret_key,
            "SANDBOX_STRIPE_WEBHOOK_SECRET": self.stripe_webhook_secret,
            "SANDBOX_STRIPE_WEBHOOK_URL": f"{self.url('payments')}/webhooks/stripe",
            "SANDBOX_EVOLUTION_API_KEY": self.gateway_key,
            "SANDBOX_CLOUD_ACCESS_TOKEN": self.cloud_access_token,
            "SANDBOX_CLOUD_APP_SECRET": self.cloud_app_secret,
            "SANDBOX_OPENAI_API_KEY": self.openai_key,
            "SANDBOX_RETRY_SCALE": str(self.retry_scale),
        }

    def service_environment(self, service: str, port: int, *, database: str, admin: str, amqp: str) -> dict[str, str]:
        """What one service reads."""
        common = {
            "DATABASE_URL": database,
            "MIGRATE_URL": admin,
            "AMQP_URL": amqp,
            "INTERNAL_SECRETS": self.internal_secret,
            "ENCRYPTION_KEYS": self.encryption_key,
            "HOST": "127.0.0.1",
            "PORT": str(port),
        }
        own = {
            "booking": {"FEED_SECRETS": self.feed_secret, "PUBLIC_URL": self.url("booking")},
            "messaging": {
                "CLOUD_APP_SECRETS": self.cloud_app_secret,
                "CLOUD_VERIFY_TOKEN": self.cloud_verify_token,
                "CLOUD_GRAPH_URL": f"{self.url('sandbox')}/cloud",
                "TRANSCRIPTION_URL": f"{self.url('sandbox')}/openai/v1",
                "TRANSCRIPTION_KEY": self.openai_key,
            },
            "payments": {
                "STRIPE_SECRET_KEY": self.stripe_secret_key,
                "STRIPE_WEBHOOK_SECRETS": self.stripe_webhook_secret,
                "STRIPE_API_BASE": f"{self.url('sandbox')}/stripe",
                "CHECKOUT_SUCCESS_URL": f"{self.url('sandbox')}/paid",
                "CHECKOUT_CANCEL_URL": f"{self.url('sandbox')}/cancelled",
            },
            "llm": {"BASE_URL": f"{self.url('sandbox')}/openai/v1", "API_KEY": self.openai_key},
        }.get(service, {})
        return {f"{service.upper()}_{name}": value for name, value in {**common, **own, **self.extra}.items()}
