"""What came of a page: opened, not opened, read back, closed. Each runs in the transaction that finishes its job."""

from datetime import datetime
from uuid import UUID

from booka_common.db import Tx
from booka_payments import store
from booka_payments.domain import Abandoned, Checkout, Failed, Mismatch, Paid, Transaction, Waiting, judge
from booka_payments.usecases import announcing, scheduling

__all__ = ["abandon", "book_checkout", "checkout_closed", "could_not_open", "could_not_read", "opened"]


async def opened(tx: Tx, transaction_id: UUID, checkout: Checkout, now: datetime) -> None:
    """The page is there: send the link, or close the page again if nobody waits for the deposit any more."""
    transaction = await store.lock_transaction(tx, transaction_id)
    if transaction is None:
        return
    expires_at = checkout.expires_at or transaction.expires_at
    await store.mark_opened(
        tx, transaction_id, session_id=checkout.session_id, url=checkout.url, expires_at=expires_at, now=now
    )
    if transaction.settled:
        return
    if transaction.over(now) or checkout.url is None:
        await scheduling.put_expire_checkout(tx, transaction, now)
    else:
        await announcing.checkout_opened(tx, transaction, url=checkout.url, expires_at=expires_at, now=now)


async def could_not_open(tx: Tx, transaction_id: UUID, code: str, reason: str, now: datetime) -> None:
    """There will be no page. The client is told unless the reservation is over anyway."""
    transaction = await store.lock_transaction(tx, transaction_id)
    if transaction is None or transaction.status != "requested":
        return
    await store.set_status(tx, transaction_id, "failed", now, failure=reason[:1000])
    if not transaction.over(now):
        await announcing.checkout_failed(tx, transaction, code, now)


async def abandon(tx: Tx, transaction_id: UUID, now: datetime) -> None:
    """The reservation was over before a page was opened."""
    transaction = await store.lock_transaction(tx, transaction_id)
    if transaction is not None and transaction.status in {"requested", "failed"}:
        await store.set_status(tx, transaction_id, "expired", now)


async def checkout_closed(tx: Tx, transaction_id: UUID, now: datetime) -> None:
    """Nobody can pay on the page any more."""
    transaction = await store.lock_transaction(tx, transaction_id)
    if transaction is not None and transaction.status == "open":
        await store.set_status(tx, transaction_id, "expired", now)


async def book_checkout(
    tx: Tx, transaction_id: UUID, seen: Checkout, *, failed: bool, event_id: str | None, now: datetime
) -> str:
    """Book what a page says that was read back just now; return the outcome in one word.

    The lock makes it the same whether one event leads here or five at once: only the first finds the transaction unpaid.
    """
    found = await store.get_transaction(tx, transaction_id)
    if found is None:
        return "unmatched"
    # All attempts of the reservation, in one order: a payment also closes the pages of the others.
    attempts = await store.transactions_of(tx, found.reservation_id)
    transaction = next(attempt for attempt in attempts if attempt.id == transaction_id)
    verdict = judge(transaction, seen, failed=failed)
    match verdict:
        case Paid(amount):
            outcome = "paid"
            said = await store.event_time(tx, transaction.provider, event_id) if event_id else None
            paid_at = min(said or now, now)
            await store.mark_taken(
                tx,
                transaction_id,
                status="paid",
                session_id=seen.session_id,
                payment_intent=seen.payment_intent,
                paid=amount,
                paid_at=paid_at,
                failure=None,
                now=now,
            )
            await announcing.deposit_paid(tx, transaction, amount, paid_at=paid_at, now=now)
            for other in attempts:
                if other.id != transaction_id and other.status == "open":
                    await scheduling.put_expire_checkout(tx, other, now)
        case Mismatch():
            outcome = "mismatch"
            await _mismatch(tx, transaction, seen, verdict, now)
        case Abandoned():
            outcome = "expired"
            await store.set_status(tx, transaction_id, "expired", now)
        case Failed():
            outcome = "failed"
            await store.set_status(
                tx, transaction_id, "failed", now, failure="the payment failed after the page was completed"
            )
            if not transaction.over(now):
                await announcing.checkout_failed(tx, transaction, "payment_failed", now)
        case Waiting():
            outcome = "waiting"
        case _:
            outcome = "repeated"
    if event_id:
        await store.event_handled(tx, transaction.provider, event_id, outcome, now)
    return outcome


async def _mismatch(tx: Tx, transaction: Transaction, seen: Checkout, found: Mismatch, now: datetime) -> None:
    if found.code in {"amount", "currency"}:
        await store.mark_taken(
            tx,
            transaction.id,
            status="mismatched",
            session_id=seen.session_id,
            payment_intent=seen.payment_intent,
            paid=found.taken,
            paid_at=now,
            failure=found.detail,
            now=now,
        )
    else:
        await store.set_status(tx, transaction.id, transaction.status, now, failure=found.detail)
    await announcing.mismatch_found(tx, transaction, found.code, found.detail, now, about=seen.session_id)


async def could_not_read(tx: Tx, transaction_id: UUID, reason: str, now: datetime, *, event_id: str | None) -> None:
    """The provider does not know what its event spoke of, or never answered: a person has to look."""
    transaction = await store.lock_transaction(tx, transaction_id)
    if transaction is None:
        return
    detail = f"could not be read back: {reason}"
    await announcing.mismatch_found(tx, transaction, "unmatched", detail, now, about=event_id or "read")
    if event_id:
        await store.event_handled(tx, transaction.provider, event_id, "unreadable", now)
