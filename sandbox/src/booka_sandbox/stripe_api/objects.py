"""JSON objects as Stripe returns them (API 2026-10-28.endive). Pure functions; amounts in minor units."""

import secrets
import string
from typing import Any

API_VERSION = "2026-10-28.endive"
Object = dict[str, Any]
_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """pi_… cs_test_… with 24 random letters and digits, as Stripe's own look."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(24))


def checkout_session(params: Object, *, now: int, expires_at: int, amount: int, currency: str, base_url: str) -> Object:
    """An open Checkout Session in payment mode."""
    session_id = new_id("cs_test")
    return {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": amount,
        "amount_total": amount,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "consent": None,
        "created": now,
        "currency": currency,
        "custom_fields": [],
        "custom_text": {"submit": None},
        "customer": params.get("customer"),
        "customer_creation": "if_required",
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "discounts": [],
        "expires_at": expires_at,
        "invoice": None,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata") or {},
        "mode": "payment",
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": params.get("payment_method_types") or ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params.get("success_url"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": params.get("ui_mode") or "hosted_page",
        "url": f"{base_url}/pay/{session_id}",
    }


def line_item(params: Object, *, currency: str, unit_amount: int, quantity: int) -> Object:
    """A line of a Checkout Session, from `price_data`."""
    price_data = params.get("price_data") or {}
    product = price_data.get("product_data") or {}
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": unit_amount * quantity,
        "amount_tax": 0,
        "amount_total": unit_amount * quantity,
        "currency": currency,
        "description": product.get("name") or "",
        "price": {
            "id": new_id("price"),
            "object": "price",
            "active": False,
            "currency": currency,
            "type": "one_time",
            "unit_amount": unit_amount,
            "unit_amount_decimal": str(unit_amount),
        },
        "quantity": quantity,
    }


def payment_intent(session: Object, extra: Object, *, now: int, charge_id: str | None) -> Object:
    """The payment behind a session; `charge_id` None = still processing."""
    paid = charge_id is not None
    amount = session["amount_total"]
    intent_id = new_id("pi")
    return {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": amount if paid else 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": extra.get("capture_method") or "automatic_async",
        "client_secret": f"{intent_id}_secret_{secrets.token_hex(8)}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": session["currency"],
        "customer": session["customer"],
        "description": extra.get("description"),
        "last_payment_error": None,
        "latest_charge": charge_id,
        "livemode": False,
        "metadata": extra.get("metadata") or {},
        "next_action": None,
        "payment_method": new_id("pm"),
        "payment_method_types": session["payment_method_types"],
        "receipt_email": None,
        "statement_descriptor": extra.get("statement_descriptor"),
        "status": "succeeded" if paid else "processing",
    }


def charge(charge_id: str, intent: Object, *, now: int) -> Object:
    """The successful charge of an intent."""
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "balance_transaction": new_id("txn"),
        "captured": True,
        "created": now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "disputed": False,
        "failure_code": None,
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": {"network_status": "approved_by_network", "risk_level": "normal", "type": "authorized"},
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}},
        "refunded": False,
        "status": "succeeded",
    }


def refund(charge_object: Object, params: Object, *, now: int, amount: int, status: str) -> Object:
    """A refund of (part of) a charge."""
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": charge_object["id"],
        "created": now,
        "currency": charge_object["currency"],
        "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        "metadata": params.get("metadata") or {},
        "payment_intent": charge_object["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }


def event(event_type: str, obj: Object, *, now: int, account: str | None, request_key: str | None) -> Object:
    """An event holding a snapshot of `obj`."""
    body: Object = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": {"object": obj},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": new_id("req") if request_key else None, "idempotency_key": request_key},
        "type": event_type,
    }
    return {**body, "account": account} if account else body


def listing(url: str, items: list[Object], query: Object) -> Object:
    """One page, newest first, by `limit` (1…100), `starting_after`, `ending_before`."""
    ids = [item["id"] for item in items]
    limit = max(1, min(int(query.get("limit", 10)), 100))
    start = 0
    if query.get("starting_after") in ids:
        start = ids.index(query["starting_after"]) + 1
    end = len(items)
    if query.get("ending_before") in ids:
        end = ids.index(query["ending_before"])
        start = max(0, end - limit)
    page = items[start:end][:limit]
    return {"object": "list", "url": url, "has_more": end - start > limit, "data": page}
