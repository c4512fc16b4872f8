"""WhatsApp's Cloud API over HTTP: `POST /{phone number id}/messages`, and the phone number itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from booka_common.errors import Unavailable
from booka_messaging.domain.clipping import clipped, length
from booka_messaging.domain.cloud import alias_of_number, alias_of_user
from booka_messaging.domain.cloud_codes import verdict
from booka_messaging.domain.media import Media
from booka_messaging.domain.media_sources import source_of
from booka_messaging.domain.model import Alias
from booka_messaging.domain.reading import identifier, line, mapping, sequence
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
from booka_messaging.providers.media import TooLarge, as_medium

__all__ = ["Cloud"]

_MAX_BODY = 1024
_MAX_BUTTONS, _MAX_BUTTON_TITLE = 3, 20
_MAX_ROWS, _MAX_ROW_TITLE, _MAX_DESCRIPTION, _MAX_ROW_ID = 10, 24, 72, 200


class Cloud(Connected):
    """The gateway port for the Cloud API.

    A line's `base_url` ends with the version (`https://graph.facebook.com/v23.0`), its `instance` is the phone number id, its
    `api_key` the access token.
    """

    capabilities = Capabilities(proof="receipts", interactive=True, window=timedelta(hours=24))

    async def send_text(self, line: Line, to: Alias, text: str, *, reference: str | None = None) -> SendOutcome:
        """A text; addresses in it are shown with a preview. `reference` comes back with every status."""
        return await self._send(line, to, "text", {"body": text, "preview_url": True}, reference)

    async def send_choices(
        self, line: Line, to: Alias, choices: Choices, *, reference: str | None = None
    ) -> SendOutcome:
        """As buttons (up to three), as a list (up to ten), or as numbered text if it does not fit Meta's limits."""
        interactive = _interactive(choices)
        if interactive is None:
            return await self.send_text(line, to, choices.text, reference=reference)
        return await self._send(line, to, "interactive", interactive, reference)

    async def send_template(
        self, line: Line, to: Alias, template: Template, *, reference: str | None = None
    ) -> SendOutcome:
        """An approved template with its body's parameters."""
        content: dict[str, Any] = {"name": template.name, "language": {"code": template.language}}
        if template.parameters:
            # Meta refuses empty words, and line breaks or tabs in them.
            words = [{"type": "text", "text": " ".join(word.split()) or "–"} for word in template.parameters]
            content["components"] = [{"type": "body", "parameters": words}]
        return await self._send(line, to, "template", content, reference)

    async def show_typing(self, line: Line, to: Alias, answering: str | None) -> bool:
        """Marks that message read and shows the indicator, for 25 s or until the answer comes."""
        if answering is None:
            return False
        body = {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": answering,
            "typing_indicator": {"type": "text"},
        }
        answer = await self._caller.call("POST", _url(line, "messages"), _bearer(line), body)
        return isinstance(answer, Answer) and answer.status < 300

    async def connection(self, line: Line) -> Connection:
        """`GET /{phone number id}`."""
        answer = await self._caller.call("GET", _url(line), _bearer(line))
        if not isinstance(answer, Answer):
            return Connection("away", answer.reason)
        if 200 <= answer.status < 300:
            return Connection("open")
        if 400 <= answer.status < 500 and answer.status != 429:
            return Connection("refused", _detail(answer, line))
        return Connection("away", f"Meta answered {answer.status}")

    async def sent_between(self, line: Line, start: datetime, end: datetime) -> Sequence[StoredMessage]:
        """There is no store to ask: what was sent is known from its statuses.

        Raises:
            Unavailable: always, with code `no_store`.
        """
        raise Unavailable("the Cloud API does not tell what it has sent", code="no_store")

    async def received_between(self, line: Line, start: datetime, end: datetime) -> Missed:
        """There is no store to ask: Meta repeats its webhooks for seven days instead.

        Raises:
            Unavailable: always, with code `no_store`.
        """
        raise Unavailable("the Cloud API does not tell what it has received", code="no_store")

    async def fetch_media(self, line: Line, media: Media) -> FetchOutcome:
        """`GET /{media id}`, then the address that it names, which holds for 5 minutes and needs the token as well."""
        answer = await self._caller.call("GET", f"{line.base_url}/{quote(media.ref, safe='')}", _bearer(line))
        if not isinstance(answer, Answer):
            return NotNow(answer.reason)
        if answer.status >= 300:
            return _no_medium(answer, line)
        told, limits = mapping(answer.json()), self._downloads.limits
        source = source_of(told.get("url"), line.base_url, limits.hosts)
        if source is None:
            return Refused("media_host", "Meta names an address from which media are not fetched")
        content = await self._downloads.fetch("GET", source, _bearer(line))
        match content:
            case TooLarge():
                return Refused("media_too_large", f"it is larger than {limits.max_bytes} bytes")
            case NotNow():
                return content
        if content.status != 200:
            # The address ends soon, and is asked for anew by the next attempt.
            return NotNow(f"the medium's address answered {content.status}")
        declared = told.get("mime_type")
        return as_medium(content.body, declared if isinstance(declared, str) else media.mime_type, limits.max_bytes)

    async def pairing(self, line: Line, number: str | None) -> Pairing | Refused | NotNow | None:
        """None: Meta knows the line by its number."""
        return None

    async def _send(
        self, line: Line, to: Alias, kind: str, content: Mapping[str, Any], reference: str | None
    ) -> SendOutcome:
        if to.kind == "lid":
            return Refused("recipient_unknown", "the Cloud API cannot write to the LID of another gateway")
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to" if to.kind == "pn" else "recipient": to.value,
            "type": kind,
            kind: content,
        }
        if reference is not None:
            body["biz_opaque_callback_data"] = reference
        answer = await self._caller.call("POST", _url(line, "messages"), _bearer(line), body)
        return _outcome(answer, line) if isinstance(answer, Answer) else answer


