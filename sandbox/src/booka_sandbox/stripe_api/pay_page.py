"""Stripe's hosted payment page, small: GET and POST /pay/{session_id}."""

from decimal import Decimal
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates

from booka_sandbox.stripe_api.bank import Bank, Checkout, StripeError

NO_MINOR_UNIT = frozenset({"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "xof"})
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
SYMBOLS = {"eur": "€", "gbp": "£", "usd": "$", "brl": "R$", "jpy": "¥"}


def money_text(amount: int, currency: str) -> str:
    """2000, "eur" → "€20.00"."""
    decimals = 0 if currency in NO_MINOR_UNIT else 3 if currency in THREE_DECIMALS else 2
    number = f"{Decimal(amount).scaleb(-decimals):,.{decimals}f}"
    symbol = SYMBOLS.get(currency)
    return f"{symbol}{number}" if symbol else f"{number} {currency.upper()}"


def router(bank: Bank, templates: Jinja2Templates) -> APIRouter:
    """The two routes of the page."""
    routes = APIRouter(include_in_schema=False)

    def page(request: Request, checkout: Checkout | None, status: int = 200, note: str = "") -> Response:
        session = checkout.session if checkout else None
        context = {
            "session": session,
            "lines": checkout.lines if checkout else [],
            "amount": money_text(session["amount_total"], session["currency"]) if session else "",
            "money_text": money_text,
            "salon": _salon(checkout) if checkout else "",
            "back_url": _filled(session["success_url"], session["id"]) if session else None,
            "note": note,
        }
        return templates.TemplateResponse(request, "pay.html", context, status_code=status)

    @routes.get("/pay/{session_id}", response_model=None)
    async def show(request: Request, session_id: str) -> Response:
        checkout = bank.checkouts.get(session_id)
        return page(request, checkout, 200 if checkout else 404)

    @routes.post("/pay/{session_id}", response_model=None)
    async def pay(request: Request, session_id: str) -> Response:
        checkout = bank.checkouts.get(session_id)
        if checkout is None:
            return page(request, None, 404)
        try:
            session = bank.pay(session_id)
        except StripeError:
            return page(request, checkout, 409, "Nothing was charged: this link can no longer be paid.")
        back = _filled(session["success_url"], session_id)
        if back and _is_local(back):
            return RedirectResponse(back, 303)
        # The salon's real address may not exist on this machine: say thanks here and offer the link.
        return RedirectResponse(f"/pay/{session_id}", 303)

    return routes


def _filled(url: str | None, session_id: str) -> str | None:
    return url.replace("{CHECKOUT_SESSION_ID}", session_id) if url else None


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _salon(checkout: Checkout) -> str:
    metadata = checkout.session["metadata"]
    return str(metadata.get("salon_name") or metadata.get("salon") or "The salon")
