"""Control of the Evolution stand-in: configure instances, let phones speak, watch a phone live."""

from typing import Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from booka_sandbox.evolution.gateway import Gateway
from booka_sandbox.evolution.shapes import CLIENT_KINDS, Addressing, instance_record, webhook_record
from booka_sandbox.evolution.state import ALL_EVENTS, Instance, WebhookTarget
from booka_sandbox.line_control import Release, Said, add_line_routes, number_of
from booka_sandbox.lines import digits


class InstanceOrder(BaseModel):
    """Body of PUT /_/evolution/instances/{name}; fields left out keep their value (or the default when new)."""

    model_config = ConfigDict(extra="forbid")

    webhook_url: str | None = None
    headers: dict[str, str] | None = None
    jwt_key: str | None = None
    hmac_secret: str | None = None
    events: list[str] | None = None
    own_number: str | None = None
    display_name: str | None = None
    version: str | None = Field(default=None, pattern=r"^\d+\.\d+\.\d+")
    addressing: Addressing | None = None
    state: Literal["open", "connecting", "close"] | None = None
    token: str | None = None


class InstanceSaid(Said):
    """Body of POST …/phones/{number}/messages."""

    kinds = CLIENT_KINDS

    addressing: Addressing | None = None
    group: str | None = Field(default=None, description="id of a group in which it is said")


class SaidBy(InstanceSaid):
    """One of several messages: who says it, and what."""

    number: str


class PhoneOrder(BaseModel):
    """Body of PUT …/phones/{number}."""

    model_config = ConfigDict(extra="forbid")

    exists: bool | None = None
    wa_id: str | None = Field(default=None, description="how WhatsApp spells the number: its address has these digits")
    push_name: str | None = None


class RawEvent(BaseModel):
    """Body of POST …/events: any event in the instance's envelope."""

    model_config = ConfigDict(extra="forbid")

    event: str
    data: Any
    copies: int = Field(default=1, ge=1, le=1000)


def router(gateway: Gateway) -> APIRouter:  # noqa: C901 - a list of small routes
    """Routes under /_/evolution."""
    routes = APIRouter(prefix="/_/evolution", tags=["evolution"])

    def instance_of(name: str) -> Instance:
        instance = gateway.instances.get(name)
        if instance is None:
            raise HTTPException(404, f"no instance named {name}; make it with PUT /_/evolution/instances/{name}")
        return instance

    @routes.put("/instances/{name}")
    async def put_instance(name: str, order: InstanceOrder) -> dict[str, Any]:
        instance = gateway.instances.get(name) or gateway.create(name, order.own_number, order.display_name)
        _apply(instance, order)
        if order.state is not None and order.state != instance.state:
            gateway.connection_changed(instance, order.state)
        return _described(instance)

    @routes.get("/instances")
    async def list_instances() -> list[dict[str, Any]]:
        return [_described(instance) for instance in gateway.instances.values()]

    @routes.get("/instances/{name}")
    async def get_instance(name: str) -> dict[str, Any]:
        return _described(instance_of(name))

    @routes.post("/instances/{name}/events", status_code=202)
    async def emit(name: str, raw: RawEvent) -> dict[str, Any]:
        gateway.emit(instance_of(name), raw.event, raw.data, copies=raw.copies)
        return {"event": raw.event}

    @routes.post("/instances/{name}/release")
    async def release(name: str, order: Release) -> dict[str, int]:
        return {"posts": gateway.release(instance_of(name), order=order.order, copies=order.copies)}

    @routes.put("/instances/{name}/phones/{number}")
    async def put_phone(name: str, number: str, order: PhoneOrder) -> dict[str, Any]:
        phone = instance_of(name).phone(number_of(number))
        if order.exists is not None:
            phone.exists = order.exists
        if order.wa_id is not None:
            phone.wa_id = number_of(order.wa_id)
        if order.push_name is not None:
            phone.push_name = order.push_name
        return phone.described()

    @routes.post("/instances/{name}/phones/{number}/messages", status_code=201)
    async def say(name: str, number: str, said: InstanceSaid) -> dict[str, Any]:
        after = gateway.ledger.last_seq
        message = gateway.say(instance_of(name), number_of(number), said.text, **said.how())
        return {"id": message.id, "number": message.number, "key": message.key, "after": after}

    @routes.post("/instances/{name}/messages", status_code=201)
    async def say_all(name: str, all_said: list[SaidBy]) -> dict[str, Any]:
        """Many phones speak, one right after the other."""
        instance, after = instance_of(name), gateway.ledger.last_seq
        told = [gateway.say(instance, number_of(said.number), said.text, **said.how()) for said in all_said]
        return {"ids": [message.id for message in told], "after": after}

    add_line_routes(routes, "/instances/{name}", instance_of, gateway.read)
    return routes


def _apply(instance: Instance, order: InstanceOrder) -> None:
    old = instance.webhook
    headers = dict(order.headers if order.headers is not None else old.headers)
    jwt_key = headers.pop("jwt_key", None) or (old.jwt_key if order.jwt_key is None else order.jwt_key)
    instance.webhook = WebhookTarget(
        url=old.url if order.webhook_url is None else order.webhook_url,
        enabled=old.enabled,
        headers=headers,
        jwt_key=jwt_key or None,
        hmac_secret=(old.hmac_secret if order.hmac_secret is None else order.hmac_secret) or None,
        events=old.events if order.events is None else tuple(order.events) or ALL_EVENTS,
        by_events=old.by_events,
    )
    if order.own_number:
        instance.own_number = digits(order.own_number)
    instance.display_name = order.display_name or instance.display_name
    instance.version = order.version or instance.version
    instance.addressing = order.addressing or instance.addressing
    instance.token = order.token or instance.token


def _described(instance: Instance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "display_name": instance.display_name,
        "own_number": instance.own_number,
        "version": instance.version,
        "addressing": instance.addressing,
        "state": instance.state,
        "token": instance.token,
        "webhook": webhook_record(instance),
        "jwt": instance.webhook.jwt_key is not None,
        "hmac": instance.webhook.hmac_secret is not None,
        "phones": [phone.described() for phone in instance.phones.values()],
        "record": instance_record(instance),
    }
