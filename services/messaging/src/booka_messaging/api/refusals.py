"""What routes say in OpenAPI of how they refuse: the status, and the codes that come with it."""

from collections.abc import Mapping
from typing import Any

from booka_common.web import Problem

__all__ = ["SIGNED", "changes", "refusals"]

Responses = dict[int | str, dict[str, Any]]


def refusals(codes: Mapping[int, str]) -> Responses:
    """For `responses=` of a route.

    Args:
        codes: by status, with blanks between them.
    """
    return {
        status: {"model": Problem, "description": ", ".join(f"`{code}`" for code in text.split())}
        for status, text in codes.items()
    }


def changes(codes: Mapping[int, str]) -> Responses:
    """The same for a route that changes something once for its `Idempotency-Key`."""
    every = {
        400: "invalid malformed unstorable_text idempotency_key_missing idempotency_key_malformed",
        409: "idempotency_key_in_progress",
        422: "invalid idempotency_key_reused",
    }
    return refusals({status: f"{every.get(status, '')} {codes.get(status, '')}" for status in {**every, **codes}})


#: Of every route of the signed API.
SIGNED: Responses = refusals({
    400: "invalid malformed unstorable_text",
    401: "bad_signature stale_timestamp bad_tenant",
    422: "invalid",
    503: "unavailable config_missing database_unavailable",
})  # fmt: skip
