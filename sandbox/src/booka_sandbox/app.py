"""Puts the sandbox together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.templating import Jinja2Templates

from booka_sandbox import control, phone
from booka_sandbox.cloud import api as cloud_api
from booka_sandbox.cloud import control as cloud_control
from booka_sandbox.cloud.network import Network
from booka_sandbox.delivery import Deliverer
from booka_sandbox.evolution import api as evolution_api
from booka_sandbox.evolution import control as evolution_control
from booka_sandbox.evolution.gateway import Gateway
from booka_sandbox.faults import Faults
from booka_sandbox.ledger import Ledger
from booka_sandbox.openai_api.api import OpenAiApi, routers
from booka_sandbox.settings import Settings
from booka_sandbox.stripe_api import api as stripe_api
from booka_sandbox.stripe_api import control as stripe_control
from booka_sandbox.stripe_api import pay_page
from booka_sandbox.stripe_api.bank import Bank, WebhookEndpoint


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application; all state lives in it and dies with it."""
    ledger = Ledger()
    faults = Faults(ledger)
    deliverer = Deliverer(ledger, retry_scale=settings.retry_scale, max_connections=settings.max_connections)
    gateway = Gateway(ledger, deliverer, f"{settings.base_url}/evolution")
    network = Network(ledger, deliverer)
    endpoint = WebhookEndpoint(settings.stripe_webhook_url, settings.stripe_webhook_secret)
    bank = Bank(ledger, deliverer, endpoint, settings.base_url)
    model = OpenAiApi(ledger, faults, settings.openai_api_key)
    templates = Jinja2Templates(Path(__file__).parent / "templates")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await deliverer.start()
        try:
            yield
        finally:
            await deliverer.stop()

    # The interactive documentation of FastAPI needs the internet; README.md has everything.
    app = FastAPI(title="Booka sandbox", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(evolution_api.router(evolution_api.EvolutionApi(gateway, faults, settings)))
    app.include_router(cloud_api.router(cloud_api.CloudApi(network, faults, settings)))
    app.include_router(stripe_api.router(stripe_api.StripeApi(bank, faults, settings.stripe_secret_key)))
    for router in routers(model):
        app.include_router(router)
    app.include_router(control.router(ledger, faults, deliverer))
    app.include_router(evolution_control.router(gateway))
    app.include_router(cloud_control.router(network, settings))
    app.include_router(stripe_control.router(bank))
    app.include_router(pay_page.router(bank, templates))
    app.include_router(phone.router(gateway, network, templates))
    return app
