"""A third gateway, all of it: pigeons. What Booka has to know of them is in this file and nowhere else.

A loft has birds. Outward, `POST /lofts/{loft}/birds {to, note, label}` answers 201 with the ring of the bird, and
`GET /lofts/{loft}` says whether the loft is open, both with `authorization: Loft <key>`. Inward, a webhook tells of birds that
brought a note, and of ours that came home or were lost: `{loft, birds: [{ring, from, name, note, at} | {ring, came, label}]}`,
sealed by `x-seal: <hex HMAC of "<x-seal-time>.<body>">`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field

from booka_common.errors import Unavailable
from booka_common.signing import SecretSet, check_timestamp, single_header, verify
from booka_messaging.domain.media import Media
from booka_messaging.domain.model import Alias, ChatEvent, ChatMessage, Delivery, Ignored, Receipt
from booka_messaging.domain.reading import (
    MAX_TEXT,
    UNREADABLE,
    identifier,
    instant,
    mapping,
    person_name,
    sequence,
    text,
)
from booka_messaging.errors import UnknownChannel
from booka_messaging.providers.calling import Answer
from booka_messaging.providers.connected import Connected
from booka_messaging.providers.gateway import (
    Capabilities,
    Choices,
    Connection,
    FetchOutcome,
    Line,
    Missed,
    NotNow,
    OutcomeUnknown,
    Pairing,
    Refused,
    SendOutcome,
    Sent,
    StoredMessage,
    Template,
)
from booka_messaging.providers.kind import Calls, Kind, LineOrder, Named, Proof, Request, Secret

_CAME: Mapping[str, Delivery] = {"home": "delivered", "lost": "failed"}


class Pigeons(Connected):
    """The port."""

    capabilities = Capabilities(proof="receipts", interactive=False, window=None)

    async def send_text(self, line: Line, to: Alias, text: str, *, reference: str | None = None) -> SendOutcome:
        note = {"to": to.value, "note": text, "label": reference}
        answer = await self._caller.call("POST", f"{_loft(line)}/birds", _key(line), note)
        if not isinstance(answer, Answer):
            return answer
        if answer.status == 201:
            return Sent(identifier(mapping(answer.json()).get("ring")))
        if answer.status == 429:
            return NotNow("all birds are out", answer.retry_after)
        if answer.status >= 500:
            return OutcomeUnknown(f"the loft answered {answer.status}")
        return Refused(
            "recipient_unknown" if answer.status == 404 else f"refused_{answer.status}", "it will not fly there"
        )

    async def send_choices(
        self, line: Line, to: Alias, choices: Choices, *, reference: str | None = None
    ) -> SendOutcome:
        return await self.send_text(line, to, choices.text, reference=reference)

    async def send_template(
        self, line: Line, to: Alias, template: Template, *, reference: str | None = None
    ) -> SendOutcome:
        return await self.send_text(line, to, template.text, reference=reference)

    async def show_typing(self, line: Line, to: Alias, answering: str | None) -> bool:
        return False

    async def connection(self, line: Line) -> Connection:
        answer = await self._caller.call("GET", _loft(line), _key(line))
        if not isinstance(answer, Answer) or answer.status >= 500:
            return Connection("away")
        return Connection("open" if answer.status == 200 else "refused")

    async def sent_between(self, line: Line, start: datetime, end: datetime) -> Sequence[StoredMessage]:
        raise Unavailable("nobody writes down what a bird carries", code="no_store")

    async def received_between(self, line: Line, start: datetime, end: datetime) -> Missed:
        raise Unavailable("nobody writes down what a bird carries", code="no_store")

    async def fetch_media(self, line: Line, media: Media) -> FetchOutcome:
        return Refused("media_gone", "birds carry notes only")

    async def pairing(self, line: Line, number: str | None) -> Pairing | Refused | NotNow | None:
        return None


def _loft(line: Line) -> str:
    return f"{line.base_url}/lofts/{quote(line.instance, safe='')}"


def _key(line: Line) -> dict[str, str]:
    return {"authorization": f"Loft {line.api_key}"}


class Seal(Request):
    """With what the loft seals its webhooks."""

    secret: Secret


class PigeonPut(LineOrder):
    """A loft as it is to be."""

    gateway: Literal["pigeon"]
    instance: str = Field(pattern=r"^[a-z]+(-[a-z0-9]+)*$", description="the loft")
    auth: Seal

    def proof(self) -> Proof:
        return Proof("seal", self.auth.secret)


class PigeonKind(Kind):
    """All that Booka has to know of pigeons."""

    name = "pigeon"
    title = "the pigeon post"
    order = PigeonPut
    modes = ("seal",)
    example: ClassVar = {
        "loft": "salon-maria",
        "birds": [{"ring": "PT-26-1", "from": "351912345678", "name": "Rui", "note": "olá", "at": 1772442000}],
    }

    def gateway(self, calls: Calls) -> Pigeons:
        return Pigeons(connect=calls.connect, total=calls.total, connections=calls.connections, media=calls.media)

    def authenticate(self, mode: str, secrets: SecretSet, headers: Named, body: bytes, now: datetime) -> int:
        at = single_header(headers("x-seal-time"), "x-seal-time")
        seal = single_header(headers("x-seal"), "x-seal")
        used = verify(secrets, at.encode("latin-1") + b"." + body, [seal])
        check_timestamp(at, now)
        return used

    def events(
        self, payload: Mapping[str, Any], instance: str, path_event: str | None, now: datetime
    ) -> tuple[ChatEvent, ...]:
        if payload.get("loft") != instance:
            raise UnknownChannel
        return tuple(_event(mapping(bird), now) for bird in sequence(payload.get("birds"))) or (Ignored("event"),)


def _event(bird: Mapping[str, Any], now: datetime) -> ChatEvent:
    ring, came, sender = identifier(bird.get("ring")), bird.get("came"), identifier(bird.get("from"), 20)
    if ring is None:
        return Ignored(UNREADABLE)
    if isinstance(came, str) and came in _CAME:
        return Receipt(ring, _CAME[came], reference=identifier(bird.get("label")))
    if sender is None or not isinstance(bird.get("note"), str):
        return Ignored(UNREADABLE)
    note, name = text(bird["note"])[:MAX_TEXT], person_name(bird.get("name"))
    sent_at = instant(bird.get("at"), now)
    return ChatMessage("client", ring, (Alias("pn", sender),), name, "text", note, None, sent_at, {})
