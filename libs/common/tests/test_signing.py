"""Signatures: what is accepted, and everything that is not."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booka_common.errors import NotConfigured, Unauthenticated
from booka_common.sealing import Sealer
from booka_common.signing import (
    SecretSet,
    check_timestamp,
    sign,
    sign_request,
    single_header,
    verify,
    verify_request,
    verify_secret,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CURRENT, PREVIOUS = "current-secret-0123456789abcdef", "previous-secret-0123456789abcdef"
BOTH = SecretSet("X_SECRETS", (CURRENT, PREVIOUS))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_signature_is_the_hmac_of_the_raw_bytes(algorithm):
    body = b'{"emoji": "\xf0\x9f\x92\x85", "n": 1.0}'
    expected = hmac.new(CURRENT.encode(), body, getattr(hashlib, algorithm)).hexdigest()
    assert sign(CURRENT.encode(), body, algorithm) == expected
    assert verify(BOTH, body, [expected], algorithm) == 0


def test_both_live_secrets_verify_and_tell_which_one_it_was():
    assert verify(BOTH, b"x", [sign(PREVIOUS.encode(), b"x")]) == 1
    assert verify(BOTH, b"x", ["nonsense", sign(CURRENT.encode(), b"x")]) == 0
    assert verify_secret(BOTH, PREVIOUS) == 1


@given(body=st.binary(max_size=200), signature=st.text(max_size=80))
def test_any_other_text_is_refused_and_never_an_exception_of_another_kind(body, signature):
    with pytest.raises(Unauthenticated):
        verify(BOTH, body, [signature])
    with pytest.raises(Unauthenticated):
        verify_secret(BOTH, signature)


@pytest.mark.parametrize(
    "tampered",
    [lambda s: s.upper(), lambda s: s[:-1], lambda s: s + "0", lambda s: s[::-1], lambda s: f"sha256={s}"],
    ids=["upper", "short", "long", "reversed", "prefixed"],
)
def test_a_signature_has_one_form(tampered):
    with pytest.raises(Unauthenticated):
        verify(BOTH, b"body", [tampered(sign(CURRENT.encode(), b"body"))])


@pytest.mark.parametrize("values", [(), ("",), ("short",), (CURRENT, "")], ids=["none", "empty", "short", "one-empty"])
def test_a_missing_or_weak_secret_is_a_configuration_error(values):
    with pytest.raises(NotConfigured, match="X_SECRETS"):
        verify(SecretSet("X_SECRETS", values), b"x", [sign(b"", b"x")])


@pytest.mark.parametrize("offset", [-301, 301, 86_400 * 365])
def test_a_timestamp_outside_the_window_is_refused_on_both_sides(offset):
    with pytest.raises(Unauthenticated):
        check_timestamp(str(int(NOW.timestamp()) + offset), NOW)
    check_timestamp(str(int(NOW.timestamp()) + (299 if offset > 0 else -299)), NOW)


@pytest.mark.parametrize("text", ["", "abc", "-5", "1e9", "١٢٣", "9" * 40, " 1"])
def test_a_timestamp_is_a_plain_number(text):
    with pytest.raises(Unauthenticated):
        check_timestamp(text, NOW)


def test_a_header_given_twice_is_refused():
    assert single_header(["a"], "x") == "a"
    for values in ([], ["a", "a"]):
        with pytest.raises(Unauthenticated):
            single_header(values, "x")


@pytest.mark.parametrize("changed", ["method", "target", "tenant", "body", "timestamp"])
def test_everything_about_an_internal_request_is_signed(changed):
    parts = {"method": "PUT", "target": "/v1/x?a=1", "tenant": str(uuid4()), "body": b"{}"}
    headers = sign_request(CURRENT.encode(), now=NOW, **parts)
    sent = {**parts, "timestamp": headers["x-booka-timestamp"]}
    verify_request(BOTH, signature=headers["x-booka-signature"], now=NOW, **sent)
    other = {"method": "POST", "target": "/v1/x?a=2", "tenant": str(uuid4()), "body": b"{ }"}
    other["timestamp"] = str(int((NOW + timedelta(seconds=1)).timestamp()))
    with pytest.raises(Unauthenticated):
        verify_request(BOTH, signature=headers["x-booka-signature"], now=NOW, **{**sent, changed: other[changed]})


KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]


def test_a_sealed_secret_opens_for_its_tenant_and_field_only():
    tenant, sealer = uuid4(), Sealer("X_KEYS", KEYS[:1])
    sealed = sealer.seal(tenant, "api_key", "s3cret")
    assert b"s3cret" not in sealed
    assert sealer.open(tenant, "api_key", sealed) == "s3cret"
    for args in ((uuid4(), "api_key", sealed), (tenant, "other", sealed), (tenant, "api_key", sealed[:-1])):
        with pytest.raises(NotConfigured, match="X_KEYS"):
            sealer.open(*args)


def test_a_key_can_be_rotated():
    tenant = uuid4()
    sealed = Sealer("X_KEYS", KEYS[:1]).seal(tenant, "api_key", "s3cret")
    assert Sealer("X_KEYS", KEYS[::-1]).open(tenant, "api_key", sealed) == "s3cret"


@pytest.mark.parametrize("keys", [[], [""], ["notbase64!"], [base64.b64encode(b"short").decode()]])
def test_without_a_usable_key_nothing_is_sealed(keys):
    with pytest.raises(NotConfigured, match="X_KEYS"):
        Sealer("X_KEYS", keys).seal(uuid4(), "f", "s")
