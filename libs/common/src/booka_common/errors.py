"""What can go wrong, by who has to act on it.

    BookaError
    ├── Refusal              the caller is told no: 4xx problem+json over HTTP
    │   ├── Invalid          400  the request makes no sense
    │   ├── Unauthenticated  401  nobody we know says this
    │   ├── NotFound         404  nothing there, or not the caller's
    │   ├── Conflict         409  it clashes with how things stand
    │   ├── Gone             410  it was there, and is over
    │   ├── VersionConflict  412  it has changed since it was read
    │   ├── Unprocessable    422  it can be read and is not possible
    │   └── VersionRequired  428  it has to be said which version is meant
    └── Unavailable          503  try again later: the fault is here or with a provider
        └── NotConfigured    503  an operator has to set something first

Anything else that escapes is a bug: 500 without detail over HTTP, a dead letter on the broker.
"""

import asyncio
import errno
from typing import Any, ClassVar

import asyncpg

__all__ = [
    "BookaError",
    "Conflict",
    "Gone",
    "Invalid",
    "NotConfigured",
    "NotFound",
    "Refusal",
    "Unauthenticated",
    "Unavailable",
    "Unprocessable",
    "VersionConflict",
    "VersionRequired",
    "is_transient",
]


class BookaError(Exception):
    """Base of every error that Booka raises on purpose. `code` is stable and machine-readable."""

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"

    def __init__(self, detail: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.extra = extra

    @property
    def headers(self) -> dict[str, str]:
        """What the answer carries besides its body."""
        return {}


class Refusal(BookaError):
    """A refusal that is part of the product."""

    status = 400
    default_code = "refused"


class Invalid(Refusal):
    """The request makes no sense as it stands."""

    default_code = "invalid"


class Unauthenticated(Refusal):
    """The signature, secret or token does not hold."""

    status = 401
    default_code = "unauthenticated"


class NotFound(Refusal):
    """There is nothing there, or it belongs to another tenant; which of the two is not told."""

    status = 404
    default_code = "not_found"


class Conflict(Refusal):
    """The request clashes with how things stand now."""

    status = 409
    default_code = "conflict"


class Gone(Refusal):
    """It was there, and is over."""

    status = 410
    default_code = "gone"


class VersionConflict(Refusal):
    """It has changed since it was read, or is not there any more; `version` is the current one, if any."""

    status = 412
    default_code = "version_conflict"

    def __init__(self, detail: str, *, version: int | None) -> None:
        super().__init__(detail, version=version)
        self.version = version

    @property
    def headers(self) -> dict[str, str]:
        """The version as it now is."""
        return {} if self.version is None else {"ETag": f'"{self.version}"'}


class Unprocessable(Refusal):
    """The request can be read, and what it asks for is not possible."""

    status = 422
    default_code = "invalid"


class VersionRequired(Refusal):
    """A change of something that exists has to say which version it was made for."""

    status = 428
    default_code = "version_required"


class Unavailable(BookaError):
    """Temporarily impossible. `retry_after` is in seconds."""

    status = 503
    default_code = "unavailable"

    def __init__(self, detail: str, *, code: str | None = None, retry_after: int = 5, **extra: Any) -> None:
        super().__init__(detail, code=code, **extra)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """When to come back."""
        return {"Retry-After": str(self.retry_after)}


class NotConfigured(Unavailable):
    """A setting that this function needs is missing or unusable. Everything else keeps working."""

    default_code = "config_missing"

    def __init__(self, variable: str, action: str) -> None:
        super().__init__(f"{variable} is not usable: {action}", retry_after=60, variable=variable, action=action)
        self.variable = variable


_TRANSIENT: tuple[type[BaseException], ...] = (
    Unavailable,
    OSError,
    TimeoutError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised on a connection that died under a statement
    asyncpg.OperatorInterventionError,  # shutting down, crash shutdown, cannot connect now
    asyncpg.InsufficientResourcesError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby that is being promoted
)

#: Said of a file's name, as ZoneInfo looks for what a message calls a time zone: it stays as wrong as it is.
_LASTING = frozenset({errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EINVAL})


def is_transient(error: BaseException) -> bool:
    """Whether the same attempt may succeed later without anybody changing anything."""
    if isinstance(error, OSError) and error.errno in _LASTING:
        return False
    return isinstance(error, _TRANSIENT)
