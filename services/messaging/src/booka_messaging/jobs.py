"""The jobs that messaging's worker runs."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from booka_common.db import Tx
from booka_common.jobs import Done, Job, JobType, Outcome
from booka_messaging.settings import Settings
from booka_messaging.usecases.attending import HAND_BACK, hand_back_when_over
from booka_messaging.usecases.requesting import JOB_TYPE
from booka_messaging.usecases.sending import Sending, give_up, record_sent

__all__ = ["job_types"]


def job_types(settings: Settings, sending: Sending, now: Callable[[], datetime]) -> Mapping[str, JobType]:
    """`send_message`: one text to one client. `hand_back`: the end of a takeover."""

    async def send(job: Job) -> Outcome:
        return await sending.run(job, now())

    async def dead(tx: Tx, job: Job, reason: str) -> None:
        await give_up(tx, job, reason, now=now())

    async def hand_back(job: Job) -> Outcome:
        return Done(lambda tx: hand_back_when_over(tx, job, now=now()))

    # A run may look through the gateway's store before it sends: two calls, the first of several pages.
    timeout = timedelta(seconds=3 * settings.gateway_total_seconds)
    return {
        JOB_TYPE: JobType(
            send, max_attempts=settings.send_attempts, timeout=timeout, on_dead=dead, record_all=record_sent
        ),
        HAND_BACK: JobType(hand_back),
    }
