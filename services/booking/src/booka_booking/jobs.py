"""What booking does when a time has come."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_booking.usecases import completion, waitlist, waitlist_offers
from booka_booking.usecases.clients import FORGET_CONTACT, forget
from booka_booking.usecases.completion_jobs import COMPLETE_VISITS
from booka_booking.usecases.expiry import EXPIRE_HOLD, expire
from booka_booking.usecases.merging import GATHER_CONTACT, gather
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.waitlist_jobs import END_WAITING, OFFER_FREED
from booka_common.db import Tx
from booka_common.jobs import Done, Job, JobType, Outcome

__all__ = ["job_types"]

#: What a job does, in the transaction that finishes it; with its payload.
_Work = Callable[[Tx, Mapping[str, Any], Occasion], Awaitable[object]]


def job_types(now: Callable[[], datetime]) -> Mapping[str, JobType]:
    """The handlers of booking's jobs."""

    def of(work: _Work, max_attempts: int = 10) -> JobType:
        async def handler(job: Job) -> Outcome:
            async def record(tx: Tx) -> None:
                await work(tx, job.payload, Occasion.job(job, now()))

            return Done(record)

        return JobType(handler, max_attempts)

    return {
        EXPIRE_HOLD: of(_expire_hold, max_attempts=20),
        OFFER_FREED: of(waitlist_offers.look),
        END_WAITING: of(_end_waiting),
        FORGET_CONTACT: of(_forget_contact, max_attempts=20),
        GATHER_CONTACT: of(_gather_contact, max_attempts=20),
        COMPLETE_VISITS: of(_complete_visits, max_attempts=20),
    }


async def _expire_hold(tx: Tx, payload: Mapping[str, Any], occasion: Occasion) -> None:
    await expire(tx, UUID(payload["reservation_id"]), occasion)


async def _end_waiting(tx: Tx, payload: Mapping[str, Any], occasion: Occasion) -> None:
    await waitlist.end(tx, UUID(payload["entry_id"]), occasion)


async def _forget_contact(tx: Tx, payload: Mapping[str, Any], occasion: Occasion) -> None:
    await forget(tx, UUID(payload["contact_id"]), datetime.fromisoformat(payload["erased_at"]), occasion)


async def _gather_contact(tx: Tx, payload: Mapping[str, Any], _occasion: Occasion) -> None:
    await gather(tx, UUID(payload["contact_id"]))


async def _complete_visits(tx: Tx, _payload: Mapping[str, Any], occasion: Occasion) -> None:
    await completion.look(tx, occasion)
