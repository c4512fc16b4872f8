"""Control of the Evolution stand-in: configure instances, let phones speak, watch a phone live."""

from typing import Any, Literal

from fastapi import APIRouter, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator

from booka_sandbox.evolution.gateway import Gateway
from booka_sandbox.evolution.shapes import CLIENT_KINDS, Addressing, instance_record, webhook_record
from booka_sandbox.evolution.state import ALL_EVENTS, Instance, Phone, WebhookTarget, digits
from booka_sandbox.screens import changes


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


class Said(BaseModel):
    """Body of POST …/phones/{number}/messages."""

    model_config = ConfigDict(extra="forbid")

    text: str = ""
    push_name: str | None = None
    id: str | None = None
    timestamp: int | None = Field(default=None, description="unix seconds; default now")
    kind: str = "text"
    choice_id: str | None = None
    from_me: bool = Field(default=False, description="a person at the salon typed it on the salon's own phone")
    addressing: Addressing | None = None
    group: str | None = Field(default=None, description="id of a group in which it is said")
    copies: int = Field(default=1, ge=0, le=1000, description="deliver the same webhook so many times concurrently")
    delay: float = Field(default=0.0, ge=0, description="seconds before the webhook leaves")

    @field_validator("kind")
    @classmethod
    def known(cls, kind: str) -> str:
        """Only kinds a phone can send."""
        if kind not in CLIENT_KINDS:
            raise ValueError(f"one of {', '.join(CLIENT_KINDS)}")
        return kind


class PhoneOrder(BaseModel):
    """Body of PUT …/phones/{number}."""

    model_config = ConfigDict(extra="forbid")

    exists: bool | None = None
    wa_id: str | None = Field(default=None, description="how WhatsApp spells the number: its address has these digits")
    push_name: str | None = None


class Release(BaseModel):
    """Body of POST …/release."""

    model_config = ConfigDict(extra="forbid")

    order: Literal["said", "reversed", "shuffled"] = "said"
    copies: int = Field(default=1, ge=1, le=1000)


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

    def number_of(text: str) -> str:
        number = digits(text)
        if not 7 <= len(number) <= 15:
            raise HTTPException(422, "a phone number has 7 to 15 digits")
        return number

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

    @routes.post("/instances/{name}/hold", status_code=204)
    async def hold(name: str) -> None:
        instance = instance_of(name)
        instance.held = instance.held or []

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
        return _phone(phone)

    @routes.post("/instances/{name}/phones/{number}/messages", status_code=201)
    async def say(name: str, number: str, said: Said) -> dict[str, Any]:
        after = gateway.ledger.last_seq
        message = gateway.say(
            instance_of(name),
            number_of(number),
            said.text,
            kind=said.kind,
            choice_id=said.choice_id,
            push_name=said.push_name,
            message_id=said.id,
            timestamp=said.timestamp,
            from_me=said.from_me,
            addressing=said.addressing,
            group=said.group,
            copies=said.copies,
            delay=said.delay,
        )
        return {"id": message.id, "number": message.number, "key": message.key, "after": after}

    @routes.get("/instances/{name}/phones/{number}/messages")
    async def conversation(name: str, number: str) -> list[dict[str, Any]]:
        phone = instance_of(name).phones.get(number_of(number))
        return [m.for_phone() for m in phone.messages] if phone else []

    @routes.post("/instances/{name}/phones/{number}/read")
    async def read(name: str, number: str) -> dict[str, int]:
        instance = instance_of(name)
        return {"read": gateway.read(instance, instance.phone(number_of(number)))}

    @routes.get("/instances/{name}/phones/{number}/stream", response_class=StreamingResponse)
    async def stream(name: str, number: str) -> StreamingResponse:
        phone = instance_of(name).phone(number_of(number))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(changes(phone), media_type="text/event-stream", headers=headers)

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
        "phones": [_phone(phone) for phone in instance.phones.values()],
        "record": instance_record(instance),
    }


def _phone(phone: Phone) -> dict[str, Any]:
    return {
        "number": phone.number,
        "wa_id": phone.wa_id,
        "lid": phone.lid,
        "exists": phone.exists,
        "push_name": phone.push_name,
        "messages": len(phone.messages),
    }
