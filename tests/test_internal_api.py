"""The internal API of every service, route by route as OpenAPI lists them: only signed requests, and only one's own."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booka_common.ids import new_id
from booka_common.internal import SignedAuth
from booka_stack.layout import SERVICES
from booka_stack.nonsense import NONSENSE, Nonsense
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

ANOTHER = "a-secret-that-somebody-else-has-made-up-0123456789"
IN_PATH = re.compile(r"\{(\w+)\}")
#: Ids that callers choose: another tenant may have something of the same id.
OF_THEIR_OWN = {"service_id", "staff_id", "pool_id", "resource_id"}


@dataclass(frozen=True)
class Route:
    """A route of the internal API."""

    service: str
    method: str
    path: str
    body: Mapping[str, Any] | None
    queries: tuple[str, ...]
    document: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def __str__(self) -> str:
        return f"{self.service}: {self.method} {self.path}"

    def at(self, **ids: object) -> str:
        """The path with these ids; those that are not given are nobody's."""
        return IN_PATH.sub(lambda found: str(ids.get(found[1], new_id())), self.path)


class Api:
    """The running services' internal APIs."""

    def __init__(self, stack) -> None:
        self._layout = stack.layout
        self._http = httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=20))

    async def close(self) -> None:
        await self._http.aclose()

    def signed(self, tenant_id: UUID, **how: Any) -> SignedAuth:
        return SignedAuth(how.pop("secret", self._layout.internal_secret), tenant_id, **how)

    async def routes(self) -> list[Route]:
        """Every /v1 route of every service."""
        found = []
        for service in SERVICES:
            document = (await self._http.get(f"{self._layout.url(service)}/openapi.json")).json()
            for path, methods in document["paths"].items():
                if path.startswith("/v1"):
                    for method, operation in methods.items():
                        queries = [item["name"] for item in operation.get("parameters", ()) if item["in"] == "query"]
                        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                        found.append(Route(service, method.upper(), path, body.get("schema"), tuple(queries), document))
        assert {route.service for route in found} == set(SERVICES)
        return found

    async def call(self, route: Route, path: str | None = None, **how: Any) -> httpx.Response:
        if route.method != "GET":
            how["headers"] = {"Idempotency-Key": str(new_id()), **how.get("headers", {})}
        return await self._http.request(route.method, f"{self._layout.url(route.service)}{path or route.at()}", **how)


@pytest.fixture
async def api(stack) -> AsyncIterator[Api]:
    found = Api(stack)
    yield found
    await found.close()


