"""The tables of payments: thin typed functions over `queries.sql`. Every function works in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_common.money import Money
from booka_payments.domain import ProviderEvent, Refund, RefundStatus, Status, Transaction

__all__ = [
    "EventRow",
    "end_reservation",
    "ended_version",
    "event_handled",
    "event_time",
    "events_of",
    "get_refund",
    "get_transaction",
    "insert_refund",
    "insert_transaction",
    "list_transactions",
    "lock_reservation",
    "lock_transaction",
    "mark_ended",
    "mark_opened",
    "mark_taken",
    "put_event",
    "queries",
    "refunds_of",
    "rekey_refund",
    "rekey_transaction",
    "set_refund_status",
    "set_status",
    "transaction_exists",
    "transactions_of",
]

queries = load_queries("booka_payments")


@dataclass(frozen=True, slots=True)
class EventRow:
    """What a provider said about one transaction."""

    event_id: str
    type: str
    object_id: str | None
    occurred_at: datetime
    received_at: datetime
    body: dict[str, Any]
    handled_at: datetime | None
    outcome: str | None


def _transaction(row: Any) -> Transaction:
    paid = None if row["paid_minor"] is None else Money(minor=row["paid_minor"], currency=row["paid_currency"])
    return Transaction(
        amount=Money(minor=row["amount_minor"], currency=row["currency"]),
        paid=paid,
        **{name: row[name] for name in _TRANSACTION_COLUMNS},
    )


_TRANSACTION_COLUMNS = tuple(name for name in Transaction.__dataclass_fields__ if name not in {"amount", "paid"})


def _refund(row: Any) -> Refund:
    amount = Money(minor=row["amount_minor"], currency=row["currency"])
    return Refund(amount=amount, **{name: row[name] for name in _REFUND_COLUMNS})


_REFUND_COLUMNS = tuple(name for name in Refund.__dataclass_fields__ if name != "amount")


async def insert_transaction(tx: Tx, new: Transaction) -> bool:
    """Write a transaction; False if this attempt exists already."""
    return (
        await tx.fetchval(
            queries["transaction_insert"],
            new.tenant_id,
            new.id,
            new.reservation_id,
            new.reservation_version,
            new.conversation_id,
            new.correlation_id,
            new.provider,
            new.attempt,
            new.status,
            new.amount.minor,
            new.amount.currency,
            new.description,
            new.locale,
            new.hold_expires_at,
            new.idempotency_key,
            new.expires_at,
            new.ended_at,
            new.created_at,
        )
        is not None
    )


async def get_transaction(tx: Tx, transaction_id: UUID) -> Transaction | None:
    """One transaction as it is."""
    row = await tx.fetchrow(queries["transaction_get"], tx.tenant_id, transaction_id)
    return _transaction(row) if row else None


async def lock_transaction(tx: Tx, transaction_id: UUID) -> Transaction | None:
    """One transaction, for this database transaction alone."""
    row = await tx.fetchrow(queries["transaction_lock"], tx.tenant_id, transaction_id)
    return _transaction(row) if row else None


async def transactions_of(tx: Tx, reservation_id: UUID) -> list[Transaction]:
    """Every attempt for a reservation, the first one first, locked."""
    rows = await tx.fetch(queries["transactions_lock_reservation"], tx.tenant_id, reservation_id)
    return [_transaction(row) for row in rows]


async def transaction_exists(tx: Tx, transaction_id: UUID) -> bool:
    """Whether this salon has that transaction."""
    return bool(await tx.fetchval(queries["transaction_exists"], tx.tenant_id, transaction_id))


async def rekey_transaction(tx: Tx, transaction_id: UUID, key: str, expires_at: datetime, now: datetime) -> None:
    """Plan another call, which the provider will not take for a repetition."""
    await tx.execute(queries["transaction_rekey"], tx.tenant_id, transaction_id, key, expires_at, now)


async def mark_opened(
    tx: Tx, transaction_id: UUID, *, session_id: str, url: str | None, expires_at: datetime, now: datetime
) -> None:
    """The page is there."""
    await tx.execute(queries["transaction_opened"], tx.tenant_id, transaction_id, session_id, url, expires_at, now)


async def set_status(
    tx: Tx, transaction_id: UUID, status: Status, now: datetime, *, failure: str | None = None
) -> None:
    """Change the status, with the reason if it is a sad one."""
    await tx.execute(queries["transaction_status"], tx.tenant_id, transaction_id, status, failure, now)


async def mark_ended(tx: Tx, transaction_id: UUID, now: datetime) -> None:
    """Nobody waits for this deposit any more."""
    await tx.execute(queries["transaction_ended"], tx.tenant_id, transaction_id, now)


async def mark_taken(
    tx: Tx,
    transaction_id: UUID,
    *,
    status: Status,
    session_id: str,
    payment_intent: str | None,
    paid: Money | None,
    paid_at: datetime,
    failure: str | None,
    now: datetime,
) -> None:
    """The provider has money; `paid` is what it says, or None if that cannot be read."""
    await tx.execute(
        queries["transaction_took"],
        tx.tenant_id,
        transaction_id,
        status,
        session_id,
        payment_intent,
        paid.minor if paid else None,
        paid.currency if paid else None,
        paid_at,
        failure,
        now,
    )


async def list_transactions(
    tx: Tx, *, status: Status | None, reservation_id: UUID | None, before: UUID | None, limit: int
) -> list[Transaction]:
    """A page of transactions, newest first, older than `before`."""
    seq = await tx.fetchval(queries["transaction_seq"], tx.tenant_id, before) if before else None
    if before and seq is None:
        return []
    rows = await tx.fetch(queries["transactions_list"], tx.tenant_id, status, reservation_id, seq, limit)
    return [_transaction(row) for row in rows]


async def lock_reservation(tx: Tx, reservation_id: UUID) -> None:
    """Let one message about a reservation wait for another one's commit."""
    await tx.fetchval(queries["reservation_lock"], tx.tenant_id, reservation_id)


