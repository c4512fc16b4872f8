"""Stripe's webhook: its signature, checked by the SDK plus what the SDK leaves out, and what an event may mean."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from stripe import WebhookSignature

from booka_common.errors import Invalid, Unauthenticated
from booka_common.signing import SecretSet, check_timestamp, single_header
from booka_payments.domain import EventKind, ProviderEvent

__all__ = ["read_event", "verify"]

_KINDS: Mapping[str, EventKind] = {
    "checkout.session.completed": "checkout",
    "checkout.session.async_payment_succeeded": "checkout",
    "checkout.session.async_payment_failed": "checkout_failed",
    "checkout.session.expired": "checkout",
    "refund.updated": "refund",
    "refund.failed": "refund",
    "charge.refunded": "refund",
}
# What is kept of an event's object. Names, addresses, card details and client secrets are not.
_KEPT = (
    "id", "object", "status", "payment_status", "amount", "amount_total", "amount_refunded", "currency", "payment_intent",
    "charge", "client_reference_id", "created", "expires_at", "livemode", "reason", "failure_reason", "refunded",
)  # fmt: skip
_NAME = re.compile(r"[\w.:-]{1,255}", re.ASCII)


def verify(secrets: SecretSet, body: bytes, signatures: Sequence[str], now: datetime) -> int:
    """Check a delivery's `Stripe-Signature` headers; return the index of the secret that matched.

    Stricter than the SDK, which takes the first of two timestamps, accepts any time in the future, and raises errors of
    other kinds for bytes it did not expect.

    Raises:
        NotConfigured: no usable secret.
        Unauthenticated: anything else that is not a fresh delivery signed by Stripe.
    """
    keys = secrets.usable()
    header = single_header(signatures, "stripe-signature")
    stamps = [value for name, _, value in (part.strip().partition("=") for part in header.split(",")) if name == "t"]
    if len(stamps) != 1:
        raise Unauthenticated("the stripe-signature header needs exactly one t=", code="bad_signature")
    check_timestamp(stamps[0], now)
    matched = -1
    for index, key in enumerate(keys):
        try:
            WebhookSignature.verify_header(body, header, key.decode(), tolerance=None)
        except Exception:  # noqa: S112 - whatever it trips over was not sent by Stripe
            continue
        if matched < 0:
            matched = index
    if matched < 0:
        raise Unauthenticated("the signature does not match", code="bad_signature")
    return matched


def read_event(body: bytes) -> ProviderEvent | None:
    """The event in a verified body; None for a thin event, which carries nothing that we use.

    Raises:
        Invalid: not the JSON of an event.
    """
    try:
        event = orjson.loads(body)
    except ValueError:
        raise Invalid("the body is not JSON", code="malformed") from None
    if not isinstance(event, dict):
        raise Invalid("the body is not an event", code="malformed")
    if event.get("object") == "v2.core.event":
        return None
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not _named(event.get("id")) or not _named(event.get("type")) or not isinstance(thing, dict):
        raise Invalid("the event lacks its id, type or object", code="malformed")
    kind: EventKind = _KINDS.get(event["type"], "other")
    object_id = thing.get("id") if _named(thing.get("id")) else None
    return ProviderEvent(
        provider="stripe",
        id=event["id"],
        type=event["type"],
        kind=kind,
        occurred_at=_time(event.get("created")),
        object_id=object_id,
        session_id=object_id if kind in {"checkout", "checkout_failed"} else None,
        claims=_claims(thing),
        body=_kept(event, thing),
    )


def _named(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _time(value: object) -> datetime:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 253_402_300_800:
        return datetime.fromtimestamp(value, UTC)
    raise Invalid("the event lacks its time", code="malformed")


def _claims(thing: Mapping[str, Any]) -> tuple[UUID, UUID] | None:
    metadata = thing.get("metadata")
    if not isinstance(metadata, dict):
        return None
    try:
        return UUID(metadata.get("tenant_id")), UUID(metadata.get("transaction_id"))
    except (TypeError, ValueError, AttributeError):
        return None


def _kept(event: Mapping[str, Any], thing: Mapping[str, Any]) -> dict[str, object]:
    metadata = thing.get("metadata")
    kept: dict[str, object] = {name: _clean(thing[name]) for name in _KEPT if _plain(thing.get(name))}
    if isinstance(metadata, dict):
        ours = ("tenant_id", "reservation_id", "transaction_id", "refund_id")
        kept["metadata"] = {name: _clean(metadata[name]) for name in ours if isinstance(metadata.get(name), str)}
    outer = {
        name: _clean(event[name])
        for name in ("id", "type", "created", "livemode", "account")
        if _plain(event.get(name))
    }
    return {**outer, "object": kept}


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _clean(value: Any) -> Any:
    # A NUL is legal JSON and illegal in jsonb.
    return value.replace("\x00", "")[:1000] if isinstance(value, str) else value
