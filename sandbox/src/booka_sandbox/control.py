"""Control shared by all providers: the ledger, waiting, faults."""

import dataclasses
import json
import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from booka_sandbox.cloud.errors import status_of
from booka_sandbox.delivery import Deliverer, Disorder
from booka_sandbox.faults import Fault, Faults
from booka_sandbox.ledger import Ledger, public_fields


class FaultOrder(BaseModel):
    """Body of POST /_/faults."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["evolution", "cloud", "stripe", "openai"]
    operation: str = Field(default="*", description='for example "sendText", "checkout.create"; "*" = any')
    kind: Literal["error_before", "error_after", "timeout_after", "delay"]
    status: int | None = Field(default=None, ge=400, le=599, description="default: the usual one of `code`, else 500")
    code: int | None = Field(default=None, ge=0, description="Graph API error code, for cloud")
    retry_after: int | None = Field(default=None, ge=0, description="seconds, in the header of that name")
    times: int = Field(default=1, ge=1)
    seconds: float = Field(default=0.0, ge=0)
    match: str | None = Field(default=None, description="regular expression on the subject of the call")
    share: float = Field(default=1.0, gt=0, le=1, description="of the calls that match; which ones is left to chance")


class DisorderOrder(BaseModel):
    """Body of PUT /_/disorder; see `Disorder`."""

    model_config = ConfigDict(extra="forbid")

    doubled: float = Field(default=0.0, ge=0, le=1)
    late: float = Field(default=0.0, ge=0, le=1)
    seconds: float = Field(default=1.0, ge=0, le=60)
    unheard: float = Field(default=0.0, ge=0, lt=1)
    seed: int = 1


def router(ledger: Ledger, faults: Faults, deliverer: Deliverer) -> APIRouter:
    """Routes under /_."""
    routes = APIRouter(prefix="/_", tags=["control"])

    @routes.get("/health")
    async def health() -> dict[str, Any]:
        known = {"status": "ok", "last_seq": ledger.last_seq, "counts": ledger.counts()}
        return {**known, "webhooks_under_way": deliverer.under_way}

    @routes.get("/ledger")
    async def read(
        request: Request,
        kind: str | None = None,
        since: int = 0,
        limit: Annotated[int, Query(ge=1, le=100_000)] = 1000,
    ) -> Response:
        """Entries after `since`, oldest first. Any other query parameter must equal that field of the entry."""
        fields = public_fields(request.query_params.items(), {"kind", "since", "limit"})
        found = {"entries": ledger.find(kind, fields, since=since, limit=limit), "last": ledger.last_seq}
        return Response(json.dumps(found, ensure_ascii=False), media_type="application/json")

    @routes.delete("/ledger", status_code=204)
    async def clear() -> None:
        ledger.clear()

    @routes.get("/wait")
    async def wait(
        request: Request,
        kind: str | None = None,
        after: int = 0,
        timeout: Annotated[float, Query(ge=0, le=300)] = 30.0,
    ) -> dict[str, Any]:
        """The first entry after `after` that matches (as /_/ledger), as soon as there is one; 408 when time is up."""
        fields = public_fields(request.query_params.items(), {"kind", "after", "timeout"})
        entry = await ledger.wait(kind, fields, after=after, timeout_seconds=timeout)
        if entry is None:
            raise HTTPException(408, f"no {kind or 'entry'} {fields or ''} after {after} within {timeout:g} s")
        return entry

    @routes.get("/failing")
    async def failing() -> list[dict[str, Any]]:
        return deliverer.failing

    @routes.get("/idle")
    async def idle(timeout: Annotated[float, Query(ge=0, le=300)] = 30.0) -> dict[str, Any]:
        """Answers once no webhook is under way any more; 408 when time is up."""
        if not await deliverer.idle(timeout):
            raise HTTPException(408, f"{deliverer.under_way} webhooks are under way after {timeout:g} s")
        return {"last_seq": ledger.last_seq}

    _add_trouble(routes, faults, deliverer)
    return routes


def _add_trouble(routes: APIRouter, faults: Faults, deliverer: Deliverer) -> None:
    @routes.post("/faults", status_code=201)
    async def order_fault(order: FaultOrder) -> dict[str, Any]:
        usual = 500 if order.code is None else status_of(order.code)
        fault = Fault(id=secrets.token_hex(6), **{**order.model_dump(), "status": order.status or usual})
        faults.add(fault)
        return dataclasses.asdict(fault)

    @routes.get("/faults")
    async def list_faults() -> list[dict[str, Any]]:
        return [dataclasses.asdict(fault) for fault in faults.pending()]

    @routes.delete("/faults", status_code=204)
    async def cancel_faults() -> None:
        faults.clear()

    @routes.put("/disorder")
    async def set_disorder(order: DisorderOrder) -> dict[str, Any]:
        deliverer.disorder = Disorder(**order.model_dump())
        return order.model_dump()

    @routes.delete("/disorder", status_code=204)
    async def end_disorder() -> None:
        deliverer.disorder = None
