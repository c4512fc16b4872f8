"""A webhook's body as the JSON object that it should be."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

__all__ = ["UnreadableBody", "parse"]


class UnreadableBody(ValueError):
    """The body is no JSON object."""


def parse(body: bytes) -> Mapping[str, Any]:
    """The JSON object in `body`.

    Half an emoji, as a client that cuts texts may leave, is no reason to refuse a message: the strict and fast parser
    refuses it, the lenient one does not.

    Raises:
        UnreadableBody: it is something else.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            raise UnreadableBody("the body is not JSON") from None
    if not isinstance(payload, dict):
        raise UnreadableBody("the body is not a JSON object")
    return payload
