"""What becomes of a message that is edited or taken back, also if that is told before the message itself.

Webhooks come in any order, and a repeated one may be twenty minutes late. A change whose message is not here yet waits as a job,
which costs those who take messages in nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from booka_common import jobs
from booka_common.db import Tx
from booka_common.ids import new_id
from booka_common.jobs import Job
from booka_messaging.store.corrections import correct as write

__all__ = ["CORRECT", "correct", "correct_later"]

CORRECT = "correct_message"

#: Until when it is looked for the message of a change, each look counted from the one before. After that it will not come.
_LOOKS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 300, 1800, 3600 * 6, 3600 * 24))


async def correct(tx: Tx, channel_id: UUID, provider_id: str, text: str | None, *, now: datetime) -> bool:
    """Give a message its new text (None: it was taken back), now or as soon as it is here; False if it says that already."""
    changed = await write(tx, channel_id, provider_id, text, at=now)
    if changed is None:
        payload = {"channel_id": str(channel_id), "provider_id": provider_id, "text": text, "at": now.isoformat()}
        await _look(tx, payload, 0, correlation_id=new_id(), now=now)
        return True
    return changed


async def correct_later(tx: Tx, job: Job, *, now: datetime) -> None:
    """Look for the message again. A change that was told after this one, and took place meanwhile, stays."""
    waiting = job.payload
    at = datetime.fromisoformat(waiting["at"])
    changed = await write(tx, UUID(waiting["channel_id"]), waiting["provider_id"], waiting["text"], at=at)
    if changed is None and waiting["look"] + 1 < len(_LOOKS):
        await _look(tx, waiting, waiting["look"] + 1, correlation_id=job.correlation_id, now=now)


async def _look(tx: Tx, waiting: Mapping[str, Any], look: int, *, correlation_id: UUID, now: datetime) -> None:
    payload = {**waiting, "look": look}
    await jobs.put(tx, CORRECT, payload, scheduled_at=now + _LOOKS[look], correlation_id=correlation_id)
