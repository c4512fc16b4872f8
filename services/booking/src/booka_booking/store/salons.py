"""Salons as this process remembers them.

The database counts every change of a salon, in the transaction of that change (migration 0004), so whether a remembered one
still holds is one number. Whoever decides something on a salon that was recalled without asking has that number compared in
the statement that writes what was decided.
"""

from datetime import datetime, timedelta
from uuid import UUID

from booka_booking.domain.planning import Ask, Plan, Refusal, resolve
from booka_booking.domain.salon import Salon
from booka_booking.store import catalogue
from booka_common.db import Tx
from booka_common.memory import Memories

__all__ = ["Known", "current", "is_current", "read", "recall"]

_MOST_PLANS = 500


class Known:
    """A salon as it was after so many changes, with what has been asked of it."""

    def __init__(self, salon: Salon) -> None:
        self.salon = salon
        self._plans: dict[tuple[object, ...], Plan | Refusal] = {}

    def plan(self, ask: Ask) -> Plan | Refusal:
        """What is asked for as a plan, or why the salon does not do that."""
        key = (ask.by, ask.booked, ask.outside_hours, *((want.service_id, want.staff_id) for want in ask.wants))
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            found = self._plans[key] = resolve(self.salon, ask)
        return found


def recall(memories: Memories, tenant_id: UUID) -> Known | None:
    """The salon as this process has read it last; it may have changed since."""
    return memories.of(Known).recall(tenant_id)


async def is_current(tx: Tx, known: Known) -> bool:
    """Whether nothing of it has changed."""
    return await catalogue.changes(tx) == known.salon.changes


async def read(tx: Tx, now: datetime) -> Known | None:
    """Read the salon, and remember it; None without a profile."""
    # What was over two days ago is of no use to anybody: nothing is offered in the past.
    salon = await catalogue.get_salon(tx, since=(now - timedelta(days=2)).date())
    if salon is None:
        return None
    known = Known(salon)
    tx.memories.of(Known).keep(_tenant(tx), known)
    return known


async def current(tx: Tx, now: datetime) -> Known | None:
    """The salon as it is; None without a profile."""
    known = recall(tx.memories, _tenant(tx))
    return known if known and await is_current(tx, known) else await read(tx, now)


def _tenant(tx: Tx) -> UUID:
    if tx.tenant_id is None:
        raise LookupError("a salon belongs to a tenant")
    return tx.tenant_id
