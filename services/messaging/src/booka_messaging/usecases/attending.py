"""Who answers in a conversation: Booka, or a person of the salon who has taken it over.

A takeover begins when somebody at the salon types, on the phone (see `receiving`) or in the console, or says so. It ends when its
time is over or when somebody hands the conversation back. Meanwhile clients' messages get their turns and nothing answers them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from booka_common import jobs, outbox
from booka_common.contracts import Envelope
from booka_common.contracts.messaging import ConversationHandedBack, ConversationTakenOver
from booka_common.db import Tx
from booka_common.ids import derived_id, new_id
from booka_common.jobs import Job, NewJob
from booka_messaging.domain.attending import Attendant
from booka_messaging.errors import UnknownConversation
from booka_messaging.store.attending import (
    conversation_known,
    end_takeover,
    hand_conversation_back,
    take_conversation_over,
    take_conversation_over_until,
    takeover_until,
)

__all__ = [
    "HAND_BACK",
    "Attended",
    "hand_back",
    "hand_back_job",
    "hand_back_when_over",
    "take_over",
    "take_over_until",
    "taken_over",
]

#: The job that ends a takeover when its time is over.
HAND_BACK = "hand_back"


@dataclass(frozen=True, slots=True)
class Attended:
    """A conversation that a person of the salon answers. `until` None: until it is handed back."""

    by: Attendant
    until: datetime | None


async def take_over(tx: Tx, conversation_id: UUID, *, by: Attendant, now: datetime) -> Attended:
    """Let a person of the salon answer from now on, or, if one does already, for longer.

    A conversation that was merged into another one is taken over where the talk goes on.

    Raises:
        UnknownConversation: the tenant has none of this id.
    """
    takeover_id = new_id()
    for _ in range(2):  # it may be merged between finding and locking it
        taken = await take_conversation_over(tx, conversation_id, takeover_id, by=by, now=now)
        if taken is None:
            continue
        if taken.begun:
            tenant_id = _tenant(tx)
            await outbox.put(
                tx, taken_over(tenant_id, taken.conversation_id, takeover_id, by=by, until=taken.until, now=now)
            )
            job = hand_back_job(tenant_id, taken.conversation_id, takeover_id, until=taken.until)
            await jobs.put_all(tx, [*job])
        return Attended(taken.by, taken.until)
    raise UnknownConversation(conversation_id)


async def take_over_until(
    tx: Tx, conversation_id: UUID, *, by: Attendant, until: datetime | None, now: datetime
) -> Attended:
    """Let a person of the salon answer until then and no longer (None: until it is handed back), whoever does already.

    Raises:
        UnknownConversation: the tenant has none of this id.
    """
    for _ in range(2):
        found = await take_conversation_over_until(tx, conversation_id, new_id(), by=by, until=until, now=now)
        if found is None:
            continue
        (taken, takeover_id), tenant_id = found, _tenant(tx)
        if taken.begun:
            await outbox.put(tx, taken_over(tenant_id, taken.conversation_id, takeover_id, by=by, until=until, now=now))
        # Also if it goes on: it may end earlier now than its job would look.
        await jobs.put_all(tx, [*hand_back_job(tenant_id, taken.conversation_id, takeover_id, until=until)])
        return Attended(taken.by, taken.until)
    raise UnknownConversation(conversation_id)


async def hand_back(tx: Tx, conversation_id: UUID, *, by: Literal["console", "time"], now: datetime) -> bool:
    """Let Booka answer again, from where it was; False if it does already.

    Raises:
        UnknownConversation: the tenant has none of this id.
    """
    for _ in range(2):
        ended = await hand_conversation_back(tx, conversation_id, now=now)
        if ended is not None:
            await outbox.put(tx, _handed_back(_tenant(tx), *ended, by=by, now=now))
            return True
    if not await conversation_known(tx, conversation_id):
        raise UnknownConversation(conversation_id)
    return False


async def hand_back_when_over(tx: Tx, job: Job, *, now: datetime) -> None:
    """End the takeover of a `hand_back` job if its time is over; one that was prolonged is looked at again at its new end."""
    conversation_id, takeover_id = UUID(job.payload["conversation_id"]), UUID(job.payload["takeover_id"])
    goes_on_in = await end_takeover(tx, conversation_id, takeover_id, now=now)
    if goes_on_in is not None:
        await outbox.put(tx, _handed_back(job.tenant_id, goes_on_in, takeover_id, by="time", now=now))
        return
    until = await takeover_until(tx, conversation_id, takeover_id)
    await jobs.put_all(tx, [*hand_back_job(job.tenant_id, conversation_id, takeover_id, until=until)])


def taken_over(
    tenant_id: UUID, conversation_id: UUID, takeover_id: UUID, *, by: Attendant, until: datetime | None, now: datetime
) -> Envelope[ConversationTakenOver]:
    """What the broker is told, once for each takeover."""
    data = ConversationTakenOver(conversation_id=conversation_id, by=by, until=until)
    return Envelope.of(data, tenant_id=tenant_id, now=now, id=derived_id(takeover_id, "taken-over"))


def hand_back_job(
    tenant_id: UUID, conversation_id: UUID, takeover_id: UUID, *, until: datetime | None
) -> Iterator[NewJob]:
    """The job that ends a takeover; none if it lasts until somebody hands the conversation back."""
    if until is not None:
        yield NewJob(
            tenant_id=tenant_id,
            type=HAND_BACK,
            payload={"conversation_id": str(conversation_id), "takeover_id": str(takeover_id)},
            scheduled_at=until,
            correlation_id=takeover_id,
            unique_key=f"{takeover_id} {until.isoformat()}",
        )


def _handed_back(
    tenant_id: UUID, conversation_id: UUID, takeover_id: UUID, *, by: Literal["console", "time"], now: datetime
) -> Envelope[ConversationHandedBack]:
    data = ConversationHandedBack(conversation_id=conversation_id, by=by)
    return Envelope.of(data, tenant_id=tenant_id, now=now, id=derived_id(takeover_id, "handed-back"))


def _tenant(tx: Tx) -> UUID:
    if tx.tenant_id is None:
        raise ValueError("a conversation is taken over in a transaction of its salon")
    return tx.tenant_id
