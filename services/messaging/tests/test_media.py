"""Media: from where they may be fetched, what is handed on, and what a gateway cannot make us do."""

import asyncio
import contextlib
import ipaddress
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from booka_messaging.domain.media import is_to_be_heard
from booka_messaging.domain.media_sources import Source, is_public, source_of
from booka_messaging.domain.media_types import checked_type, extension
from booka_messaging.providers.calling import Answer
from booka_messaging.providers.gateway import Medium, NotNow, Refused
from booka_messaging.providers.media import Downloads, MediaLimits, TooLarge, as_medium

META = "https://graph.facebook.com/v23.0"
INSIDE = "http://10.0.0.7:8080/evolution"
HOSTS = frozenset({"lookaside.fbsbx.com"})

# --- which addresses


def test_the_host_of_media_may_be_asked_and_nothing_of_its_address_is_changed():
    signed = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&ext=2&hash=AR%2Bx%2F%3D"
    found = source_of(signed, META, HOSTS)
    assert found is not None
    assert not found.trusted
    assert str(found.url) == signed


@pytest.mark.parametrize(
    ("address", "base_url"),
    [
        ("https://graph.facebook.com/v23.0/media/1", META),
        ("https://GRAPH.facebook.com:443/other", META),
        ("http://10.0.0.7:8080/media/1", INSIDE),
        ("http://[::1]:8110/cloud/media/1", "http://[::1]:8110/cloud/v23.0"),
    ],
)
def test_where_the_channels_own_gateway_is_may_be_inside(address, base_url):
    found = source_of(address, base_url, HOSTS)
    assert found is not None
    assert found.trusted


@pytest.mark.parametrize(
    "address",
    [
        "http://lookaside.fbsbx.com/",
        "http://lookaside.fbsbx.com:443/",
        "https://not-lookaside.fbsbx.com/",
        "https://sub.lookaside.fbsbx.com/",
        "https://lookaside.fbsbx.com/é",
        "ftp://lookaside.fbsbx.com/",
        "file:///etc/passwd",
        "//lookaside.fbsbx.com/",
        "https:lookaside.fbsbx.com",
        "https://lookaside.fbsbx.com:8443/",
        "https://lookaside.fbsbx.com:99999/",
        "https://lookaside.fbsbx.com./",
        "https://lookaside.fbsbx.com.evil.example/",
        "https://evil.example/lookaside.fbsbx.com",
        "https://evil.example#@lookaside.fbsbx.com/",
        "https://evil.example\\@lookaside.fbsbx.com/",
        "https://lookaside.fbsbx.com\\@evil.example/",
        "https://lookaside.fbsbx.com@evil.example/",
        "https://user:word@lookaside.fbsbx.com/",
        "https://@lookaside.fbsbx.com/",
        "https://lookaside.fbsbx.com%2eevil.example/",
        "https://lookaside.fbsbx.com%00/",
        "https://lookaside.fbsbx.com /",
        "https://lookaside.fbsbx.com\r\nhost: evil/",
        "https://lookaside.fbsbx。com/",
        "https://lookаside.fbsbx.com/",
        "https://xn--lookside-8fg.fbsbx.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest/meta-data/",
        "http://10.0.0.7:8081/evolution",
        "https://10.0.0.7:8080/evolution",
        "https://graph.facebook.com.evil.example/",
        "",
        None,
        7,
        ["https://lookaside.fbsbx.com/"],
        "https://lookaside.fbsbx.com/" + "a" * 5000,
    ],
)
def test_everything_else_may_not(address):
    for base_url in (META, INSIDE):
        assert source_of(address, base_url, HOSTS) is None


_PIECES = st.sampled_from(
    ["https://", "http://", "lookaside.fbsbx.com", "@", ":", "443", "80", ".", "/", "\\", "#", "?", "%2e", "%40", "[", "]",
     "::1", "127.0.0.1", "2130706433", "evil.example", "graph.facebook.com", "user", "。", "ⓛ", "\t", "\n", " ", "", "x"]
)  # fmt: skip


