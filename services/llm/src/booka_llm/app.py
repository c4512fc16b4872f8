"""llm put together."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from fastapi import FastAPI

from booka_common.internal import authenticate
from booka_common.runtime import Runtime, assemble
from booka_common.service import system_clock
from booka_llm.api import llm_api
from booka_llm.consumers import describe, subscribe
from booka_llm.jobs import job_types
from booka_llm.providers.openai_chat import OpenAIChat
from booka_llm.settings import SERVICE, Settings

__all__ = ["create_app", "describe"]


def create_app(settings: Settings, now: Callable[[], datetime] = system_clock) -> FastAPI:
    """llm as an application; its lifespan runs the machinery."""
    runtime = Runtime.of(SERVICE, settings, now)
    model = (
        OpenAIChat(settings.base_url, settings.api_key.get_secret_value())
        if settings.configured and settings.base_url and settings.api_key
        else None
    )

    async def resources() -> AsyncIterator[None]:
        yield
        if model is not None:
            await model.close()

    subscribe(runtime.consumers, runtime.db, settings, now)
    app = assemble(runtime, job_types(runtime.db, settings, model, now), resources=resources)
    caller = authenticate(settings.secret_set("internal_secrets"), now)
    app.include_router(llm_api(runtime.db, settings, caller, now))
    return app
