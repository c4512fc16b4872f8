"""WhatsApp's Cloud API: lines of the installation's own Meta app, whose webhooks tell of many, or of one of the salon's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, HttpUrl

from booka_common.errors import Invalid, Unavailable, Unprocessable
from booka_common.signing import SecretSet
from booka_messaging.domain import cloud as parser
from booka_messaging.domain.cloud_verification import answer_challenge, verify_delivery
from booka_messaging.domain.model import ChatEvent, Ignored
from booka_messaging.providers.cloud.sending import Cloud
from booka_messaging.providers.gateway import Gateway, Line
from booka_messaging.providers.kind import Calls, Challenge, Kind, LineOrder, Named, Proof, Request, Secret

__all__ = ["Cloud", "CloudKind", "CloudPut", "MetaApp"]

_META = "https://graph.facebook.com/v23.0"
_NAMED_LINE = re.compile(rb'"phone_number_id"\s*:\s*"(\d{1,64})"')


class MetaAuth(Request):
    """The app secret of a Meta app of the salon's own, and what Meta is told to say when it asks whether the address is ours."""

    mode: Literal["meta"] = "meta"
    secret: Secret
    verify_token: Secret


class CloudPut(LineOrder):
    """A line of WhatsApp's Cloud API as it is to be."""

    gateway: Literal["cloud"]
    instance: str = Field(pattern=r"^[0-9]{5,32}$", description="the phone number id")
    base_url: HttpUrl = Field(HttpUrl(_META), description="Meta's Graph API with its version at the end")
    auth: MetaAuth | None = Field(None, description="null: the line belongs to the installation's own Meta app")

    def proof(self) -> Proof:
        """By the secret of a Meta app, be it the salon's or the installation's."""
        return Proof("meta", None) if self.auth is None else Proof("meta", self.auth.secret, self.auth.verify_token)

    def check_address(self, base_url: str) -> None:
        """It ends with a version."""
        version = base_url.rpartition("/")[2]
        if version[:1] != "v" or not version[1:].replace(".", "", 1).isdigit():
            raise Invalid("base_url has to end with the version of Meta's Graph API, e.g. /v23.0", code="bad_base_url")


@dataclass(frozen=True, slots=True)
class MetaApp:
    """The installation's own Meta app.

    Attributes:
        graph_url: Meta's Graph API without its version, the only one who is believed whose a line of the app is.
    """

    secrets: SecretSet
    verify_tokens: SecretSet
    graph_url: str
    mode: ClassVar[str] = "meta"

    def named_in(self, body: bytes) -> set[str]:
        """Whatever looks like a phone number id."""
        return {line.decode() for line in _NAMED_LINE.findall(body)}

    async def prove(self, gateway: Gateway, line: Line) -> None:
        """Ask Meta, and nobody else, whether the token reaches the line."""
        if line.base_url.rpartition("/")[0] != self.graph_url:
            raise Invalid(
                f"base_url of a line of the installation's own Meta app has to be {self.graph_url}/<version>",
                code="bad_base_url",
            )
        found = await gateway.connection(line)
        if found.state == "refused":
            raise Unprocessable(
                f"this access token does not reach this phone number id: {found.detail}", code="line_refused"
            )
        if found.state == "away":
            raise Unavailable(f"Meta cannot be asked whose line this is: {found.detail}", code="gateway_away")


class CloudKind(Kind):
    """All that Booka has to know of the Cloud API."""

    name = "cloud"
    title = "WhatsApp's Cloud API"
    order = CloudPut
    modes = ("meta",)
    challenge = Challenge(("hub.mode", "hub.challenge", "hub.verify_token"), answer_challenge)
    example: ClassVar = {
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

    def __init__(self, app: MetaApp) -> None:
        self._app = app

    @property
    def shared(self) -> MetaApp:
        """The installation's own Meta app."""
        return self._app

    def gateway(self, calls: Calls) -> Cloud:
        """See `sending`."""
        return Cloud(connect=calls.connect, total=calls.total, connections=calls.connections, media=calls.media)

    def authenticate(self, mode: str, secrets: SecretSet, headers: Named, body: bytes, now: datetime) -> int:
        """See `domain.cloud_verification`."""
        return verify_delivery(secrets, headers, body)

    def events(
        self, payload: Mapping[str, Any], instance: str, path_event: str | None, now: datetime
    ) -> tuple[ChatEvent, ...]:
        """See `domain.cloud`. What is of other lines is passed over."""
        return parser.read_for(payload, instance, now) or (Ignored("event"),)

    def lines_of(self, payload: Mapping[str, Any]) -> tuple[str, ...]:
        """By their phone number ids."""
        return parser.lines_of(payload)

    def part_of(self, payload: Mapping[str, Any], instance: str) -> Mapping[str, Any]:
        """The changes of one line."""
        return parser.part_of(payload, instance)
