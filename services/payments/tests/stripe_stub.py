"""A Stripe on a local port that is just enough for these tests: pages, refunds, idempotency keys, signed events."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
import stripe
import uvicorn
from fastapi import FastAPI, Request, Response

WEBHOOK_SECRET = "whsec_current_0123456789abcdef"
OLD_WEBHOOK_SECRET = "whsec_previous_0123456789abcdef"
SECRET_KEY = "sk_test_stub"


class StripeStub:
    """What Stripe knows. `requests` is its ledger: method, path and idempotency key of every call."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.url = ""
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.forms: list[dict[str, str]] = []
        self.refund_status = "succeeded"
        self.failures: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        self._answers: dict[str, bytes] = {}
        self.app = FastAPI()
        self.app.add_api_route("/{path:path}", self._serve, methods=["GET", "POST"], response_model=None)

    def calls(self, method: str, path: str) -> list[str | None]:
        """The idempotency keys of the calls to `path`, a regular expression."""
        return [key for verb, at, key in self.requests if verb == method and re.fullmatch(path, at)]

    @staticmethod
    def of(tenant_id: UUID, things: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """One salon's pages or refunds: a running service also works off what other tests have left."""
        return {id: thing for id, thing in things.items() if thing["metadata"].get("tenant_id") == str(tenant_id)}

    def fail(self, status: int, *, headers: dict[str, str] | None = None, **error: Any) -> None:
        """Answer the next call like this."""
        self.failures.append((status, {"error": {"type": "api_error", "message": "no", **error}}, headers or {}))

    def forget_keys(self) -> None:
        """Idempotency keys are kept for a day."""
        self._answers.clear()

    async def _serve(self, request: Request) -> Response:
        path = "/" + request.path_params["path"]
        key = request.headers.get("idempotency-key")
        self.requests.append((request.method, path, key))
        form = dict(parse_qsl((await request.body()).decode()))
        self.forms.append(form)
        if request.headers.get("authorization") != f"Bearer {SECRET_KEY}":
            return _json(401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}})
        if self.failures:
            status, body, headers = self.failures.pop(0)
            return _json(status, body, headers)
        if request.method == "POST" and key and key in self._answers:
            return Response(self._answers[key], 200, {"idempotent-replayed": "true"}, "application/json")
        status, found = self._answer(request.method, path, form, dict(request.query_params))
        if status == 200 and request.method == "POST" and key:
            self._answers[key] = orjson.dumps(found)
        return _json(status, found)

    def _answer(
        self, method: str, path: str, form: dict[str, str], query: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        parts = path.split("/")[2:]
        match method, parts:
            case "POST", ["checkout", "sessions"]:
                return self._create_session(form)
            case "GET", ["checkout", "sessions", id] if id in self.sessions:
                return 200, self.sessions[id]
            case "POST", ["checkout", "sessions", id, "expire"] if id in self.sessions:
                if self.sessions[id]["status"] != "open":
                    return 400, _refusal("Only Checkout Sessions with a status in [open] can be expired.")
                self.sessions[id]["status"] = "expired"
                return 200, self.sessions[id]
            case "POST", ["refunds"]:
                return self._create_refund(form)
            case "GET", ["refunds"]:
                found = [r for r in self.refunds.values() if r["payment_intent"] == query["payment_intent"]]
                return 200, {"object": "list", "data": found, "has_more": False, "url": "/v1/refunds"}
        return 404, _refusal("No such object", code="resource_missing")

    def _create_session(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        lead = int(form["expires_at"]) - self.now().timestamp()
        if not 1800 <= lead <= 86400:
            return 400, _refusal("The `expires_at` timestamp must be 30 minutes to 24 hours away.", param="expires_at")
        id = f"cs_test_{len(self.sessions)}"
        self.sessions[id] = {
            "id": id,
            "object": "checkout.session",
            "status": "open",
            "payment_status": "unpaid",
            "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
            "currency": form["line_items[0][price_data][currency]"],
            "client_reference_id": form["client_reference_id"],
            "metadata": _nested(form, "metadata"),
            "payment_intent": None,
            "url": f"https://checkout.example/{id}",
            "expires_at": int(form["expires_at"]),
            "customer_details": {"email": "someone@example.com", "name": "Some One"},
        }
        return 200, self.sessions[id]

    def _create_refund(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        payment = form["payment_intent"]
        session = next(s for s in self.sessions.values() if s["payment_intent"] == payment)
        gone = sum(
            r["amount"] for r in self.refunds.values() if r["payment_intent"] == payment and r["status"] != "failed"
        )
        if gone + int(form["amount"]) > session["amount_total"]:
            return 400, _refusal("Refund amount is greater than unrefunded amount", code="charge_already_refunded")
        return 200, self.make_refund(payment, int(form["amount"]), session["currency"], _nested(form, "metadata"))

    def make_refund(self, payment: str, amount: int, currency: str, metadata: dict[str, str]) -> dict[str, Any]:
        """Give money back, as the API or somebody at the dashboard does."""
        id = f"re_test_{payment}_{len(self.refunds)}"
        self.refunds[id] = {
            "id": id,
            "object": "refund",
            "amount": amount,
            "currency": currency,
            "payment_intent": payment,
            "status": self.refund_status,
            "metadata": metadata,
        }
        return self.refunds[id]

    def pay(self, session_id: str, **changes: Any) -> dict[str, Any]:
        """Somebody pays on the page; `changes` lets something be other than it should."""
        session = self.sessions[session_id]
        tenant = session["metadata"]["tenant_id"]
        session.update(status="complete", payment_status="paid", payment_intent=f"pi_{tenant}_{session_id}")
        session.update(changes)
        return session

    def event(self, type: str, thing: dict[str, Any], **changes: Any) -> bytes:
        """The body of an event about `thing`."""
        count = len(self.requests)
        id = f"evt_{thing['id']}_{type.replace('.', '_')}_{thing.get('metadata', {}).get('transaction_id', '')}_{count}"
        created = int(self.now().timestamp())
        event = {"id": id, "object": "event", "type": type, "created": created, "data": {"object": thing}, **changes}
        return orjson.dumps(event)

    def signature(self, body: bytes, *, secret: str = WEBHOOK_SECRET, age: float = 0) -> str:
        """The Stripe-Signature header of `body`, made by Stripe's own helper."""
        at = int(self.now().timestamp() - age)
        made: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=at)
        return made


def _nested(form: dict[str, str], name: str) -> dict[str, str]:
    return {key[len(name) + 1 : -1]: value for key, value in form.items() if key.startswith(f"{name}[")}


def _refusal(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": message, **more}}


def _json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")


@asynccontextmanager
async def serving(stub: StripeStub) -> AsyncIterator[StripeStub]:
    """`stub` on a free port, over real HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))
    stub.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(stub.app, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield stub
    finally:
        server.should_exit = True
        await task
        listener.close()
