"""The internal HTTP API of payments: transactions, their history, reading back, giving back."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from booka_common.db import Database
from booka_common.errors import NotConfigured
from booka_common.internal import Caller
from booka_common.money import Money
from booka_payments.domain import Refund, RefundReason, RefundStatus, Status, Transaction
from booka_payments.providers import Provider
from booka_payments.store import EventRow
from booka_payments.usecases import operations

__all__ = ["payments_api"]


class TransactionView(BaseModel):
    """One attempt to collect one deposit. `paid` is what the provider says it took."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    reservation_id: UUID
    reservation_version: int
    conversation_id: UUID | None
    provider: str
    attempt: int
    status: Status
    amount: Money
    session_id: str | None
    payment_intent: str | None
    url: str | None
    hold_expires_at: AwareDatetime
    expires_at: AwareDatetime
    ended_at: AwareDatetime | None
    paid: Money | None
    paid_at: AwareDatetime | None
    failure: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @classmethod
    def of(cls, transaction: Transaction) -> "TransactionView":
        """The view of `transaction`."""
        return cls.model_validate(transaction)


class TransactionPage(BaseModel):
    """A page of transactions, newest first. `next` is the `before` of the next page."""

    items: list[TransactionView]
    next: UUID | None


class RefundView(BaseModel):
    """Money that goes back."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    amount: Money
    reason: RefundReason
    status: RefundStatus
    provider_ref: str | None
    note: str | None
    failure: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @classmethod
    def of(cls, refund: Refund) -> "RefundView":
        """The view of `refund`."""
        return cls.model_validate(refund)


class EventView(BaseModel):
    """What the provider said. `outcome` is null until it was dealt with."""

    model_config = ConfigDict(from_attributes=True)

    event_id: str
    type: str
    object_id: str | None
    occurred_at: AwareDatetime
    received_at: AwareDatetime
    handled_at: AwareDatetime | None
    outcome: str | None
    body: dict[str, Any]

    @classmethod
    def of(cls, event: EventRow) -> "EventView":
        """The view of `event`."""
        return cls.model_validate(event)


class TransactionDetail(TransactionView):
    """A transaction with what the provider said and what went back."""

    events: list[EventView]
    refunds: list[RefundView]


class RefundRequestBody(BaseModel):
    """What to give back. Repeat a request with the same `request_id` as often as needed: it is one refund."""

    model_config = ConfigDict(extra="forbid")

    request_id: UUID
    amount: Money | None = Field(None, description="null: all that is left")
    note: str | None = Field(None, max_length=500)


class Planned(BaseModel):
    """The jobs that read the transaction back; see `GET /v1/jobs`."""

    jobs: list[UUID]


class ProviderView(BaseModel):
    """Whether a provider can be used, and which settings are missing if it cannot."""

    provider: str
    ready: bool
    missing: list[str]


def payments_api(
    db: Database, provider: Provider, caller: Callable[..., Awaitable[Caller]], now: Callable[[], datetime]
) -> APIRouter:
    """The routes under `/v1`."""
    router = APIRouter(prefix="/v1", tags=["payments"])
    Signed = Annotated[Caller, Depends(caller)]

    @router.get("/transactions")
    async def list_transactions(
        who: Signed,
        status: Status | None = None,
        reservation_id: UUID | None = None,
        before: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> TransactionPage:
        found = await operations.list_transactions(
            db, who.tenant_id, status=status, reservation_id=reservation_id, before=before, limit=limit
        )
        items = [TransactionView.of(transaction) for transaction in found]
        return TransactionPage(items=items, next=items[-1].id if len(items) == limit else None)

    @router.get("/transactions/{transaction_id}")
    async def get_transaction(who: Signed, transaction_id: UUID) -> TransactionDetail:
        detail = await operations.describe(db, who.tenant_id, transaction_id)
        return TransactionDetail(
            **TransactionView.of(detail.transaction).model_dump(),
            events=[EventView.of(event) for event in detail.events],
            refunds=[RefundView.of(refund) for refund in detail.refunds],
        )

    @router.post("/transactions/{transaction_id}/reconcile", status_code=202)
    async def reconcile(who: Signed, transaction_id: UUID) -> Planned:
        _need_key()
        return Planned(jobs=await operations.reconcile(db, who.tenant_id, transaction_id, now()))

    @router.post("/transactions/{transaction_id}/refund", status_code=202)
    async def refund(who: Signed, transaction_id: UUID, body: RefundRequestBody) -> RefundView:
        _need_key()
        made = await operations.ask_refund(
            db,
            who.tenant_id,
            transaction_id,
            request_id=body.request_id,
            amount=body.amount,
            note=body.note,
            now=now(),
        )
        return RefundView.of(made)

    @router.get("/providers")
    async def providers(who: Signed) -> list[ProviderView]:
        missing = list(provider.missing())
        return [ProviderView(provider=provider.name, ready=not missing, missing=missing)]

    def _need_key() -> None:
        for variable in provider.missing():
            if variable.endswith("_SECRET_KEY"):
                raise NotConfigured(variable, "set it to the secret key of the Stripe account")

    return router
