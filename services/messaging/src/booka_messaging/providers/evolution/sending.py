"""Evolution API over HTTP: `sendText`, `sendPresence`, `connectionState`, and what it keeps."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from booka_common.errors import Unavailable
from booka_messaging.domain.evolution import alias_of, read_stored
from booka_messaging.domain.media import Media
from booka_messaging.domain.model import Alias, ChatMessage
from booka_messaging.domain.reading import mapping, text
from booka_messaging.providers.calling import Answer
from booka_messaging.providers.connected import Connected
from booka_messaging.providers.evolution.reading import fetch_medium, received_between
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

__all__ = ["Evolution"]

_PAGE = 100
_MAX_PAGES = 20
_TYPING_MILLISECONDS = 1000
_LONGEST_PICTURE = 64_000
#: Evolution wraps every error of its WhatsApp connection into a 400; these say nothing about the message.
_PASSING = ("connection closed", "connection lost", "timed out", "timeout", "rate-overlimit", "not connected")


class Evolution(Connected):
    """The gateway port for Evolution API 2.2.3 to 2.4."""

    #: Buttons and lists are taken with 201 and never arrive, so choices are always sent as numbered text.
    capabilities = Capabilities(proof="store", interactive=False, window=None)

    async def send_text(self, line: Line, to: Alias, text: str, *, reference: str | None = None) -> SendOutcome:
        """`POST /message/sendText/{instance}`. There is no idempotency key and no place for `reference`."""
        response = await self._post(line, "message/sendText", {"number": _number(to), "text": text})
        return _outcome(response) if isinstance(response, Answer) else response

    async def send_choices(
        self, line: Line, to: Alias, choices: Choices, *, reference: str | None = None
    ) -> SendOutcome:
        """As numbered text."""
        return await self.send_text(line, to, choices.text, reference=reference)

    async def send_template(
        self, line: Line, to: Alias, template: Template, *, reference: str | None = None
    ) -> SendOutcome:
        """As text: this gateway knows no window that a template would be needed for."""
        return await self.send_text(line, to, template.text, reference=reference)

    async def show_typing(self, line: Line, to: Alias, answering: str | None) -> bool:
        """`POST /chat/sendPresence/{instance}`; the call takes as long as it is shown."""
        body = {"number": _number(to), "presence": "composing", "delay": _TYPING_MILLISECONDS}
        response = await self._post(line, "chat/sendPresence", body)
        return isinstance(response, Answer) and response.status < 300

    async def connection(self, line: Line) -> Connection:
        """`GET /instance/connectionState/{instance}`."""
        response = await self._caller.call("GET", _url(line, "instance/connectionState"), {"apikey": line.api_key})
        if not isinstance(response, Answer):
            return Connection("away", response.reason)
        if response.status in (401, 403, 404):
            return Connection("refused", f"the gateway answered {response.status}")
        state = mapping(mapping(response.json()).get("instance")).get("state")
        match state:
            case "open" | "connecting" | "close":
                return Connection(state)
            case "refused":
                return Connection("close", "refused by WhatsApp")
            case _:
                return Connection("away", f"the gateway answered {response.status}")

    async def sent_between(self, line: Line, start: datetime, end: datetime) -> Sequence[StoredMessage]:
        """`POST /chat/findMessages/{instance}`, page by page."""
        found: list[StoredMessage] = []
        for page in range(1, _MAX_PAGES + 1):
            body = {
                "where": {
                    "key": {"fromMe": True},
                    "messageTimestamp": {"gte": _instant(start), "lte": _instant(end)},
                },
                "offset": _PAGE,
                "page": page,
            }
            response = await self._post(line, "chat/findMessages", body)
            if not isinstance(response, Answer):
                raise Unavailable(f"the gateway's store cannot be asked: {response.reason}")
            if response.status >= 300:
                raise Unavailable(f"the gateway's store answered {response.status}")
            listed = mapping(mapping(response.json()).get("messages"))
            records = listed.get("records")
            if not isinstance(records, list):
                raise Unavailable("the gateway's store answered something else")
            found.extend(_stored(message) for record in records if (message := read_stored(record, end)) is not None)
            pages = listed.get("pages")
            if len(records) < _PAGE or (isinstance(pages, int) and page >= pages):
                break
        return found

    async def received_between(self, line: Line, start: datetime, end: datetime) -> Missed:
        """`POST /chat/findMessages/{instance}`."""
        return await received_between(self._post, self._caller, line, start, end)

    async def fetch_media(self, line: Line, media: Media) -> FetchOutcome:
        """`POST /chat/getBase64FromMediaMessage/{instance}`."""
        return await fetch_medium(self._downloads, line, media)

    async def pairing(self, line: Line, number: str | None) -> Pairing | Refused | NotNow | None:
        """`GET /instance/connect/{instance}`, which also starts the attempt."""
        url = _url(line, "instance/connect") + (f"?number={quote(number, safe='')}" if number else "")
        response = await self._caller.call("GET", url, {"apikey": line.api_key})
        if not isinstance(response, Answer):
            return NotNow(response.reason)
        if response.status in (401, 403, 404):
            return Refused(f"refused_{response.status}", f"the gateway answered {response.status}")
        body = mapping(response.json())
        if mapping(body.get("instance")).get("state") == "open":
            return Pairing(connected=True)
        shown = Pairing(
            connected=False,
            code=_shown(body.get("pairingCode")),
            qr=_shown(body.get("code")),
            image=_shown(body.get("base64")),
        )
        if response.status >= 300 or not (shown.code or shown.qr or shown.image):
            return NotNow("the gateway shows no code yet; ask again")
        return shown

    async def take_webhook_back(self, line: Line, path: str) -> bool | NotNow:
        """`GET /webhook/find/{instance}`, and if that is ours `POST /webhook/set/{instance}` with `enabled` false.

        Somebody who sets another one between the two is undone.
        """
        found = await self._caller.call("GET", _url(line, "webhook/find"), {"apikey": line.api_key})
        if not isinstance(found, Answer):
            return NotNow(found.reason)
        if found.status >= 500:
            return NotNow(f"the gateway answered {found.status}")
        webhook = mapping(found.json())
        url = text(webhook.get("url"))
        if (
            found.status >= 300
            or webhook.get("enabled") is not True
            or not urlsplit(url).path.rstrip("/").endswith(path)
        ):
            return False
        order = {
            "enabled": False,
            "url": url,
            "headers": webhook.get("headers") or {},
            "byEvents": webhook.get("webhookByEvents") is True,
            "base64": webhook.get("webhookBase64") is True,
            "events": webhook.get("events") or [],
        }
        done = await self._post(line, "webhook/set", {"webhook": order})
        if not isinstance(done, Answer):
            return NotNow(done.reason)
        return True if done.status < 300 else NotNow(f"the gateway answered {done.status}")

    async def _post(self, line: Line, operation: str, body: Mapping[str, Any]) -> Answer | NotNow | OutcomeUnknown:
        return await self._caller.call("POST", _url(line, operation), {"apikey": line.api_key}, body)


def _shown(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_PICTURE else None


def _url(line: Line, operation: str) -> str:
    return f"{line.base_url}/{operation}/{quote(line.instance, safe='')}"


def _number(to: Alias) -> str:
    return to.value if to.kind == "pn" else f"{to.value}@lid"


def _outcome(response: Answer) -> SendOutcome:
    status = response.status
    body = response.json()
    if 200 <= status < 300:
        return _sent(mapping(mapping(body).get("key")))
    if status == 429:
        return NotNow("429", response.retry_after)
    if status in (408, 425) or status >= 500:
        return OutcomeUnknown(f"status {status}")
    if status < 400:
        return Refused(f"refused_{status}", "the gateway redirects; correct the channel's base_url")
    if _says_not_on_whatsapp(body):
        return Refused("recipient_unknown", "the number has no WhatsApp account that this gateway can reach")
    if status == 400 and any(word in response.body.decode("utf-8", "replace").lower() for word in _PASSING):
        return OutcomeUnknown("the gateway's WhatsApp connection failed")
    return Refused(f"refused_{status}", f"the gateway answered {status}")


def _sent(key: Mapping[str, Any]) -> Sent:
    provider_id = key.get("id")
    named = {alias for name in ("remoteJid", "remoteJidAlt") if (alias := alias_of(key.get(name))) is not None}
    return Sent(
        provider_id if isinstance(provider_id, str) and 0 < len(provider_id) <= 128 else None, tuple(sorted(named))
    )


def _says_not_on_whatsapp(body: Any) -> bool:
    """`{"response": {"message": [{"exists": false, …}]}}`, with or without the outer layer."""
    message = mapping(mapping(body).get("response")).get("message")
    candidates = [body, *(message if isinstance(message, list) else [message])]
    return any(mapping(candidate).get("exists") is False for candidate in candidates)


def _stored(message: ChatMessage) -> StoredMessage:
    return StoredMessage(message.provider_id, message.aliases, message.text, message.sent_at)


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
