"""How Meta proves itself: the challenge with which a webhook is subscribed, and the signature of every delivery."""

from collections.abc import Callable, Sequence

from booka_common.errors import Unauthenticated
from booka_common.signing import SecretSet, single_header, verify, verify_secret

__all__ = ["HUB_SIGNATURE_HEADER", "answer_challenge", "verify_delivery"]

HUB_SIGNATURE_HEADER = "x-hub-signature-256"
_MAX_CHALLENGE = 256


def verify_delivery(secrets: SecretSet, headers: Callable[[str], Sequence[str]], body: bytes) -> int:
    """Check `X-Hub-Signature-256: sha256=<hex HMAC of the raw body>`; return the index of the secret that matched.

    There is no timestamp in it: a repeated delivery is told from a new one by its message ids alone.

    Args:
        secrets: of the Meta app, which may serve many salons; two during a rotation.
        headers: all values of a header by its lower-case name.
        body: the raw bytes as received.

    Raises:
        Unauthenticated: missing, repeated, malformed or wrong.
        NotConfigured: no usable secret.
    """
    scheme, _, signature = single_header(headers(HUB_SIGNATURE_HEADER), HUB_SIGNATURE_HEADER).partition("=")
    return verify(secrets, body, [signature] if scheme == "sha256" else [])


def answer_challenge(tokens: SecretSet, query: Callable[[str], Sequence[str]]) -> str:
    """What to answer to `GET ?hub.mode=subscribe&hub.challenge=…&hub.verify_token=…`: the bare challenge, as plain text.

    Args:
        tokens: the verify tokens that were given to Meta.
        query: all values of a query parameter by its name.

    Raises:
        Unauthenticated: not a subscription, or not with our token. To be answered 403, as Meta documents it.
        NotConfigured: no usable token.
    """
    mode, challenge, token = (_single(query(f"hub.{name}")) for name in ("mode", "challenge", "verify_token"))
    verify_secret(tokens, token)
    # It is sent back as it came, so nothing that a browser could take for a page may be in it.
    plain = challenge.isascii() and challenge.replace("-", "").replace("_", "").isalnum()
    if mode != "subscribe" or not plain or len(challenge) > _MAX_CHALLENGE:
        raise Unauthenticated("not a subscription", code="bad_challenge")
    return challenge


def _single(values: Sequence[str]) -> str:
    if len(values) != 1:
        raise Unauthenticated("a parameter is missing or repeated", code="bad_challenge")
    return values[0]
