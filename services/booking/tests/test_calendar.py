"""The calendar of somebody: an address that cannot be guessed, kept or made up, and what a calendar program reads there."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from icalendar import Calendar
from pydantic import SecretStr

from booka_booking.app import create_app
from booka_booking.settings import Settings
from booka_booking.store.feeds import FeedVisit
from booka_booking.usecases.feeds import FeedAddress, render, token_of
from booka_common.ids import new_id
from booka_common.signing import SecretSet
from booka_common.testing import FrozenClock, running, signed

from .provisioning import Desk

SECRET, OTHER = "feed-secret-0123456789abcdef", "other-secret-0123456789abcdef"


def with_secrets(settings: Settings, *secrets: str) -> Settings:
    return settings.model_copy(update={"feed_secrets": tuple(SecretStr(secret) for secret in secrets)})


@pytest.fixture
async def client(settings: Settings, clock: FrozenClock, tenant_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    async with running(create_app(with_secrets(settings, SECRET), clock)) as http:
        http.auth = signed(tenant_id, clock)
        yield http


@pytest.fixture
def desk(client: httpx.AsyncClient) -> Desk:
    return Desk(client)


async def opened(client: httpx.AsyncClient, staff: str) -> str:
    answer = await client.post(f"/v1/staff/{staff}/calendar")
    assert answer.status_code == 200, answer.text
    assert (await client.get(f"/v1/staff/{staff}/calendar")).json() == answer.json()
    url: str = answer.json()["url"]
    return url


async def looked_at(client: httpx.AsyncClient, url: str, **headers: str) -> httpx.Response:
    request = client.build_request("GET", url, headers=headers)
    return await client.send(request, auth=None)


async def test_a_calendar_program_sees_the_visits(desk: Desk, client: httpx.AsyncClient, clock: FrozenClock) -> None:
    await desk.profile()
    pool, _ = await desk.pool("Cadeiras", "Cadeira 1")
    cut = await desk.service("Corte, barba", pool_id=pool)
    ana, bia = await desk.staff("Ana", cut), await desk.staff("Bia", cut)
    who: dict[str, Any] = {"contact_id": str(new_id()), "phone": "+5511912345678", "guest_name": "Rui\r\nATTENDEE:x"}
    agreed = await desk.book("2026-03-03T13:00:00Z", (cut, ana), **who)
    held = await desk.book("2026-03-03T15:00:00Z", (cut, ana), confirm=False, guest_name="Eva")
    gone = await desk.book("2026-03-04T13:00:00Z", (cut, ana))
    await desk.step(gone["id"], "cancel")
    await desk.book("2026-03-03T19:00:00Z", (cut, bia))
    url = await opened(client, ana)
    answer = await looked_at(client, url)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/calendar")
    assert answer.headers["cache-control"] == "private, max-age=300"
    assert b"912345678" not in answer.content
    calendar = Calendar.from_ical(answer.content)
    events = {str(event["uid"]): event for event in calendar.walk("VEVENT")}
    assert set(events) == {f"{visit['id']}-0@booka" for visit in (agreed, held, gone)}
    shown = events[f"{agreed['id']}-0@booka"]
    assert shown["dtstart"].dt == datetime(2026, 3, 3, 13, tzinfo=UTC)
    assert shown["dtend"].dt == datetime(2026, 3, 3, 14, tzinfo=UTC)
    assert (shown["sequence"], shown["status"], shown["location"]) == (2, "CONFIRMED", "Cadeira 1")
    assert str(shown["summary"]).startswith("Corte, barba – Rui")
    assert not [event for event in events.values() if "attendee" in event]
    assert {str(event["status"]) for event in events.values()} == {"CONFIRMED", "TENTATIVE", "CANCELLED"}
    assert events[f"{gone['id']}-0@booka"]["sequence"] == 3
    assert "Ana" in str(calendar["x-wr-calname"])

    moved = await desk.step(agreed["id"], "move", start="2026-03-03T17:00:00Z")
    again = Calendar.from_ical((await looked_at(client, url)).content)
    event = next(event for event in again.walk("VEVENT") if agreed["id"] in str(event["uid"]))
    assert (event["dtstart"].dt.hour, event["sequence"]) == (17, moved["version"])
    clock.advance(timedelta(days=29))
    assert len(Calendar.from_ical((await looked_at(client, url)).content).walk("VEVENT")) == 2  # the hold is over
    clock.advance(timedelta(days=5))
    assert Calendar.from_ical((await looked_at(client, url)).content).walk("VEVENT") == []


async def test_what_has_not_changed_is_not_sent_again(
    desk: Desk, client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    await desk.profile()
    cut = await desk.service()
    ana = await desk.staff("Ana", cut)
    url = await opened(client, ana)
    tag = (await looked_at(client, url)).headers["etag"]
    clock.advance(timedelta(minutes=5))
    for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await looked_at(client, url, **{"If-None-Match": given})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    await desk.book("2026-03-03T13:00:00Z", (cut, ana))
    fresh = await looked_at(client, url, **{"If-None-Match": tag})
    assert (fresh.status_code, fresh.headers["etag"] == tag) == (200, False)


async def test_an_address_is_void_once_another_is_given_out_or_it_is_revoked(
    desk: Desk, client: httpx.AsyncClient
) -> None:
    await desk.profile()
    ana = await desk.staff("Ana")
    path = f"/v1/staff/{ana}/calendar"
    assert (await client.get(path)).json()["code"] == "unknown_calendar"
    first = await opened(client, ana)
    second = await opened(client, ana)
    assert [(await looked_at(client, url)).status_code for url in (first, second)] == [404, 200]
    for _ in range(2):
        assert (await client.delete(path)).status_code == 204
        assert (await looked_at(client, second)).json()["code"] == "unknown_calendar"
    third = await opened(client, ana)
    statuses = [(await looked_at(client, url)).status_code for url in (first, second, third)]
    assert statuses == [404, 404, 200]


async def test_an_address_cannot_be_made_up(
    desk: Desk, client: httpx.AsyncClient, tenant_id: UUID, clock: FrozenClock
) -> None:
    await desk.profile()
    ana = await desk.staff("Ana")
    url = await opened(client, ana)
    base, token = url.removesuffix(".ics").rsplit("/", 1)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forged = [
        base64.urlsafe_b64encode(raw[:n] + bytes([raw[n] ^ 1]) + raw[n + 1 :]).rstrip(b"=").decode() for n in range(68)
    ]
    address = FeedAddress(tenant_id, UUID(ana), 1)
    forged += [token[:-1], token + "A", token + "=", "", "x", "é" * 91, token.swapcase(), "A" * 91]
    forged.append(token_of(SecretSet("X", (OTHER,)), address))
    forged.append(token_of(SecretSet("X", (SECRET,)), FeedAddress(new_id(), UUID(ana), 1)))
    forged.append(token_of(SecretSet("X", (SECRET,)), FeedAddress(tenant_id, new_id(), 1)))
    for attempt in forged:
        assert (await looked_at(client, f"{base}/{attempt}.ics")).status_code == 404, attempt
    assert token_of(SecretSet("X", (SECRET,)), address) == token
    for method in ("POST", "GET", "DELETE"):
        stranger = await client.request(method, f"/v1/staff/{ana}/calendar", auth=signed(new_id(), clock))
        assert (stranger.status_code, stranger.json()["code"]) == (404, "unknown_staff")
    assert (await looked_at(client, url)).status_code == 200


async def test_secrets_can_be_changed_without_a_gap(
    settings: Settings, desk: Desk, client: httpx.AsyncClient, tenant_id: UUID, clock: FrozenClock
) -> None:
    await desk.profile()
    url = await opened(client, await desk.staff("Ana"))
    for secrets, status in (((OTHER, SECRET), 200), ((OTHER,), 404)):
        async with running(create_app(with_secrets(settings, *secrets), clock)) as later:
            assert (await looked_at(later, url)).status_code == status


async def test_without_its_secret_calendars_are_503_and_nothing_else_is(
    settings: Settings, tenant_id: UUID, clock: FrozenClock
) -> None:
    token = token_of(SecretSet("X", (SECRET,)), FeedAddress(tenant_id, new_id(), 1))
    async with running(create_app(with_secrets(settings), clock)) as client:
        client.auth = signed(tenant_id, clock)
        desk = Desk(client)
        await desk.profile()
        ana = await desk.staff("Ana")
        for answer in (
            await client.post(f"/v1/staff/{ana}/calendar"),
            await looked_at(client, f"/calendars/{token}.ics"),
        ):
            assert (answer.status_code, answer.json()["variable"]) == (503, "BOOKING_FEED_SECRETS")
        assert (await client.get(f"/v1/staff/{ana}/calendar")).json()["code"] == "unknown_calendar"


async def test_addresses_begin_with_what_is_set(settings: Settings, tenant_id: UUID, clock: FrozenClock) -> None:
    public = with_secrets(settings, SECRET).model_copy(update={"public_url": "https://salon.example/"})
    async with running(create_app(public, clock)) as client:
        client.auth = signed(tenant_id, clock)
        desk = Desk(client)
        await desk.profile()
        ana = await desk.staff("Ana")
        url = (await client.post(f"/v1/staff/{ana}/calendar")).json()["url"]
    assert url.startswith("https://salon.example/calendars/")


def test_lines_are_folded_and_texts_escaped() -> None:
    at = datetime(2026, 3, 3, 13, tzinfo=UTC)
    visit = FeedVisit(
        new_id(), 0, "confirmed", 2, at, "Zoë; " + "ção " * 40, "Corte\\", None, at, at + timedelta(hours=1)
    )  # fmt: skip
    body = render("Ana – Studio", [visit])
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    (event,) = Calendar.from_ical(body).walk("VEVENT")
    assert str(event["summary"]) == f"Corte\\ – {visit.guest_name}"