@given(st.one_of(st.lists(_PIECES, max_size=9).map("".join), st.text(max_size=60), st.binary(max_size=20)))
@example("https://lookaside.fbsbx.com:443@127.0.0.1/")
@example("https://[")
@example("https://lookaside.fbsbx.com:/")
def test_whatever_is_written_only_the_two_hosts_are_ever_asked(address):
    found = source_of(address, META, HOSTS)
    if found is None:
        return
    assert found.url.scheme == "https"
    assert found.url.port == 443
    assert found.url.host == ("graph.facebook.com" if found.trusted else "lookaside.fbsbx.com")
    assert found.url.user is None
    assert found.url.password is None
    # What is connected to is what is written between the slashes, to any reader.
    assert "@" not in found.url.raw_authority
    assert "\\" not in str(found.url)
    assert str(address).lower().startswith(f"https://{found.url.host}")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
     "255.255.255.255", "192.0.2.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
     "::ffff:10.0.0.1", "2002:7f00:1::", "2001:0:7f00:1::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:db8::1",
     "localhost", "", "2130706433", "127.1"],
)  # fmt: skip
def test_what_is_not_on_the_public_internet(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["157.240.1.1", "2a03:2880:f12f:83:face:b00c:0:25de", "64:ff9b::9df0:101"])
def test_what_is(address):
    assert is_public(address)


@given(st.ip_addresses())
def test_a_private_address_is_private_however_it_is_wrapped(address):
    if address.version == 4:
        wrapped = [f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | int(address)))]
        sixtofour = ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80))
        for other in (*wrapped, str(sixtofour)):
            assert is_public(other) == is_public(str(address))
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not is_public(str(address))


# --- which content

OGG = b"OggS\x00\x02" + bytes(40)
WEBP = b"RIFF\x00\x01\x00\x00WEBPVP8 "


