"""llm's jobs: asking the model, and forgetting what was kept for context."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from booka_common import outbox
from booka_common.contracts.llm import InterpretationReady, InterpretationRequested, InterpretationUnavailable
from booka_common.db import Database, Tx
from booka_common.jobs import Done, Job, JobType
from booka_llm import store, usecases
from booka_llm.domain import MAX_COMPLETION_TOKENS, CallStatus, Used, estimate_tokens
from booka_llm.providers.port import CallFailed, Model
from booka_llm.reading import UnusableAnswer, read
from booka_llm.settings import Settings
from booka_llm.usecases import Prepared, Reason

__all__ = ["job_types"]

# A second attempt with less time than this would only be cut off, and billed.
_SHORTEST_ATTEMPT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Ended:
    """How one call ended. `reading` is None unless it went well."""

    status: CallStatus
    used: Used
    latency_ms: int
    reading: InterpretationReady | None = None
    error: str | None = None
    again: bool = False


def job_types(
    db: Database, settings: Settings, model: Model | None, now: Callable[[], datetime]
) -> Mapping[str, JobType]:
    """What the worker runs.

    Args:
        model: None if the service is not configured for one.
    """

    async def interpret(job: Job) -> Done:
        request = InterpretationRequested.model_validate(job.payload)
        until = time.monotonic() + usecases.seconds_left(request, settings, now())
        for last in (False, True):
            left = until - time.monotonic()
            prepared = await usecases.prepare(db, settings, job.tenant_id, request, left=left, now=now())
            if not isinstance(prepared, Prepared):
                return Done(partial(say, job=job, said=usecases.unavailable(request, prepared)))
            if model is None:  # `prepare` has said not_configured
                raise AssertionError("configured, but without a model")
            left = until - time.monotonic()
            ended = await _call(model, prepared, request, left if last else min(left, settings.attempt_seconds))
            if last or not ended.again or until - time.monotonic() < _SHORTEST_ATTEMPT_SECONDS:
                return Done(partial(conclude, job=job, request=request, prepared=prepared, ended=ended))
            async with db.tx(job.tenant_id) as tx:
                await _record(tx, prepared, ended)
        raise AssertionError("unreachable: the last attempt returns")

    async def conclude(tx: Tx, job: Job, request: InterpretationRequested, prepared: Prepared, ended: _Ended) -> None:
        await _record(tx, prepared, ended)
        reason: Reason = "refused" if ended.status == "refused" else "provider_failed"
        await say(tx, job, ended.reading or usecases.unavailable(request, reason))

    async def say(tx: Tx, job: Job, said: InterpretationReady | InterpretationUnavailable) -> None:
        request = InterpretationRequested.model_validate(job.payload)
        ids = {"tenant_id": job.tenant_id, "correlation_id": job.correlation_id}
        await outbox.put(tx, usecases.answer(request, said, **ids, now=now()))

    async def gave_up(tx: Tx, job: Job, _reason: str) -> None:
        request = InterpretationRequested.model_validate(job.payload)
        await say(tx, job, usecases.unavailable(request, "provider_failed"))

    async def expire(_job: Job) -> Done:
        return Done(lambda tx: usecases.expire_messages(tx, settings, now()))

    # The model is never waited for longer than an answer is of use, so this only ends a run that hangs elsewhere.
    longest = timedelta(seconds=settings.answer_within_seconds + 10)
    return {
        usecases.INTERPRET: JobType(interpret, timeout=longest, on_dead=gave_up),
        usecases.EXPIRE: JobType(expire),
    }


async def _call(model: Model, prepared: Prepared, request: InterpretationRequested, timeout: float) -> _Ended:
    prompt, began = prepared.prompt, time.monotonic()

    def milliseconds() -> int:
        return round((time.monotonic() - began) * 1000)

    prompt_estimate = estimate_tokens(prompt.system + prompt.user)
    try:
        completion = await model.complete(
            prepared.call.model, prompt, max_tokens=MAX_COMPLETION_TOKENS, timeout=max(timeout, 0.0)
        )
    except CallFailed as failure:
        # Whoever timed out may have done the work and bill it, without ever saying how much it was.
        used = Used(prompt_estimate if failure.timed_out else 0, 0)
        status: CallStatus = "timeout" if failure.timed_out else "failed"
        return _Ended(status, used, milliseconds(), error=failure.reason, again=failure.again)
    used = Used(
        prompt_estimate if completion.prompt_tokens is None else completion.prompt_tokens,
        estimate_tokens(completion.text or "")
        if completion.completion_tokens is None
        else completion.completion_tokens,
    )
    if completion.text is None:
        return _Ended("refused", used, milliseconds(), error="refused by the model")
    try:
        return _Ended("ok", used, milliseconds(), reading=read(completion.text, prompt, request))
    except UnusableAnswer as error:
        return _Ended("invalid", used, milliseconds(), error=str(error))


async def _record(tx: Tx, prepared: Prepared, ended: _Ended) -> None:
    await store.finish_call(
        tx,
        prepared.call,
        ended.status,
        ended.used,
        cost=prepared.cost(ended.used),
        latency_ms=ended.latency_ms,
        error=ended.error,
    )
