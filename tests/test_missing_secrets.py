"""A secret that is missing or too short stops one function, which says so; the service and everything else go on."""

import signal
from collections.abc import Callable, Iterator

import httpx
import pytest

from booka_common.internal import SignedAuth
from booka_common.testing.servers import free_port
from booka_stack.processes import Process
from booka_stack.salon import SalonPlan
from booka_stack.walk import agree, walk

pytestmark = pytest.mark.e2e


@pytest.fixture
def another(stack) -> Iterator[Callable[..., Process]]:
    """`another("payments", PAYMENTS_X="")` starts one more process of a service, with its environment changed."""
    started: list[Process] = []

    def start(service: str, **changes: str) -> Process:
        port = free_port()
        process = Process(
            f"{service}-bare-{port}",
            f"booka_{service}",
            ("serve",),
            {**stack.services[service][0].environment, f"{service.upper()}_PORT": str(port), **changes},
            stack.layout.folder / f"{service}-bare-{port}.log",
            f"http://127.0.0.1:{port}/readyz",
        )
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.signal(signal.SIGTERM)
    for process in started:
        assert process.stop() in {0, -15}


def url(process: Process) -> str:
    return process.ready_url.removesuffix("/readyz")


def lacks(answer: httpx.Response, variable: str) -> None:
    """503, naming the variable and what to do."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]
    told = answer.json()
    assert (told["code"], told["variable"]) == ("config_missing", variable)
    assert "set it to" in told["action"] or "needs" in told["action"], told
    assert variable in told["detail"]


async def test_what_lacks_its_secret_says_so_and_everything_else_works(
    stack, another, open_salon, new_phone, sandbox, tables
):
    salon = await open_salon(SalonPlan.studio(deposit=False).without_a_day_off())
    payments = another("payments", PAYMENTS_STRIPE_WEBHOOK_SECRETS="")
    messaging = another("messaging", MESSAGING_ENCRYPTION_KEYS="")
    booking = another("booking", BOOKING_INTERNAL_SECRETS="")
    careless = another("booking", BOOKING_INTERNAL_SECRETS="secret")
    auth = SignedAuth(stack.layout.internal_secret, salon.tenant_id)
    async with httpx.AsyncClient(timeout=20, auth=auth) as http:
        for process in (payments, messaging, booking, careless):
            process.wait_ready()
            for path in ("/readyz", "/healthz", "/metrics", "/openapi.json"):
                assert (await http.get(f"{url(process)}{path}")).status_code == 200

        before = await tables.picture(salon.tenant_id)
        lacks(await http.post(f"{url(payments)}/webhooks/stripe", content=b"{}"), "PAYMENTS_STRIPE_WEBHOOK_SECRETS")
        assert (await http.get(f"{url(payments)}/v1/transactions")).status_code == 200

        channel = {
            "instance": salon.instance,
            "base_url": "http://127.0.0.1:9",
            "api_key": "a-gateway-key",
            "auth": {"mode": "header", "secret": "0123456789-0123456789-0123456789"},
        }
        put = await http.put(f"{url(messaging)}/v1/channels/{salon.channel_id}", json=channel)
        lacks(put, "MESSAGING_ENCRYPTION_KEYS")
        webhook = f"{url(messaging)}/webhooks/evolution/{salon.channel_id}"
        for headers in ({}, {"x-booka-signature": "sha256=00"}):
            lacks(await http.post(webhook, content=b"{}", headers=headers, auth=None), "MESSAGING_ENCRYPTION_KEYS")
        listed = (await http.get(f"{url(messaging)}/v1/channels")).json()["items"]
        assert [item["id"] for item in listed] == [str(salon.channel_id)]

        for process in (booking, careless):
            lacks(await http.get(f"{url(process)}/v1/profile"), "BOOKING_INTERNAL_SECRETS")
            lacks(await http.get(f"{url(process)}/v1/profile", auth=None), "BOOKING_INTERNAL_SECRETS")
            forged = SignedAuth("secret", salon.tenant_id)
            lacks(await http.put(f"{url(process)}/v1/policy", json={}, auth=forged), "BOOKING_INTERNAL_SECRETS")
        assert await tables.picture(salon.tenant_id) == before

    messaging.stop()  # its attempts to send would only take time: each is tried again by one that can
    # With such processes among the others, a visit is still booked: they take their part of all that needs no secret,
    # and leave the rest to those who can.
    phone = new_phone(salon)
    await walk(phone)
    assert "Booked!" in await agree(phone)
    await tables.settled(salon.tenant_id)
    assert len([text for text in await phone.heard() if "Booked!" in text]) == 1
