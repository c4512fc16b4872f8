"""Evolution API 2.2.3 to 2.4: one line per address, webhooks with a header that proves them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from booka_messaging.domain import evolution as parser
from booka_messaging.domain import verification
from booka_messaging.domain.model import ChatEvent
from booka_messaging.errors import UnknownChannel
from booka_messaging.providers.evolution.sending import Evolution
from booka_messaging.providers.kind import Calls, Kind, LineOrder, Proof, Request, Secret

__all__ = ["Evolution", "EvolutionKind", "EvolutionPut"]


class EvolutionAuth(Request):
    """How the channel's webhooks prove where they come from.

    `hmac`: `x-booka-signature: sha256=<hex HMAC of the raw body>`; `header`: `x-booka-webhook-secret: <secret>`;
    `jwt`: Evolution's `jwt_key`, sent as `Authorization: Bearer <HS256 JWT>`.
    """

    mode: Literal["hmac", "header", "jwt"]
    secret: Secret


class EvolutionPut(LineOrder):
    """A line of Evolution API as it is to be."""

    gateway: Literal["evolution"] = "evolution"
    instance: str = Field(min_length=1, max_length=120, description="the gateway's name of the WhatsApp connection")
    auth: EvolutionAuth

    def proof(self) -> Proof:
        """Always with a secret of the line's own."""
        return Proof(self.auth.mode, self.auth.secret)


class EvolutionKind(Kind):
    """All that Booka has to know of Evolution API."""

    name = "evolution"
    title = "Evolution API"
    order = EvolutionPut
    modes = ("hmac", "header", "jwt")
    event_in_path = True  # as it calls with `byEvents`
    authenticate = staticmethod(verification.authenticate)
    example: ClassVar = {
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

    def gateway(self, calls: Calls) -> Evolution:
        """See `sending`."""
        return Evolution(connect=calls.connect, total=calls.total, connections=calls.connections, media=calls.media)

    def min_secret_bytes(self, mode: str) -> int:
        """A JWT needs a longer one."""
        return verification.min_secret_bytes(mode)

    def events(
        self, payload: Mapping[str, Any], instance: str, path_event: str | None, now: datetime
    ) -> tuple[ChatEvent, ...]:
        """See `domain.evolution`."""
        if payload.get("instance") != instance:
            raise UnknownChannel
        return parser.read(payload, now, path_event=path_event)
