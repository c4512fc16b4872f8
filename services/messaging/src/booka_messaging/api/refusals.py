"""What routes say in OpenAPI of how they refuse: the status, and the codes that come with it."""

from collections.abc import Mapping
from typing import Any

from booka_common.web import Problem

__all__ = ["SIGNED", "changes", "refusals"]

Responses = dict[int | str, dict[str, Any]]

#: Of every route of the signed API.
_ALWAYS: Mapping[int, str] = {
    400: "invalid malformed unstorable_text",
    401: "bad_signature stale_timestamp bad_tenant",
    413: "too_large",
    422: "invalid",
    503: "unavailable config_missing database_unavailable",
}
#: Of those that change something once for their `Idempotency-Key`.
_ONCE: Mapping[int, str] = {
    400: "idempotency_key_missing idempotency_key_malformed",
    409: "idempotency_key_in_progress",
    422: "idempotency_key_reused",
}


def refusals(codes: Mapping[int, str]) -> Responses:
    """For `responses=` of a route, with what every route may answer.

    Args:
        codes: its own by status, with blanks between them.
    """
    return _told(_ALWAYS, codes)


def changes(codes: Mapping[int, str]) -> Responses:
    """The same for a route that changes something once for its `Idempotency-Key`."""
    return _told(_ALWAYS, _ONCE, codes)


def _told(*sets: Mapping[int, str]) -> Responses:
    found: dict[int, list[str]] = {}
    for codes in sets:
        for status, text in codes.items():
            found.setdefault(status, []).extend(text.split())
    return {
        status: {"model": Problem, "description": ", ".join(f"`{code}`" for code in dict.fromkeys(names))}
        for status, names in found.items()
    }


#: For a router of which no route has refusals of its own.
SIGNED: Responses = refusals({})