def refused(answer: httpx.Response, status: int | set[int], what: object) -> None:
    statuses = status if isinstance(status, set) else {status}
    assert answer.status_code in statuses, (str(what), answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json", str(what)
    assert answer.json()["code"], str(what)


async def test_a_request_that_is_not_signed_now_by_us_is_refused_on_every_route(api, open_salon, tables):
    salon = await open_salon()
    before = await tables.picture(salon.tenant_id)
    tenant = salon.tenant_id
    for route in await api.routes():
        body = {"json": {}} if route.body is not None else {}
        for what, auth in {
            "another secret": api.signed(tenant, secret=ANOTHER),
            "stale": api.signed(tenant, now=lambda: datetime.now(UTC) - timedelta(minutes=6)),
            "from the future": api.signed(tenant, now=lambda: datetime.now(UTC) + timedelta(minutes=6)),
            "a tenant that is none": api.signed("nobody"),
        }.items():
            refused(await api.call(route, auth=auth, **body), 401, f"{route}, {what}")
        refused(await api.call(route, **body), 401, f"{route}, unsigned")
        if route.body is not None:
            # Which of the two is wrong with it is not told apart; nobody gets further than that.
            refused(await api.call(route, content=b"{"), {400, 401}, f"{route}, unsigned and malformed")
        large = await api.call(route, content=b"x" * 300_000, auth=api.signed(tenant))
        refused(large, {400, 413}, f"{route}, too large")
    assert await tables.picture(salon.tenant_id) == before


class Tampering(SignedAuth):
    """Signs a request, and then changes it."""

    def __init__(self, what: str, *args: Any) -> None:
        super().__init__(*args)
        self._what = what

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request = super()._signed(request)
        match self._what:
            case "tenant":
                request.headers["x-booka-tenant"] = str(new_id())
            case "path":
                request.url = request.url.copy_with(path="/v1/policy")
            case "query":
                request.url = request.url.copy_merge_params({"limit": "1"})
            case "method":
                request.method = "GET"
            case "tenant twice":
                request.headers = httpx.Headers([*request.headers.multi_items(), ("x-booka-tenant", str(new_id()))])
            case "signature twice":
                twice = ("x-booka-signature", request.headers["x-booka-signature"])
                request.headers = httpx.Headers([*request.headers.multi_items(), twice])
            case "body":
                request.stream = httpx.ByteStream(request.content.replace(b"Lisbon", b"Madrid"))
        return request


@pytest.mark.parametrize("what", ["tenant", "path", "query", "method", "tenant twice", "signature twice", "body"])
async def test_a_signature_holds_for_one_request_of_one_tenant(stack, open_salon, tables, what):
    salon = await open_salon()
    before = await tables.picture(salon.tenant_id)
    profile = {"name": "New name", "locale": "en-GB", "zone": "Europe/Lisbon", "currency": "EUR", "hours": {}}
    asked = {"Idempotency-Key": str(new_id()), "If-Match": '"1"'}
    async with httpx.AsyncClient(base_url=stack.layout.url("booking"), headers=asked) as http:
        tampered = Tampering(what, stack.layout.internal_secret, salon.tenant_id)
        refused(await http.put("/v1/profile", json=profile, auth=tampered), 401, what)
        assert await tables.picture(salon.tenant_id) == before
        honest = SignedAuth(stack.layout.internal_secret, salon.tenant_id)
        assert (await http.put("/v1/profile", json=profile, auth=honest)).status_code < 300


GARBAGE_IDS = ("not-an-id", "%00", "..%2f..%2fetc%2fpasswd", "'%20OR%201=1--", "0" * 300, "%F0%9F%92%A9", "-1")
GARBAGE_BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"1e999",
    b"\xff\xfe\x00",
    b"[" * 20_000,
    b'{"unexpected": {"$ne": null}}',
    b'{"id": 1, "text": [], "reservation_id": "x", "start": "yesterday", "amount": -1, "wants": [null], "name": 7}',
    b'{"id": "\\u0000", "text": "\\u0000", "name": "\\u0000", "note": "\\ud800", "why": "\\u0000", "by": "\\u0000"}',
)
GARBAGE_VALUES = (
    "",
    "\x00",
    "x",
    "-1",
    "1" * 400,
    "9999-12-31",
    "9999-12-31T23:59:59.999999-14:00",
    "0001-01-01",
    "0001-01-01T00:00:00+14:00",
    "💩",
)


