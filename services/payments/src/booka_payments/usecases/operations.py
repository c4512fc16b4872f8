"""What an operator asks for: look, read back, give back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_common.db import Database
from booka_common.errors import Conflict
from booka_common.ids import derived_id
from booka_common.money import Money
from booka_payments import store
from booka_payments.domain import Refund, Status, Transaction, refundable
from booka_payments.errors import NothingToRefund, RequestReused, TransactionNotFound
from booka_payments.store import EventRow
from booka_payments.usecases import scheduling
from booka_payments.usecases.refunds import start_refund

__all__ = ["Detail", "ask_refund", "describe", "list_transactions", "reconcile"]


@dataclass(frozen=True, slots=True)
class Detail:
    """A transaction with everything that is known of it."""

    transaction: Transaction
    events: Sequence[EventRow]
    refunds: Sequence[Refund]


async def list_transactions(
    db: Database,
    tenant_id: UUID,
    *,
    status: Status | None,
    reservation_id: UUID | None,
    before: UUID | None,
    limit: int,
) -> list[Transaction]:
    """A page of a salon's transactions, newest first."""
    async with db.tx(tenant_id) as tx:
        return await store.list_transactions(
            tx, status=status, reservation_id=reservation_id, before=before, limit=limit
        )


async def describe(db: Database, tenant_id: UUID, transaction_id: UUID) -> Detail:
    """One transaction with its events and refunds.

    Raises:
        TransactionNotFound.
    """
    async with db.tx(tenant_id) as tx:
        transaction = await store.get_transaction(tx, transaction_id)
        if transaction is None:
            raise TransactionNotFound("no transaction of this id")
        return Detail(
            transaction, await store.events_of(tx, transaction_id), await store.refunds_of(tx, transaction_id)
        )


async def reconcile(db: Database, tenant_id: UUID, transaction_id: UUID, now: datetime) -> list[UUID]:
    """Plan reading a transaction back from the provider, as after a webhook; return the ids of the jobs.

    Raises:
        TransactionNotFound.
        Conflict: no page was opened yet, so there is nothing to read.
    """
    async with db.tx(tenant_id) as tx:
        transaction = await store.get_transaction(tx, transaction_id)
        if transaction is None:
            raise TransactionNotFound("no transaction of this id")
        if transaction.session_id is None:
            raise Conflict("no payment page was opened for it", code="nothing_to_read")
        planned = [await scheduling.put_settle(tx, transaction, now)]
        if transaction.settled:
            planned.append(await scheduling.put_sync_refunds(tx, transaction, now))
    return [job for job in planned if job is not None]


async def ask_refund(
    db: Database,
    tenant_id: UUID,
    transaction_id: UUID,
    *,
    request_id: UUID,
    amount: Money | None,
    note: str | None,
    now: datetime,
) -> Refund:
    """Give money back because an operator wants it. The same `request_id` again is the same refund.

    Args:
        amount: None gives back all that is left.

    Raises:
        TransactionNotFound.
        NothingToRefund: nothing was paid, or less is left.
        RequestReused: this `request_id` was for another amount.
    """
    async with db.tx(tenant_id) as tx:
        transaction = await store.lock_transaction(tx, transaction_id)
        if transaction is None:
            raise TransactionNotFound("no transaction of this id")
        refund_id = derived_id(transaction_id, "operator", request_id)
        refunds = await store.refunds_of(tx, transaction_id)
        earlier = next((refund for refund in refunds if refund.id == refund_id), None)
        if earlier is not None:
            if amount is not None and earlier.amount != amount:
                raise RequestReused("this request_id was used for another amount")
            return earlier
        left = refundable(transaction, refunds)
        if left is None:
            raise NothingToRefund("nothing is left to give back")
        wanted = amount or left
        if wanted.currency != left.currency or not 0 < wanted.minor <= left.minor:
            raise NothingToRefund(f"at most {left.minor} {left.currency} can go back", left=left.model_dump())
        return await start_refund(tx, transaction, wanted, refund_id=refund_id, reason="operator", note=note, now=now)
