"""Takes credentials out of a webhook's body before it is kept: by name, at any depth, and by value, wherever they are."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

__all__ = ["MIN_SECRET_CHARACTERS", "redact"]

#: Shorter ones are not looked for by value: they would be found in the middle of words.
MIN_SECRET_CHARACTERS = 8
_GONE = "***"
#: In a name without its punctuation. `key` alone is what Evolution calls the id of a message.
_WORDS = (
    "accesskey",
    "apikey",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "mediakey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "signature",
    "token",
)
_NAMES = frozenset({"auth", "jwt", "pass"})
#: A name as it stands in text that is not JSON (any more): quoted or not, then a colon or an equals sign.
_NAMED = re.compile(r"(?P<name>[\w.\-]{1,64})\\*[\"']?\s*[:=]\s*", re.ASCII)
#: What follows it: a text in quotes, perhaps without its end, or whatever comes before the next separator.
_VALUE = re.compile(r"\\*\"(?:[^\"\\]|\\.)*(?:\\?\"|\Z)|\\*'(?:[^'\\]|\\.)*(?:'|\Z)|[^,;&}\]\r\n]*", re.DOTALL)


def redact(body: bytes, secrets: Iterable[str]) -> bytes:
    """`body` without what could open a door: JSON stays JSON, anything else stays text.

    Args:
        secrets: of the line. Every occurrence goes, also where JSON or an address spells it with escapes; those of less than
            8 characters are passed over.
    """
    wanted = _spellings(secrets)
    try:
        text = body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        text = body.decode("latin-1")
        wanted = [*wanted, *(one.encode().decode("latin-1") for one in wanted)]
    try:
        written = json.dumps(_walk(json.loads(text), wanted))
    except (ValueError, RecursionError):
        written = _plain(text, wanted)
    return _without(written, wanted).encode("utf-8", "replace")


def _spellings(secrets: Iterable[str]) -> list[str]:
    """Every way in which a secret may stand in a text, the longest first, so that no part of one is left."""
    found: set[str] = set()
    for secret in secrets:
        if len(secret) >= MIN_SECRET_CHARACTERS:
            found |= {secret, quote(secret, safe=""), quote(secret)}
            found |= {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    return sorted(found, key=len, reverse=True)


def _credential(name: str) -> bool:
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    return bare in _NAMES or any(word in bare for word in _WORDS)


def _walk(value: Any, secrets: Sequence[str]) -> Any:
    match value:
        case dict():
            return {
                _without(name, secrets): _GONE if inner is not None and _credential(name) else _walk(inner, secrets)
                for name, inner in value.items()
            }
        case list():
            return [_walk(inner, secrets) for inner in value]
        case str():
            return _inside(value, secrets)
        case bool() | None:
            return value
        case _:
            return _GONE if any(secret in str(value) for secret in secrets) else value


def _inside(text: str, secrets: Sequence[str]) -> str:
    """A text may be JSON itself, as the parameters of a reply are."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.dumps(_walk(json.loads(text), secrets), ensure_ascii=False)
        except (ValueError, RecursionError):
            return _plain(text, secrets)
    return _without(text, secrets)


def _plain(text: str, secrets: Sequence[str]) -> str:
    """Text that is no JSON. Where a credential is an object or a list, nobody can tell its end: all that follows goes."""
    parts: list[str] = []
    done = 0
    for found in _NAMED.finditer(text):
        if found.start() < done or not _credential(found["name"]):
            continue
        parts += [text[done : found.end()], _GONE]
        if text[found.end() : found.end() + 1] in ("{", "["):
            done = len(text)
            break
        value = _VALUE.match(text, found.end())
        done = found.end() if value is None else value.end()
    return _without("".join((*parts, text[done:])), secrets)


def _without(text: str, secrets: Sequence[str]) -> str:
    """`text` without any of `secrets`; again, as long as what was around one makes up another."""
    while found := [secret for secret in secrets if secret in text]:
        for secret in found:
            text = text.replace(secret, _GONE)
    return text
