"""What payments needs from a payment provider. One adapter per provider, in a module of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from booka_common.money import Money
from booka_payments.domain import Checkout, RefundSeen

__all__ = ["CheckoutRequest", "Provider", "RefundRequest"]


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """A page to be opened. The same `idempotency_key` always comes with the very same fields."""

    tenant_id: UUID
    transaction_id: UUID
    reservation_id: UUID
    amount: Money
    description: str
    locale: str
    expires_at: datetime
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Money that goes back to whoever paid `payment_intent`."""

    tenant_id: UUID
    transaction_id: UUID
    refund_id: UUID
    payment_intent: str
    amount: Money
    idempotency_key: str


class Provider(Protocol):
    """A payment provider.

    Every method raises:
        NotConfigured: the provider's key is missing, or the provider does not accept it.
        ProviderUnavailable: try again; what was asked may have happened.
        ProviderRefused: it said no, and will say no again.
    """

    @property
    def name(self) -> str:
        """As in `transactions.provider`."""
        ...

    def missing(self) -> tuple[str, ...]:
        """The settings without which it cannot work."""
        ...

    async def open_checkout(self, request: CheckoutRequest) -> Checkout:
        """Open a page; repeated with the same key, it is the page of the first time."""
        ...

    async def read_checkout(self, session_id: str) -> Checkout:
        """The page as it is now."""
        ...

    async def expire_checkout(self, session_id: str) -> Checkout:
        """Close the page, so that nobody can pay on it; refused if it is not open any more."""
        ...

    async def refund(self, request: RefundRequest) -> RefundSeen:
        """Give money back."""
        ...

    async def list_refunds(self, payment_intent: str) -> list[RefundSeen]:
        """Everything that went back of one payment, whoever asked for it."""
        ...
