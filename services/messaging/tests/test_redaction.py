"""No credential survives in what is kept: not by its name, not by its value, at no depth, and not in what is no JSON."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from booka_messaging.domain import evolution
from booka_messaging.domain.redaction import MIN_SECRET_CHARACTERS, redact

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CANARY = "canary-of-a-credential"
NAMES = (
    "apikey", "apiKey", "api_key", "API-KEY", "x-api-key", "token", "access_token", "verifyToken", "hub.verify_token", "secret",
    "clientSecret", "app_secret", "password", "Passwd", "authorization", "Authorization", "jwt", "auth", "credentials",
    "private_key", "cookie", "set-cookie", "mediaKey", "signature", "x-hub-signature-256", "pwd",
)  # fmt: skip
HARMLESS = ("event", "instance", "data", "key", "id", "remoteJid", "pushName", "message", "text", "keyId", "sender")
SECRETS = st.lists(
    st.text(min_size=MIN_SECRET_CHARACTERS, max_size=40).filter(lambda text: "\x00" not in text), min_size=1, max_size=3
)
NUMERIC = st.integers(10**9, 10**15).map(str)


def values(secrets: list[str]) -> st.SearchStrategy[Any]:
    """Any JSON, with the secrets in texts and numbers wherever texts and numbers may be."""
    secret = st.sampled_from(secrets)
    texts = st.one_of(
        st.text(max_size=10),
        st.builds(
            lambda before, value, after: before + value + after, st.text(max_size=5), secret, st.text(max_size=5)
        ),
        st.builds(lambda value: json.dumps({"id": value}), secret),
        secret.map(quote),
    )
    numbers = [int(one) for one in secrets if one.isascii() and one.isdigit()]
    leaves = st.one_of(st.none(), st.booleans(), st.integers(), texts, *([st.sampled_from(numbers)] if numbers else []))
    names = st.one_of(st.sampled_from(HARMLESS), texts)
    return st.recursive(
        leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3))
    )


def whole(value: Any) -> list[str]:
    """Every text and number in `value`, as it is read."""
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in whole(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in whole(inner)]
    return [str(value)]


@given(data=st.data(), secrets=st.one_of(SECRETS, st.lists(NUMERIC, min_size=1, max_size=2)), ascii=st.booleans())
def test_no_secret_of_the_line_survives(data: st.DataObject, secrets: list[str], *, ascii: bool) -> None:
    value = data.draw(values(secrets))
    try:
        body = json.dumps(value, ensure_ascii=ascii).encode()
    except UnicodeEncodeError:
        assume(False)
    bare = redact(body, secrets)
    for secret in secrets:
        assert secret.encode("utf-8", "replace") not in bare
        assert not any(secret in text for text in whole(json.loads(bare)) if secret not in "***")


@given(
    name=st.sampled_from(NAMES),
    value=st.one_of(
        st.just(CANARY),
        st.just({"inner": [CANARY]}),
        st.lists(st.just(CANARY), min_size=1, max_size=2),
        st.just(f"Bearer {CANARY}"),
    ),
    path=st.lists(st.one_of(st.sampled_from(HARMLESS), st.just(0)), max_size=8),
    inside=st.booleans(),
)
def test_nothing_under_the_name_of_a_credential_survives(
    name: str, value: Any, path: list[Any], *, inside: bool
) -> None:
    body: Any = {"before": 1, name: value, "after": "stays"}
    if inside:
        body = {"paramsJson": json.dumps(body)}
    for step in reversed(path):
        body = [body, "beside"] if step == 0 else {step: body, "beside": True}
    bare = redact(json.dumps(body).encode(), ())
    assert CANARY.encode() not in bare
    assert b"stays" in bare
    assert json.loads(bare)


@given(
    name=st.sampled_from(NAMES),
    shape=st.sampled_from(
        ['{{"a":1,"{n}":"{v}","b":', '{{"{n}":{{"x":["{v}"', "{n}={v}&b=2", "{n}: Bearer {v}\r\nhost: x", "a {n} = '{v}' b",
         '{{\\"{n}\\":\\"{v}\\"', '"{n}" : "{v}', "{{'{n}': '{v}'}}", "{n}:{v}"]
    ),
    noise=st.binary(max_size=20),
)  # fmt: skip
def test_nothing_under_such_a_name_survives_in_what_is_no_json(name: str, shape: str, noise: bytes) -> None:
    assume(not noise.endswith((b"\\",)))
    body = noise + b"\n" + shape.format(n=name, v=CANARY).encode()
    assert CANARY.encode() not in redact(body, ())


@given(
    before=st.binary(max_size=30),
    after=st.binary(max_size=30),
    secret=st.text('abcdef012345-_.é"\\/', min_size=8, max_size=30),
)
def test_no_secret_survives_in_what_is_no_json(before: bytes, after: bytes, secret: str) -> None:
    assume(not set(secret) <= set("*"))
    for spelling in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
        bare = redact(before + spelling.encode() + after, [secret])
        assert spelling.encode() not in bare
        assert secret.encode() not in bare


@given(st.binary(max_size=200), st.lists(st.text(max_size=12), max_size=2))
def test_any_bytes_are_redacted(body: bytes, secrets: list[str]) -> None:
    bare = redact(body, secrets)
    assert all(
        secret.encode("utf-8", "replace") not in bare for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS
    )


@pytest.mark.parametrize(
    "body", [b"[" * 5000, b'{"a":' * 3000 + b'"secret-value-1"', '{"text":"secret-value-1"}'.encode("utf-16")]
)
def test_depth_and_encodings(body: bytes) -> None:
    bare = redact(body, ["secret-value-1"])
    assert b"secret-value-1" not in bare
    assert "secret-value-1".encode("utf-16-le") not in bare


def test_a_message_can_still_be_read() -> None:
    payload = {
        "event": "messages.upsert",
        "instance": "salon",
        "apikey": "live-key-of-the-instance",
        "sender": "351210000000@s.whatsapp.net",
        "data": {
            "key": {"remoteJid": "351912345678@s.whatsapp.net", "fromMe": False, "id": "3EB0"},
            "pushName": "Zé",
            "message": {"conversation": "olá, token é meu apelido", "messageContextInfo": {"messageSecret": "abc"}},
            "messageType": "conversation",
            "messageTimestamp": int(NOW.timestamp()),
        },
    }
    bare = json.loads(redact(json.dumps(payload).encode(), ["live-key-of-the-instance", "short"]))
    assert (bare["apikey"], bare["data"]["message"]["messageContextInfo"]["messageSecret"]) == ("***", "***")
    assert evolution.read(bare, NOW) == evolution.read(payload, NOW)
