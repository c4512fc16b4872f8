"""What clients say in voice messages becomes text before anybody is told of it.

Such a message is stored with its turn like any other, and a job takes the place of its event: it fetches the recording, has it
transcribed, and says `MessageReceived` with what was heard, or, when that fails or takes too long, without a text. Either way the
turn is told, because the turns after it wait for it.
"""

import asyncio
import time
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Histogram

from booka_common import outbox
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import MessageReceived
from booka_common.db import Tx
from booka_common.errors import NotFound
from booka_common.jobs import Done, Job, NewJob, Outcome, RetryIn
from booka_messaging.providers.gateway import Medium, NotNow, Refused
from booka_messaging.providers.transcription import Transcription, TranscriptionFailed
from booka_messaging.store.media import set_heard_text, voice_of
from booka_messaging.usecases.media import Attachments

__all__ = ["ATTEMPTS", "TRANSCRIBE", "Transcribing", "transcribe_job"]

TRANSCRIBE = "transcribe"
ATTEMPTS = 2
_PAUSE = timedelta(milliseconds=500)


class _Unheard(Exception):
    """Nobody knows what is said."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again


def transcribe_job(tenant_id: UUID, message_id: UUID, *, now: datetime, traceparent: str | None) -> NewJob:
    """The job that tells of a voice message instead of its intake."""
    return NewJob(
        tenant_id=tenant_id,
        type=TRANSCRIBE,
        payload={"message_id": str(message_id)},
        scheduled_at=now,
        correlation_id=message_id,
        unique_key=str(message_id),
        max_attempts=ATTEMPTS,
        traceparent=traceparent,
    )


class Transcribing:
    """Runs the `transcribe` jobs.

    Args:
        transcription: None: it was switched off with messages still waiting; they are told without a text.
        total: for all attempts altogether.
    """

    def __init__(
        self,
        attachments: Attachments,
        transcription: Transcription | None,
        registry: CollectorRegistry,
        *,
        total: timedelta,
    ) -> None:
        self._attachments = attachments
        self._transcription = transcription
        self._each = total.total_seconds() / ATTEMPTS
        self._took = Histogram(
            "booka_messaging_transcription_seconds",
            "How long it took to fetch and transcribe a voice message, by what came of it: heard, silent, failed.",
            ["outcome"],
            buckets=(0.25, 0.5, 1, 2, 4, 8, 16, 32),
            registry=registry,
        )
        self._failed = Counter(
            "booka_messaging_transcriptions_failed_total",
            "Voice messages that were told without a text.",
            registry=registry,
        )

    async def run(self, job: Job, now: datetime) -> Outcome:
        """Listen to the message of `job`."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._each):
                heard = await self._listen(job)
        except (TimeoutError, _Unheard) as error:
            self._took.labels("failed").observe(time.monotonic() - started)
            unheard = error if isinstance(error, _Unheard) else _Unheard("timeout", again=True)
            if unheard.again and job.attempts < job.max_attempts:
                return RetryIn(unheard.reason, _PAUSE)
            return Done(lambda tx: self.tell_unheard(tx, job, now=now))
        self._took.labels("heard" if heard else "silent").observe(time.monotonic() - started)
        return Done(lambda tx: _tell(tx, job, heard, now))

    async def tell_unheard(self, tx: Tx, job: Job, *, now: datetime) -> None:
        """Tell of the message of `job` without a text."""
        self._failed.inc()
        await _tell(tx, job, "", now)

    async def _listen(self, job: Job) -> str:
        if self._transcription is None:
            raise _Unheard("transcription is off", again=False)
        try:
            _, outcome = await self._attachments.ask(job.tenant_id, UUID(job.payload["message_id"]))
        except NotFound as error:
            raise _Unheard(error.code, again=False) from None
        match outcome:
            case Medium():
                pass
            case NotNow(reason):
                raise _Unheard(reason, again=True)
            case Refused(code, _):
                raise _Unheard(code, again=False)
        try:
            return await self._transcription.transcribe(outcome)
        except TranscriptionFailed as error:
            raise _Unheard(error.reason, again=error.again) from None


async def _tell(tx: Tx, job: Job, heard: str, now: datetime) -> None:
    message_id = UUID(job.payload["message_id"])
    voice = await voice_of(tx, message_id, now=now)
    if voice is None or voice.erased:
        return
    text = "" if voice.taken_back else voice.text or heard
    if text:
        await set_heard_text(tx, message_id, text)
    said = MessageReceived(
        message_id=message_id,
        conversation_id=voice.conversation_id,
        contact_id=voice.contact_id,
        turn=voice.turn,
        kind=voice.kind,
        text=text,
        contact_name=voice.contact_name,
        phone=voice.phone,
        sent_at=voice.sent_at,
        attended=voice.attended,
    )
    envelope = Envelope.of(
        said,
        tenant_id=job.tenant_id,
        now=now,
        correlation_id=message_id,
        id=message_id,
    )
    await outbox.put(tx, envelope.model_copy(update={"traceparent": job.traceparent}))
