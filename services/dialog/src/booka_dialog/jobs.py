"""What the service's worker does: look again after a missing turn, stop waiting for the model or for terms, and tell who
waits for long."""

from collections.abc import Mapping
from datetime import timedelta

from booka_common.jobs import Done, Job, JobType, Outcome
from booka_dialog import usecases
from booka_dialog.usecases import ANSWER_OVERDUE, GAP, INTERPRETATION_TIMEOUT, QUOTE_TIMEOUT, Deps

__all__ = ["job_types"]


def job_types(deps: Deps) -> Mapping[str, JobType]:
    """The jobs of the dialog service. They only touch its own tables, so the whole of the work is the record."""

    async def gap(job: Job) -> Outcome:
        return Done(lambda tx: usecases.take_gap(deps, tx, job))

    async def interpretation_timeout(job: Job) -> Outcome:
        return Done(lambda tx: usecases.take_timeout(deps, tx, job))

    async def quote_timeout(job: Job) -> Outcome:
        return Done(lambda tx: usecases.take_quote_timeout(deps, tx, job))

    async def answer_overdue(job: Job) -> Outcome:
        return Done(lambda tx: usecases.take_overdue(deps, tx, job))

    timeout = timedelta(seconds=15)
    return {
        GAP: JobType(gap, timeout=timeout),
        INTERPRETATION_TIMEOUT: JobType(interpretation_timeout, timeout=timeout),
        QUOTE_TIMEOUT: JobType(quote_timeout, timeout=timeout),
        ANSWER_OVERDUE: JobType(answer_overdue, timeout=timeout),
    }
