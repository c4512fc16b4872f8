"""How a channel's webhooks prove where they come from: an HMAC of the raw body, a static secret, or Evolution's JWT."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import jwt

from booka_common.errors import NotConfigured, Unauthenticated
from booka_common.signing import MIN_SECRET_BYTES, SecretSet, single_header, verify, verify_secret

__all__ = ["JWT_LEEWAY", "SECRET_HEADER", "SIGNATURE_HEADER", "authenticate", "min_secret_bytes"]

SIGNATURE_HEADER = "x-booka-signature"
SECRET_HEADER = "x-booka-webhook-secret"  # noqa: S105 - a header's name
#: Evolution repeats a delivery for 20 minutes with the token of the first one, which is valid for 10.
JWT_LEEWAY = timedelta(minutes=30)


def min_secret_bytes(mode: str) -> int:
    """The shortest secret for `mode`; a JWT's HS256 needs as many bytes as its hash has (RFC 7518, 3.2)."""
    return 32 if mode == "jwt" else MIN_SECRET_BYTES


def authenticate(
    mode: str, secrets: SecretSet, headers: Callable[[str], Sequence[str]], body: bytes, now: datetime
) -> int:
    """Check a webhook; return the index of the secret that it was made with, 0 being the current one.

    Args:
        mode: `hmac`, `header` or `jwt`.
        headers: all values of a header by its lower-case name.
        body: the raw bytes as received.

    Raises:
        Unauthenticated: missing, repeated, malformed or wrong proof.
        NotConfigured: no usable secret.
    """
    if mode == "hmac":
        presented = single_header(headers(SIGNATURE_HEADER), SIGNATURE_HEADER)
        scheme, _, signature = presented.partition("=")
        return verify(secrets, body, [signature] if scheme == "sha256" else [])
    if mode == "header":
        return verify_secret(secrets, single_header(headers(SECRET_HEADER), SECRET_HEADER))
    scheme, _, token = single_header(headers("authorization"), "authorization").partition(" ")
    return _verify_token(secrets, token if scheme.lower() == "bearer" else "", now)


def _verify_token(secrets: SecretSet, token: str, now: datetime) -> int:
    keys = secrets.usable()
    if any(len(key) < min_secret_bytes("jwt") for key in keys):
        raise NotConfigured(secrets.variable, "a JWT secret needs at least 32 bytes")
    matched, expires = -1, 0.0
    for index, key in enumerate(keys):
        try:
            # The clock is ours, so that it can be set; hence the expiry is compared below.
            claims = jwt.decode(
                token,
                key,
                algorithms=["HS256"],
                options={
                    "require": ["exp"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_aud": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            continue
        if matched < 0 and isinstance(claims["exp"], int | float):
            matched, expires = index, claims["exp"]
    if matched < 0:
        raise Unauthenticated("the token is not valid", code="bad_signature")
    if not expires + JWT_LEEWAY.total_seconds() >= now.timestamp():
        raise Unauthenticated("the token has expired", code="stale_token")
    return matched
