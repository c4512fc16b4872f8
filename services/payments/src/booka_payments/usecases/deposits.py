"""What booking tells us: a deposit is due, a reservation is over, a deposit cannot be used."""

import logging
from datetime import datetime
from uuid import UUID

from booka_common import inbox, outbox
from booka_common.contracts.booking import DepositDue, DepositUnusable, ReservationCancelled, ReservationExpired
from booka_common.contracts.envelope import Envelope
from booka_common.contracts.payments import MismatchFound
from booka_common.db import Database, Tx
from booka_common.ids import derived_id
from booka_common.money import Money
from booka_payments import store
from booka_payments.domain import Transaction, checkout_expiry, next_attempt, refundable
from booka_payments.usecases import announcing, scheduling
from booka_payments.usecases.refunds import start_refund

__all__ = ["checkout_key", "deposit_due", "deposit_unusable", "reservation_cancelled", "reservation_expired"]

_log = logging.getLogger(__name__)


def checkout_key(tenant_id: UUID, reservation_id: UUID, attempt: int, call: int = 1) -> str:
    """The idempotency key of opening a page; another `call` is meant to be another request."""
    return f"{tenant_id}:{reservation_id}:checkout:{attempt}.{call}"


async def deposit_due(db: Database, envelope: Envelope[DepositDue], now: datetime) -> None:
    """Start collecting a deposit, unless an attempt for this reservation is under way or has the money."""
    due = envelope.data
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "payments.deposit-due", envelope.id):
            return
        await store.lock_reservation(tx, due.reservation_id)
        earlier = await store.transactions_of(tx, due.reservation_id)
        attempt = next_attempt(earlier[-1] if earlier else None)
        if attempt is None:
            _log.info("deposit of %s is being collected already", due.reservation_id)
            return
        ended_version = await store.ended_version(tx, due.reservation_id)
        ended = ended_version is not None and ended_version >= due.version
        late = ended or due.expires_at <= now
        transaction = Transaction(
            id=derived_id(envelope.id, "transaction"),
            tenant_id=envelope.tenant_id,
            reservation_id=due.reservation_id,
            reservation_version=due.version,
            conversation_id=due.conversation_id,
            correlation_id=envelope.correlation_id,
            provider="stripe",
            attempt=attempt,
            status="expired" if late else "requested",
            amount=due.amount,
            description=due.description or "Deposit",
            locale=due.locale,
            hold_expires_at=due.expires_at,
            idempotency_key=checkout_key(envelope.tenant_id, due.reservation_id, attempt),
            expires_at=checkout_expiry(due.expires_at, now),
            session_id=None,
            payment_intent=None,
            url=None,
            ended_at=now if ended else None,
            paid=None,
            paid_at=None,
            failure=None,
            created_at=now,
            updated_at=now,
        )
        if await store.insert_transaction(tx, transaction) and not late:
            await scheduling.put_open_checkout(tx, transaction, now)


async def reservation_expired(db: Database, envelope: Envelope[ReservationExpired], now: datetime) -> None:
    """Close the page of a hold that ran out. Whoever pays at the last moment is dealt with by booking."""
    async with db.tx(envelope.tenant_id) as tx:
        if await inbox.once(tx, "payments.reservation-expired", envelope.id):
            await _end(tx, envelope.data.reservation_id, envelope.data.version, now)


async def reservation_cancelled(db: Database, envelope: Envelope[ReservationCancelled], now: datetime) -> None:
    """Close the page, and give back what policy gives back."""
    cancelled = envelope.data
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "payments.reservation-cancelled", envelope.id):
            return
        transactions = await _end(tx, cancelled.reservation_id, cancelled.version, now)
        if cancelled.refund is not None and cancelled.refund.minor > 0:
            await _give_back(tx, envelope, transactions, cancelled.refund, now)


async def _end(tx: Tx, reservation_id: UUID, version: int, now: datetime) -> list[Transaction]:
    await store.lock_reservation(tx, reservation_id)
    await store.end_reservation(tx, reservation_id, version, now)
    transactions = await store.transactions_of(tx, reservation_id)
    for transaction in transactions:
        if transaction.reservation_version > version:
            continue
        await store.mark_ended(tx, transaction.id, now)
        # A page that is being opened right now is closed by the job that opens it.
        if transaction.status == "open":
            await scheduling.put_expire_checkout(tx, transaction, now)
    return transactions


async def _give_back(
    tx: Tx, envelope: Envelope[ReservationCancelled], transactions: list[Transaction], amount: Money, now: datetime
) -> None:
    for transaction in reversed(transactions):
        refunds = await store.refunds_of(tx, transaction.id)
        left = refundable(transaction, refunds)
        if transaction.status == "mismatched" or left is None:
            continue
        if left.currency == amount.currency and left.minor >= amount.minor:
            await start_refund(
                tx,
                transaction,
                amount,
                refund_id=derived_id(envelope.id, "refund"),
                reason="cancelled",
                note=None,
                now=now,
            )
            return
        detail = f"cancellation gives back {amount.minor} {amount.currency}, but {left.minor} {left.currency} is there"
        await announcing.mismatch_found(tx, transaction, "refund_failed", detail, now, about=envelope.id)
        return
    if any(transaction.status in {"refunding", "refunded"} for transaction in transactions):
        _log.info("deposit of %s goes back already", envelope.data.reservation_id)
        return
    detail = f"cancellation gives back {amount.minor} {amount.currency}, but no paid deposit is known"
    await outbox.put(
        tx,
        Envelope.of(
            MismatchFound(
                reservation_id=envelope.data.reservation_id, provider="stripe", code="refund_failed", detail=detail
            ),
            tenant_id=envelope.tenant_id,
            now=now,
            cause=envelope,
            id=derived_id(envelope.id, "mismatch"),
        ),
    )


async def deposit_unusable(db: Database, envelope: Envelope[DepositUnusable], now: datetime) -> None:
    """Give a deposit back in full, once."""
    unusable = envelope.data
    async with db.tx(envelope.tenant_id) as tx:
        if not await inbox.once(tx, "payments.deposit-unusable", envelope.id):
            return
        transaction = await store.lock_transaction(tx, unusable.transaction_id)
        left = refundable(transaction, await store.refunds_of(tx, transaction.id)) if transaction else None
        if transaction is not None and left is not None:
            await start_refund(
                tx,
                transaction,
                left,
                refund_id=derived_id(envelope.id, "refund"),
                reason="deposit_unusable",
                note=unusable.reason,
                now=now,
            )
        elif transaction is not None and transaction.status in {"refunding", "refunded"}:
            _log.info("transaction %s goes back already", transaction.id)
        else:
            await outbox.put(
                tx,
                Envelope.of(
                    MismatchFound(
                        reservation_id=unusable.reservation_id,
                        transaction_id=unusable.transaction_id,
                        provider="stripe",
                        code="refund_failed",
                        detail="booking wants a deposit given back that was never paid here",
                    ),
                    tenant_id=envelope.tenant_id,
                    now=now,
                    cause=envelope,
                    id=derived_id(envelope.id, "mismatch"),
                ),
            )
