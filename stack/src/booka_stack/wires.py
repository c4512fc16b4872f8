"""A salon's line at one of the gateways: provisioned in messaging and in the sandbox."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID, uuid5

import httpx

from booka_common.internal import SignedAuth
from booka_stack.layout import Layout

__all__ = ["Gateway", "control_path", "own_number", "wire"]

Gateway = Literal["evolution", "cloud"]


def control_path(gateway: Gateway, instance: str) -> str:
    """Where the sandbox's control API has the line."""
    group = "cloud/lines" if gateway == "cloud" else "evolution/instances"
    return f"/_/{group}/{quote(instance, safe='')}"


def own_number(tenant_id: UUID) -> str:
    """The salon's number on WhatsApp."""
    return f"35191{tenant_id.int % 10**7:07d}"


#: Nobody behind the sandbox minds how fast a line sends; tests of the pace say their own.
_PACE = 60_000


async def wire(
    layout: Layout,
    tenant_id: UUID,
    name: str,
    *,
    gateway: Gateway = "evolution",
    own_app: bool = False,
    webhook_bases: Sequence[str] = (),
    more: dict[str, Any] | None = None,
    **order: Any,
) -> tuple[UUID, str]:
    """Give a salon its line; the channel's id, and the gateway's name of the line. Safe to repeat.

    Args:
        name: as clients see it.
        own_app: Cloud API: the salon has a Meta app of its own, so a secret and an address of its own.
        webhook_bases: the messaging processes that share the webhooks, as behind a load balancer; none: the first.
        more: fields of `PUT /v1/channels/{id}`.
        order: fields of the sandbox's line.

    Raises:
        httpx.HTTPStatusError: a service refused; its problem+json is in the response.
    """
    channel_id = uuid5(tenant_id, "channel" if gateway == "evolution" else "channel/cloud")
    bases = webhook_bases or (layout.url("messaging"),)
    plan = _evolution(layout, tenant_id) if gateway == "evolution" else _cloud(layout, tenant_id, own_app=own_app)
    path = "/webhooks/cloud" if gateway == "cloud" and not own_app else f"/webhooks/{gateway}/{channel_id}"
    addresses = [base + path for base in bases]
    line = {"own_number": own_number(tenant_id), "display_name": name, **plan.line, **order}
    at = layout.url("sandbox") + control_path(gateway, plan.instance)
    async with httpx.AsyncClient(timeout=20) as http:
        await _ask(http, "PUT", at, line)  # messaging tries a line of the Cloud API before it takes it
        await _ask(
            http,
            "PUT",
            f"{layout.url('messaging')}/v1/channels/{channel_id}",
            {**plan.channel, "messages_per_minute": _PACE, **(more or {})},
            auth=SignedAuth(layout.internal_secret, tenant_id),
        )
        if gateway == "cloud":  # Meta asks whether the address is ours before it delivers anything there
            challenge = {"url": addresses[0], "verify_token": plan.verify_token}
            await _ask(http, "POST", f"{at}/subscribe", challenge)
        await _ask(http, "PUT", at, {"webhook_url": " ".join(addresses)})
    return channel_id, plan.instance


@dataclass(frozen=True)
class _Plan:
    """What messaging and the sandbox are told of a line."""

    instance: str
    channel: dict[str, Any]
    line: dict[str, Any]
    verify_token: str = ""


def _evolution(layout: Layout, tenant_id: UUID) -> _Plan:
    instance, secret = f"salon-{tenant_id.hex[-8:]}", secrets.token_urlsafe(32)
    channel = {
        "gateway": "evolution",
        "instance": instance,
        "base_url": f"{layout.url('sandbox')}/evolution",
        "api_key": layout.gateway_key,
        "auth": {"mode": "hmac", "secret": secret},
    }
    return _Plan(instance, channel, {"hmac_secret": secret})


def _cloud(layout: Layout, tenant_id: UUID, *, own_app: bool) -> _Plan:
    instance = str(10**14 + tenant_id.int % 10**14)
    channel = {
        "gateway": "cloud",
        "instance": instance,
        "base_url": f"{layout.url('sandbox')}/cloud/v23.0",
        "api_key": layout.cloud_access_token,
    }
    if not own_app:
        return _Plan(instance, channel, {"app_secret": layout.cloud_app_secret}, layout.cloud_verify_token)
    secret, token = secrets.token_hex(32), secrets.token_urlsafe(24)
    own = {"auth": {"mode": "meta", "secret": secret, "verify_token": token}}
    return _Plan(instance, channel | own, {"app_secret": secret}, token)


async def _ask(
    http: httpx.AsyncClient, method: str, url: str, body: dict[str, Any], auth: httpx.Auth | None = None
) -> None:
    answer = await http.request(method, url, json=body, auth=auth or httpx.Auth())
    if answer.is_error:
        raise httpx.HTTPStatusError(f"{url}: {answer.text}", request=answer.request, response=answer)
