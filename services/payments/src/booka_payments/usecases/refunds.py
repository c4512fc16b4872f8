"""Money that goes back: asked for once, and booked as the provider reports it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from booka_common.db import Tx
from booka_common.ids import derived_id
from booka_common.money import Money
from booka_payments import store
from booka_payments.domain import Refund, RefundReason, RefundSeen, RefundStatus, Transaction, status_after_refunds
from booka_payments.usecases import announcing, scheduling

__all__ = ["book_refunds", "refund_key", "refund_refused", "start_refund"]


def refund_key(tenant_id: UUID, transaction_id: UUID, refund_id: UUID, call: int = 1) -> str:
    """The idempotency key of a refund; another `call` is meant to be another request."""
    return f"{tenant_id}:{transaction_id}:refund:{refund_id}.{call}"


async def start_refund(
    tx: Tx,
    transaction: Transaction,
    amount: Money,
    *,
    refund_id: UUID,
    reason: RefundReason,
    note: str | None,
    now: datetime,
) -> Refund:
    """Write a refund and the job that asks for it. The transaction is locked, and `amount` is within what is left."""
    refund = Refund(
        id=refund_id,
        transaction_id=transaction.id,
        amount=amount,
        reason=reason,
        status="requested",
        idempotency_key=refund_key(transaction.tenant_id, transaction.id, refund_id),
        provider_ref=None,
        note=note,
        failure=None,
        created_at=now,
        updated_at=now,
    )
    if await store.insert_refund(tx, refund):
        await store.set_status(tx, transaction.id, "refunding", now, failure=transaction.failure)
        await scheduling.put_refund(tx, refund.id, now, correlation_id=transaction.correlation_id)
    return refund


async def book_refunds(tx: Tx, transaction_id: UUID, seen: Sequence[RefundSeen], now: datetime) -> None:
    """Book refunds as the provider reports them now, those included that somebody made at the provider's."""
    transaction = await store.lock_transaction(tx, transaction_id)
    if transaction is None:
        return
    known = await store.refunds_of(tx, transaction_id)
    by_id = {refund.id: refund for refund in known}
    by_ref = {refund.provider_ref: refund for refund in known if refund.provider_ref}
    changed = False
    for report in seen:
        refund = by_ref.get(report.provider_ref) or (by_id.get(report.refund_id) if report.refund_id else None)
        if refund is None:
            refund = await _adopt(tx, transaction, report, now)
            if refund is None:
                continue
        changed |= await _book(tx, transaction, refund, report, now)
    if changed:
        await _refresh(tx, transaction, now)


async def _adopt(tx: Tx, transaction: Transaction, report: RefundSeen, now: datetime) -> Refund | None:
    """A refund that was not asked for here becomes one of an operator."""
    if report.amount is None or report.amount.minor == 0:
        detail = f"refund {report.provider_ref} has no amount that can be read"
        await announcing.mismatch_found(tx, transaction, "refund_failed", detail, now, about=report.provider_ref)
        return None
    refund_id = derived_id(transaction.id, "refund", report.provider_ref)
    refund = Refund(
        id=refund_id,
        transaction_id=transaction.id,
        amount=report.amount,
        reason="operator",
        status="requested",
        idempotency_key=refund_key(transaction.tenant_id, transaction.id, refund_id),
        provider_ref=report.provider_ref,
        note="made at the provider",
        failure=None,
        created_at=now,
        updated_at=now,
    )
    await store.insert_refund(tx, refund)
    return refund


async def _book(tx: Tx, transaction: Transaction, refund: Refund, report: RefundSeen, now: datetime) -> bool:
    backwards = refund.status in {"succeeded", "failed"} and report.status == "pending"
    if refund.status == report.status or backwards:
        return False
    status: RefundStatus = report.status
    await store.set_refund_status(tx, refund.id, status, now, provider_ref=report.provider_ref, failure=report.failure)
    if status == "succeeded":
        await announcing.refund_settled(tx, transaction, replace(refund, status=status), now)
    elif status == "failed":
        of = f"{refund.amount.minor} {refund.amount.currency}"
        detail = f"refund {report.provider_ref} of {of} failed: {report.failure or 'no reason given'}"
        await announcing.mismatch_found(tx, transaction, "refund_failed", detail, now, about=refund.id)
    return True


async def refund_refused(tx: Tx, refund_id: UUID, reason: str, now: datetime) -> None:
    """The provider will not give this money back: a person has to look."""
    refund = await store.get_refund(tx, refund_id)
    transaction = await store.lock_transaction(tx, refund.transaction_id) if refund else None
    refund = await store.get_refund(tx, refund_id)
    if refund is None or transaction is None or refund.status not in {"requested", "pending"}:
        return
    await store.set_refund_status(tx, refund_id, "failed", now, provider_ref=None, failure=reason)
    detail = f"refund of {refund.amount.minor} {refund.amount.currency} was refused: {reason}"
    await announcing.mismatch_found(tx, transaction, "refund_failed", detail, now, about=refund_id)
    await _refresh(tx, transaction, now)


async def _refresh(tx: Tx, transaction: Transaction, now: datetime) -> None:
    refunds = await store.refunds_of(tx, transaction.id)
    status = status_after_refunds(transaction, refunds)
    failure = (
        next((refund.failure for refund in reversed(refunds) if refund.failure), None)
        if status == "mismatched"
        else None
    )
    await store.set_status(tx, transaction.id, status, now, failure=failure)
