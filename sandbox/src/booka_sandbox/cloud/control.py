"""Control of the Cloud API stand-in: configure lines, let phones speak, hold back and mix up webhooks, watch a phone live."""

import secrets
from typing import Any, Literal

import aiohttp
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from booka_sandbox.cloud.network import Network, Together
from booka_sandbox.cloud.shapes import CLIENT_KINDS
from booka_sandbox.cloud.state import FIELDS, Change, Line, Window
from booka_sandbox.line_control import Release, Said, add_line_routes, number_of
from booka_sandbox.lines import digits
from booka_sandbox.settings import Settings


class LineOrder(BaseModel):
    """Body of PUT /_/cloud/lines/{id}; fields left out keep their value (or the default when new)."""

    model_config = ConfigDict(extra="forbid")

    webhook_url: str | None = None
    verify_token: str | None = None
    app_secret: str | None = None
    access_token: str | None = None
    token_expired: bool | None = None
    own_number: str | None = None
    display_name: str | None = None
    waba_id: str | None = None
    fields: tuple[Literal["messages", "smb_message_echoes"], ...] | None = None
    window: Window | None = None
    service_billable: bool | None = None
    templates: dict[str, dict[str, int]] | None = None


class Subscription(BaseModel):
    """Body of POST …/subscribe."""

    model_config = ConfigDict(extra="forbid")

    url: str
    verify_token: str


class LineSaid(Said):
    """Body of POST …/phones/{number}/messages."""

    kinds = CLIENT_KINDS

    about: str | None = Field(default=None, description="id of the message that is answered or reacted to")


class SaidBy(LineSaid):
    """One of several messages: who says it, and what."""

    number: str


class PhoneOrder(BaseModel):
    """Body of PUT …/phones/{number}."""

    model_config = ConfigDict(extra="forbid")

    push_name: str | None = None
    wa_id: str | None = Field(default=None, description="how WhatsApp spells the number")
    username: str | None = Field(default=None, description="webhooks then tell the user id and no number")
    user_id: str | None = None
    last_said: int | None = Field(
        default=None, description="unix seconds: when its owner last wrote, as if time had passed"
    )
    fails_with: int | None = Field(default=None, description="code of the failed status that sends get; 0 = none")


class RawChange(BaseModel):
    """Body of POST …/events: any change."""

    model_config = ConfigDict(extra="forbid")

    field: str
    value: dict[str, Any]
    copies: int = Field(default=1, ge=1, le=1000)


class LineRelease(Release):
    """Body of POST …/release."""

    together: Together = "posts"
    keep_holding: bool = False


def router(network: Network, settings: Settings) -> APIRouter:  # noqa: C901 - a list of small routes
    """Routes under /_/cloud."""
    routes = APIRouter(prefix="/_/cloud", tags=["cloud"])

    def line_of(line_id: str) -> Line:
        line = network.lines.get(line_id)
        if line is None:
            raise HTTPException(404, f"no line {line_id}; make it with PUT /_/cloud/lines/{line_id}")
        return line

    @routes.put("/lines/{line_id}")
    async def put_line(line_id: str, order: LineOrder) -> dict[str, Any]:
        line = network.lines.get(line_id)
        if line is None:
            line = network.lines[line_id] = _new_line(line_id, settings)
        for name, value in order.model_dump(exclude_none=True).items():
            setattr(line, name, digits(value) if name == "own_number" else value)
        return _described(line)

    @routes.get("/lines")
    async def list_lines() -> list[dict[str, Any]]:
        return [_described(line) for line in network.lines.values()]

    @routes.get("/lines/{line_id}")
    async def get_line(line_id: str) -> dict[str, Any]:
        return _described(line_of(line_id))

    @routes.post("/lines/{line_id}/subscribe")
    async def subscribe(line_id: str, order: Subscription) -> dict[str, Any]:
        """Asks the URL for the challenge, as Meta does before it delivers anything there."""
        line = line_of(line_id)
        challenge = str(secrets.randbelow(10**10))
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": order.verify_token}
        status, said = await _get(order.url, query)
        if status != 200 or said != challenge:
            raise HTTPException(400, f"The URL couldn't be validated: status {status}, body {said[:100]!r}")
        line.webhook_url, line.verify_token = order.url, order.verify_token
        return _described(line)

    @routes.post("/lines/{line_id}/events", status_code=202)
    async def emit(line_id: str, raw: RawChange) -> dict[str, str]:
        network.report(line_of(line_id), Change(raw.field, raw.value, None, None), copies=raw.copies)
        return {"field": raw.field}

    @routes.post("/lines/{line_id}/release")
    async def release(line_id: str, order: LineRelease) -> dict[str, int]:
        return {"posts": network.release(line_of(line_id), **order.model_dump())}

    @routes.put("/lines/{line_id}/phones/{number}")
    async def put_phone(line_id: str, number: str, order: PhoneOrder) -> dict[str, Any]:
        phone = line_of(line_id).phone(number_of(number))
        for name, value in order.model_dump(exclude_none=True).items():
            setattr(phone, name, value or None if name in {"username", "fails_with"} else value)
        return phone.described()

    @routes.post("/lines/{line_id}/phones/{number}/messages", status_code=201)
    async def say(line_id: str, number: str, said: LineSaid) -> dict[str, Any]:
        after = network.ledger.last_seq
        message = network.say(line_of(line_id), number_of(number), said.text, **said.how())
        return {"id": message.id, "number": message.number, "after": after}

    @routes.post("/lines/{line_id}/messages", status_code=201)
    async def say_all(line_id: str, all_said: list[SaidBy]) -> dict[str, Any]:
        """Many phones speak, one right after the other."""
        line, after = line_of(line_id), network.ledger.last_seq
        told = [network.say(line, number_of(said.number), said.text, **said.how()) for said in all_said]
        return {"ids": [message.id for message in told], "after": after}

    add_line_routes(routes, "/lines/{name}", line_of, network.read)
    return routes


async def _get(url: str, query: dict[str, str]) -> tuple[int, str]:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10), trust_env=False) as client,
            client.get(url, params=query, allow_redirects=False) as answer,
        ):
            return answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as problem:
        return 0, f"{type(problem).__name__}: {problem}"


def _new_line(line_id: str, settings: Settings) -> Line:
    return Line(
        id=line_id,
        waba_id=f"9{line_id}",
        own_number="1555" + line_id[-7:].rjust(7, "0"),
        display_name=f"Line {line_id}",
        access_token=settings.cloud_access_token,
        app_secret=settings.cloud_app_secret,
        verify_token="",
        fields=FIELDS,
    )


def _described(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "waba_id": line.waba_id,
        "own_number": line.own_number,
        "display_name": line.display_name,
        "webhook_url": line.webhook_url,
        "access_token": line.access_token,
        "token_expired": line.token_expired,
        "fields": line.fields,
        "window": line.window,
        "service_billable": line.service_billable,
        "templates": line.templates,
        "held": None if line.held is None else len(line.held),
        "phones": [phone.described() for phone in line.phones.values()],
    }