@pytest.fixture
async def lived_in(api, open_salon, new_phone, sandbox, tables):
    """A salon with a booked and paid visit, and the ids of what it has."""
    plan = SalonPlan.studio().without_a_day_off()
    lunch = {"weekdays": ["mon"], "begins": "07:00", "ends": "07:30"}
    salon = await open_salon(replace(plan, pools={"Chairs": ("Chair",)}, time_off={"Ana": (lunch,)}))
    phone = new_phone(salon)
    await walk(phone)
    session = (await agree(phone)).partition("/pay/")[2].split()[0]
    await sandbox.call("POST", f"/_/stripe/sessions/{session}/pay", {})
    assert "Booked!" in await phone.hear()
    await tables.settled(salon.tenant_id)

    async def one(table: str) -> object:
        return await tables.value(f"SELECT id FROM {table} WHERE tenant_id = $1 LIMIT 1", salon.tenant_id)  # noqa: S608

    calendar = Route("booking", "POST", f"/v1/staff/{salon.staff_ids['Ana']}/calendar", None, ())
    assert (await api.call(calendar, auth=api.signed(salon.tenant_id))).status_code == 200
    day = f"{datetime.now(UTC) + timedelta(days=45):%Y-%m-%d}"
    off = Route("booking", "PUT", f"/v1/staff/{salon.staff_ids['Ana']}/special-hours/{day}", {}, ())
    assert (await api.call(off, auth=api.signed(salon.tenant_id), json={"hours": []})).is_success
    days = {name: f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}" for name in ("first_day", "last_day")}
    wants = [{"service_id": str(salon.service_ids["Haircut"])}]
    (whose,) = await tables.rows(
        "SELECT id::text AS conversation_id, contact_id::text FROM messaging.conversations WHERE tenant_id = $1",
        salon.tenant_id,
    )
    wait = await api.call(
        Route("booking", "POST", "/v1/waitlist", {}, ()),
        auth=api.signed(salon.tenant_id),
        json={"wants": wants, **days, **whose},
    )
    assert wait.status_code == 201, wait.text
    # Nothing may stir while tests look.
    await tables.rows(
        "UPDATE booking.jobs SET scheduled_at = now() WHERE tenant_id = $1 AND type = 'offer_freed'", salon.tenant_id
    )
    await tables.settled(salon.tenant_id)
    kept = (
        "INSERT INTO messaging.unread_deliveries (tenant_id, id, channel_id, digest, body, error, received_at) VALUES"
    )
    await tables.rows(
        f"{kept} ($1, gen_random_uuid(), $2, '\\x00', '\\x00', 'odd', now())",
        salon.tenant_id,
        salon.channel_id,
    )
    approved = "INSERT INTO messaging.channel_templates VALUES ($1, $2, 'visit_reminder', 'en', 'v', 'en', 1, now())"
    await tables.rows(approved, salon.tenant_id, salon.channel_id)
    return salon, {
        "service_id": salon.service_ids["Haircut"],
        "staff_id": salon.staff_ids["Ana"],
        "channel_id": salon.channel_id,
        "reservation_id": await one("booking.reservations"),
        "conversation_id": await one("messaging.conversations"),
        "transaction_id": await one("payments.transactions"),
        "contact_id": await one("messaging.contacts"),
        "message_id": await one("messaging.messages"),
        "unread_id": await one("messaging.unread_deliveries"),
        "name": "visit_reminder",
        "locale": "en",
        "job_id": await one("messaging.jobs"),
        "pool_id": await one("booking.resource_pools"),
        "resource_id": await one("booking.resources"),
        "time_off_id": await one("booking.time_off"),
        "day": day,
        "client_id": await one("booking.clients"),
        "entry_id": await one("booking.waitlist_entries"),
    }


