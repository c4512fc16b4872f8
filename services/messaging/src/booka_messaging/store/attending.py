"""Who answers in a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_messaging.domain.attending import Attendant
from booka_messaging.store.incoming import Incoming

__all__ = [
    "TakenByPhone",
    "Takeover",
    "conversation_known",
    "end_takeover",
    "hand_conversation_back",
    "take_conversation_over",
    "take_conversation_over_until",
    "take_typed_over",
    "takeover_until",
]

queries = load_queries("booka_messaging", "queries/attending.sql")


@dataclass(frozen=True, slots=True)
class Takeover:
    """A conversation that is attended.

    Attributes:
        conversation_id: where the talk goes on.
        until: None: until it is handed back.
        begun: it was not attended before.
    """

    conversation_id: UUID
    by: Attendant
    until: datetime | None
    begun: bool


@dataclass(frozen=True, slots=True)
class TakenByPhone:
    """A conversation in which a person of the salon has typed.

    Attributes:
        attended: they answer now.
        typed_at: when somebody last did, by the gateway's clock.
        until: None: until it is handed back.
        takeover_id: the message that this began with; None: it had begun before.
    """

    conversation_id: UUID
    until: datetime | None
    takeover_id: UUID | None
    attended: bool
    typed_at: datetime

    def covers(self, sent_at: datetime) -> bool:
        """Whether what the client sent then is not for Booka to answer."""
        return self.attended or sent_at < self.typed_at


async def take_typed_over(tx: Tx, typed: Sequence[tuple[Incoming, UUID]]) -> list[TakenByPhone]:
    """Let those answer who typed these messages, which are stored in these conversations, of any tenants of `tx`.

    Conversations in which all that was typed is an echo of ours are left out.
    """
    rows = await tx.fetch(
        queries["typed_take_over"],
        [item.tenant_id for item, _ in typed],
        [conversation_id for _, conversation_id in typed],
        [item.id for item, _ in typed],
        [item.message.text for item, _ in typed],
        [item.message.sent_at for item, _ in typed],
        [item.typed.until if item.typed else None for item, _ in typed],
        [item.received_at for item, _ in typed],
    )
    return [TakenByPhone(**row) for row in rows]


async def take_conversation_over(
    tx: Tx, conversation_id: UUID, takeover_id: UUID, *, by: Attendant, now: datetime
) -> Takeover | None:
    """Let a person answer for as long as the line says; None if there is no such conversation."""
    row = await tx.fetchrow(queries["conversation_take_over"], tx.tenant_id, conversation_id, by, takeover_id, now)
    return Takeover(**row) if row else None


async def take_conversation_over_until(
    tx: Tx, conversation_id: UUID, takeover_id: UUID, *, by: Attendant, until: datetime | None, now: datetime
) -> tuple[Takeover, UUID] | None:
    """Let a person answer until then, and the takeover that it is now; None if there is no such conversation."""
    row = await tx.fetchrow(
        queries["conversation_take_over_until"], tx.tenant_id, conversation_id, by, takeover_id, now, until
    )
    return (Takeover(row["conversation_id"], by, until, row["begun"]), row["takeover_id"]) if row else None


async def hand_conversation_back(tx: Tx, conversation_id: UUID, *, now: datetime) -> tuple[UUID, UUID] | None:
    """Let Booka answer again; the conversation where the talk goes on and the takeover that ended, None if there was none."""
    row = await tx.fetchrow(queries["conversation_hand_back"], tx.tenant_id, conversation_id, now)
    return (row["conversation_id"], row["takeover_id"]) if row else None


async def end_takeover(tx: Tx, conversation_id: UUID, takeover_id: UUID, *, now: datetime) -> UUID | None:
    """Let Booka answer again if that is the conversation's takeover and its time is over; where the talk goes on."""
    ended: UUID | None = await tx.fetchval(queries["takeover_end"], tx.tenant_id, conversation_id, takeover_id, now)
    return ended


async def takeover_until(tx: Tx, conversation_id: UUID, takeover_id: UUID) -> datetime | None:
    """When that takeover ends; None: it is over, or lasts until it is handed back."""
    until: datetime | None = await tx.fetchval(queries["takeover_until"], tx.tenant_id, conversation_id, takeover_id)
    return until


async def conversation_known(tx: Tx, conversation_id: UUID) -> bool:
    """Whether the tenant has this conversation."""
    return await tx.fetchval(queries["conversation_known"], tx.tenant_id, conversation_id) is not None
