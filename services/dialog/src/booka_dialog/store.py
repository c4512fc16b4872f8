"""The statements of the dialog service as typed functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from booka_common.contracts.booking import CatalogueChanged
from booka_common.db import Tx, load_queries
from booka_dialog.domain import ClientSaid, Salon, Session, dump_session, load_session

__all__ = [
    "Arrival",
    "ArrivalState",
    "Conversation",
    "Saved",
    "StoredSession",
    "Turn",
    "arrive",
    "forget",
    "get_session",
    "load",
    "load_all",
    "load_more",
    "lock",
    "lock_merging",
    "merge",
    "merged_into",
    "put_catalogue",
    "put_llm_setting",
    "resolve",
    "save",
    "try_lock",
]

_queries = load_queries("booka_dialog")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A message of the client that waits to be taken.

    Attributes:
        message_id: the id of the envelope that brought it.
        attended: a person of the salon answers it.
    """

    turn: int
    message_id: UUID
    said: ClientSaid
    attended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Something that has come for a conversation: a turn of its client, or a message of another service.

    Attributes:
        consumer: takes the message from the inbox; None for a turn, which is known by its number.
    """

    tenant_id: UUID
    conversation_id: UUID
    message_id: UUID
    consumer: str | None = None
    turn: Turn | None = None


#: It is to be taken; it was taken before; somebody else has the conversation in hand.
ArrivalState = Literal["fresh", "known", "busy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Everything that a step needs, as one round trip brought it. `session` is None before the first word.

    Attributes:
        said: how many things the client has been told so far.
        known: numbers of turns that were kept or taken before, of those from the first one that has come.
        forgotten: the client's data was erased; nothing is said there any more.
        merged_into: the conversation in which the talk goes on.
    """

    tenant_id: UUID
    conversation_id: UUID
    session: Session | None
    turns_taken: int
    said: int
    salon: Salon | None
    llm_enabled: bool
    pending: tuple[Turn, ...]
    known: frozenset[int]
    forgotten: bool = False
    merged_into: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A session to be written. Of `turns`, None has been taken, and the others wait."""

    tenant_id: UUID
    session: Session
    turns_taken: int
    said: int
    turns: Mapping[int, Turn | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session with its bookkeeping."""

    session: Session
    turns_taken: int
    version: int
    updated_at: datetime


async def arrive(tx: Tx, arrivals: Sequence[Arrival]) -> list[ArrivalState]:
    """Lock the conversations that are free, claim what has come for them, and keep the turns that have come for others."""
    rows = await tx.fetch(
        _queries["conversations_arrive"],
        [arrival.tenant_id for arrival in arrivals],
        [arrival.conversation_id for arrival in arrivals],
        [arrival.message_id for arrival in arrivals],
        [arrival.consumer for arrival in arrivals],
        [arrival.turn.turn if arrival.turn else None for arrival in arrivals],
        [_payload(arrival.turn) if arrival.turn else None for arrival in arrivals],
    )
    return [row["state"] for row in rows]


async def lock(tx: Tx, *conversation_ids: UUID) -> None:
    """Wait until nobody else answers in these conversations, one after the other; held until the transaction ends."""
    await tx.lock([f"dialog:{id}" for id in conversation_ids])


async def try_lock(tx: Tx, conversation_ids: Sequence[UUID]) -> bool:
    """The same without waiting; False if somebody answers in one of them."""
    return bool(await tx.fetchval(_queries["conversations_try_lock"], list(conversation_ids)))


async def load(tx: Tx, tenant_id: UUID, conversation_id: UUID) -> Conversation:
    """The conversation, its salon and its pending turns in order. Lock it first."""
    (found,) = await _load(tx, {(tenant_id, conversation_id): None})
    return found


async def load_all(tx: Tx, arrivals: Sequence[Arrival]) -> list[Conversation]:
    """The conversations of `arrivals`, once each. Lock them first."""
    wanted: dict[tuple[UUID, UUID], int | None] = {}
    for arrival in arrivals:
        key = arrival.tenant_id, arrival.conversation_id
        turns = (wanted.get(key), arrival.turn.turn if arrival.turn else None)
        wanted[key] = min((turn for turn in turns if turn is not None), default=None)
    return await _load(tx, wanted) if wanted else []


async def load_more(tx: Tx, conversations: Sequence[tuple[UUID, UUID]]) -> list[Conversation]:
    """Conversations by tenant and id. Lock them first."""
    return await _load(tx, dict.fromkeys(conversations))


async def _load(tx: Tx, wanted: Mapping[tuple[UUID, UUID], int | None]) -> list[Conversation]:
    """Conversations by tenant and id, with the number of the first turn that has come."""
    memory = tx.memories.of(Salon)
    salons = {tenant_id: memory.recall(tenant_id) for tenant_id, _ in wanted}
    rows = await tx.fetch(
        _queries["conversations_load"],
        [tenant_id for tenant_id, _ in wanted],
        [conversation_id for _, conversation_id in wanted],
        list(wanted.values()),
        [salon.catalogue.revision if (salon := salons[tenant_id]) else None for tenant_id, _ in wanted],
    )
    for row in rows:
        if row["catalogue"] is not None:
            salon = salons[row["tenant_id"]] = Salon(CatalogueChanged.model_validate(row["catalogue"]))
            memory.keep(row["tenant_id"], salon)
    return [_conversation(row, salons[row["tenant_id"]] if row["published"] else None) for row in rows]


