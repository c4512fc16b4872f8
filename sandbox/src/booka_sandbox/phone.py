"""The phone in the browser: the list of salons and the chat page."""

import secrets

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates

from booka_sandbox.evolution.gateway import Gateway
from booka_sandbox.evolution.state import digits


def router(gateway: Gateway, templates: Jinja2Templates) -> APIRouter:
    """GET / and GET /phone/{instance}."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/", response_model=None)
    async def salons(request: Request) -> Response:
        instances = list(gateway.instances.values())
        return templates.TemplateResponse(request, "salons.html", {"instances": instances})

    @routes.get("/phone/{instance}", response_model=None)
    async def phone(request: Request, instance: str, number: str = "", name: str = "") -> Response:
        salon = gateway.instances.get(instance)
        if salon is None:
            return templates.TemplateResponse(request, "salons.html", {"instances": [], "unknown": instance}, 404)
        plain = digits(number)
        if not 7 <= len(plain) <= 15:
            made_up = f"346{secrets.randbelow(10**8):08d}"
            return RedirectResponse(f"/phone/{instance}?number={made_up}", 303)
        known = salon.phones.get(plain)
        own_name = name or (known.push_name if known else "") or "Alex"
        messages = [message.for_phone() for message in known.messages] if known else []
        context = {"instance": salon, "number": plain, "name": own_name, "messages": messages}
        return templates.TemplateResponse(request, "phone.html", context)

    return routes
