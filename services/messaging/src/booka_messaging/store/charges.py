"""What providers charge for."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_messaging.domain.model import Price

__all__ = ["ChargeSum", "charge_sums", "put_charge"]

queries = load_queries("booka_messaging", "queries/charges.sql")


async def put_charge(tx: Tx, channel_id: UUID, provider_id: str, price: Price, *, now: datetime) -> bool:
    """Count a message once; whether its price was not known before."""
    row = await tx.fetchval(
        queries["charge_put"], tx.tenant_id, channel_id, provider_id, price.category, price.model, price.billable, now
    )
    return row is not None


@dataclass(frozen=True, slots=True)
class ChargeSum:
    """Messages of one UTC day, line and category. `billable`: whether the provider charges for them."""

    day: date
    channel_id: UUID
    category: str
    billable: bool
    messages: int


async def charge_sums(tx: Tx, *, start: datetime, end: datetime) -> list[ChargeSum]:
    """The tenant's messages whose price was told in this time, oldest day first."""
    return [ChargeSum(**row) for row in await tx.fetch(queries["charge_sums"], tx.tenant_id, start, end)]