def _conversation(row: Any, salon: Salon | None) -> Conversation:
    return Conversation(
        tenant_id=row["tenant_id"],
        conversation_id=row["conversation_id"],
        session=load_session(row["state"]) if row["state"] else None,
        turns_taken=row["turns_taken"],
        said=row["said"],
        salon=salon,
        llm_enabled=row["llm_enabled"],
        pending=tuple(_turn(item) for item in row["pending"] or ()),
        known=frozenset(row["known"]),
        forgotten=row["forgotten"],
        merged_into=row["merged_into"],
    )


async def save(tx: Tx, saved: Sequence[Saved], *, now: datetime) -> None:
    """Write sessions and their turns."""
    turns = [(one, number, turn) for one in saved for number, turn in one.turns.items()]
    await tx.execute(
        _queries["sessions_save"],
        now,
        [one.tenant_id for one in saved],
        [one.session.conversation_id for one in saved],
        [dump_session(one.session) for one in saved],
        [one.turns_taken for one in saved],
        [one.said for one in saved],
        [one.tenant_id for one, _, _ in turns],
        [one.session.conversation_id for one, _, _ in turns],
        [number for _, number, _ in turns],
        [_payload(turn) if turn else None for _, _, turn in turns],
    )


async def forget(tx: Tx, conversation_id: UUID, *, now: datetime) -> None:
    """Empty the session and the turns that wait, for good. Lock the conversation first."""
    blank = dump_session(Session(conversation_id=conversation_id))
    await tx.execute(_queries["session_forget"], tx.tenant_id, conversation_id, blank, now)


async def lock_merging(tx: Tx) -> None:
    """Wait until nobody else merges conversations of this salon. Goes before the locks of conversations."""
    await tx.lock([f"dialog:merging:{tx.tenant_id}"])


async def resolve(tx: Tx, conversation_ids: Sequence[UUID]) -> list[UUID]:
    """Where the talk of each goes on: there, unless it was merged."""
    return [row["id"] for row in await tx.fetch(_queries["sessions_resolve"], tx.tenant_id, conversation_ids)]


async def merged_into(tx: Tx, conversation_ids: Sequence[UUID]) -> list[UUID]:
    """Those whose talk goes on in one of these, by id."""
    return [row["id"] for row in await tx.fetch(_queries["sessions_merged_into"], tx.tenant_id, conversation_ids)]


async def merge(tx: Tx, conversation_id: UUID, goes_on: UUID, *, now: datetime) -> None:
    """Empty a session, and have what comes for it, and for those merged into it, go on in another one. Lock both first."""
    blank = dump_session(Session(conversation_id=conversation_id))
    await tx.execute(_queries["session_merge"], tx.tenant_id, conversation_id, goes_on, blank, now)


async def get_session(tx: Tx, conversation_id: UUID) -> StoredSession | None:
    """The session as it stands, without locking it."""
    row = await tx.fetchrow(_queries["session_get"], tx.tenant_id, conversation_id)
    if row is None:
        return None
    return StoredSession(
        session=load_session(row["state"]),
        turns_taken=row["turns_taken"],
        version=row["version"],
        updated_at=row["updated_at"],
    )


async def put_catalogue(tx: Tx, catalogue: CatalogueChanged) -> bool:
    """Keep a catalogue if it is newer than the one held; whether it was."""
    document = catalogue.model_dump(mode="json")
    return await tx.execute(_queries["catalogue_put"], tx.tenant_id, document, catalogue.revision) > 0


async def put_llm_setting(tx: Tx, *, enabled: bool, revision: int) -> bool:
    """Keep whether the model is on, if this is newer; whether it was."""
    return await tx.execute(_queries["llm_put"], tx.tenant_id, enabled, revision) > 0


def _payload(turn: Turn) -> dict[str, Any]:
    said = turn.said
    return {
        "message_id": str(turn.message_id),
        "text": said.text,
        "kind": said.kind,
        "choice_id": said.choice_id,
        "contact_id": str(said.contact_id) if said.contact_id else None,
        "contact_name": said.contact_name,
        "phone": said.phone,
        "attended": turn.attended,
    }


def _turn(item: dict[str, Any]) -> Turn:
    payload = item["payload"]
    return Turn(
        turn=item["turn"],
        message_id=UUID(payload["message_id"]),
        said=ClientSaid(
            text=payload["text"],
            kind=payload["kind"],
            choice_id=payload.get("choice_id"),
            contact_id=UUID(payload["contact_id"]) if payload["contact_id"] else None,
            contact_name=payload["contact_name"],
            phone=payload["phone"],
        ),
        attended=payload.get("attended", False),
    )
