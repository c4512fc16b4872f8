"""A salon as booking sees it: profile, hours, what it offers, who works there, and on which terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.times import Interval, Span, days_between, expand, intersect, merge
from booka_common.money import Money

__all__ = ["Policy", "PolicyChange", "Profile", "Salon", "Service", "Staff", "Terms", "Weekly"]

Weekly = Mapping[int, Sequence[Span]]
DepositKind = Literal["none", "fixed", "percent"]


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What a salon, or one of its services, sets for itself; None leaves it as it is otherwise."""

    deposit_kind: DepositKind | None = None
    deposit_value: int | None = None
    hold_seconds: int | None = None
    deposit_deadline_seconds: int | None = None
    cancel_notice_hours: int | None = None
    max_holds_per_client: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for one service.

    Attributes:
        deposit_value: minor units for `fixed`, percent of the price for `percent`.
        cancel_notice_hours: a deposit goes back if the client cancels at least this long before the start.
    """

    deposit_kind: DepositKind = "none"
    deposit_value: int = 0
    hold_seconds: int = 600
    deposit_deadline_seconds: int = 1800
    cancel_notice_hours: int = 24
    max_holds_per_client: int = 2

    def with_(self, change: PolicyChange) -> "Policy":
        """These rules where `change` is silent."""
        given = {name: getattr(change, name) for name in PolicyChange.__slots__}
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def deposit(self, price: Money) -> Money:
        """What is asked in advance: never more than the price."""
        if self.deposit_kind == "percent":
            return price.percent(self.deposit_value)
        asked = self.deposit_value if self.deposit_kind == "fixed" else 0
        return Money(minor=min(asked, price.minor), currency=price.currency)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the client was promised when the hold was made; copied onto the reservation."""

    deposit_minor: int
    hold_seconds: int
    deposit_deadline_seconds: int
    cancel_notice_hours: int
    max_holds_per_client: int


@dataclass(frozen=True, slots=True)
class Service:
    """Something a salon offers. Prices are in the minor unit of the salon's currency."""

    id: UUID
    name: str
    duration_minutes: int
    buffer_before_minutes: int
    buffer_after_minutes: int
    price_minor: int
    active: bool
    position: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works there. `hours` None: whenever the salon is open."""

    id: UUID
    name: str
    service_ids: frozenset[UUID]
    hours: Weekly | None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a salon says of itself."""

    name: str
    locale: str
    zone: ZoneInfo
    currency: str
    slot_grid_minutes: int
    lead_minutes: int
    horizon_days: int
    opening: Weekly
    exceptions: Mapping[date, Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Salon:
    """The part of a salon that a question is about: the services asked for, and the active staff who perform any of them."""

    profile: Profile
    revision: int
    services: Mapping[UUID, Service]
    staff: Sequence[Staff]

    def open_between(self, window: Interval) -> list[Interval]:
        """When the salon is open on the local dates around `window`."""
        profile = self.profile
        found: list[Interval] = []
        for day in _days_around(window, profile.zone):
            spans = profile.exceptions.get(day)
            found += expand(profile.opening.get(day.isoweekday(), ()) if spans is None else spans, day, profile.zone)
        return merge(found)

    def hours_of(self, staff: Staff, opening: Sequence[Interval], window: Interval) -> Sequence[Interval]:
        """When `staff` works while the salon is open (`opening` from `open_between` of the same window)."""
        if staff.hours is None:
            return opening
        zone = self.profile.zone
        own = [
            interval
            for day in _days_around(window, zone)
            for interval in expand(staff.hours.get(day.isoweekday(), ()), day, zone)
        ]
        return intersect(opening, merge(own))

    def terms(self, services: Sequence[Service]) -> Terms:
        """The terms of a visit: deposits add up, and of everything else the strictest holds."""
        policies = [service.policy for service in services]
        currency = self.profile.currency
        deposits = [
            service.policy.deposit(Money(minor=service.price_minor, currency=currency)).minor for service in services
        ]
        return Terms(
            deposit_minor=sum(deposits),
            hold_seconds=min(policy.hold_seconds for policy in policies),
            deposit_deadline_seconds=min(policy.deposit_deadline_seconds for policy in policies),
            cancel_notice_hours=max(policy.cancel_notice_hours for policy in policies),
            max_holds_per_client=min(policy.max_holds_per_client for policy in policies),
        )


def _days_around(window: Interval, zone: ZoneInfo) -> list[date]:
    # One day more on each side: a visit may run over midnight where the hours of two days touch.
    return list(days_between(window.start - timedelta(days=1), window.end + timedelta(days=1), zone))
