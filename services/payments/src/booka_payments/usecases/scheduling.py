"""The jobs of payments by name: what each is told, how often it is tried, and which of them exist only once."""

from datetime import datetime
from uuid import UUID

from booka_common import jobs
from booka_common.db import Tx
from booka_payments.domain import Transaction

__all__ = [
    "EXPIRE_CHECKOUT",
    "OPEN_CHECKOUT",
    "REFUND",
    "SETTLE",
    "SYNC_REFUNDS",
    "put_expire_checkout",
    "put_open_checkout",
    "put_refund",
    "put_settle",
    "put_sync_refunds",
]

OPEN_CHECKOUT = "open_checkout"
SETTLE = "settle"
SYNC_REFUNDS = "sync_refunds"
EXPIRE_CHECKOUT = "expire_checkout"
REFUND = "refund"

# A client waits for the page: some minutes, about twenty if the key is missing. Money is looked after for days.
_OPEN_ATTEMPTS = 20
_MONEY_ATTEMPTS = 1000


async def put_open_checkout(tx: Tx, transaction: Transaction, now: datetime) -> None:
    """Open the page of `transaction`; once."""
    await jobs.put(
        tx,
        OPEN_CHECKOUT,
        {"transaction_id": str(transaction.id)},
        scheduled_at=now,
        correlation_id=transaction.correlation_id,
        unique_key=str(transaction.id),
        max_attempts=_OPEN_ATTEMPTS,
    )


async def put_expire_checkout(tx: Tx, transaction: Transaction, now: datetime) -> None:
    """Close the page of `transaction`; once."""
    await jobs.put(
        tx,
        EXPIRE_CHECKOUT,
        {"transaction_id": str(transaction.id)},
        scheduled_at=now,
        correlation_id=transaction.correlation_id,
        unique_key=str(transaction.id),
        max_attempts=_MONEY_ATTEMPTS,
    )


async def put_settle(
    tx: Tx,
    transaction: Transaction,
    now: datetime,
    *,
    unique_key: str | None = None,
    session_id: str | None = None,
    event_id: str | None = None,
    failed: bool = False,
) -> UUID | None:
    """Read a page of `transaction` back and book what it says.

    Args:
        session_id: the page; None takes the one that the transaction knows when the job runs.
        event_id: the event that led here, to note what came of it.
        failed: the event says that a slow payment failed.
    """
    return await jobs.put(
        tx,
        SETTLE,
        {"transaction_id": str(transaction.id), "session_id": session_id, "event_id": event_id, "failed": failed},
        scheduled_at=now,
        correlation_id=transaction.correlation_id,
        unique_key=unique_key,
        max_attempts=_MONEY_ATTEMPTS,
    )


async def put_sync_refunds(
    tx: Tx, transaction: Transaction, now: datetime, *, unique_key: str | None = None, event_id: str | None = None
) -> UUID | None:
    """Read the refunds of `transaction` back and book what they say."""
    return await jobs.put(
        tx,
        SYNC_REFUNDS,
        {"transaction_id": str(transaction.id), "event_id": event_id},
        scheduled_at=now,
        correlation_id=transaction.correlation_id,
        unique_key=unique_key,
        max_attempts=_MONEY_ATTEMPTS,
    )


async def put_refund(tx: Tx, refund_id: UUID, now: datetime, *, correlation_id: UUID) -> None:
    """Ask the provider for a refund; once."""
    await jobs.put(
        tx,
        REFUND,
        {"refund_id": str(refund_id)},
        scheduled_at=now,
        correlation_id=correlation_id,
        unique_key=str(refund_id),
        max_attempts=_MONEY_ATTEMPTS,
    )
