"""On which terms a visit is booked: what a salon sets, and what a client is promised."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from booka_common.money import Money

__all__ = ["Client", "DepositFor", "DepositKind", "LateKind", "Policy", "PolicyChange", "Terms", "terms_of"]

DepositKind = Literal["none", "fixed", "percent"]
DepositFor = Literal["all", "new_clients"]
LateKind = Literal["refund_share", "fee"]


@dataclass(frozen=True, slots=True)
class Client:
    """What a salon knows of a client from earlier visits: how many took place, and whom the client was with last."""

    completed: int = 0
    last_staff_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What a salon, or one of its services, sets for itself; None leaves it as it is otherwise."""

    deposit_kind: DepositKind | None = None
    deposit_value: int | None = None
    deposit_for: DepositFor | None = None
    deposit_waived_after: int | None = None
    hold_seconds: int | None = None
    deposit_deadline_seconds: int | None = None
    cancel_notice_hours: int | None = None
    late_kind: LateKind | None = None
    late_value: int | None = None
    reschedule_limit: int | None = None
    max_holds_per_client: int | None = None
    waitlist_offer_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for one service.

    Attributes:
        deposit_value: minor units for `fixed`, percent of the price for `percent`.
        deposit_for: `new_clients` are those without a completed visit.
        deposit_waived_after: nobody with this many completed visits is asked for a deposit; 0: everybody is.
        cancel_notice_hours: the client may move the visit, or have all of the deposit back, until this long before it.
        late_kind, late_value: cancelled later, this share of the deposit (percent) comes back, or all but this fee (minor units).
        reschedule_limit: how often a client may move a visit.
        waitlist_offer_seconds: how long a start is kept for somebody from the waiting list.
    """

    deposit_kind: DepositKind = "none"
    deposit_value: int = 0
    deposit_for: DepositFor = "all"
    deposit_waived_after: int = 0
    hold_seconds: int = 600
    deposit_deadline_seconds: int = 1800
    cancel_notice_hours: int = 24
    late_kind: LateKind = "refund_share"
    late_value: int = 0
    reschedule_limit: int = 3
    max_holds_per_client: int = 2
    waitlist_offer_seconds: int = 900

    def with_(self, change: PolicyChange) -> "Policy":
        """These rules where `change` is silent."""
        given = {name: getattr(change, name) for name in PolicyChange.__slots__}
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def deposit(self, price: Money, client: Client) -> Money:
        """What is asked of `client` in advance: never more than the price, and an amount that can be paid by card."""
        nothing = Money(minor=0, currency=price.currency)
        if self.deposit_for == "new_clients" and client.completed > 0:
            return nothing
        if 0 < self.deposit_waived_after <= client.completed:
            return nothing
        if self.deposit_kind == "percent":
            asked = price.percent(self.deposit_value).minor
        else:
            asked = self.deposit_value if self.deposit_kind == "fixed" else 0
        return Money(minor=min(asked, price.minor), currency=price.currency).payable()


@dataclass(frozen=True, slots=True)
class Terms:
    """What the client was promised when the hold was made; copied onto the reservation. See `Policy`."""

    deposit_minor: int
    hold_seconds: int
    deposit_deadline_seconds: int
    cancel_notice_hours: int
    late_kind: LateKind
    late_value: int
    reschedule_limit: int
    max_holds_per_client: int

    def late_refund(self, paid_minor: int) -> int:
        """What comes back of `paid_minor` if the client cancels too late, in the same unit. Halves go to the client."""
        return _late_refund(self.late_kind, self.late_value, paid_minor)


def terms_of(policies: Sequence[Policy], prices: Sequence[Money], client: Client) -> Terms:
    """The terms of a visit: deposits add up, and of everything else what is strictest holds."""
    deposit = sum(policy.deposit(price, client).minor for policy, price in zip(policies, prices, strict=True))
    price = sum(price.minor for price in prices)
    late = min(policies, key=lambda policy: _late_refund(policy.late_kind, policy.late_value, deposit or price))
    return Terms(
        deposit_minor=deposit,
        hold_seconds=min(policy.hold_seconds for policy in policies),
        deposit_deadline_seconds=min(policy.deposit_deadline_seconds for policy in policies),
        cancel_notice_hours=max(policy.cancel_notice_hours for policy in policies),
        late_kind=late.late_kind,
        late_value=late.late_value,
        reschedule_limit=min(policy.reschedule_limit for policy in policies),
        max_holds_per_client=min(policy.max_holds_per_client for policy in policies),
    )


def _late_refund(kind: LateKind, value: int, paid_minor: int) -> int:
    if kind == "fee":
        return max(paid_minor - value, 0)
    return min((paid_minor * value + 50) // 100, paid_minor)
