"""Stripe's REST API as stripe-python calls it (prefix /stripe/v1)."""

import hmac
import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from booka_sandbox.faults import Fault, Faults
from booka_sandbox.stripe_api import forms
from booka_sandbox.stripe_api.bank import Bank, StripeError, missing
from booka_sandbox.stripe_api.objects import API_VERSION, Object, listing, new_id

Effect = Callable[[Object], Object]


class IdempotencyKeys:
    """Answers already given, by account and key: same key and parameters → same answer."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str | None, str], tuple[str, bytes]] = {}

    def replay(self, account: str | None, key: str, fingerprint: str) -> bytes | None:
        """The earlier answer; None when the key is new; StripeError when it was used for something else."""
        earlier = self._answers.get((account, key))
        if earlier is None:
            return None
        if earlier[0] != fingerprint:
            raise StripeError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        return earlier[1]

    def remember(self, account: str | None, key: str, fingerprint: str, body: bytes) -> None:
        """Keep an answer."""
        self._answers[(account, key)] = (fingerprint, body)


class StripeApi:
    """Authentication, faults, idempotency and error bodies around the bank."""

    def __init__(self, bank: Bank, faults: Faults, secret_key: str) -> None:
        self.bank = bank
        self._faults = faults
        self._secret_key = secret_key
        self._keys = IdempotencyKeys()

    async def call(self, request: Request, operation: str, effect: Effect) -> Response:
        """Run one API call."""
        try:
            self._authenticate(request)
            raw = (await request.body()).decode()
            params = forms.decode(raw if request.method == "POST" else request.url.query)
            subject = f"{request.url.path} {raw}"
            response = await self._faults.run(
                "stripe", operation, subject, lambda: self._answer(request, params, effect), _broken
            )
        except StripeError as refusal:
            response = JSONResponse(refusal.body, refusal.status)
        response.headers["Request-Id"] = new_id("req")
        response.headers["Stripe-Version"] = request.headers.get("stripe-version", API_VERSION)
        return response

    def _answer(self, request: Request, params: Object, effect: Effect) -> Response:
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        account = request.headers.get("stripe-account")
        fingerprint = json.dumps([request.url.path, params], sort_keys=True)
        headers = {}
        body = self._keys.replay(account, key, fingerprint) if key else None
        if body is not None:
            headers["Idempotent-Replayed"] = "true"
        else:
            body = json.dumps(self._expanded(effect(params), params.get("expand")), indent=2).encode()
            if key:
                self._keys.remember(account, key, fingerprint, body)
        if key:
            headers["Idempotency-Key"] = key
        return Response(body, media_type="application/json", headers=headers)

    def _expanded(self, obj: Object, wishes: Any) -> Object:
        """Replace ids by objects for `expand[]` (dotted paths allowed; `data.` for lists)."""
        for wish in wishes if isinstance(wishes, list) else []:
            head, _, rest = str(wish).partition(".")
            if head == "data" and obj.get("object") == "list":
                obj = {**obj, "data": [self._expanded(item, [rest]) for item in obj["data"]]}
                continue
            child = self._child(obj, head)
            obj = {**obj, head: self._expanded(child, [rest]) if rest and isinstance(child, dict) else child}
        return obj

    def _child(self, obj: Object, name: str) -> Any:
        value = obj.get(name)
        match name:
            case "line_items":
                lines = self.bank.checkouts[obj["id"]].lines
                return listing(f"/v1/checkout/sessions/{obj['id']}/line_items", lines, {})
            case "payment_intent":
                return self.bank.intents.get(str(value), value)
            case "latest_charge" | "charge":
                return self.bank.charges.get(str(value), value)
        return value

    def _authenticate(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise StripeError(401, "You did not provide an API key.")
        if not hmac.compare_digest(given.encode(), self._secret_key.encode()):
            raise StripeError(401, f"Invalid API Key provided: {given[:7]}****")


def router(api: StripeApi) -> APIRouter:
    """The routes of the Stripe API."""
    routes = APIRouter(prefix="/stripe/v1", include_in_schema=False)
    bank = api.bank

    def on(method: str, path: str, operation: str, effect: Callable[[Request, Object], Object]) -> None:
        async def endpoint(request: Request) -> Response:
            return await api.call(request, operation, lambda params: effect(request, params))

        routes.add_api_route(path, endpoint, methods=[method], response_model=None)

    def identified(request: Request) -> str:
        return str(request.path_params["id"])

    on("GET", "/account", "account.retrieve", lambda _r, _p: {"id": "acct_sandbox", "object": "account"})
    on("POST", "/checkout/sessions", "checkout.create", lambda r, p: bank.create_session(p, _account(r), _key(r)))
    on("GET", "/checkout/sessions", "checkout.list", lambda _r, p: _list_sessions(bank, p))
    on("GET", "/checkout/sessions/{id}", "checkout.retrieve", lambda r, _p: bank.session(identified(r)).session)
    on("POST", "/checkout/sessions/{id}/expire", "checkout.expire", lambda r, _p: bank.expire(identified(r), _key(r)))
    on("GET", "/checkout/sessions/{id}/line_items", "checkout.lines", lambda r, p: _lines(bank, identified(r), p))
    on("GET", "/payment_intents/{id}", "payment_intent.retrieve", lambda r, _p: bank.intent(identified(r)))
    on("GET", "/charges/{id}", "charge.retrieve", lambda r, _p: _charge(bank, identified(r)))
    on("POST", "/refunds", "refund.create", lambda r, p: bank.create_refund(p, _account(r), _key(r)))
    on("GET", "/refunds", "refund.list", lambda _r, p: _list_refunds(bank, p))
    on("GET", "/refunds/{id}", "refund.retrieve", lambda r, _p: bank.refund(identified(r)))
    on("GET", "/events", "event.list", lambda _r, p: _list_events(bank, p))
    on("GET", "/events/{id}", "event.retrieve", lambda r, _p: _event(bank, identified(r)))
    return routes


def _account(request: Request) -> str | None:
    return request.headers.get("stripe-account")


def _key(request: Request) -> str | None:
    return request.headers.get("idempotency-key")


def _charge(bank: Bank, charge_id: str) -> Object:
    if charge_id not in bank.charges:
        raise missing("charge", charge_id)
    return bank.charges[charge_id]


def _event(bank: Bank, event_id: str) -> Object:
    if event_id not in bank.events:
        raise missing("event", event_id)
    return bank.events[event_id]


def _lines(bank: Bank, session_id: str, params: Object) -> Object:
    return listing(f"/v1/checkout/sessions/{session_id}/line_items", bank.session(session_id).lines, params)


def _list_sessions(bank: Bank, params: Object) -> Object:
    found = [
        checkout.session
        for checkout in reversed(bank.checkouts.values())
        if all(params.get(f) in {None, checkout.session[f]} for f in ("payment_intent", "status"))
    ]
    return listing("/v1/checkout/sessions", found, params)


def _list_refunds(bank: Bank, params: Object) -> Object:
    found = [
        refund
        for refund in reversed(bank.refunds.values())
        if all(params.get(f) in {None, refund[f]} for f in ("payment_intent", "charge")) and _created(refund, params)
    ]
    return listing("/v1/refunds", found, params)


def _list_events(bank: Bank, params: Object) -> Object:
    types = params.get("types") or ([params["type"]] if "type" in params else None)
    success = params.get("delivery_success")
    found = [
        event
        for event in reversed(bank.events.values())
        if (types is None or event["type"] in types)
        and (success is None or (success == "true") == (event["id"] in bank.delivered))
        and _created(event, params)
    ]
    return listing("/v1/events", found, params)


def _created(obj: Object, params: Object) -> bool:
    """The filter `created` or `created[gte|gt|lte|lt]`, unix seconds."""
    wanted = params.get("created")
    if wanted is None:
        return True
    at = int(obj["created"])
    if not isinstance(wanted, dict):
        return at == int(wanted)
    tests: dict[str, Callable[[int], bool]] = {
        "gte": lambda bound: at >= bound,
        "gt": lambda bound: at > bound,
        "lte": lambda bound: at <= bound,
        "lt": lambda bound: at < bound,
    }
    return all(tests[name](int(bound)) for name, bound in wanted.items() if name in tests)


def _broken(_fault: Fault) -> Object:
    return {"error": {"message": "An unknown error occurred (ordered failure).", "type": "api_error"}}