def garbage(route: Route, ids: Mapping[str, object]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Paths and options of requests that nobody should send."""
    yield route.at(), {}
    yield route.at(**ids), {"params": {"unknown": "1"}}
    if IN_PATH.search(route.path):
        for nobody in GARBAGE_IDS:
            yield IN_PATH.sub(nobody, route.path), {}
    for name in route.queries:
        for value in GARBAGE_VALUES:
            yield route.at(**ids), {"params": {name: value}}
        yield route.at(**ids), {"params": [(name, str(new_id())), (name, str(new_id()))]}
    if route.body is not None:
        for body in GARBAGE_BODIES:
            for kind in ("application/json", "text/plain"):
                yield route.at(**ids), {"content": body, "headers": {"content-type": kind}}
        for way in (*NONSENSE, Nonsense(text="half an emoji \ud83d")):
            for known in ({}, {name: str(value) for name, value in ids.items()}):
                text = json.dumps(replace(way, known=known).of(route.body, route.document))
                yield route.at(**ids), {"content": text, "headers": {"content-type": "application/json"}}


async def test_no_garbage_makes_any_route_fail(api, lived_in):
    """Refused with 4xx, or (some of it is valid) taken; never a fault of ours."""
    salon, ids = lived_in
    auth = api.signed(salon.tenant_id)
    faults, taken = [], 0
    for route in await api.routes():
        for path, how in garbage(route, ids):
            answer = await api.call(route, path, auth=auth, **how)
            taken += answer.is_success
            if answer.status_code >= 500:
                faults.append((str(route), path, str(how)[:300], answer.status_code, answer.text[:100]))
            elif answer.is_error:
                refused(answer, answer.status_code, (route, path, how))
    assert not faults, "\n".join(map(str, faults))
    assert taken


def valid_bodies(service_id: UUID, pool_id: object) -> dict[str, dict[str, Any]]:
    """A body that each route with an id in its path takes, so that only the id can be what is wrong."""
    start = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT12:00:00Z}"
    return {
        "PUT /v1/services/{service_id}": {"name": "Stolen", "duration_minutes": 30, "price_minor": 1},
        "PUT /v1/staff/{staff_id}": {"name": "Stolen", "services": []},
        "PUT /v1/staff/{staff_id}/time-off/{time_off_id}": {"starts_on": "2026-01-01"},
        "PUT /v1/staff/{staff_id}/special-hours/{day}": {"hours": []},
        "PUT /v1/resource-pools/{pool_id}": {"name": "Stolen"},
        "PUT /v1/resources/{resource_id}": {"name": "Stolen", "pool_id": str(pool_id)},
        "PUT /v1/services/{service_id}/policy": {"hold_seconds": 60},
        "POST /v1/reservations/{reservation_id}/move": {"start": start},
        "PUT /v1/channels/{channel_id}": {
            "instance": "stolen",
            "base_url": "http://127.0.0.1:9",
            "api_key": "a-key-of-theirs",
            "auth": {"mode": "header", "secret": ANOTHER},
        },
        "POST /v1/channels/{channel_id}/rotate-secret": {"secret": ANOTHER},
        "PUT /v1/channels/{channel_id}/templates/{name}/{locale}": {
            "provider_name": "stolen",
            "language": "en",
            "parameters": 1,
        },
        "POST /v1/conversations/{conversation_id}/messages": {"text": "Stolen", "written_by": "Eve"},
        "POST /v1/sessions/{conversation_id}/inputs": {"text": "cancel"},
        "PATCH /v1/sessions/{conversation_id}/slots": {"service_id": str(service_id)},
        "POST /v1/transactions/{transaction_id}/refund": {"request_id": str(new_id())},
    }


async def test_what_belongs_to_another_tenant_is_not_there(api, open_salon, lived_in, tables):
    (salon, ids), other = lived_in, await open_salon()
    before = await tables.picture(salon.tenant_id)
    mine, theirs = api.signed(salon.tenant_id), api.signed(other.tenant_id)
    bodies = valid_bodies(salon.service_ids["Haircut"], ids["pool_id"])
    # PUT last: they may make one of their own with that id, which is no business of the other's.
    routes = sorted(await api.routes(), key=lambda route: route.method == "PUT" and route.path.count("/") == 3)
    for route in routes:
        names = set(IN_PATH.findall(route.path))
        assert names <= set(ids), f"{route}: tell this test an id of tenant A"
        if not names:
            continue
        body = bodies.get(f"{route.method} {route.path}", {}) if route.body is not None else None
        answer = await api.call(route, route.at(**ids), auth=theirs, json=body)
        if route.method == "PUT" and answer.is_success:
            assert set(IN_PATH.findall(route.path)) <= OF_THEIR_OWN, route
            continue
        refused(answer, 404, route)
    assert await tables.picture(salon.tenant_id) == before

    # The very same requests by their owner find it: it was the tenant that was wrong.
    for route in routes:
        if route.method == "GET" and IN_PATH.search(route.path):
            answer = await api.call(route, route.at(**ids), auth=mine)
            there = answer.status_code == 200 or answer.json()["code"] == "no_media"
            assert there, (str(route), answer.text)

    # Lists, and ids in bodies and queries.
    secrets = {str(value) for name, value in ids.items() if name not in OF_THEIR_OWN and isinstance(value, UUID)}
    for route in routes:
        if route.method == "GET" and not IN_PATH.search(route.path):
            queries = {name: str(ids[name]) for name in route.queries if name in ids and name != "service_id"}
            text = (await api.call(route, auth=theirs, params=queries)).text
            assert not [secret for secret in secrets if secret in text], route
    trigger = Route("scheduler", "POST", "/v1/reminders/trigger", {}, ())
    refused(await api.call(trigger, auth=theirs, json={"reservation_id": str(ids["reservation_id"])}), 404, trigger)
    hold = Route("booking", "POST", "/v1/reservations", {}, ())
    foreign = {
        "wants": [
            {"service_id": str(salon.service_ids["Colour & gloss"]), "staff_id": str(salon.staff_ids["Ana"])},
        ],
        "start": f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT12:00:00Z}",
    }
    refused(await api.call(hold, auth=theirs, json=foreign), {400, 404}, hold)
    assert await tables.picture(salon.tenant_id) == before
