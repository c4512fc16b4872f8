"""Payments as booking judged them, as rows."""

from datetime import datetime
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_common.money import Money

__all__ = ["record", "unusable"]

queries = load_queries("booka_booking", "queries/reservations.sql")


async def record(tx: Tx, transaction_id: UUID, reservation_id: UUID, amount: Money, paid_at: datetime) -> bool:
    """Write a payment down; False if it was judged before."""
    known = await tx.fetchval(
        queries["deposit_record"], tx.tenant_id, transaction_id, reservation_id, amount.minor, amount.currency, paid_at
    )
    return known is not None


async def unusable(tx: Tx, transaction_id: UUID, reason: str) -> None:
    """Write down why a payment goes back."""
    await tx.execute(queries["deposit_unusable"], tx.tenant_id, transaction_id, reason)
