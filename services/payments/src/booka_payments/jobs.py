"""Calls to the payment provider. A handler reads, calls without a transaction, and returns what to record.

A missing key is waited for, and the job says which setting it is. Only the page for a client, who waits as well, is given up.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from booka_common.db import Database, Tx
from booka_common.errors import NotConfigured
from booka_common.jobs import Dead, Done, Handler, Job, JobType, Outcome, Postponed, RetryIn
from booka_payments import store
from booka_payments.domain import RefundSeen, checkout_expiry
from booka_payments.errors import ProviderRefused
from booka_payments.metrics import PaymentMetrics
from booka_payments.providers import CheckoutRequest, Provider, RefundRequest
from booka_payments.usecases import checkouts, refunds, scheduling
from booka_payments.usecases.deposits import checkout_key

__all__ = ["PaymentJobs"]

_UNTIL_CONFIGURED = timedelta(seconds=60)
_REKEYED = timedelta(seconds=1)


class PaymentJobs:
    """The handlers of payments' jobs, on one provider."""

    def __init__(self, db: Database, provider: Provider, metrics: PaymentMetrics, now: Callable[[], datetime]) -> None:
        self._db = db
        self._provider = provider
        self._metrics = metrics
        self._now = now

    def types(self) -> Mapping[str, JobType]:
        """What the worker runs."""
        quick = timedelta(seconds=30)
        return {
            scheduling.OPEN_CHECKOUT: JobType(
                self._trying(self.open_checkout), on_dead=self._open_gave_up, longest_delay=quick
            ),
            scheduling.SETTLE: JobType(self._waiting(self.settle), on_dead=self._read_gave_up),
            scheduling.SYNC_REFUNDS: JobType(self._waiting(self.sync_refunds), on_dead=self._read_gave_up),
            scheduling.EXPIRE_CHECKOUT: JobType(self._waiting(self.expire_checkout)),
            scheduling.REFUND: JobType(self._waiting(self.refund), on_dead=self._refund_gave_up),
        }

    @staticmethod
    def _trying(handler: Handler) -> Handler:
        async def run(job: Job) -> Outcome:
            try:
                return await handler(job)
            except NotConfigured as error:
                return RetryIn(error.detail, _UNTIL_CONFIGURED)

        return run

    def _waiting(self, handler: Handler) -> Handler:
        """Money that is there is not given up because nobody has put a new key in over the weekend."""

        async def run(job: Job) -> Outcome:
            try:
                return await handler(job)
            except NotConfigured as error:
                return Postponed(error.detail, self._now() + _UNTIL_CONFIGURED)

        return run

    async def open_checkout(self, job: Job) -> Outcome:
        """Open the page of a transaction and send its link."""
        transaction_id = UUID(job.payload["transaction_id"])
        async with self._db.tx(job.tenant_id) as tx:
            transaction = await store.get_transaction(tx, transaction_id)
        if transaction is None:
            return Dead("no such transaction")
        if transaction.session_id is not None or transaction.settled:
            return Done()
        if transaction.over(self._now()):
            return Done(lambda tx: checkouts.abandon(tx, transaction_id, self._now()))
        request = CheckoutRequest(
            tenant_id=transaction.tenant_id,
            transaction_id=transaction.id,
            reservation_id=transaction.reservation_id,
            amount=transaction.amount,
            description=transaction.description,
            locale=transaction.locale,
            expires_at=transaction.expires_at,
            idempotency_key=transaction.idempotency_key,
        )
        try:
            checkout = await self._provider.open_checkout(request)
        except ProviderRefused as error:
            if error.param != "expires_at" and error.code != "replayed_failure":
                code, detail = error.code, error.detail
                return Dead(detail, lambda tx: checkouts.could_not_open(tx, transaction_id, code, detail, self._now()))
            # Refused before anything was made (or failed for good under this key), so another key cannot make two pages
            # that anybody knows of: the link of neither has been sent.
            now = self._now()
            key = checkout_key(transaction.tenant_id, transaction.reservation_id, transaction.attempt, job.attempts + 1)
            async with self._db.tx(job.tenant_id) as tx:
                expires_at = checkout_expiry(transaction.hold_expires_at, now)
                await store.rekey_transaction(tx, transaction_id, key, expires_at, now)
            return RetryIn(f"asking anew: {error.detail}", _REKEYED)
        return Done(lambda tx: checkouts.opened(tx, transaction_id, checkout, self._now()))

    async def _open_gave_up(self, tx: Tx, job: Job, reason: str) -> None:
        transaction_id = UUID(job.payload["transaction_id"])
        await checkouts.could_not_open(tx, transaction_id, "provider_unavailable", reason, self._now())

    async def settle(self, job: Job) -> Outcome:
        """Read a page back, and book what it says."""
        transaction_id = UUID(job.payload["transaction_id"])
        event_id: str | None = job.payload.get("event_id")
        failed = bool(job.payload.get("failed"))
        session_id: str | None = job.payload.get("session_id")
        if session_id is None:
            async with self._db.tx(job.tenant_id) as tx:
                transaction = await store.get_transaction(tx, transaction_id)
            if transaction is None or transaction.session_id is None:
                return Dead("no page to read")
            session_id = transaction.session_id
        try:
            seen = await self._provider.read_checkout(session_id)
        except ProviderRefused as error:
            reason = error.detail
            return Dead(
                reason, lambda tx: checkouts.could_not_read(tx, transaction_id, reason, self._now(), event_id=event_id)
            )

        async def record(tx: Tx) -> None:
            outcome = await checkouts.book_checkout(
                tx, transaction_id, seen, failed=failed, event_id=event_id, now=self._now()
            )
            self._metrics.outcomes.labels(self._provider.name, outcome).inc()

        return Done(record)

    async def sync_refunds(self, job: Job) -> Outcome:
        """Read the refunds of a payment back, and book what they say."""
        transaction_id = UUID(job.payload["transaction_id"])
        event_id: str | None = job.payload.get("event_id")
        async with self._db.tx(job.tenant_id) as tx:
            transaction = await store.get_transaction(tx, transaction_id)
        if transaction is None:
            return Dead("no such transaction")
        if transaction.payment_intent is None:
            return RetryIn("the payment itself is not booked yet")
        try:
            seen = await self._provider.list_refunds(transaction.payment_intent)
        except ProviderRefused as error:
            reason = error.detail
            return Dead(
                reason, lambda tx: checkouts.could_not_read(tx, transaction_id, reason, self._now(), event_id=event_id)
            )

        async def record(tx: Tx) -> None:
            await refunds.book_refunds(tx, transaction_id, seen, self._now())
            if event_id:
                await store.event_handled(tx, self._provider.name, event_id, "refunds", self._now())
            self._metrics.outcomes.labels(self._provider.name, "refunds").inc()

        return Done(record)

    async def _read_gave_up(self, tx: Tx, job: Job, reason: str) -> None:
        transaction_id = UUID(job.payload["transaction_id"])
        await checkouts.could_not_read(tx, transaction_id, reason, self._now(), event_id=job.payload.get("event_id"))

    async def expire_checkout(self, job: Job) -> Outcome:
        """Close a page. If it was paid meanwhile, that is booked like any payment."""
        transaction_id = UUID(job.payload["transaction_id"])
        async with self._db.tx(job.tenant_id) as tx:
            transaction = await store.get_transaction(tx, transaction_id)
        if transaction is None or transaction.session_id is None or transaction.status != "open":
            return Done()
        try:
            await self._provider.expire_checkout(transaction.session_id)
        except ProviderRefused:
            # Not open any more: expired by itself, or paid. The webhook will say so too; whoever comes first books it.
            async def read_back(tx: Tx) -> None:
                await scheduling.put_settle(tx, transaction, self._now(), unique_key=f"closed:{transaction_id}")

            return Done(read_back)
        return Done(lambda tx: checkouts.checkout_closed(tx, transaction_id, self._now()))

    async def refund(self, job: Job) -> Outcome:
        """Ask for a refund. A repetition looks first: the provider forgets idempotency keys after a day."""
        refund_id = UUID(job.payload["refund_id"])
        async with self._db.tx(job.tenant_id) as tx:
            refund = await store.get_refund(tx, refund_id)
            transaction = await store.get_transaction(tx, refund.transaction_id) if refund else None
        if refund is None or transaction is None or transaction.payment_intent is None:
            return Dead("no such refund, or no payment to refund")
        if refund.status == "failed" and refund.provider_ref is None:
            # Said to a person, who may have given the money back by another refund since.
            return Dead("this refund was given up: ask for another one, POST /v1/transactions/{id}/refund")
        if refund.status != "requested":
            return Done()
        seen = await self._made_before(transaction.payment_intent, refund_id) if job.attempts > 1 else None
        if seen is None:
            try:
                seen = await self._provider.refund(
                    RefundRequest(
                        tenant_id=job.tenant_id,
                        transaction_id=transaction.id,
                        refund_id=refund_id,
                        payment_intent=transaction.payment_intent,
                        amount=refund.amount,
                        idempotency_key=refund.idempotency_key,
                    )
                )
            except ProviderRefused as error:
                if error.code == "replayed_failure":
                    key = refunds.refund_key(job.tenant_id, transaction.id, refund_id, job.attempts + 1)
                    async with self._db.tx(job.tenant_id) as tx:
                        await store.rekey_refund(tx, refund_id, key, self._now())
                    return RetryIn(f"asking anew: {error.detail}")
                reason = error.detail
                return Dead(reason, lambda tx: refunds.refund_refused(tx, refund_id, reason, self._now()))
        report = seen
        return Done(lambda tx: refunds.book_refunds(tx, transaction.id, [report], self._now()))

    async def _made_before(self, payment_intent: str, refund_id: UUID) -> RefundSeen | None:
        made = await self._provider.list_refunds(payment_intent)
        return next((refund for refund in made if refund.refund_id == refund_id), None)

    async def _refund_gave_up(self, tx: Tx, job: Job, reason: str) -> None:
        await refunds.refund_refused(tx, UUID(job.payload["refund_id"]), reason, self._now())
