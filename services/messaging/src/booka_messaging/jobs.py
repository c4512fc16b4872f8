"""The jobs that messaging's worker runs."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from booka_common.db import Tx
from booka_common.jobs import Done, Job, JobType, Outcome
from booka_messaging.settings import Settings
from booka_messaging.usecases.attending import HAND_BACK, hand_back_when_over
from booka_messaging.usecases.contacts import FORGET_IDS, forget_ids
from booka_messaging.usecases.correcting import CORRECT, correct_later
from booka_messaging.usecases.endings import give_up, record_sent
from booka_messaging.usecases.removing import ATTEMPTS as REMOVE_ATTEMPTS
from booka_messaging.usecases.removing import REMOVE, Removals, forget_key_of
from booka_messaging.usecases.requesting import JOB_TYPE
from booka_messaging.usecases.rounds import SWEEP, WATCH
from booka_messaging.usecases.sending import Sending
from booka_messaging.usecases.sweeping import Sweeps
from booka_messaging.usecases.transcribing import ATTEMPTS, TRANSCRIBE, Transcribing
from booka_messaging.usecases.watching import Watching

__all__ = ["job_types"]

#: A run may ask a gateway for some pages and take in some hundred messages.
_SWEEP_TIMEOUT = timedelta(minutes=2)


def job_types(
    settings: Settings,
    sending: Sending,
    watching: Watching,
    sweeps: Sweeps,
    transcribing: Transcribing,
    removals: Removals,
    now: Callable[[], datetime],
) -> Mapping[str, JobType]:
    """`send_message`: one text to one client. `hand_back`: the end of a takeover. `correct_message`: a change of a message
    that was not here yet. `watch_line`: a look at one line, again and again. `sweep_gap`: what was missed while a line did not
    work. `transcribe`: what is said in a voice message. `forget_ids`: the end of an erasure.
    `remove_webhook`: the end of a channel.
    """

    async def send(job: Job) -> Outcome:
        return await sending.run(job, now())

    async def dead(tx: Tx, job: Job, reason: str) -> None:
        await give_up(tx, job, reason, now=now())

    async def hand_back(job: Job) -> Outcome:
        return Done(lambda tx: hand_back_when_over(tx, job, now=now()))

    async def correct(job: Job) -> Outcome:
        return Done(lambda tx: correct_later(tx, job, now=now()))

    async def forget(job: Job) -> Outcome:
        return Done(lambda tx: forget_ids(tx, job))

    async def watch(job: Job) -> Outcome:
        return await watching.run(job, now())

    async def sweep(job: Job) -> Outcome:
        return await sweeps.run(job, now())

    async def transcribe(job: Job) -> Outcome:
        return await transcribing.run(job, now())

    async def unheard(tx: Tx, job: Job, _reason: str) -> None:
        await transcribing.tell_unheard(tx, job, now=now())

    async def take_back(job: Job) -> Outcome:
        return await removals.run(job)

    async def not_taken_back(tx: Tx, job: Job, _reason: str) -> None:
        await forget_key_of(tx, job)

    # A run may look through the gateway's store before it sends: two calls, the first of several pages.
    timeout = timedelta(seconds=3 * settings.gateway_total_seconds)
    return {
        JOB_TYPE: JobType(
            send, max_attempts=settings.send_attempts, timeout=timeout, on_dead=dead, record_all=record_sent
        ),
        HAND_BACK: JobType(hand_back),
        CORRECT: JobType(correct, max_attempts=20),
        FORGET_IDS: JobType(forget),
        WATCH: JobType(watch, timeout=_SWEEP_TIMEOUT),
        SWEEP: JobType(sweep, timeout=_SWEEP_TIMEOUT),
        REMOVE: JobType(take_back, max_attempts=REMOVE_ATTEMPTS, on_dead=not_taken_back),
        TRANSCRIBE: JobType(transcribe, max_attempts=ATTEMPTS, on_dead=unheard),
    }
