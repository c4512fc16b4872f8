"""Webhooks that are forged, stale, malformed, oversized or for somebody else: refused as fits, and never an effect."""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import jwt
import orjson
import pytest

from booka_common.ids import new_id
from booka_common.internal import SignedAuth
from booka_common.testing import eventually
from booka_stack.phone import Phone
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e

MODES = ("hmac", "header", "jwt")
SECRET = "the-secret-of-the-channel-that-is-tested-and-is-64-bytes-at-least"
ANOTHER = "a-secret-that-somebody-else-has-made-up-and-is-64-bytes-at-least-too"
Headers = list[tuple[str, str]]


def hexdigest(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()


def token(secret: str, *, expires_in: float = 600, algorithm: str = "HS256", **claims: Any) -> str:
    now = int(time.time())
    whole = {"iat": now, "exp": now + int(expires_in), "app": "evolution", "action": "webhook", **claims}
    named = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(named, "" if algorithm == "none" else secret, algorithm=algorithm)


def proof(mode: str, body: bytes, secret: str = SECRET) -> Headers:
    """What a gateway that knows the secret sends."""
    match mode:
        case "hmac":
            return [("x-booka-signature", f"sha256={hexdigest(secret, body)}")]
        case "header":
            return [("x-booka-webhook-secret", secret)]
    return [("authorization", f"Bearer {token(secret)}")]


def forgeries(mode: str, body: bytes) -> Iterator[tuple[str, Headers]]:
    """What others may try."""
    good = proof(mode, body)
    yield "nothing", []
    yield "another secret", proof(mode, body, ANOTHER)
    yield "twice", good * 2
    for other in MODES:
        if other != mode:
            yield f"the proof of {other}", proof(other, body)
    name = good[0][0]
    for value in ("", "sha256=", "Bearer", "Bearer a.b.c", "null", "\xff\xfe", "0" * 5000):
        yield f"{name}: {value[:12]!r}", [(name, value)]
    if mode == "hmac":
        yield "of another body", proof(mode, body + b" ")
        yield "another algorithm", [(name, f"sha512={hexdigest(SECRET, body, 'sha512')}")]
        yield "no algorithm", [(name, hexdigest(SECRET, body))]
        yield "an empty key", [(name, f"sha256={hexdigest('', body)}")]
    if mode == "jwt":
        yield "long expired", [(name, f"Bearer {token(SECRET, expires_in=-3600)}")]
        yield "for ever", [(name, f"Bearer {token(SECRET, exp=None)}")]
        yield "alg none", [(name, f"Bearer {token(SECRET, algorithm='none')}")]
        yield "alg HS512", [(name, f"Bearer {token(SECRET, algorithm='HS512')}")]
        yield "not a bearer", [(name, token(SECRET))]


KEY = {"remoteJid": "351911111111@s.whatsapp.net", "fromMe": False, "id": "A1"}
#: What cannot be read is kept here, and when the line was last heard is noted to the minute.
UNREAD = {"messaging.unread_deliveries", "messaging.channels"}

#: Signed, but no JSON object.
MALFORMED = (b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe\x00", b"[" * 50_000, b'{"a":' * 20_000)


@dataclass
class Line:
    """A channel of a salon with a known secret, and its gateway."""

    http: httpx.AsyncClient
    tenant_id: UUID
    channel_id: UUID
    instance: str
    mode: str

    def body(self, text: str = "hi", **changes: Any) -> bytes:
        """An incoming message of a client whom nobody knows yet."""
        message = {
            "key": {"remoteJid": "351911111111@s.whatsapp.net", "fromMe": False, "id": new_id().hex.upper()},
            "pushName": "Eve",
            "message": {"conversation": text},
            "messageType": "conversation",
            "messageTimestamp": int(time.time()),
        }
        return orjson.dumps({"event": "messages.upsert", "instance": self.instance, "data": message, **changes})

    async def post(self, body: Any, headers: Headers, channel: object = None) -> httpx.Response:
        return await self.http.post(
            f"/webhooks/evolution/{channel or self.channel_id}",
            content=body,
            headers=[
                (b"content-type", b"application/json"),
                *((name.encode(), value.encode("latin-1")) for name, value in headers),
            ],
        )


@pytest.fixture
async def line(stack, open_salon, sandbox, tables, request) -> AsyncIterator[Line]:
    """A line that authenticates in the mode of the test."""
    mode = getattr(request, "param", "hmac")
    salon = await open_salon()
    instance, channel_id = f"{salon.instance}-{mode}", new_id()
    await sandbox.call("PUT", f"/_/evolution/instances/{instance}", {"own_number": "351922222222"})
    order = {
        "instance": instance,
        "base_url": f"{stack.layout.url('sandbox')}/evolution",
        "api_key": stack.layout.gateway_key,
        "auth": {"mode": mode, "secret": SECRET},
    }
    async with httpx.AsyncClient(base_url=stack.layout.url("messaging"), timeout=20) as http:
        auth = SignedAuth(stack.layout.internal_secret, salon.tenant_id)
        (await http.put(f"/v1/channels/{channel_id}", json=order, auth=auth)).raise_for_status()
        await tables.settled(salon.tenant_id)  # a line that is new is looked at once
        yield Line(http, salon.tenant_id, channel_id, instance, mode)


def refused(answer: httpx.Response, status: int, what: object) -> None:
    assert answer.status_code == status, (what, answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json", what
    assert answer.json()["status"] == status


@pytest.mark.parametrize("line", MODES, indirect=True)
async def test_a_forged_message_of_a_client_has_no_effect(line, sandbox, tables):
    before = await tables.picture(line.tenant_id)
    for what, headers in forgeries(line.mode, body := line.body()):
        refused(await line.post(body, headers), 401, what)
    large = line.body("x" * 3_300_000)
    refused(await line.post(large, proof(line.mode, large)), 413, "too large")

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 500_000):
            yield large[start : start + 500_000]

    refused(await line.post(chunks(), proof(line.mode, large)), 413, "too large, in chunks of unknown number")
    body = line.body()
    for channel in (new_id(), "not-an-id", "..", "%00", "a" * 2000, f"{line.channel_id}%20"):
        refused(await line.post(body, proof(line.mode, body), channel), 404, channel)
    strange = line.body(instance="the-instance-of-another-salon")
    refused(await line.post(strange, proof(line.mode, strange)), 404, "another instance")
    assert await tables.picture(line.tenant_id) == before
    assert await sandbox.ledger("message.sent", instance=line.instance) == []
    # The same, with the right proof: so it was the proof that was missing.
    body = line.body()
    assert (await line.post(body, proof(line.mode, body))).status_code == 200
    await sandbox.wait("message.sent", instance=line.instance, timeout=20)


async def test_what_is_proven_and_cannot_be_read_is_kept_once_and_has_no_other_effect(line, stack, tables):
    before = await tables.picture(line.tenant_id)
    bodies = [*MALFORMED, b'{"instance": "salon", "apikey": "a-live-key", '] * 2
    for body in bodies:
        answer = await line.post(body, proof("hmac", body))
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), body[:20]
    after = await tables.picture(line.tenant_id)
    assert {name for name in after if after[name] != before[name]} <= UNREAD
    auth = SignedAuth(stack.layout.internal_secret, line.tenant_id)
    kept = (await line.http.get(f"/v1/channels/{line.channel_id}/unread", auth=auth)).json()["items"]
    assert [one["deliveries"] for one in kept] == [2] * (len(bodies) // 2)
    assert "a-live-key" not in await tables.value(
        "SELECT string_agg(encode(body, 'escape'), ' ') FROM messaging.unread_deliveries WHERE tenant_id = $1",
        line.tenant_id,
    )


@pytest.mark.parametrize("line", MODES, indirect=True)
async def test_a_gateway_that_proves_itself_in_its_own_way_is_heard(line, stack, sandbox):
    """The gateway makes the proofs here, as Evolution does."""
    proving = {"hmac": {"hmac_secret": SECRET}, "header": {"headers": {"x-booka-webhook-secret": SECRET}}}
    order = {
        "webhook_url": f"{stack.layout.url('messaging')}/webhooks/evolution/{line.channel_id}",
        **proving.get(line.mode, {"jwt_key": SECRET}),
    }
    await sandbox.call("PUT", f"/_/evolution/instances/{line.instance}", order)
    phone = Phone(sandbox, line.instance, "351933333333")
    await walk(phone, "staff")


#: What comes of it: a message of which nobody can tell whose it is may be one that is understood tomorrow.
STRANGE = (
    ("kept", {"data": None}),
    ("ignored", {"data": []}),
    ("kept", {"data": [None, 1, "x", {}, []]}),
    ("kept", {"data": {"key": None}}),
    ("kept", {"data": {"key": {"remoteJid": 5, "id": []}, "message": {"conversation": "hi"}}}),
    ("kept", {"data": {"key": {"remoteJid": "", "id": ""}, "message": {"conversation": "hi"}}}),
    ("ignored", {"data": {"key": KEY}}),
    ("ignored", {"data": {"key": KEY, "message": "hi"}}),
    ("ignored", {"data": {"key": KEY, "message": {}}}),
    ("ignored", {"event": {"name": "messages.upsert"}}),
    ("ignored", {"event": "something.new"}),
    ("ignored", {"event": "messages.update", "data": {"keyId": {"$ne": None}, "status": 7}}),
    ("ignored", {"event": "messages.update", "data": {"keyId": "unknown", "status": "WHATEVER"}}),
    ("ignored", {"event": "connection.update", "data": {"state": [], "statusReason": "x" * 10_000}}),
)


async def test_shapes_that_no_gateway_sends_have_no_effect(line, tables):
    before = await tables.picture(line.tenant_id)
    for outcome, changes in STRANGE:
        body = line.body(**changes)
        answer = await line.post(body, proof("hmac", body))
        assert (answer.status_code, answer.json()["outcome"]) == (200, outcome), (changes, answer.text)
    after = await tables.picture(line.tenant_id)
    assert {name for name in after if after[name] != before[name]} <= UNREAD


async def test_texts_that_databases_and_gateways_stumble_over_are_answered(line, sandbox):
    seen = 0
    for text in (
        "\x00",
        "a\x00b",
        "\ud83d",
        "\u202e\u2066",
        "🧑🏽‍🎤" * 500,
        "'; DROP TABLE messages; --",
        "{}",
        "%s%n",
        "\n" * 50,
    ):
        # With half an emoji, too, which orjson does not write.
        body = line.body("TEXT").replace(b'"TEXT"', json.dumps(text).encode())
        answer = await line.post(body, proof("hmac", body))
        assert answer.status_code == 200, (text, answer.text)
        if answer.json()["outcome"] == "accepted":
            seen = (await sandbox.wait("message.sent", instance=line.instance, after=seen, timeout=20))["seq"]
    assert seen


async def test_a_message_for_one_salon_does_not_reach_another(line, stack, open_salon, tables):
    """Somebody who runs a salon here knows the secret of their own channel, and nobody else's."""
    other = await open_salon()
    body = line.body(instance=other.instance)
    before = await tables.picture(line.tenant_id, other.tenant_id)
    refused(await line.post(body, proof("hmac", body), other.channel_id), 401, "their secret at another's endpoint")
    refused(await line.post(body, proof("hmac", body)), 404, "another's instance at their endpoint")
    assert await tables.picture(line.tenant_id, other.tenant_id) == before
    auth = SignedAuth(stack.layout.internal_secret, line.tenant_id)
    order = {
        "instance": "stolen",
        "base_url": "http://127.0.0.1:9/",
        "api_key": "not-a-real-key",
        "auth": {"mode": "header", "secret": SECRET},
    }
    refused(
        await line.http.put(f"/v1/channels/{other.channel_id}", json=order, auth=auth), 404, "taking a channel over"
    )
    rotation = {"secret": SECRET}
    refused(
        await line.http.post(f"/v1/channels/{other.channel_id}/rotate-secret", json=rotation, auth=auth),
        404,
        "rotation",
    )
    assert await tables.picture(line.tenant_id, other.tenant_id) == before


def stripe_signature(secret: str, body: bytes, *, age: int = 0) -> str:
    stamp = int(time.time()) - age
    return f"t={stamp},v1={hexdigest(secret, f'{stamp}.'.encode() + body)}"


@pytest.fixture
async def stripe(stack) -> AsyncIterator[Any]:
    """`await stripe(body, signature, …)` posts to the webhook of payments."""
    async with httpx.AsyncClient(base_url=stack.layout.url("payments"), timeout=20) as http:

        async def post(body: Any, *signatures: str) -> httpx.Response:
            return await http.post(
                "/webhooks/stripe",
                content=body,
                headers=[(b"stripe-signature", signature.encode("latin-1")) for signature in signatures],
            )

        yield post


@pytest.fixture
async def owing(open_salon, new_phone, tables, sandbox):
    """A client who has the link to pay, and the event that Stripe would send about it."""
    salon = await open_salon(SalonPlan.studio().without_a_day_off())
    phone = new_phone(salon)
    await walk(phone)
    session = (await agree(phone)).partition("/pay/")[2].split()[0]
    await tables.settled(salon.tenant_id)
    held = await sandbox.call("GET", f"/_/stripe/sessions/{session}")
    thing = {**held, "status": "complete", "payment_status": "paid"}
    event = {
        "id": f"evt_{new_id().hex}",
        "object": "event",
        "type": "checkout.session.completed",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": thing},
    }
    return salon, phone, event


async def test_a_forged_stale_or_malformed_event_of_stripe_has_no_effect(stack, stripe, owing, tables):
    salon, _, event = owing
    secret = stack.layout.stripe_webhook_secret
    body = orjson.dumps(event)
    before = await tables.picture(salon.tenant_id)
    good = stripe_signature(secret, body)
    stamp = good.partition(",")[0]
    for what, signatures in {
        "nothing": (),
        "another secret": (stripe_signature(ANOTHER, body),),
        "of another body": (stripe_signature(secret, body + b" "),),
        "stale": (stripe_signature(secret, body, age=301),),
        "from the future": (stripe_signature(secret, body, age=-301),),
        "twice": (good, good),
        "two times in it": (f"{stripe_signature(secret, body, age=999)},{good}",),
        "no time": (good.partition(",")[2],),
        "only a time": (stamp,),
        "the older scheme": (good.replace("v1=", "v0="),),
        "garbage": ("\xff\xfe,=,t=,v1=",),
        "an empty key": (stripe_signature("", body),),
    }.items():
        refused(await stripe(body, *signatures), 401, what)
    lacking = [
        {**event, "id": None},
        {**event, "data": {"object": []}},
        {**event, "created": "now"},
        {"object": "event"},
    ]
    for malformed in (*MALFORMED, *map(orjson.dumps, lacking)):
        # Stripe signs text: what is none has no signature.
        status = 401 if b"\xff" in malformed else 400
        refused(await stripe(malformed, stripe_signature(secret, malformed)), status, malformed[:60])
    large = orjson.dumps({**event, "filler": "x" * 300_000})
    refused(await stripe(large, stripe_signature(secret, large)), 413, "too large")
    assert await tables.picture(salon.tenant_id) == before


async def test_an_event_is_believed_only_as_far_as_stripe_says_the_same_when_asked(
    stack, stripe, owing, sandbox, tables
):
    """Signed, and yet not so: nobody has paid."""
    salon, phone, event = owing
    body = orjson.dumps(event)
    answer = await stripe(body, stripe_signature(stack.layout.stripe_webhook_secret, body))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "accepted")
    handled = "SELECT 1 FROM payments.payment_events WHERE event_id = $1 AND handled_at IS NOT NULL"
    await eventually(lambda: tables.rows(handled, event["id"]))
    await tables.settled(salon.tenant_id)
    statuses = "SELECT status FROM payments.transactions WHERE tenant_id = $1"
    assert await tables.column(statuses, salon.tenant_id) == ["open"]
    assert await tables.column("SELECT status FROM booking.reservations WHERE tenant_id = $1", salon.tenant_id) == [
        "held"
    ]
    assert len(await phone.heard()) == 7


async def test_an_event_with_the_marks_of_another_tenant_touches_neither(stack, stripe, owing, open_salon, tables):
    salon, _, event = owing
    other = await open_salon()
    before = await tables.picture(salon.tenant_id, other.tenant_id)
    stolen = {**event["data"]["object"]["metadata"], "tenant_id": str(other.tenant_id)}
    event["data"]["object"] |= {"metadata": stolen, "id": "cs_test_unknown"}
    body = orjson.dumps(event)
    answer = await stripe(body, stripe_signature(stack.layout.stripe_webhook_secret, body))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "unmatched")
    after = await tables.picture(salon.tenant_id, other.tenant_id)
    kept = "SELECT tenant_id, outcome FROM payments.payment_events WHERE event_id = $1"
    assert [row["tenant_id"] for row in await tables.rows(kept, event["id"])] == [None]
    assert {name for name in after if after[name] != before[name]} == {"payments.payment_events"}
