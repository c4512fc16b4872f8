"""Forgetting a client: what is personal goes, the salon's books stay."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from booka_booking.store import clients, reservations
from booka_common.db import Tx

__all__ = ["Erased", "erase"]


@dataclass(frozen=True, slots=True)
class Erased:
    """Since when nothing personal is known of a client."""

    at: datetime
    version: int


async def erase(tx: Tx, client_id: UUID, now: datetime) -> Erased | Literal["unknown_client", "visits_ahead"]:
    """Forget a client who has no visits ahead. Asked again, nothing changes.

    Locks in the order that everybody keeps to: reservations, then the client, and the client's row after that.
    """
    booked = await clients.lock_reservations(tx, client_id)
    known = await clients.get(tx, client_id, now)
    if known is not None and known["contact_id"] is not None:
        # A hold or an offer that is being made for this contact is either seen below or made for somebody new.
        await reservations.lock_calendars(tx, (), known["contact_id"])
    found = await clients.lock(tx, client_id)
    if found is None:
        return "unknown_client"
    if found.erased_at is not None:
        return Erased(found.erased_at, found.version)
    if await clients.count_ahead(tx, client_id, now):
        return "visits_ahead"
    return Erased(now, await clients.erase(tx, client_id, found.contact_id, booked, now))
