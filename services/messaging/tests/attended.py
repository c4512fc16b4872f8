"""Taking over and handing back, what Booka sends meanwhile, and whether a client's message is attended."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from booka_common.contracts.messaging import MessageReceived
from booka_common.ids import new_id
from booka_messaging.domain.model import Alias
from booka_messaging.usecases import attending
from booka_messaging.usecases.attending import HAND_BACK, Attended

PN, LID = Alias("pn", "351912345678"), Alias("lid", "77001122334455")
TWO_HOURS = timedelta(minutes=120)
MINUTE = timedelta(minutes=1)


async def take_over(line: Any, conversation_id: UUID) -> Attended:
    async with line.db.tx(line.tenant_id) as tx:
        return await attending.take_over(tx, conversation_id, by="console", now=line.clock())


async def hand_back(line: Any, conversation_id: UUID) -> bool:
    async with line.db.tx(line.tenant_id) as tx:
        return await attending.hand_back(tx, conversation_id, by="console", now=line.clock())


async def run_due(line: Any) -> None:
    """Run the `hand_back` jobs that are due, as the worker does."""
    for job in await line.jobs(HAND_BACK):
        if job.scheduled_at <= line.clock():
            async with line.db.tx(line.tenant_id) as tx:
                await tx.execute(
                    "UPDATE jobs SET status = 'done' WHERE tenant_id = $1 AND id = $2", line.tenant_id, job.id
                )
                await attending.hand_back_when_over(tx, job, now=line.clock())


async def is_attended(line: Any) -> bool:
    """What a message of the client would be told now."""
    await line.client("?")
    attended: bool = (await line.told(MessageReceived))[-1].attended
    return attended


async def ours(line: Any, text: str) -> UUID:
    """A message of ours that is being sent: its outcome is not known yet."""
    message_id = new_id()
    await line.rows(
        """INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, kind, text, status,
               request_id, purpose, attempted_at, received_at)
           SELECT tenant_id, $2, channel_id, id, 'out', 'booka', 'text', $3, 'queued', $2, 'reply', $4, $4
           FROM conversations WHERE tenant_id = $1 AND merged_into IS NULL""",
        message_id,
        text,
        line.clock(),
    )
    return message_id
