"""Evolution API over HTTP: `sendText` and `findMessages`."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from booka_common.errors import Unavailable
from booka_messaging.domain.evolution import read_stored
from booka_messaging.domain.model import Alias, ChatMessage
from booka_messaging.providers.gateway import (
    Line,
    NotNow,
    OutcomeUnknown,
    Refused,
    SendOutcome,
    Sent,
    StoredMessage,
)

__all__ = ["Evolution"]

_PAGE = 100
_MAX_PAGES = 20
#: Evolution wraps every error of its WhatsApp connection into a 400; these say nothing about the message.
_PASSING = ("connection closed", "connection lost", "timed out", "timeout", "rate-overlimit", "not connected")


#: Node, on which Evolution runs, hangs up on a connection that was idle for 5 s.
_IDLE_SECONDS = 4


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Evolution:
    """The gateway port on one shared pool of connections, open while the context is.

    Args:
        connect: for a connection, the wait for a free one included.
        total: for one call altogether.
        connections: at most.
    """

    def __init__(self, *, connect: timedelta, total: timedelta, connections: int) -> None:
        self._timeout = aiohttp.ClientTimeout(total=total.total_seconds(), connect=connect.total_seconds())
        self._connections = connections
        self._client: aiohttp.ClientSession | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "Evolution":
        self._client = await self._open.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=_IDLE_SECONDS),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),  # nothing of one salon may reach another one's gateway
                headers={"user-agent": "booka-messaging/1"},
            )
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        self._client = None
        await self._open.aclose()

    async def send_text(self, line: Line, to: Alias, text: str) -> SendOutcome:
        """`POST /message/sendText/{instance}`. There is no idempotency key, hence `OutcomeUnknown`."""
        number = to.value if to.kind == "pn" else f"{to.value}@lid"
        try:
            response = await self._post(line, "message/sendText", {"number": number, "text": text})
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            return NotNow(f"no connection: {type(error).__name__}")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return OutcomeUnknown(f"no answer: {type(error).__name__}")
        return _outcome(response)

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
            try:
                response = await self._post(line, "chat/findMessages", body)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise Unavailable(f"the gateway's store cannot be asked: {type(error).__name__}") from error
            if response.status >= 300:
                raise Unavailable(f"the gateway's store answered {response.status}")
            listed = _object(_object(_json(response)).get("messages"))
            records = listed.get("records")
            if not isinstance(records, list):
                raise Unavailable("the gateway's store answered something else")
            found.extend(_stored(message) for record in records if (message := read_stored(record, end)) is not None)
            pages = listed.get("pages")
            if len(records) < _PAGE or (isinstance(pages, int) and page >= pages):
                break
        return found

    async def _post(self, line: Line, operation: str, body: Mapping[str, Any]) -> _Answer:
        if self._client is None:
            raise RuntimeError("the gateway's connections are not open")
        async with self._client.post(
            f"{line.base_url}/{operation}/{quote(line.instance, safe='')}",
            data=orjson.dumps(body),
            headers={"apikey": line.api_key, "content-type": "application/json"},
            allow_redirects=False,
        ) as response:
            return _Answer(response.status, response.headers, await response.read())


def _outcome(response: _Answer) -> SendOutcome:
    status = response.status
    body = _json(response)
    if 200 <= status < 300:
        provider_id = _object(_object(body).get("key")).get("id")
        return Sent(provider_id if isinstance(provider_id, str) and 0 < len(provider_id) <= 128 else None)
    if status == 429:
        seconds = response.headers.get("retry-after", "")
        return NotNow("429", timedelta(seconds=min(int(seconds), 600)) if seconds.isdecimal() else None)
    if status in (408, 425) or status >= 500:
        return OutcomeUnknown(f"status {status}")
    if status < 400:
        return Refused(f"refused_{status}", "the gateway redirects; correct the channel's base_url")
    if _says_not_on_whatsapp(body):
        return Refused("recipient_unknown", "the number has no WhatsApp account that this gateway can reach")
    if status == 400 and any(word in response.body.decode("utf-8", "replace").lower() for word in _PASSING):
        return OutcomeUnknown("the gateway's WhatsApp connection failed")
    return Refused(f"refused_{status}", f"the gateway answered {status}")


def _says_not_on_whatsapp(body: Any) -> bool:
    """`{"response": {"message": [{"exists": false, …}]}}`, with or without the outer layer."""
    message = _object(_object(body).get("response")).get("message")
    candidates = [body, *(message if isinstance(message, list) else [message])]
    return any(_object(candidate).get("exists") is False for candidate in candidates)


def _json(response: _Answer) -> Any:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _stored(message: ChatMessage) -> StoredMessage:
    return StoredMessage(message.provider_id, message.aliases, message.text, message.sent_at)


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
