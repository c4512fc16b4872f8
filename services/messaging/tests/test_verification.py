"""Which webhooks a channel believes."""

import hashlib
import hmac
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from booka_common.errors import NotConfigured, Unauthenticated
from booka_common.signing import SecretSet
from booka_messaging.domain.verification import JWT_LEEWAY, authenticate

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BODY = b'{"event":"messages.upsert"}'
NEW, OLD, FOREIGN = "n" * 40, "o" * 40, "f" * 40
BOTH = SecretSet("auth.secret", (NEW, OLD))


def headers(*pairs: tuple[str, str]) -> Callable[[str], Sequence[str]]:
    return lambda name: [value for key, value in pairs if key == name]


def mac(secret: str, body: bytes = BODY) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def token(secret: str, *, algorithm: str = "HS256", **claims: Any) -> str:
    issued = int(NOW.timestamp())
    body = {"iat": issued, "exp": issued + 600, "app": "evolution", "action": "webhook", **claims}
    return jwt.encode({name: value for name, value in body.items() if value is not None}, secret, algorithm)


def bearer(*tokens: str) -> Callable[[str], Sequence[str]]:
    return headers(*(("authorization", f"Bearer {one}") for one in tokens))


@pytest.mark.parametrize(("secret", "index"), [(NEW, 0), (OLD, 1)])
def test_both_live_secrets_hold(secret: str, index: int) -> None:
    assert authenticate("hmac", BOTH, headers(("x-booka-signature", mac(secret))), BODY, NOW) == index
    assert authenticate("header", BOTH, headers(("x-booka-webhook-secret", secret)), BODY, NOW) == index
    assert authenticate("jwt", BOTH, bearer(token(secret)), BODY, NOW) == index


@pytest.mark.parametrize(
    "given",
    [
        headers(),
        headers(("x-booka-signature", mac(FOREIGN))),
        headers(("x-booka-signature", mac(NEW, BODY + b" "))),
        headers(("x-booka-signature", mac(NEW).upper())),
        headers(("x-booka-signature", "sha256=" + mac(NEW).removeprefix("sha256=").upper())),
        headers(("x-booka-signature", mac(NEW).removeprefix("sha256="))),
        headers(("x-booka-signature", mac(NEW).replace("sha256", "sha1"))),
        headers(("x-booka-signature", mac(NEW)), ("x-booka-signature", mac(NEW))),
        headers(("x-booka-signature", mac(NEW)), ("x-booka-signature", mac(FOREIGN))),
        headers(("x-booka-signature", mac("")), ("x-booka-webhook-secret", NEW)),
        headers(("x-booka-signature", "sha256=")),
        headers(("x-booka-signature", "sha256=é")),
        headers(("x-booka-signature", "")),
        headers(("x-booka-webhook-secret", NEW)),
    ],
)
def test_bad_signatures(given: Callable[[str], Sequence[str]]) -> None:
    with pytest.raises(Unauthenticated):
        authenticate("hmac", BOTH, given, BODY, NOW)


@pytest.mark.parametrize(
    "given",
    [
        headers(),
        headers(("x-booka-webhook-secret", "")),
        headers(("x-booka-webhook-secret", FOREIGN)),
        headers(("x-booka-webhook-secret", NEW.upper())),
        headers(("x-booka-webhook-secret", NEW[:-1])),
        headers(("x-booka-webhook-secret", NEW), ("x-booka-webhook-secret", NEW)),
        headers(("x-booka-webhook-secret", "é\udcff")),
        headers(("x-booka-signature", mac(NEW))),
    ],
)
def test_bad_header_secrets(given: Callable[[str], Sequence[str]]) -> None:
    with pytest.raises(Unauthenticated):
        authenticate("header", BOTH, given, BODY, NOW)


UNSIGNED = jwt.encode({"exp": int(NOW.timestamp()) + 600}, "", "none")


@pytest.mark.parametrize(
    "given",
    [
        headers(),
        bearer(token(FOREIGN)),
        bearer(token(NEW)[:-2]),
        bearer(token(NEW), token(NEW)),
        bearer(UNSIGNED),
        bearer(token(NEW, exp=None)),
        bearer(token(NEW, exp="soon")),
        bearer(token("n" * 64, algorithm="HS512")),
        bearer(""),
        bearer("é"),
        headers(("authorization", token(NEW))),
        headers(("authorization", f"Basic {token(NEW)}")),
    ],
)
def test_bad_tokens(given: Callable[[str], Sequence[str]]) -> None:
    with pytest.raises(Unauthenticated):
        authenticate("jwt", BOTH, given, BODY, NOW)


def test_a_token_may_be_late_by_evolutions_retries_and_no_more() -> None:
    given = bearer(token(NEW))
    last = NOW + timedelta(seconds=600) + JWT_LEEWAY
    assert authenticate("jwt", BOTH, given, BODY, last) == 0
    with pytest.raises(Unauthenticated) as refusal:
        authenticate("jwt", BOTH, given, BODY, last + timedelta(seconds=1))
    assert refusal.value.code == "stale_token"


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (NEW, "")])
@pytest.mark.parametrize("mode", ["hmac", "header", "jwt"])
def test_an_unusable_secret_is_our_fault_and_lets_nobody_in(mode: Any, secrets: tuple[str, ...]) -> None:
    key = secrets[0] if secrets else ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forged = jwt.encode({"exp": int(NOW.timestamp()) + 600}, key, "HS256") if key else UNSIGNED
    given = headers(
        ("x-booka-signature", mac(key)), ("x-booka-webhook-secret", key), ("authorization", f"Bearer {forged}")
    )
    with pytest.raises(NotConfigured):
        authenticate(mode, SecretSet("auth.secret", secrets), given, BODY, NOW)
