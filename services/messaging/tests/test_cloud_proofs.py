"""The Cloud API's proofs: only Meta is believed, by either of two live app secrets, and only its question is answered."""

import hashlib
import hmac
from collections.abc import Callable, Sequence

import pytest

from booka_common.errors import NotConfigured, Unauthenticated
from booka_common.signing import SecretSet
from booka_messaging.domain.cloud_verification import answer_challenge, verify_delivery

BODY = b'{"object":"whatsapp_business_account"}'
NEW, OLD, FOREIGN = "0123456789abcdef" * 2, "fedcba9876543210" * 2, "f" * 32
BOTH = SecretSet("app secret", (NEW, OLD))
Values = Callable[[str], Sequence[str]]


def values(*pairs: tuple[str, str]) -> Values:
    return lambda name: [value for key, value in pairs if key == name]


def mac(secret: str, body: bytes = BODY) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(*signatures: str) -> Values:
    return values(*(("x-hub-signature-256", signature) for signature in signatures))


def test_both_live_app_secrets_hold() -> None:
    assert verify_delivery(BOTH, signed(mac(NEW)), BODY) == 0
    assert verify_delivery(BOTH, signed(mac(OLD)), BODY) == 1


@pytest.mark.parametrize(
    "given",
    [
        signed(),
        signed(""),
        signed("sha256="),
        signed(mac(FOREIGN)),
        signed(mac(NEW, BODY + b" ")),
        signed(mac(NEW).upper()),
        signed("sha256=" + mac(NEW).removeprefix("sha256=").upper()),
        signed(mac(NEW)[:-1]),
        signed(mac(NEW).removeprefix("sha256=")),
        signed(mac(NEW).replace("sha256", "sha1")),
        signed("sha256=é"),
        signed(mac(NEW), mac(NEW)),
        signed(mac(NEW), mac(FOREIGN)),
        values(("x-hub-signature", mac(NEW))),
    ],
)
def test_bad_signatures(given: Values) -> None:
    with pytest.raises(Unauthenticated):
        verify_delivery(BOTH, given, BODY)


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (NEW, "")])
def test_an_unusable_secret_is_our_fault_and_lets_nobody_in(secrets: tuple[str, ...]) -> None:
    with pytest.raises(NotConfigured):
        verify_delivery(SecretSet("app secret", secrets), signed(mac(secrets[0] if secrets else "")), BODY)
    with pytest.raises(NotConfigured):
        answer_challenge(SecretSet("verify token", secrets), subscription(token=secrets[0] if secrets else ""))


def subscription(mode: str = "subscribe", challenge: str = "1158201444", token: str = NEW) -> Values:
    return values(("hub.mode", mode), ("hub.challenge", challenge), ("hub.verify_token", token))


def test_the_challenge_is_answered_to_who_knows_the_token() -> None:
    assert answer_challenge(BOTH, subscription()) == "1158201444"
    assert answer_challenge(BOTH, subscription(token=OLD)) == "1158201444"


@pytest.mark.parametrize(
    "query",
    [
        values(),
        subscription(token=FOREIGN),
        subscription(token=""),
        subscription(mode="unsubscribe"),
        subscription(challenge=""),
        subscription(challenge="<script>"),
        subscription(challenge="1" * 257),
        values(("hub.mode", "subscribe"), ("hub.challenge", "1")),
        values(("hub.mode", "subscribe"), *[("hub.challenge", "1")] * 2, ("hub.verify_token", NEW)),
        values(("hub.mode", "subscribe"), ("hub.challenge", "1"), *[("hub.verify_token", NEW)] * 2),
    ],
)
def test_other_subscriptions_are_refused(query: Values) -> None:
    with pytest.raises(Unauthenticated):
        answer_challenge(BOTH, query)
