"""What payments says."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime

from booka_common.contracts.envelope import Message
from booka_common.money import Money

__all__ = ["CheckoutFailed", "CheckoutOpened", "DepositPaid", "MismatchFound", "RefundSettled"]


class CheckoutOpened(Message):
    """A page on which the client can pay the deposit."""

    key: ClassVar[str] = "payments.checkout.opened.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    transaction_id: UUID
    url: str
    amount: Money
    expires_at: AwareDatetime


class CheckoutFailed(Message):
    """No payment page could be opened; the hold runs out unless a person helps."""

    key: ClassVar[str] = "payments.checkout.failed.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    transaction_id: UUID
    code: str


class DepositPaid(Message):
    """The provider has the money; amount and currency were read back from the provider and match what was asked."""

    key: ClassVar[str] = "payments.deposit.paid.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    transaction_id: UUID
    amount: Money
    paid_at: AwareDatetime


class RefundSettled(Message):
    """The provider gives the money back."""

    key: ClassVar[str] = "payments.refund.settled.v1"

    reservation_id: UUID
    conversation_id: UUID | None = None
    transaction_id: UUID
    amount: Money
    reason: Literal["deposit_unusable", "cancelled", "operator"]


class MismatchFound(Message):
    """Provider and ledger disagree: a person has to look."""

    key: ClassVar[str] = "payments.mismatch.found.v1"

    reservation_id: UUID | None = None
    transaction_id: UUID | None = None
    provider: Literal["stripe"]
    code: Literal["amount", "currency", "unmatched", "refund_failed"]
    detail: str
