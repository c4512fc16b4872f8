"""`POST /webhooks/stripe`: verify the raw bytes, keep the event, answer. Needs the database, and nothing else."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel

from booka_common.db import Database
from booka_common.errors import Invalid, Unauthenticated, is_transient
from booka_common.observability import Metrics
from booka_common.signing import SecretSet
from booka_payments.metrics import PaymentMetrics
from booka_payments.providers.stripe_webhook import read_event, verify
from booka_payments.usecases.intake import take_event

__all__ = ["Received", "webhooks_api"]


class Received(BaseModel):
    """The event is kept. `outcome`: accepted, duplicate, ignored or unmatched."""

    received: bool = True
    outcome: str


def webhooks_api(
    db: Database, secrets: SecretSet, metrics: Metrics, payments: PaymentMetrics, now: Callable[[], datetime]
) -> APIRouter:
    """The routes that payment providers call."""
    router = APIRouter(prefix="/webhooks", tags=["webhooks"])

    def count(outcome: str) -> None:
        metrics.webhooks.count("stripe", outcome)

    @router.post("/stripe", summary="A signed event of Stripe")
    async def stripe(request: Request) -> Received:
        try:
            outcome = await _take(request)
        except Unauthenticated:
            count("bad_signature")
            raise
        except Invalid:
            count("malformed")
            raise
        except Exception as error:
            if is_transient(error):
                count("unavailable")
            raise
        count(outcome)
        return Received(outcome=outcome)

    async def _take(request: Request) -> str:
        secrets.usable()
        body = await request.body()
        position = verify(secrets, body, request.headers.getlist("stripe-signature"), now())
        payments.secret_used.labels("stripe", str(position)).inc()
        event = read_event(body)
        if event is None:
            return "ignored"
        outcome = await take_event(db, event, now())
        if outcome == "unmatched":
            payments.unmatched.labels("stripe").inc()
        return outcome

    return router
