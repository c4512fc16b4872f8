"""The Stripe account: sessions, payments, refunds and the events about them."""

import asyncio
import copy
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

from booka_sandbox.delivery import STRIPE_RETRIES, Deliverer, Webhook
from booka_sandbox.ledger import Ledger
from booka_sandbox.stripe_api import objects
from booka_sandbox.stripe_api.objects import Object

MIN_OPEN_SECONDS = 30 * 60
MAX_OPEN_SECONDS = 24 * 3600


class StripeError(Exception):
    """Stripe says no, with its own error body."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None, kind: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        error: Object = {"message": message, "type": kind or "invalid_request_error"}
        if code:
            error |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code}"}
        if param:
            error["param"] = param
        self.body = {"error": error}


@dataclass
class WebhookEndpoint:
    """Where events go. An empty url records events without delivering them."""

    url: str
    secret: str


@dataclass
class Checkout:
    """A session and what belongs to it but is not shown in it."""

    session: Object
    lines: list[Object]
    intent_params: Object
    account: str | None
    timer: asyncio.TimerHandle | None = None


@dataclass
class Bank:
    """All money of the sandbox. `refund_outcome`: what a new refund is: succeeded | pending | failed."""

    ledger: Ledger
    deliverer: Deliverer
    endpoint: WebhookEndpoint
    base_url: str
    refund_outcome: str = "succeeded"
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    intents: dict[str, Object] = field(default_factory=dict)
    charges: dict[str, Object] = field(default_factory=dict)
    refunds: dict[str, Object] = field(default_factory=dict)
    events: dict[str, Object] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)

    # Sessions ----------------------------------------------------------------------------------------------------

    def create_session(self, params: Object, account: str | None, key: str | None) -> Object:
        """Open a Checkout Session."""
        if params.get("mode") != "payment":
            raise StripeError(400, "The sandbox only knows mode=payment.", param="mode")
        currency, amount, lines = _priced(params.get("line_items"))
        now = int(time.time())
        expires_at = _integer(params, "expires_at", now + MAX_OPEN_SECONDS)
        if expires_at < now + MIN_OPEN_SECONDS:
            raise StripeError(
                400,
                "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
                param="expires_at",
            )
        if expires_at > now + MAX_OPEN_SECONDS:
            raise StripeError(
                400,
                "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
                param="expires_at",
            )
        session = objects.checkout_session(
            params, now=now, expires_at=expires_at, amount=amount, currency=currency, base_url=self.base_url
        )
        checkout = Checkout(session, lines, params.get("payment_intent_data") or {}, account)
        self.checkouts[session["id"]] = checkout
        checkout.timer = asyncio.get_running_loop().call_later(
            expires_at - time.time(), self._expire_in_time, session["id"]
        )
        self.ledger.add("checkout.created", **_checkout_fields(session), idempotency_key=key)
        return session

    def session(self, session_id: str) -> Checkout:
        """The checkout, or StripeError 404."""
        checkout = self.checkouts.get(session_id)
        if checkout is None:
            raise missing("checkout.session", session_id)
        return checkout

    def expire(self, session_id: str, key: str | None = None) -> Object:
        """Close an open session; StripeError 400 unless it is open."""
        checkout = self.session(session_id)
        session = checkout.session
        if session["status"] != "open":
            raise StripeError(
                400,
                f'Only Checkout Sessions with a status in ["open"] can be expired. '
                f"This Checkout Session has a status of {session['status']}.",
            )
        session["status"] = "expired"
        session["url"] = None
        if checkout.timer:
            checkout.timer.cancel()
        self.ledger.add("checkout.expired", **_checkout_fields(session))
        self._happened("checkout.session.expired", session, checkout.account, key)
        return session

    def pay(
        self,
        session_id: str,
        *,
        outcome: str = "paid",
        amount: int | None = None,
        currency: str | None = None,
        copies: int = 1,
        delay: float = 0.0,
    ) -> Object:
        """The client pays. Outcome "processing" = a slow method: complete but unpaid until "async_succeeded" or
        "async_failed". StripeError 400 when the session is not in the right status."""
        checkout = self.session(session_id)
        session = checkout.session
        wanted = "open" if outcome in {"paid", "processing"} else "complete"
        if session["status"] != wanted or (wanted == "complete" and session["payment_status"] == "paid"):
            raise StripeError(400, f"This Checkout Session is {session['status']}, {session['payment_status']}.")
        if amount is not None:
            session["amount_total"] = session["amount_subtotal"] = amount
        if currency is not None:
            session["currency"] = currency.lower()
        if checkout.timer:
            checkout.timer.cancel()
        session["status"] = "complete"
        session["url"] = None
        if outcome == "async_failed":
            self.intents[session["payment_intent"]]["status"] = "requires_payment_method"
            self._happened("checkout.session.async_payment_failed", session, checkout.account, None, copies, delay)
            return session
        now = int(time.time())
        paid = outcome != "processing"
        intent = objects.payment_intent(
            session, checkout.intent_params, now=now, charge_id=objects.new_id("ch") if paid else None
        )
        if session["payment_intent"] is not None:
            intent["id"] = session["payment_intent"]
        self.intents[intent["id"]] = intent
        session["payment_intent"] = intent["id"]
        if paid:
            session["payment_status"] = "paid"
            charge = objects.charge(intent["latest_charge"], intent, now=now)
            self.charges[charge["id"]] = charge
            self.ledger.add("checkout.paid", **_checkout_fields(session), payment_intent=intent["id"])
            self.ledger.add(
                "charge",
                id=charge["id"],
                session_id=session_id,
                payment_intent=intent["id"],
                amount=charge["amount"],
                currency=charge["currency"],
                metadata=session["metadata"],
            )
        event_type = (
            "checkout.session.async_payment_succeeded" if outcome == "async_succeeded" else "checkout.session.completed"
        )
        self._happened(event_type, session, checkout.account, None, copies, delay)
        return session

    # Refunds -----------------------------------------------------------------------------------------------------

    def create_refund(self, params: Object, account: str | None, key: str | None) -> Object:
        """Give back (part of) a charge; StripeError 400 when more than is left."""
        charge = self._charge_of(params)
        left = charge["amount"] - charge["amount_refunded"]
        if left <= 0:
            raise StripeError(400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
        amount = _integer(params, "amount", left)
        if amount <= 0:
            raise StripeError(400, "Invalid positive integer", param="amount", code="parameter_invalid_integer")
        if amount > left:
            raise StripeError(
                400,
                f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
                param="amount",
            )
        refund = objects.refund(charge, params, now=int(time.time()), amount=amount, status=self.refund_outcome)
        self.refunds[refund["id"]] = refund
        # A pending refund already takes its amount from the charge.
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.ledger.add("refund", **_refund_fields(refund), idempotency_key=key)
        self._happened("refund.created", refund, account, key)
        self._refund_moved(refund, charge, account, key)
        return refund

    def settle_refund(self, refund_id: str, status: str) -> Object:
        """A pending refund ends as succeeded or failed."""
        refund = self.refund(refund_id)
        if refund["status"] != "pending":
            raise StripeError(400, f"This refund is {refund['status']}, not pending.")
        refund["status"] = status
        charge = self.charges[refund["charge"]]
        if status == "failed":
            refund["failure_reason"] = "expired_or_canceled_card"
        self.ledger.add("refund.settled", **_refund_fields(refund))
        self._refund_moved(refund, charge, None, None)
        return refund

    def refund(self, refund_id: str) -> Object:
        """The refund, or StripeError 404."""
        if refund_id not in self.refunds:
            raise missing("refund", refund_id)
        return self.refunds[refund_id]

    def intent(self, intent_id: str) -> Object:
        """The payment intent, or StripeError 404."""
        if intent_id not in self.intents:
            raise missing("payment_intent", intent_id)
        return self.intents[intent_id]

    # Events ------------------------------------------------------------------------------------------------------

    def deliver(self, event_id: str, *, copies: int = 1, delay: float = 0.0) -> Object:
        """Send an event (again)."""
        if event_id not in self.events:
            raise missing("event", event_id)
        event = self.events[event_id]
        if not self.endpoint.url:
            return event
        endpoint = WebhookEndpoint(self.endpoint.url, self.endpoint.secret)
        body = json.dumps(event, indent=2).encode()
        fields = {
            "provider": "stripe",
            "event": event["type"],
            "id": event_id,
            "object_id": event["data"]["object"]["id"],
        }
        webhook = Webhook(endpoint.url, body, lambda: signed_headers(body, endpoint.secret), fields)
        self.deliverer.send(
            webhook, STRIPE_RETRIES, copies=copies, delay=delay, done=lambda _: self.delivered.add(event_id)
        )
        return event

    def _happened(
        self,
        event_type: str,
        obj: Object,
        account: str | None,
        key: str | None,
        copies: int = 1,
        delay: float = 0.0,
    ) -> None:
        snapshot = copy.deepcopy(obj)
        event = objects.event(event_type, snapshot, now=int(time.time()), account=account, request_key=key)
        self.events[event["id"]] = event
        self.deliver(event["id"], copies=copies, delay=delay)

    def _refund_moved(self, refund: Object, charge: Object, account: str | None, key: str | None) -> None:
        if refund["status"] == "failed":
            charge["amount_refunded"] -= refund["amount"]
            charge["refunded"] = False
            self._happened("refund.failed", refund, account, key)
        if refund["status"] != "pending":
            self._happened("refund.updated", refund, account, key)
        if refund["status"] == "succeeded":
            self._happened("charge.refunded", charge, account, key)

    def _charge_of(self, params: Object) -> Object:
        if params.get("charge"):
            if params["charge"] not in self.charges:
                raise missing("charge", params["charge"])
            return self.charges[params["charge"]]
        if not params.get("payment_intent"):
            raise StripeError(400, "One of the following params should be provided: payment_intent or charge.")
        intent = self.intent(params["payment_intent"])
        if intent["latest_charge"] is None:
            raise StripeError(400, "This PaymentIntent does not have a successful charge to refund.")
        return self.charges[intent["latest_charge"]]

    def _expire_in_time(self, session_id: str) -> None:
        if self.checkouts[session_id].session["status"] == "open":
            self.expire(session_id)


def signed_headers(body: bytes, secret: str) -> dict[str, str]:
    """Headers of one delivery attempt, signed at this second."""
    timestamp = int(time.time())
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": f"t={timestamp},v1={digest}",
    }


def missing(what: str, object_id: str) -> StripeError:
    """Stripe's 404."""
    return StripeError(404, f"No such {what}: '{object_id}'", code="resource_missing", param="id")


