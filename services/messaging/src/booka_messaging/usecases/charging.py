"""What messages cost: providers tell the price of each with its receipts, several times and in any order."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter

from booka_common.db import Database, Tx
from booka_common.errors import Invalid
from booka_messaging.domain.model import Price
from booka_messaging.store.charges import ChargeSum, charge_sums, put_charge

__all__ = ["BadRange", "Charges"]

_LONGEST = timedelta(days=366)


class BadRange(Invalid):
    """The days are not a range, or too many."""

    default_code = "bad_range"


class Charges:
    """Counts messages by their price, once each."""

    def __init__(self, db: Database, registry: CollectorRegistry) -> None:
        self._db = db
        self._counted = Counter(
            "booka_messaging_charged_total",
            "Messages whose price a provider has told, by its category and whether it charges for them.",
            ["category", "billable"],
            registry=registry,
        )

    async def note(self, tx: Tx, channel_id: UUID, provider_id: str, price: Price, *, now: datetime) -> None:
        """Count a message, if its price was not told before."""
        if await put_charge(tx, channel_id, provider_id, price, now=now):
            tx.then(self._counted.labels(price.category, str(price.billable).lower()).inc)

    async def sums(self, tenant_id: UUID, first: date, last: date) -> list[ChargeSum]:
        """The tenant's messages from the first to the last UTC day, both included.

        Raises:
            BadRange: the last day is before the first one, or more than a year after it.
        """
        if not timedelta(0) <= last - first < _LONGEST or last == date.max:
            raise BadRange("`from` must not be after `to`, nor more than a year before it")
        start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
        async with self._db.tx(tenant_id) as tx:
            return await charge_sums(tx, start=start, end=end)
