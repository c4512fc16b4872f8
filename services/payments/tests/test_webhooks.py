"""`POST /webhooks/stripe`: what is let in, what is not, and never a 500."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import stripe

from booka_common.errors import Unauthenticated
from booka_common.signing import SecretSet
from booka_common.testing import FrozenClock, running
from booka_payments.app import create_app
from booka_payments.providers.stripe_webhook import read_event, verify
from booka_payments.settings import Settings

from .stripe_stub import OLD_WEBHOOK_SECRET, WEBHOOK_SECRET, StripeStub

BODY = b'{"id":"evt_1","object":"event","type":"invoice.paid","created":1,"data":{"object":{"id":"in_1"}}}'


@pytest.fixture
async def client(settings: Settings, clock: FrozenClock) -> AsyncIterator[httpx.AsyncClient]:
    # Nothing listens there: taking webhooks does not need RabbitMQ.
    away = settings.model_copy(update={"amqp_url": type(settings.amqp_url)("amqp://guest:guest@127.0.0.1:1/")})
    async with running(create_app(away, clock)) as client:
        yield client


async def post(client: httpx.AsyncClient, body: bytes, *signatures: str | bytes) -> httpx.Response:
    headers = [(b"stripe-signature", each if isinstance(each, bytes) else each.encode()) for each in signatures]
    return await client.post("/webhooks/stripe", content=body, headers=headers)


async def test_the_signature_matrix(client: httpx.AsyncClient, stripe_stub: StripeStub, clock: FrozenClock) -> None:
    good = stripe_stub.signature(BODY)
    stamp, _, value = good.partition(",v1=")
    later = stripe_stub.signature(BODY, age=-31_536_000)
    old = stripe_stub.signature(BODY, age=301)
    refused: dict[str, tuple[bytes, tuple[str | bytes, ...]]] = {
        "missing": (BODY, ()),
        "empty": (BODY, ("",)),
        "garbage": (BODY, ("garbage",)),
        "no v1": (BODY, (stamp,)),
        "no timestamp": (BODY, (f"v1={value}",)),
        "timestamp of words": (BODY, (f"t=now,v1={value}",)),
        "negative timestamp": (BODY, (f"t=-1,v1={value}",)),
        "huge timestamp": (BODY, (f"t={'9' * 400},v1={value}",)),
        "another body": (BODY + b" ", (good,)),
        "another secret": (BODY, (stripe_stub.signature(BODY, secret="whsec_somebody_elses_0123456789"),)),
        "other scheme": (BODY, (f"{stamp},v0={value}",)),
        "stale": (BODY, (old,)),
        "a year ahead": (BODY, (later,)),
        "two headers": (BODY, (good, good)),
        "two timestamps": (BODY, (f"t=1,{good}",)),
        "a timestamp behind the signature": (BODY, (f"{good},t=1",)),
        "second timestamp fresh": (BODY, (f"{old},{stamp}",)),
        "not ASCII": (BODY, (f"{stamp},v1=".encode() + "é".encode(),)),
        "not UTF-8": (BODY, (f"{stamp},v1=".encode() + b"\xff\xfe",)),
        "body not UTF-8": (b"\xff\xfe", (stripe_stub.signature(b"{}"),)),
    }
    for name, (body, signatures) in refused.items():
        answer = await post(client, body, *signatures)
        assert (name, answer.status_code) == (name, 401)
        assert answer.headers["content-type"] == "application/problem+json"
    for age in (0, 299, -299):
        assert (await post(client, BODY, stripe_stub.signature(BODY, age=age))).status_code == 200
    assert (await post(client, BODY, f"{good},v1=00")).status_code == 200
    assert (await post(client, BODY, stripe_stub.signature(BODY, secret=OLD_WEBHOOK_SECRET))).status_code == 200


def test_the_sdk_alone_would_let_these_through_or_fall(clock: FrozenClock, stripe_stub: StripeStub) -> None:
    """Why the checks around the SDK are there."""
    later = stripe_stub.signature(BODY, age=-31_536_000)
    assert stripe.WebhookSignature.verify_header(BODY, later, WEBHOOK_SECRET, 300)
    with pytest.raises(UnicodeDecodeError):
        stripe.WebhookSignature.verify_header(b"\xff", later, WEBHOOK_SECRET, 300)
    with pytest.raises(TypeError):
        stripe.WebhookSignature.verify_header(BODY, later.partition(",")[0] + ",v1=é", WEBHOOK_SECRET, 300)


def test_which_secret_matched_is_told(clock: FrozenClock, stripe_stub: StripeStub) -> None:
    secrets = SecretSet("X", (WEBHOOK_SECRET, OLD_WEBHOOK_SECRET))
    for position, secret in enumerate(secrets.values):
        assert verify(secrets, BODY, [stripe_stub.signature(BODY, secret=secret)], clock()) == position
    with pytest.raises(Unauthenticated):
        verify(
            SecretSet("X", (WEBHOOK_SECRET,)), BODY, [stripe_stub.signature(BODY, secret=OLD_WEBHOOK_SECRET)], clock()
        )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[1]",
        b"null",
        b'"text"',
        b"1",
        b"{}",
        b'{"id":"evt_1","type":"x"}',
        b'{"id":"evt_1","type":"x","created":1,"data":[]}',
        b'{"id":"evt_1","type":"x","created":1,"data":{"object":[]}}',
        b'{"id":1,"type":"x","created":1,"data":{"object":{}}}',
        b'{"id":"evt_\\u0000","type":"x","created":1,"data":{"object":{}}}',
        b'{"id":"evt_1","type":"x","data":{"object":{}}}',
        b'{"id":"evt_1","type":"x","created":1e300,"data":{"object":{}}}',
        b'{"id":"evt_1","type":"x","created":"\\ud800","data":{"object":{}}}',
    ],
)
async def test_signed_but_malformed_is_400(client: httpx.AsyncClient, stripe_stub: StripeStub, body: bytes) -> None:
    answer = await post(client, body, stripe_stub.signature(body))
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_odd_but_signed_is_taken(client: httpx.AsyncClient, stripe_stub: StripeStub, tenant_id: Any) -> None:
    thin = orjson.dumps({"id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.error"})
    assert (await post(client, thin, stripe_stub.signature(thin))).json()["outcome"] == "ignored"
    nul = orjson.dumps(
        {
            "id": f"evt_{tenant_id}",
            "object": "event",
            "type": "x",
            "created": 1,
            "data": {"object": {"status": "a\x00b"}},
        }
    )
    for outcome in ("ignored", "duplicate"):
        answer = await post(client, nul, stripe_stub.signature(nul))
        assert (answer.status_code, answer.json()) == (200, {"received": True, "outcome": outcome})


async def test_too_large_is_413(client: httpx.AsyncClient, stripe_stub: StripeStub) -> None:
    body = b'{"x":"' + b"a" * 300_000 + b'"}'
    assert (await post(client, body, stripe_stub.signature(body))).status_code == 413


async def test_without_a_secret_it_is_503_and_names_the_setting(
    settings: Settings, stripe_stub: StripeStub, clock: FrozenClock
) -> None:
    for secrets in ((), ("",), ("short",)):
        made = Settings(**{**settings.model_dump(), "stripe_webhook_secrets": secrets})
        async with running(create_app(made, clock)) as client:
            answer = await post(client, BODY, stripe_stub.signature(BODY))
            assert answer.status_code == 503
            assert answer.json()["code"] == "config_missing"
            assert answer.json()["variable"] == "PAYMENTS_STRIPE_WEBHOOK_SECRETS"
            assert "retry-after" in answer.headers
            assert (await client.get("/readyz")).status_code == 200


async def test_without_the_database_it_is_503(settings: Settings, stripe_stub: StripeStub, clock: FrozenClock) -> None:
    away = settings.model_copy(
        update={"database_url": type(settings.database_url)("postgresql://nobody@127.0.0.1:1/none")}
    )
    async with running(create_app(away, clock)) as client:
        answer = await post(client, BODY, stripe_stub.signature(BODY))
        assert answer.status_code == 503
        assert (
            'booka_webhook_received_total{outcome="unavailable",provider="stripe"} 1.0'
            in (await client.get("/metrics")).text
        )


async def test_outcomes_are_counted(client: httpx.AsyncClient, stripe_stub: StripeStub, clock: FrozenClock) -> None:
    lost = stripe_stub.event(
        "checkout.session.completed", {"id": "cs_nobody", "metadata": {}}, id=f"evt_{id(client)}_{clock()}"
    )
    lost = lost.replace(b" ", b"_").replace(b"+", b"_")
    assert (await post(client, lost, stripe_stub.signature(lost))).json()["outcome"] == "unmatched"
    await post(client, b"{", stripe_stub.signature(b"{"))
    await post(client, b"{")
    page = (await client.get("/metrics")).text
    for outcome in ("unmatched", "malformed", "bad_signature"):
        assert f'booka_webhook_received_total{{outcome="{outcome}",provider="stripe"}} 1.0' in page
    assert 'booka_payment_events_unmatched_total{provider="stripe"} 1.0' in page
    assert 'booka_payment_webhook_secret_used_total{position="0",provider="stripe"} 2.0' in page


def test_nothing_secret_or_personal_is_kept() -> None:
    thing = {
        "id": "cs_1",
        "object": "checkout.session",
        "client_secret": "SECRET",
        "customer_details": {"email": "SECRET"},
        "url": "SECRET",
        "payment_method_details": {"card": "SECRET"},
        "metadata": {"tenant_id": "t", "note": "SECRET"},
        "amount_total": 3000,
        "status": "complete",
    }
    event = read_event(
        orjson.dumps(
            {
                "id": "evt_1",
                "object": "event",
                "type": "checkout.session.completed",
                "created": 1,
                "request": {"id": "SECRET"},
                "data": {"object": thing, "previous_attributes": {"x": "SECRET"}},
            }
        )
    )
    assert event is not None
    assert b"SECRET" not in orjson.dumps(event.body)
    assert event.body["object"] == {
        "id": "cs_1",
        "object": "checkout.session",
        "status": "complete",
        "amount_total": 3000,
        "metadata": {"tenant_id": "t"},
    }
    assert event.occurred_at.timestamp() == 1