def _priced(lines: Any) -> tuple[str, int, list[Object]]:
    """(currency, total, line items) of `line_items`; only inline `price_data` is known."""
    if not isinstance(lines, list) or not lines:
        raise StripeError(400, "You must provide at least one line item.", param="line_items")
    items: list[Object] = []
    for position, line in enumerate(lines):
        name = f"line_items[{position}]"
        price = line.get("price_data") if isinstance(line, dict) else None
        if not isinstance(price, dict) or not (price.get("product_data") or {}).get("name"):
            raise StripeError(400, f"Missing required param: {name}[price_data][product_data][name].", param=name)
        currency = str(price.get("currency", "")).lower()
        if len(currency) != 3:
            raise StripeError(400, f"Invalid currency: {currency}.", param=f"{name}[price_data][currency]")
        unit_amount = _integer(price, "unit_amount", None)
        quantity = _integer(line, "quantity", 1)
        if unit_amount <= 0 or quantity <= 0:
            raise StripeError(400, "The total amount due must be greater than zero.", param=name)
        items.append(objects.line_item(line, currency=currency, unit_amount=unit_amount, quantity=quantity))
    if len({item["currency"] for item in items}) > 1:
        raise StripeError(400, "All line items must have the same currency.", param="line_items")
    return items[0]["currency"], sum(item["amount_total"] for item in items), items


def _integer(params: Object, name: str, default: int | None) -> int:
    value = params.get(name)
    if value is None and default is not None:
        return default
    try:
        return int(str(value))
    except ValueError:
        raise StripeError(400, f"Invalid integer: {value}", param=name, code="parameter_invalid_integer") from None


def _checkout_fields(session: Object) -> Object:
    return {
        "session_id": session["id"],
        "amount": session["amount_total"],
        "currency": session["currency"],
        "client_reference_id": session["client_reference_id"],
        "metadata": session["metadata"],
        "url": session["url"],
    }


def _refund_fields(refund: Object) -> Object:
    return {
        "id": refund["id"],
        "payment_intent": refund["payment_intent"],
        "charge": refund["charge"],
        "amount": refund["amount"],
        "currency": refund["currency"],
        "status": refund["status"],
        "metadata": refund["metadata"],
    }
