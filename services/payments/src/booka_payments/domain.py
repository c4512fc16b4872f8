"""Deposits as values, and every decision about money. Pure: no I/O, no clock, no randomness."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from booka_common.money import Money

__all__ = [
    "Abandoned",
    "Checkout",
    "CheckoutState",
    "EventKind",
    "Failed",
    "Mismatch",
    "Paid",
    "ProviderEvent",
    "Refund",
    "RefundReason",
    "RefundSeen",
    "RefundStatus",
    "Repeated",
    "Status",
    "Transaction",
    "Verdict",
    "Waiting",
    "checkout_expiry",
    "judge",
    "next_attempt",
    "refundable",
    "status_after_refunds",
]

Status = Literal["requested", "open", "paid", "expired", "failed", "refunding", "refunded", "mismatched"]
RefundReason = Literal["deposit_unusable", "cancelled", "operator"]
RefundStatus = Literal["requested", "pending", "succeeded", "failed"]
CheckoutState = Literal["open", "processing", "paid", "expired"]
EventKind = Literal["checkout", "checkout_failed", "refund", "other"]
MismatchCode = Literal["amount", "currency", "unmatched", "refund_failed"]

SHORTEST_CHECKOUT = timedelta(minutes=30)
LONGEST_CHECKOUT = timedelta(hours=24)
# The provider measures from the moment it gets the call, and its clock is not ours.
EXPIRY_SLACK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One attempt to collect one deposit.

    Attributes:
        hold_expires_at: the reservation's own deadline.
        expires_at: when the provider's page closes; at least 30 minutes after it was opened, so often later than the hold.
        idempotency_key: of the call that opens the page; stored before the call.
        ended_at: when we learned that the reservation needs no deposit any more.
        paid: what the provider took, as read back from it.
    """

    id: UUID
    tenant_id: UUID
    reservation_id: UUID
    reservation_version: int
    conversation_id: UUID | None
    correlation_id: UUID
    provider: str
    attempt: int
    status: Status
    amount: Money
    description: str
    locale: str
    hold_expires_at: datetime
    idempotency_key: str
    expires_at: datetime
    session_id: str | None
    payment_intent: str | None
    url: str | None
    ended_at: datetime | None
    paid: Money | None
    paid_at: datetime | None
    failure: str | None
    created_at: datetime
    updated_at: datetime

    def over(self, now: datetime) -> bool:
        """Whether nobody waits for this deposit any more."""
        return self.ended_at is not None or self.hold_expires_at <= now

    @property
    def settled(self) -> bool:
        """Whether money has already been booked for it."""
        return self.status in {"paid", "refunding", "refunded", "mismatched"}


@dataclass(frozen=True, slots=True)
class Refund:
    """Money of one transaction that goes back."""

    id: UUID
    transaction_id: UUID
    amount: Money
    reason: RefundReason
    status: RefundStatus
    idempotency_key: str
    provider_ref: str | None
    note: str | None
    failure: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Checkout:
    """A payment page as the provider describes it now.

    Attributes:
        amount: None if what the provider says is no amount that we can represent exactly.
        tenant_id, transaction_id: what we wrote into it when it was opened; None if absent or unreadable.
    """

    session_id: str
    state: CheckoutState
    amount: Money | None
    tenant_id: UUID | None
    transaction_id: UUID | None
    payment_intent: str | None
    url: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefundSeen:
    """A refund as the provider describes it now. `refund_id` is ours, None if somebody made it at the provider's."""

    provider_ref: str
    refund_id: UUID | None
    amount: Money | None
    status: Literal["pending", "succeeded", "failed"]
    failure: str | None


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A verified event of a provider. `kind` is what it may mean to us; nothing in it is taken for an amount.

    Attributes:
        session_id: the payment page it speaks of.
        claims: tenant and transaction as written in the object's metadata; a claim until the row is found.
        body: what is kept of it: no secrets, nothing personal.
    """

    provider: str
    id: str
    type: str
    kind: EventKind
    occurred_at: datetime
    object_id: str | None
    session_id: str | None
    claims: tuple[UUID, UUID] | None
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Paid:
    """The money is there, and it is exactly what was asked."""

    amount: Money


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A person has to look. `taken` is money that must not be lost sight of."""

    code: MismatchCode
    detail: str
    taken: Money | None = None


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The page closed unpaid."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The client paid by a slow method, and that failed."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing decided yet."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """It says what we know already."""


Verdict = Paid | Mismatch | Abandoned | Failed | Waiting | Repeated


def judge(transaction: Transaction, seen: Checkout, *, failed: bool = False) -> Verdict:
    """What a page, read back from the provider, means for its transaction.

    Args:
        failed: the provider announced that a slow payment failed; believed only while the page is not paid.
    """
    if (seen.tenant_id, seen.transaction_id) != (transaction.tenant_id, transaction.id):
        return Mismatch("unmatched", f"page {seen.session_id} does not belong to this transaction")
    if seen.state == "paid":
        return _judge_paid(transaction, seen)
    if transaction.settled:
        return Repeated()
    if seen.state == "expired":
        return Repeated() if transaction.status == "expired" else Abandoned()
    if failed and seen.state == "processing":
        return Repeated() if transaction.status == "failed" else Failed()
    return Waiting()


def _judge_paid(transaction: Transaction, seen: Checkout) -> Verdict:
    if transaction.settled:
        if seen.payment_intent == transaction.payment_intent:
            return Repeated()
        return Mismatch("unmatched", f"paid a second time: page {seen.session_id}, payment {seen.payment_intent}")
    if seen.amount is None:
        return Mismatch("amount", f"page {seen.session_id} is paid, but its amount cannot be read")
    asked = transaction.amount
    if seen.amount.currency != asked.currency:
        return Mismatch("currency", f"asked for {asked.currency}, paid in {seen.amount.currency}", seen.amount)
    if seen.amount.minor != asked.minor:
        return Mismatch(
            "amount", f"asked for {asked.minor}, paid {seen.amount.minor} ({asked.currency} minor units)", seen.amount
        )
    return Paid(seen.amount)


def checkout_expiry(hold_expires_at: datetime, now: datetime) -> datetime:
    """When the provider's page closes: with the hold, but within the 30 minutes to 24 hours that Stripe allows."""
    earliest = now + SHORTEST_CHECKOUT + EXPIRY_SLACK
    latest = now + LONGEST_CHECKOUT - EXPIRY_SLACK
    return min(max(hold_expires_at, earliest), latest)


def next_attempt(previous: Transaction | None) -> int | None:
    """The number of the attempt that a due deposit starts; None if the last one is still good or has the money."""
    if previous is None:
        return 1
    return previous.attempt + 1 if previous.status in {"failed", "expired", "refunded"} else None


def refundable(transaction: Transaction, refunds: Sequence[Refund]) -> Money | None:
    """What is left that could go back; None if nothing is there or left."""
    if transaction.paid is None or transaction.payment_intent is None:
        return None
    left = transaction.paid.minor - sum(refund.amount.minor for refund in refunds if refund.status != "failed")
    return Money(minor=left, currency=transaction.paid.currency) if left > 0 else None


def status_after_refunds(transaction: Transaction, refunds: Sequence[Refund]) -> Status:
    """The transaction's status as its refunds make it. A failed refund, not made good since, needs a person."""
    states = [refund.status for refund in sorted(refunds, key=lambda refund: refund.created_at)]
    # What goes back of an amount that nobody can read is for a person to see.
    if not states or transaction.paid is None:
        return transaction.status
    if any(state in {"requested", "pending"} for state in states):
        return "refunding"
    return "mismatched" if states[-1] == "failed" else "refunded"
