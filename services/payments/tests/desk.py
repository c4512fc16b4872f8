"""Runs one salon's jobs by hand, without a broker: what came of them is in the tables and in the outbox."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from booka_common.contracts.envelope import Message, enveloped
from booka_common.db import Database
from booka_common.ids import new_id
from booka_common.jobs import Dead, Done, Job, Outcome, Postponed, RetryIn
from booka_common.observability import Metrics
from booka_payments import store
from booka_payments.domain import Refund, Transaction
from booka_payments.jobs import PaymentJobs
from booka_payments.metrics import PaymentMetrics
from booka_payments.providers.stripe_checkout import StripeProvider
from booka_payments.settings import Settings

_Shape = TypeVar("_Shape", bound=Message)


class Desk:
    """The jobs of one tenant, and what was said because of them."""

    def __init__(self, db: Database, settings: Settings, now: Callable[[], datetime], tenant_id: UUID) -> None:
        self.db = db
        self.now = now
        self.tenant_id = tenant_id
        self.provider = StripeProvider(settings)
        self.jobs = PaymentJobs(db, self.provider, PaymentMetrics(Metrics("payments").registry), now)

    async def due(self, *, later: bool = False) -> list[Job]:
        """The jobs to be run, the first one first; `later` takes those that wait for their next attempt, too."""
        async with self.db.tx(self.tenant_id) as tx:
            rows = await tx.fetch(
                "SELECT * FROM jobs WHERE tenant_id = $1 AND status = 'ready' AND ($2 OR scheduled_at <= $3) ORDER BY seq",
                self.tenant_id,
                later,
                self.now(),
            )
        fields = ("id", "tenant_id", "type", "payload", "max_attempts", "scheduled_at", "correlation_id", "traceparent")
        return [
            Job(**{name: row[name] for name in fields}, attempts=row["attempts"] + 1, lease_token=new_id())
            for row in rows
        ]

    async def run(self, job: Job) -> Outcome:
        """Call a job's handler and leave it at that, like a worker that dies before it can record the outcome."""
        async with self.db.tx(self.tenant_id) as tx:
            await tx.execute(
                "UPDATE jobs SET attempts = $2 WHERE tenant_id = $3 AND id = $1", job.id, job.attempts, job.tenant_id
            )
        return await self.jobs.types()[job.type].handler(job)

    async def finish(self, job: Job, outcome: Outcome) -> None:
        """Record an outcome."""
        record = outcome.record if isinstance(outcome, Done | Dead) else None
        status = {Done: "done", Dead: "dead", RetryIn: "ready", Postponed: "ready"}[type(outcome)]
        async with self.db.tx(self.tenant_id) as tx:
            await tx.execute(
                "UPDATE jobs SET status = $3, last_error = $4 WHERE tenant_id = $1 AND id = $2",
                self.tenant_id,
                job.id,
                status,
                getattr(outcome, "reason", None),
            )
            if record is not None:
                await record(tx)

    async def work(self, *, later: bool = False) -> list[Outcome]:
        """Run what is due, and what follows from it, until only what has to wait is left."""
        outcomes: list[Outcome] = []
        tried: set[UUID] = set()
        while jobs := [job for job in await self.due(later=later) if job.id not in tried]:
            for job in jobs:
                tried.add(job.id)
                outcome = await self.run(job)
                await self.finish(job, outcome)
                outcomes.append(outcome)
        return outcomes

    async def said(self, message: type[_Shape]) -> list[_Shape]:
        """Every message of this kind in the outbox."""
        async with self.db.tx(self.tenant_id) as tx:
            rows = await tx.fetch(
                "SELECT body FROM outbox WHERE tenant_id = $1 AND routing_key = $2 ORDER BY seq",
                self.tenant_id,
                message.key,
            )
        return [enveloped(message).model_validate_json(row["body"]).data for row in rows]

    async def transactions(self, reservation_id: UUID) -> list[Transaction]:
        """The attempts of a reservation."""
        async with self.db.tx(self.tenant_id) as tx:
            return await store.transactions_of(tx, reservation_id)

    async def transaction(self, reservation_id: UUID) -> Transaction:
        """The last attempt of a reservation."""
        return (await self.transactions(reservation_id))[-1]

    async def refunds(self, transaction_id: UUID) -> list[Refund]:
        """The refunds of a transaction."""
        async with self.db.tx(self.tenant_id) as tx:
            return await store.refunds_of(tx, transaction_id)

    async def events(self) -> list[Any]:
        """What providers said to this tenant: type and outcome."""
        async with self.db.tx(self.tenant_id) as tx:
            rows = await tx.fetch(
                "SELECT type, outcome FROM payment_events WHERE tenant_id = $1 ORDER BY received_at, event_id",
                self.tenant_id,
            )
        return [(row["type"], row["outcome"]) for row in rows]