@pytest.mark.parametrize(
    ("declared", "content", "checked"),
    [
        ("audio/ogg; codecs=opus", OGG, "audio/ogg"),
        ("AUDIO/OPUS", OGG, "audio/ogg"),
        ("audio/mpeg", b"ID3\x04", "audio/mpeg"),
        ("audio/mpeg", b"\xff\xfb\x90", "audio/mpeg"),
        ("audio/aac", b"\xff\xf1\x50", "audio/aac"),
        ("audio/mp4", b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
        ("image/jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("image/png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("image/webp", WEBP, "image/webp"),
        ("application/pdf", b"%PDF-1.7", "application/pdf"),
        ("text/plain", "olá".encode(), "text/plain"),
        ("text/plain", "olá".encode("latin-1"), "text/plain"),
        ("image/jpeg", b"<svg onload=alert(1)>", None),
        ("image/png", b"\xff\xd8\xff\xe0", None),
        ("audio/ogg", b"", None),
        ("application/pdf", b"<html>", None),
        ("text/plain", b"MZ\x00\x01", None),
        ("text/html", b"<html>", None),
        ("image/svg+xml", b"<svg>", None),
        ("application/x-msdownload", b"MZ", None),
        ("", OGG, None),
        (None, OGG, None),
    ],
)
def test_only_what_whatsapp_knows_is_handed_on_and_only_if_it_is_that(declared, content, checked):
    assert checked_type(declared, content) == checked
    if checked:
        assert extension(checked).isalnum()


@given(st.text(max_size=40), st.binary(max_size=64))
def test_any_content_of_any_type_is_decided(declared, content):
    checked = checked_type(declared, content)
    assert checked is None or checked_type(checked, content) == checked


def test_a_medium_that_is_too_large_or_of_no_known_kind_is_refused():
    assert as_medium(OGG, "audio/ogg", len(OGG)) == Medium(OGG, "audio/ogg")
    assert as_medium(OGG, "audio/ogg", len(OGG) - 1) == Refused("media_too_large", "it is larger than 45 bytes")
    refused = as_medium(b"MZ", "application/x-msdownload", 100)
    assert isinstance(refused, Refused)
    assert refused.code == "media_type"
    assert repr(Medium(b"secret", "audio/ogg")) == "Medium(audio/ogg, 6 bytes)"


# --- what a host cannot make us do

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LIMIT = 200_000


@contextlib.asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[tuple[URL, list[str]]]:
    """A host that answers everything with `handler`; its address, and the paths that were asked."""
    asked: list[str] = []

    async def noted(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", noted)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    await web.SockSite(runner, bound).start()
    try:
        yield URL(f"http://127.0.0.1:{bound.getsockname()[1]}/medium"), asked
    finally:
        await runner.cleanup()


@pytest.fixture
async def downloads() -> AsyncIterator[Downloads]:
    limits = MediaLimits(max_bytes=LIMIT, total=timedelta(seconds=5))
    async with Downloads(limits, connect=timedelta(seconds=2)) as opened:
        yield opened


def plainly(body: bytes, **headers: str) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=headers)

    return answer


async def test_what_is_there_is_read(downloads: Downloads) -> None:
    async with answering(plainly(OGG)) as (url, _):
        answer = await downloads.fetch("GET", Source(url, trusted=True), {})
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body) == (200, OGG)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_a_name_that_leads_inside_is_not_connected_to(downloads: Downloads, name: str) -> None:
    async with answering(plainly(OGG)) as (url, asked):
        answer = await downloads.fetch("GET", Source(url.with_host(name), trusted=False), {})
    assert isinstance(answer, NotNow)
    assert asked == []


async def test_a_redirect_is_not_followed(downloads: Downloads) -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/inside")

    async with answering(elsewhere) as (url, asked):
        answer = await downloads.fetch("GET", Source(url, trusted=True), {})
    assert isinstance(answer, Answer)
    assert answer.status == 302
    assert asked == ["/medium"]


async def test_reading_ends_at_the_limit_whether_or_not_the_size_is_told(downloads: Downloads) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 100 * LIMIT:
            await response.write(bytes(65536))
            sent += 65536
        return response

    async with answering(endless) as (url, _):
        assert await downloads.fetch("GET", Source(url, trusted=True), {}) == TooLarge()
    assert sent < 100 * LIMIT
    async with answering(plainly(bytes(LIMIT + 1))) as (url, _):
        assert await downloads.fetch("GET", Source(url, trusted=True), {}) == TooLarge()
    async with answering(plainly(bytes(LIMIT))) as (url, _):
        assert isinstance(await downloads.fetch("GET", Source(url, trusted=True), {}), Answer)


async def test_what_is_packed_is_not_unpacked(downloads: Downloads) -> None:
    packed = zlib.compress(bytes(50 * LIMIT))
    async with answering(plainly(packed, **{"content-encoding": "deflate"})) as (url, _):
        answer = await downloads.fetch("GET", Source(url, trusted=True), {})
    assert isinstance(answer, Answer)
    assert answer.body == packed


async def test_a_host_that_drips_is_left_after_the_time_for_all_of_it() -> None:
    ended = asyncio.Event()

    async def dripping(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"OggS")
        await ended.wait()
        return response

    limits = MediaLimits(max_bytes=LIMIT, total=timedelta(seconds=0.3))
    async with Downloads(limits, connect=timedelta(seconds=2)) as impatient, answering(dripping) as (url, _):
        answer = await impatient.fetch("GET", Source(url, trusted=True), {})
        ended.set()
    assert isinstance(answer, NotNow)


# --- what is to be heard


@pytest.mark.parametrize(
    ("kind", "text", "metadata", "heard"),
    [
        ("audio", "", {"media": {"ref": "1"}}, True),
        ("audio", " ", {"media": {"ref": "1", "voice": True}}, True),
        ("audio", "written down by the gateway", {"media": {"ref": "1"}}, False),
        ("audio", "", {}, False),
        ("image", "", {"media": {"ref": "1"}}, False),
        ("video", "", {"media": {"ref": "1"}}, False),
        ("text", "", {}, False),
    ],
)
def test_only_what_says_nothing_that_can_be_read_is_heard(kind, text, metadata, heard):
    assert is_to_be_heard(kind, text, metadata) is heard
