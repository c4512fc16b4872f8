"""Control of the Stripe stand-in: pay without a browser, expire, replay events, decide refunds."""

from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from booka_sandbox.stripe_api.bank import Bank, StripeError, WebhookEndpoint


class Strict(BaseModel):
    """No unknown fields: a typing error in a test must not pass silently."""

    model_config = ConfigDict(extra="forbid")


class EndpointOrder(Strict):
    """Body of PUT /_/stripe/webhook."""

    url: str
    secret: str | None = None


class Behaviour(Strict):
    """Body of PUT /_/stripe/behaviour."""

    refunds: Literal["succeeded", "pending", "failed"]


class Payment(Strict):
    """Body of POST /_/stripe/sessions/{id}/pay. Amount in minor units."""

    copies: int = Field(default=1, ge=0, le=1000)
    delay: float = Field(default=0.0, ge=0)
    amount_override: int | None = Field(default=None, gt=0)
    currency_override: str | None = Field(default=None, min_length=3, max_length=3)
    outcome: Literal["paid", "processing", "async_succeeded", "async_failed"] = "paid"


class Delivery(Strict):
    """Body of POST /_/stripe/events/{id}/deliver."""

    copies: int = Field(default=1, ge=1, le=1000)
    delay: float = Field(default=0.0, ge=0)


class Settlement(Strict):
    """Body of POST /_/stripe/refunds/{id}/settle."""

    status: Literal["succeeded", "failed"] = "succeeded"


def router(bank: Bank) -> APIRouter:
    """Routes under /_/stripe."""
    routes = APIRouter(prefix="/_/stripe", tags=["stripe"])

    @routes.put("/webhook")
    async def put_webhook(order: EndpointOrder) -> dict[str, Any]:
        bank.endpoint = WebhookEndpoint(order.url, order.secret or bank.endpoint.secret)
        return {"url": bank.endpoint.url}

    @routes.put("/behaviour")
    async def put_behaviour(order: Behaviour) -> dict[str, Any]:
        bank.refund_outcome = order.refunds
        return {"refunds": bank.refund_outcome}

    @routes.get("/sessions")
    async def sessions() -> list[dict[str, Any]]:
        return [checkout.session for checkout in bank.checkouts.values()]

    @routes.get("/sessions/{session_id}")
    async def session(session_id: str) -> dict[str, Any]:
        return _or_http(lambda: bank.session(session_id).session)

    @routes.post("/sessions/{session_id}/pay")
    async def pay(session_id: str, order: Payment | None = None) -> dict[str, Any]:
        wish = order or Payment()
        return _or_http(
            lambda: bank.pay(
                session_id,
                outcome=wish.outcome,
                amount=wish.amount_override,
                currency=wish.currency_override,
                copies=wish.copies,
                delay=wish.delay,
            )
        )

    @routes.post("/sessions/{session_id}/expire")
    async def expire(session_id: str) -> dict[str, Any]:
        return _or_http(lambda: bank.expire(session_id))

    @routes.get("/events")
    async def events() -> list[dict[str, Any]]:
        return [{**event, "delivered": event["id"] in bank.delivered} for event in bank.events.values()]

    @routes.post("/events/{event_id}/deliver", status_code=202)
    async def deliver(event_id: str, order: Delivery | None = None) -> dict[str, Any]:
        wish = order or Delivery()
        return _or_http(lambda: bank.deliver(event_id, copies=wish.copies, delay=wish.delay))

    @routes.post("/refunds/{refund_id}/settle")
    async def settle(refund_id: str, order: Settlement | None = None) -> dict[str, Any]:
        return _or_http(lambda: bank.settle_refund(refund_id, (order or Settlement()).status))

    return routes


def _or_http(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run it; Stripe's 404 stays 404, any other refusal is a conflict with the present state."""
    try:
        return call()
    except StripeError as refusal:
        raise HTTPException(404 if refusal.status == 404 else 409, str(refusal)) from None
