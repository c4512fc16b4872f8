"""What the OpenAPI document says of the webhooks, which FastAPI does not know."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI

from booka_messaging.providers.kind import Challenge, Kind

__all__ = ["document"]


def document(app: FastAPI, kinds: Iterable[Kind]) -> None:
    """Have the OpenAPI document of `app` tell of the webhooks of these kinds of gateways."""
    made = app.openapi
    paths = {path: operations for kind in kinds for path, operations in _paths(kind).items()}

    def openapi() -> dict[str, Any]:
        whole = made()
        whole["paths"] |= paths
        return whole

    app.openapi = openapi  # type: ignore[method-assign]


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": {"type": "object"}}}}


_OUTCOMES = ("accepted", "duplicate", "stale", "ignored", "kept", "unknown")
_TAKEN: Mapping[str, Any] = {
    "200": {
        "description": "stored, a duplicate, nothing for us, or kept because it cannot be read",
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"outcome": {"type": "string", "enum": list(_OUTCOMES)}}}
            }
        },
    },
    "400": _problem("`malformed`: proven and no JSON object; it is kept as well"),
    "401": _problem("`bad_signature`, `stale_token`: no, repeated or wrong proof"),
    "404": _problem("`unknown_channel`"),
    "413": _problem("`too_large`"),
    "503": _problem("`unavailable`: to be repeated; `config_missing`: names what has to be set"),
}


def _post(summary: str, example: Mapping[str, Any], *parameters: str) -> dict[str, Any]:
    return {
        "tags": ["webhooks"],
        "summary": summary,
        "parameters": [_parameter(name) for name in parameters],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": example}},
        },
        "responses": _TAKEN,
    }


def _parameter(name: str, place: str = "path") -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": {"type": "string"}}


def _get(kind: Kind, challenge: Challenge, *parameters: str) -> dict[str, Any]:
    asked = [_parameter(name, "query") for name in challenge.parameters]
    return {
        "tags": ["webhooks"],
        "summary": f"{kind.title} asks whether the address is ours",
        "parameters": [*(_parameter(name) for name in parameters), *asked],
        "responses": {
            "200": {
                "description": "the challenge as it came",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            "403": _problem("`bad_challenge`, `bad_signature`: not a subscription, or not with our token"),
            "503": _problem("`config_missing`: names what has to be set"),
        },
    }


def _paths(kind: Kind) -> dict[str, Any]:
    address, told = f"/webhooks/{kind.name}", f"A webhook of {kind.title}"
    found = {f"{address}/{{channel}}": {"post": _post(told, kind.example, "channel")}}
    if kind.event_in_path:
        same = "The same, with its event in the address"
        found[f"{address}/{{channel}}/{{event}}"] = {"post": _post(same, kind.example, "channel", "event")}
    if kind.shared is not None:
        shared = f"{told}, of the installation's own app there: many lines of many salons"
        found[address] = {"post": _post(shared, kind.example)}
        found[f"{address}/{{channel}}"] = {
            "post": _post(f"{told}, of an app of the salon's own", kind.example, "channel")
        }
    if kind.challenge is not None:
        for path, operations in found.items():
            operations["get"] = _get(kind, kind.challenge, *(["channel"] if "{channel}" in path else []))
    return found