async def end_reservation(tx: Tx, reservation_id: UUID, version: int, now: datetime) -> None:
    """Remember that a reservation was over as of `version`."""
    await tx.execute(queries["ended_put"], tx.tenant_id, reservation_id, version, now)


async def ended_version(tx: Tx, reservation_id: UUID) -> int | None:
    """The latest version in which the reservation was over, None if it never was."""
    version: int | None = await tx.fetchval(queries["ended_get"], tx.tenant_id, reservation_id)
    return version


async def insert_refund(tx: Tx, refund: Refund) -> bool:
    """Write a refund; False if it exists already."""
    return (
        await tx.fetchval(
            queries["refund_insert"],
            tx.tenant_id,
            refund.id,
            refund.transaction_id,
            refund.amount.minor,
            refund.amount.currency,
            refund.reason,
            refund.status,
            refund.idempotency_key,
            refund.provider_ref,
            refund.note,
            refund.created_at,
        )
        is not None
    )


async def get_refund(tx: Tx, refund_id: UUID) -> Refund | None:
    """One refund."""
    row = await tx.fetchrow(queries["refund_get"], tx.tenant_id, refund_id)
    return _refund(row) if row else None


async def refunds_of(tx: Tx, transaction_id: UUID) -> list[Refund]:
    """Every refund of a transaction, the oldest first."""
    rows = await tx.fetch(queries["refunds_of"], tx.tenant_id, transaction_id)
    return [_refund(row) for row in rows]


async def set_refund_status(
    tx: Tx, refund_id: UUID, status: RefundStatus, now: datetime, *, provider_ref: str | None, failure: str | None
) -> None:
    """Change a refund's status."""
    await tx.execute(queries["refund_status"], tx.tenant_id, refund_id, status, provider_ref, failure, now)


async def rekey_refund(tx: Tx, refund_id: UUID, key: str, now: datetime) -> None:
    """Plan another call, which the provider will not take for a repetition."""
    await tx.execute(queries["refund_rekey"], tx.tenant_id, refund_id, key, now)


async def put_event(
    tx: Tx, event: ProviderEvent, *, transaction_id: UUID | None, now: datetime, outcome: str | None = None
) -> bool:
    """Keep an event; False if it is here already. With an `outcome` there is nothing left to do about it."""
    return (
        await tx.fetchval(
            queries["event_put"],
            tx.tenant_id,
            event.provider,
            event.id,
            event.type,
            transaction_id,
            event.object_id,
            event.occurred_at,
            now,
            event.body,
            now if outcome else None,
            outcome,
        )
        is not None
    )


async def event_handled(tx: Tx, provider: str, event_id: str, outcome: str, now: datetime) -> None:
    """Note what came of an event."""
    await tx.execute(queries["event_handled"], tx.tenant_id, provider, event_id, now, outcome)


async def event_time(tx: Tx, provider: str, event_id: str) -> datetime | None:
    """When the provider says that it happened."""
    at: datetime | None = await tx.fetchval(queries["event_time"], tx.tenant_id, provider, event_id)
    return at


async def events_of(tx: Tx, transaction_id: UUID) -> Sequence[EventRow]:
    """What the provider said about a transaction, in the order in which it came, 200 at most."""
    return [EventRow(**row) for row in await tx.fetch(queries["events_of"], tx.tenant_id, transaction_id)]
