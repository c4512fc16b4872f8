"""What booking does when a time has come."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from booka_booking.usecases.clients import FORGET_CONTACT, forget
from booka_booking.usecases.expiry import EXPIRE_HOLD, expire
from booka_booking.usecases.merging import GATHER_CONTACT, gather
from booka_booking.usecases.occasion import Occasion
from booka_booking.usecases.waitlist import end
from booka_booking.usecases.waitlist_jobs import END_WAITING, OFFER_FREED
from booka_booking.usecases.waitlist_offers import look
from booka_common.db import Tx
from booka_common.jobs import Done, Job, JobType, Outcome

__all__ = ["job_types"]


def job_types(now: Callable[[], datetime]) -> Mapping[str, JobType]:
    """The handlers of booking's jobs."""

    async def expire_hold(job: Job) -> Outcome:
        async def record(tx: Tx) -> None:
            await expire(tx, UUID(job.payload["reservation_id"]), Occasion.job(job, now()))

        return Done(record)

    async def offer_freed(job: Job) -> Outcome:
        async def record(tx: Tx) -> None:
            await look(tx, job.payload, Occasion.job(job, now()))

        return Done(record)

    async def end_waiting(job: Job) -> Outcome:
        async def record(tx: Tx) -> None:
            await end(tx, UUID(job.payload["entry_id"]), Occasion.job(job, now()))

        return Done(record)

    async def forget_contact(job: Job) -> Outcome:
        async def record(tx: Tx) -> None:
            erased_at = datetime.fromisoformat(job.payload["erased_at"])
            await forget(tx, UUID(job.payload["contact_id"]), erased_at, Occasion.job(job, now()))

        return Done(record)

    async def gather_contact(job: Job) -> Outcome:
        async def record(tx: Tx) -> None:
            await gather(tx, UUID(job.payload["contact_id"]))

        return Done(record)

    return {
        EXPIRE_HOLD: JobType(expire_hold, max_attempts=20),
        OFFER_FREED: JobType(offer_freed),
        END_WAITING: JobType(end_waiting),
        FORGET_CONTACT: JobType(forget_contact, max_attempts=20),
        GATHER_CONTACT: JobType(gather_contact, max_attempts=20),
    }
