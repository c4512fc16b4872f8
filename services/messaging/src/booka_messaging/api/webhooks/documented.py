"""What the OpenAPI document says of the webhooks, which FastAPI does not know."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

__all__ = ["document"]

_UPSERT = {
    "event": "messages.upsert",
    "instance": "salon-maria",
    "data": {
        "key": {"remoteJid": "351912345678@s.whatsapp.net", "fromMe": False, "id": "3EB0C767D26A1B2C3D4E"},
        "pushName": "Rui",
        "message": {"conversation": "olá"},
        "messageType": "conversation",
        "messageTimestamp": 1772442000,
    },
}
_MESSAGES = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "102290129340398",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "351210000000", "phone_number_id": "106540352242922"},
                        "contacts": [{"profile": {"name": "Rui"}, "wa_id": "351912345678"}],
                        "messages": [
                            {
                                "from": "351912345678",
                                "id": "wamid.HBgMMzUx",
                                "timestamp": "1772442000",
                                "type": "text",
                                "text": {"body": "olá"},
                            }
                        ],
                    },
                }
            ],
        }
    ],
}


def document(app: FastAPI) -> None:
    """Have the OpenAPI document of `app` tell of the webhooks."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        whole = made()
        whole["paths"] |= _PATHS
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


def _get(*parameters: str) -> dict[str, Any]:
    asked = [_parameter(f"hub.{name}", "query") for name in ("mode", "challenge", "verify_token")]
    return {
        "tags": ["webhooks"],
        "summary": "Meta asks whether the address is ours",
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


_PATHS: Mapping[str, Any] = {
    "/webhooks/evolution/{channel}": {"post": _post("A webhook of Evolution API", _UPSERT, "channel")},
    "/webhooks/evolution/{channel}/{event}": {
        "post": _post("The same, as Evolution calls it with `byEvents`", _UPSERT, "channel", "event")
    },
    "/webhooks/cloud": {
        "post": _post("A webhook of the installation's own Meta app: many lines of many salons", _MESSAGES),
        "get": _get(),
    },
    "/webhooks/cloud/{channel}": {
        "post": _post("A webhook of a Meta app of the salon's own", _MESSAGES, "channel"),
        "get": _get("channel"),
    },
}
