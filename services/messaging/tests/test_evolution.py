"""What the adapter makes of everything that can happen on the way to a gateway, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from booka_messaging.domain.model import Alias
from booka_messaging.providers.evolution import Evolution
from booka_messaging.providers.gateway import Line, NotNow, OutcomeUnknown, Refused, SendOutcome, Sent

CLIENT = Alias("pn", "351912345678")


@asynccontextmanager
async def gateway(answer: bytes | None, requests: list[bytes] | None = None) -> AsyncIterator[str]:
    """A server that answers every request with these bytes and hangs up; with None it says nothing at all."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        if requests is not None:
            requests.append(head + body)
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        over.set()
        server.close()


def http(status: str, body: str = "", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body.encode())}", "connection: close", *headers, "", body]
    return "\r\n".join(lines).encode()


async def send(base_url: str) -> SendOutcome:
    evolution = Evolution(connect=timedelta(seconds=2), total=timedelta(seconds=0.5), connections=2)
    async with evolution:
        return await evolution.send_text(Line(base_url, "studio um", "the-key"), CLIENT, "Olá!")


async def test_a_text_is_sent_with_the_channels_key() -> None:
    requests: list[bytes] = []
    async with gateway(http("201 Created", '{"key":{"id":"3EB0"}}'), requests) as url:
        assert await send(url) == Sent("3EB0")
    (request,) = requests
    assert request.startswith(b"POST /message/sendText/studio%20um HTTP/1.1\r\n")
    assert b"apikey: the-key" in request
    assert request.endswith('{"number":"351912345678","text":"Olá!"}'.encode())


async def test_nobody_there_means_not_sent() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        outcome = await send(f"http://127.0.0.1:{probe.getsockname()[1]}")
    assert isinstance(outcome, NotNow)
    assert isinstance(await send("http://"), NotNow)


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 201 Cre", b"no http\r\n\r\n"])
async def test_an_answer_that_does_not_come_leaves_it_open(answer: bytes | None) -> None:
    async with gateway(answer) as url:
        assert isinstance(await send(url), OutcomeUnknown)


async def test_a_redirect_is_not_followed() -> None:
    requests: list[bytes] = []
    async with (
        gateway(http("201 Created", "{}"), requests) as elsewhere,
        gateway(http("307 Temporary Redirect", "", f"location: {elsewhere}/x")) as url,
    ):
        assert await send(url) == Refused("refused_307", "the gateway redirects; correct the channel's base_url")
    assert requests == []


async def test_what_the_gateway_says_decides() -> None:
    async with gateway(http("429 Too Many Requests", "", "Retry-After: 7")) as url:
        assert await send(url) == NotNow("429", timedelta(seconds=7))
    async with gateway(http("500 Internal Server Error", "oops")) as url:
        assert isinstance(await send(url), OutcomeUnknown)
    async with gateway(http("400 Bad Request", '{"response":{"message":["Connection Closed"]}}')) as url:
        assert isinstance(await send(url), OutcomeUnknown)
    async with gateway(http("400 Bad Request", '{"response":{"message":[{"exists":false}]}}')) as url:
        outcome = await send(url)
        assert isinstance(outcome, Refused)
        assert outcome.code == "recipient_unknown"
    async with gateway(http("201 Created", "<html>")) as url:
        assert await send(url) == Sent(None)