def _url(line: Line, operation: str = "") -> str:
    node = f"{line.base_url}/{quote(line.instance, safe='')}"
    return f"{node}/{operation}" if operation else node


def _bearer(line: Line) -> dict[str, str]:
    return {"authorization": f"Bearer {line.api_key}"}


def _outcome(answer: Answer, to_line: Line) -> SendOutcome:
    if 200 <= answer.status < 300:
        return _sent(mapping(answer.json()))
    if answer.status < 400:
        return Refused(f"refused_{answer.status}", "Meta redirects; correct the channel's base_url")
    error = mapping(mapping(answer.json()).get("error"))
    code = error.get("code")
    known = code if isinstance(code, int) and not isinstance(code, bool) else None
    decided = verdict(known, answer.status, transient=error.get("is_transient") is True)
    detail = _detail(answer, to_line)
    delay = max(filter(None, (decided.delay, answer.retry_after)), default=None)
    match decided.meaning:
        case "never":
            return Refused(decided.code, detail)
        case "unknown":
            return OutcomeUnknown(detail)
        case "later":
            return NotNow(detail, delay)
        case "line_down":
            return NotNow(detail, delay, line_down=True)


def _no_medium(answer: Answer, of_line: Line) -> FetchOutcome:
    code = mapping(mapping(answer.json()).get("error")).get("code")
    if answer.status == 404 or code == 100:  # Graph's word for an object that is not there
        return Refused("media_gone", "Meta does not have it any more")
    if answer.status >= 500 or answer.status in (401, 408, 429) or code in (4, 190, 80007, 130429):
        return NotNow(_detail(answer, of_line))
    return Refused(f"refused_{answer.status}", _detail(answer, of_line))


def _sent(body: Mapping[str, Any]) -> Sent:
    messages, contacts = sequence(body.get("messages")), sequence(body.get("contacts"))
    provider_id = identifier(mapping(messages[0]).get("id")) if messages else None
    person = mapping(contacts[0]) if contacts else {}
    told = {alias_of_number(person.get("wa_id")), alias_of_user(person.get("user_id"))}
    return Sent(provider_id, tuple(sorted(alias for alias in told if alias is not None)))


def _detail(answer: Answer, to_line: Line) -> str:
    """What an operator needs to know. Meta repeats tokens in some messages; of ours, nothing may remain."""
    error = mapping(mapping(answer.json()).get("error"))
    numbers = [str(error[name]) for name in ("code", "error_subcode") if isinstance(error.get(name), int)]
    words = line(mapping(error.get("error_data")).get("details"), 300)
    trace = line(error.get("fbtrace_id"), 64)
    told = f"Meta answered {answer.status}" + (f", error {'/'.join(numbers)}" if numbers else "")
    told += (f": {words}" if words else "") + (f" [{trace}]" if trace else "")
    return told.replace(to_line.api_key, "***") if to_line.api_key else told


def _interactive(choices: Choices) -> Mapping[str, Any] | None:
    """The choices as Meta takes them; None if they do not fit."""
    options = choices.options
    titles, ids = {option.title for option in options}, {option.id for option in options}
    if not options or not choices.lead.strip() or length(choices.lead) > _MAX_BODY:
        return None
    if len(titles) < len(options) or len(ids) < len(options) or not all(titles) or not all(ids):
        return None
    if any(len(option.id) > _MAX_ROW_ID for option in options):
        return None
    body = {"text": choices.lead}
    plain = not any(option.description for option in options)
    if plain and len(options) <= _MAX_BUTTONS and all(length(title) <= _MAX_BUTTON_TITLE for title in titles):
        replies = [{"type": "reply", "reply": {"id": option.id, "title": option.title}} for option in options]
        return {"type": "button", "body": body, "action": {"buttons": replies}}
    if len(options) > _MAX_ROWS or not 0 < length(choices.button) <= _MAX_BUTTON_TITLE:
        return None
    shown = [_row(option.title, option.description) for option in options]
    if len({title for title, _ in shown}) < len(options) or any(length(below) > _MAX_DESCRIPTION for _, below in shown):
        return None
    rows = [
        {"id": option.id, "title": title} | ({"description": below} if below else {})
        for option, (title, below) in zip(options, shown, strict=True)
    ]
    return {"type": "list", "body": body, "action": {"button": choices.button, "sections": [{"rows": rows}]}}


def _row(title: str, description: str) -> tuple[str, str]:
    """Title and description of a row. A title that is too long is cut, and stands whole in the description."""
    shown = clipped(title, _MAX_ROW_TITLE)
    if shown == title:
        return title, description
    return shown, f"{title} – {description}" if description else title
