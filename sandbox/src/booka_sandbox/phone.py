"""The phone in the browser: the list of salons and the chat page, whichever gateway a salon has."""

import secrets
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates

from booka_sandbox.cloud.network import Network
from booka_sandbox.evolution.gateway import Gateway
from booka_sandbox.lines import digits
from booka_sandbox.screens import Watched


class Named(Watched, Protocol):
    """A phone whose owner may have told a name."""

    @property
    def push_name(self) -> str:
        """Empty when not told."""


@dataclass(frozen=True)
class Salon:
    """A salon as the pages show it. `page` and `control` are paths."""

    page: str
    control: str
    display_name: str
    own_number: str
    state: str

    def phone_control(self, number: str) -> str:
        """Where the page of that phone sends to and listens."""
        return f"{self.control}/phones/{number}"


def router(gateway: Gateway, network: Network, templates: Jinja2Templates) -> APIRouter:
    """GET /, GET /phone/{instance} and GET /phone/cloud/{line}."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/", response_model=None)
    async def salons(request: Request) -> Response:
        of_evolution = [_of_instance(gateway, name) for name in gateway.instances]
        shown = [*of_evolution, *(_of_line(network, line_id) for line_id in network.lines)]
        return templates.TemplateResponse(request, "salons.html", {"salons": shown})

    def page(request: Request, salon: Salon, known: Named | None, number: str, name: str) -> Response:
        context: dict[str, Any] = {"salon": salon, "number": number, "control": salon.phone_control(number)}
        context["name"] = name or (known.push_name if known else "") or "Alex"
        context["messages"] = [message.for_phone() for message in known.messages] if known else []
        return templates.TemplateResponse(request, "phone.html", context)

    def unknown(request: Request, name: str) -> Response:
        return templates.TemplateResponse(request, "salons.html", {"salons": [], "unknown": name}, 404)

    @routes.get("/phone/cloud/{line_id}", response_model=None)
    async def cloud_phone(request: Request, line_id: str, number: str = "", name: str = "") -> Response:
        line = network.lines.get(line_id)
        if line is None:
            return unknown(request, line_id)
        plain = _plain(number)
        if plain is None:
            return _anybody(_of_line(network, line_id))
        return page(request, _of_line(network, line_id), line.phones.get(plain), plain, name)

    @routes.get("/phone/{instance}", response_model=None)
    async def phone(request: Request, instance: str, number: str = "", name: str = "") -> Response:
        salon = gateway.instances.get(instance)
        if salon is None:
            return unknown(request, instance)
        plain = _plain(number)
        if plain is None:
            return _anybody(_of_instance(gateway, instance))
        return page(request, _of_instance(gateway, instance), salon.phones.get(plain), plain, name)

    return routes


def _of_instance(gateway: Gateway, name: str) -> Salon:
    instance = gateway.instances[name]
    path = quote(name, safe="")
    control = f"/_/evolution/instances/{path}"
    return Salon(f"/phone/{path}", control, instance.display_name, instance.own_number, instance.state)


def _of_line(network: Network, line_id: str) -> Salon:
    line = network.lines[line_id]
    path = quote(line_id, safe="")
    return Salon(f"/phone/cloud/{path}", f"/_/cloud/lines/{path}", line.display_name, line.own_number, "open")


def _plain(number: str) -> str | None:
    plain = digits(number)
    return plain if 7 <= len(plain) <= 15 else None


def _anybody(salon: Salon) -> Response:
    return RedirectResponse(f"{salon.page}?number=346{secrets.randbelow(10**8):08d}", 303)
