"""A provider's event becomes a row and a job, in one transaction. Nothing is believed yet but that the provider sent it."""

import logging
from datetime import datetime
from typing import Literal

from booka_common.db import Database
from booka_payments import store
from booka_payments.domain import ProviderEvent
from booka_payments.usecases import scheduling

__all__ = ["IntakeOutcome", "take_event"]

_log = logging.getLogger(__name__)

IntakeOutcome = Literal["accepted", "duplicate", "ignored", "unmatched"]


async def take_event(db: Database, event: ProviderEvent, now: datetime) -> IntakeOutcome:
    """Keep a verified event, once, and plan what has to be read back because of it.

    The tenant is the one that we wrote into the object's metadata; it counts only if that tenant has the transaction. An
    event that belongs to nobody we know is kept without a tenant for a person to see.
    """
    if event.claims is not None:
        tenant_id, transaction_id = event.claims
        async with db.tx(tenant_id) as tx:
            transaction = await store.get_transaction(tx, transaction_id)
            if transaction is not None:
                idle = event.kind == "other"
                outcome = "ignored" if idle else None
                if not await store.put_event(tx, event, transaction_id=transaction_id, now=now, outcome=outcome):
                    return "duplicate"
                key = f"{event.provider}:{event.id}"
                if event.kind == "refund":
                    await scheduling.put_sync_refunds(tx, transaction, now, unique_key=key, event_id=event.id)
                elif not idle:
                    await scheduling.put_settle(
                        tx,
                        transaction,
                        now,
                        unique_key=key,
                        session_id=event.session_id,
                        event_id=event.id,
                        failed=event.kind == "checkout_failed",
                    )
                return "ignored" if idle else "accepted"
    # What is said of a refund made at the provider's comes without metadata; charge.refunded says it again with them.
    ours = event.kind in {"checkout", "checkout_failed"} or event.type in {"charge.refunded", "refund.failed"}
    outcome = "unmatched" if ours else "ignored"
    async with db.system_tx() as tx:
        if not await store.put_event(tx, event, transaction_id=None, now=now, outcome=outcome):
            return "duplicate"
    if ours:
        _log.error("event %s %s of %s belongs to no transaction", event.provider, event.type, event.id)
        return "unmatched"
    return "ignored"
