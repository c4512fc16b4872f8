"""`/v1/channels/{id}/templates`: the approved texts of a line."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from booka_common.internal import Caller, authenticate
from booka_common.runtime import Runtime
from booka_messaging.usecases.templates import Templates

__all__ = ["template_routes"]

_Name = Annotated[
    str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Booka's name of it, for example `visit_reminder`")
]
_Locale = Annotated[
    str, Path(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", description="BCP 47, for example `pt-BR` or `pt`")
]


class TemplatePut(BaseModel):
    """Name and language as the provider spells them, for example `reminder_2` and `pt_BR`; `parameters`: the gaps of its body."""

    model_config = ConfigDict(extra="forbid")

    provider_name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = Field(pattern=r"^[A-Za-z]{2,3}(_[A-Za-z0-9]{2,8})?$")
    parameters: int = Field(ge=0, le=10)


class TemplateView(BaseModel):
    """A template of a line."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    locale: str
    provider_name: str
    language: str
    parameters: int
    updated_at: datetime


class TemplateList(BaseModel):
    """All of a line's, by name and locale."""

    items: list[TemplateView]


def template_routes(runtime: Runtime, templates: Templates) -> APIRouter:
    """The approved texts of lines."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    router = APIRouter(prefix="/v1/channels/{channel_id}/templates", tags=["channels"])

    @router.get("", summary="The approved texts of a line")
    async def list_templates(who: Signed, channel_id: UUID) -> TemplateList:
        found = await templates.of_channel(who.tenant_id, channel_id)
        return TemplateList(items=[TemplateView.model_validate(one) for one in found])

    @router.put("/{name}/{locale}", summary="Create or replace one")
    async def put_template(
        who: Signed, channel_id: UUID, name: _Name, locale: _Locale, order: TemplatePut
    ) -> TemplateView:
        stored = await templates.put(who.tenant_id, channel_id, name, locale, **order.model_dump(), now=runtime.now())
        return TemplateView.model_validate(stored)

    @router.get("/{name}/{locale}", summary="One of them")
    async def get_template(who: Signed, channel_id: UUID, name: _Name, locale: _Locale) -> TemplateView:
        return TemplateView.model_validate(await templates.get(who.tenant_id, channel_id, name, locale))

    @router.delete("/{name}/{locale}", status_code=204, summary="Take one away")
    async def delete_template(who: Signed, channel_id: UUID, name: _Name, locale: _Locale) -> None:
        await templates.delete(who.tenant_id, channel_id, name, locale)

    return router
