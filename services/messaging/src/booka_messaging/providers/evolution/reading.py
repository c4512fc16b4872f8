"""What Evolution API keeps: messages that its webhooks may not have brought, and media."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
from yarl import URL

from booka_common.errors import Unavailable
from booka_messaging.domain.evolution import alias_of, read_kept
from booka_messaging.domain.media import Media
from booka_messaging.domain.media_sources import Source
from booka_messaging.domain.model import Alias, ChatMessage
from booka_messaging.domain.reading import mapping, sequence
from booka_messaging.providers.calling import Answer, Caller
from booka_messaging.providers.gateway import FetchOutcome, Line, Missed, NotNow, OutcomeUnknown, Refused
from booka_messaging.providers.media import Downloads, TooLarge, as_medium

__all__ = ["fetch_medium", "received_between"]

_PAGE = 100
#: Read at most in one go; a longer stretch is halved until it has no more.
_PAGES = 5
_SHORTEST = timedelta(seconds=2)
#: For a gateway that does not heed the times it is asked for.
_PAGES_BACK = 20

Post = Callable[[Line, str, Mapping[str, Any]], Awaitable[Answer | NotNow | OutcomeUnknown]]


@dataclass(frozen=True, slots=True)
class _Page:
    records: list[Any]
    pages: int
    heeded: bool


async def received_between(post: Post, caller: Caller, line: Line, start: datetime, end: datetime) -> Missed:
    """`POST /chat/findMessages/{instance}`, newest first as it lists them, page by page.

    The list grows at its front. Read from there, a message that comes in meanwhile pushes others on to pages that are still
    to be read; so nothing falls between two pages.

    Raises:
        Unavailable: the store does not tell.
    """
    until = end
    first = await _page(post, line, start, until, 1)
    while first.heeded and first.pages > _PAGES and until - start > _SHORTEST:
        until = start + (until - start) / 2
        first = await _page(post, line, start, until, 1)
    if not first.heeded:
        until = end
    most = _PAGES_BACK if not first.heeded else max(_PAGES, min(first.pages, _PAGES_BACK))
    records = list(first.records)
    page, read = first, 1
    while len(page.records) >= _PAGE and read < most and (first.heeded or not _before(page.records[-1], start)):
        read += 1
        page = await _page(post, line, start, until, read)
        records.extend(page.records)
    own = await _own(caller, line) if any(_from_me(record) for record in records) else None
    found: dict[str, ChatMessage] = {}
    for record in records:
        message = read_kept(record, own, end)
        if message is not None and start - timedelta(seconds=1) <= message.sent_at <= until:
            found[message.provider_id] = message
    ordered = sorted(found.values(), key=lambda message: message.sent_at)
    return Missed(tuple(ordered), until, complete=until == end)


async def fetch_medium(downloads: Downloads, line: Line, media: Media) -> FetchOutcome:
    """`POST /chat/getBase64FromMediaMessage/{instance}`: Evolution fetches and decrypts it, and answers with base64 in JSON."""
    most = downloads.limits.max_bytes
    url = URL(f"{line.base_url}/chat/getBase64FromMediaMessage/{quote(line.instance, safe='')}", encoded=True)
    body = {"message": {"key": {"id": media.ref}}, "convertToMp4": False}
    answer = await downloads.fetch(
        "POST", Source(url, trusted=True), {"apikey": line.api_key}, body, most=most * 4 // 3 + 65536
    )
    match answer:
        case TooLarge():
            return Refused("media_too_large", f"it is larger than {most} bytes")
        case NotNow():
            return answer
    if answer.status == 404 or (answer.status == 400 and b"not found" in answer.body.lower()):
        return Refused("media_gone", "the gateway does not have it any more")
    if answer.status >= 500 or answer.status in (408, 429):
        return NotNow(f"the gateway answered {answer.status}")
    if answer.status >= 300:
        return Refused(f"refused_{answer.status}", f"the gateway answered {answer.status}")
    try:
        told = mapping(orjson.loads(answer.body))
        content = base64.b64decode(told.get("base64") or "", validate=True)
    except (orjson.JSONDecodeError, binascii.Error, TypeError, ValueError):
        return NotNow("the gateway answered something else than a medium")
    declared = told.get("mimetype")
    return as_medium(content, declared if isinstance(declared, str) else media.mime_type, most)


async def _page(post: Post, line: Line, start: datetime, end: datetime, number: int) -> _Page:
    times = {"gte": _instant(start), "lte": _instant(end)}
    answer = await post(
        line, "chat/findMessages", {"where": {"messageTimestamp": times}, "offset": _PAGE, "page": number}
    )
    if not isinstance(answer, Answer):
        raise Unavailable(f"the gateway's store cannot be asked: {answer.reason}")
    if answer.status >= 300:
        raise Unavailable(f"the gateway's store answered {answer.status}")
    listed = mapping(mapping(answer.json()).get("messages"))
    records = listed.get("records")
    if not isinstance(records, list):
        raise Unavailable("the gateway's store answered something else")
    pages = listed.get("pages")
    told = pages if isinstance(pages, int) and not isinstance(pages, bool) else 1
    heeded = not any(_before(record, start) or _after(record, end) for record in records)
    return _Page(records, told, heeded)


async def _own(caller: Caller, line: Line) -> Alias | None:
    """The salon's own address: what it writes to itself is nobody's message. None if the gateway does not tell it."""
    url = f"{line.base_url}/instance/fetchInstances?instanceName={quote(line.instance, safe='')}"
    answer = await caller.call("GET", url, {"apikey": line.api_key})
    listed = sequence(answer.json()) if isinstance(answer, Answer) and answer.status == 200 else []
    return next((alias_of(mapping(one).get("ownerJid")) for one in listed), None)


def _before(record: object, start: datetime) -> bool:
    seconds = mapping(record).get("messageTimestamp")
    return isinstance(seconds, int | float) and seconds < start.timestamp() - 1


def _after(record: object, end: datetime) -> bool:
    seconds = mapping(record).get("messageTimestamp")
    return isinstance(seconds, int | float) and seconds > end.timestamp() + 1


def _from_me(record: object) -> bool:
    return mapping(mapping(record).get("key")).get("fromMe") is True


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
