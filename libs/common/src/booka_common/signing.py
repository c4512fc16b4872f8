"""HMAC helpers: signatures over raw bytes, with two live secrets for rotation and a time window both ways.

Webhook verifiers and the internal API build on these. Nothing here ever raises anything but `Unauthenticated` for what a
caller sent, and `NotConfigured` for what an operator did not set.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from booka_common.errors import NotConfigured, Unauthenticated

__all__ = [
    "MIN_SECRET_BYTES",
    "SecretSet",
    "check_timestamp",
    "sign",
    "sign_request",
    "single_header",
    "verify",
    "verify_request",
    "verify_secret",
]

Algorithm = Literal["sha256", "sha512"]
MIN_SECRET_BYTES = 24


@dataclass(frozen=True, slots=True)
class SecretSet:
    """The secrets that are valid now: the current one first, then those being rotated out.

    Args:
        variable: the setting they come from, named when they are missing.
        values: each at least 24 bytes; shorter ones can be guessed and are treated as missing.
    """

    variable: str
    values: tuple[str, ...]
    _encoded: tuple[bytes, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_encoded", tuple(value.encode() for value in self.values))

    def usable(self) -> tuple[bytes, ...]:
        """The secrets as bytes.

        Raises:
            NotConfigured: there is none, or one is empty or too short. An empty key would verify anybody's signature.
        """
        if not self.values:
            raise NotConfigured(self.variable, f"set it to a random secret of at least {MIN_SECRET_BYTES} bytes")
        if min(map(len, self._encoded)) < MIN_SECRET_BYTES:
            raise NotConfigured(self.variable, f"every secret in it needs at least {MIN_SECRET_BYTES} bytes")
        return self._encoded

    def __repr__(self) -> str:
        return f"SecretSet({self.variable}, {len(self.values)} secrets)"


def sign(secret: bytes, message: bytes, algorithm: Algorithm = "sha256") -> str:
    """The lower-case hex HMAC of `message`."""
    return hmac.digest(secret, message, algorithm).hex()


def verify(secrets: SecretSet, message: bytes, signatures: Sequence[str], algorithm: Algorithm = "sha256") -> int:
    """Check that one of `signatures` (hex) is the HMAC of `message` under one of `secrets`; return that secret's index.

    All combinations are compared in constant time and without an early exit.

    Raises:
        NotConfigured: no usable secret.
        Unauthenticated: no signature matches, or one is not ASCII.
    """
    keys = secrets.usable()
    try:
        given = [signature.encode("ascii") for signature in signatures]
    except UnicodeEncodeError:
        raise Unauthenticated("the signature does not match", code="bad_signature") from None
    matched = -1
    for index, key in enumerate(keys):
        expected = sign(key, message, algorithm).encode()
        for candidate in given:
            if hmac.compare_digest(expected, candidate) and matched < 0:
                matched = index
    if matched < 0:
        raise Unauthenticated("the signature does not match", code="bad_signature")
    return matched


def verify_secret(secrets: SecretSet, presented: str) -> int:
    """Check a secret that is sent as it is (a static header); return the index of the one that matched.

    Raises:
        NotConfigured, Unauthenticated: as `verify`.
    """
    keys = secrets.usable()
    candidate = presented.encode("utf-8", "surrogateescape")
    matched = -1
    for index, key in enumerate(keys):
        if hmac.compare_digest(key, candidate) and matched < 0:
            matched = index
    if matched < 0:
        raise Unauthenticated("the secret does not match", code="bad_signature")
    return matched


def check_timestamp(text: str, now: datetime, window: timedelta = timedelta(minutes=5)) -> None:
    """Refuse a Unix time (seconds) that lies further than `window` from `now`, in the past or in the future.

    Raises:
        Unauthenticated: outside the window, or not a number.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Unauthenticated("the timestamp is not a Unix time in seconds", code="bad_timestamp")
    if abs(now.timestamp() - int(text)) > window.total_seconds():
        raise Unauthenticated("the timestamp is outside the accepted window", code="stale_timestamp")


def single_header(values: Sequence[str], name: str) -> str:
    """The only value of a header; two of them would let a checker and a reader see different ones.

    Raises:
        Unauthenticated: absent, or given more than once.
    """
    if len(values) != 1:
        what = "missing" if not values else "given more than once"
        raise Unauthenticated(f"the {name} header is {what}", code="bad_signature")
    return values[0]


def _canonical(method: str, target: str, tenant: str, timestamp: str, body: bytes) -> bytes:
    return "\n".join(("booka-v1", method.upper(), target, tenant, timestamp, "")).encode() + body


def sign_request(secret: bytes, *, method: str, target: str, tenant: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers that sign an internal request. `target` is the path with its query string as sent."""
    timestamp = str(int(now.timestamp()))
    signature = sign(secret, _canonical(method, target, tenant, timestamp, body))
    return {"x-booka-tenant": tenant, "x-booka-timestamp": timestamp, "x-booka-signature": f"v1={signature}"}


def verify_request(
    secrets: SecretSet,
    *,
    method: str,
    target: str,
    tenant: str,
    timestamp: str,
    signature: str,
    body: bytes,
    now: datetime,
) -> None:
    """Check what `sign_request` made.

    Raises:
        NotConfigured, Unauthenticated.
    """
    message = _canonical(method, target, tenant, timestamp, body)
    candidates = [part.removeprefix("v1=") for part in signature.split(",") if part.startswith("v1=")]
    verify(secrets, message, candidates)
    check_timestamp(timestamp, now)
