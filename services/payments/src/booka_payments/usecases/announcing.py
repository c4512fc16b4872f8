"""What payments says, as envelopes whose ids follow from their cause: said twice, it is heard once."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from booka_common import outbox
from booka_common.contracts.envelope import Envelope, Message
from booka_common.contracts.payments import CheckoutFailed, CheckoutOpened, DepositPaid, MismatchFound, RefundSettled
from booka_common.db import Tx
from booka_common.ids import derived_id
from booka_common.money import Money
from booka_payments.domain import Refund, Transaction

__all__ = ["checkout_failed", "checkout_opened", "deposit_paid", "mismatch_found", "refund_settled"]


async def _say(tx: Tx, transaction: Transaction, data: Message, now: datetime, *, id: UUID) -> None:
    envelope = Envelope.of(
        data, tenant_id=transaction.tenant_id, now=now, correlation_id=transaction.correlation_id, id=id
    )
    await outbox.put(tx, envelope)


async def checkout_opened(tx: Tx, transaction: Transaction, *, url: str, expires_at: datetime, now: datetime) -> None:
    """The client can pay. The link is good until the hold or the page ends, whichever comes first."""
    data = CheckoutOpened(
        reservation_id=transaction.reservation_id,
        conversation_id=transaction.conversation_id,
        transaction_id=transaction.id,
        url=url,
        amount=transaction.amount,
        expires_at=min(expires_at, transaction.hold_expires_at),
    )
    await _say(tx, transaction, data, now, id=derived_id(transaction.id, "checkout-opened"))


async def checkout_failed(tx: Tx, transaction: Transaction, code: str, now: datetime) -> None:
    """The client cannot pay."""
    data = CheckoutFailed(
        reservation_id=transaction.reservation_id,
        conversation_id=transaction.conversation_id,
        transaction_id=transaction.id,
        code=code,
    )
    await _say(tx, transaction, data, now, id=derived_id(transaction.id, "checkout-failed"))


async def deposit_paid(tx: Tx, transaction: Transaction, amount: Money, *, paid_at: datetime, now: datetime) -> None:
    """The money is there."""
    data = DepositPaid(
        reservation_id=transaction.reservation_id,
        conversation_id=transaction.conversation_id,
        transaction_id=transaction.id,
        amount=amount,
        paid_at=paid_at,
    )
    await _say(tx, transaction, data, now, id=derived_id(transaction.id, "deposit-paid"))


async def refund_settled(tx: Tx, transaction: Transaction, refund: Refund, now: datetime) -> None:
    """The money goes back."""
    data = RefundSettled(
        reservation_id=transaction.reservation_id,
        conversation_id=transaction.conversation_id,
        transaction_id=transaction.id,
        amount=refund.amount,
        reason=refund.reason,
    )
    await _say(tx, transaction, data, now, id=derived_id(refund.id, "settled"))


async def mismatch_found(
    tx: Tx,
    transaction: Transaction,
    code: Literal["amount", "currency", "unmatched", "refund_failed"],
    detail: str,
    now: datetime,
    *,
    about: object,
) -> None:
    """A person has to look. `about` tells one finding on a transaction from another."""
    data = MismatchFound(
        reservation_id=transaction.reservation_id,
        transaction_id=transaction.id,
        provider="stripe",
        code=code,
        detail=detail,
    )
    await _say(tx, transaction, data, now, id=derived_id(transaction.id, "mismatch", code, about))
