"""`/v1/charges`: what messages cost."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from booka_common.internal import Caller, authenticate
from booka_common.runtime import Runtime
from booka_messaging.usecases.charging import Charges

__all__ = ["charge_routes"]


class ChargeView(BaseModel):
    """Messages of one UTC day, line and category of the provider. `billable`: whether the provider charges for them."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    channel_id: UUID
    category: str
    billable: bool
    messages: int


class ChargeList(BaseModel):
    """Oldest day first."""

    items: list[ChargeView]


def charge_routes(runtime: Runtime, charges: Charges) -> APIRouter:
    """What messages cost."""
    caller = authenticate(runtime.settings.secret_set("internal_secrets"), runtime.now)
    Signed = Annotated[Caller, Depends(caller)]
    router = APIRouter(prefix="/v1/charges", tags=["charges"])

    @router.get("", summary="Messages by day, line and what the provider charges")
    async def list_charges(
        who: Signed,
        first: Annotated[date, Query(alias="from", description="UTC day")],
        last: Annotated[date, Query(alias="to", description="UTC day, included; at most a year after `from`")],
    ) -> ChargeList:
        """A message counts on the day on which its price was told. 400 `bad_range`: `to` before `from`, or too far apart."""
        found = await charges.sums(who.tenant_id, first, last)
        return ChargeList(items=[ChargeView.model_validate(one) for one in found])

    return router
