"""The statements of the dialog service as typed functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.contracts.booking import CatalogueChanged
from booka_common.db import Tx, load_queries
from booka_dialog.domain import ClientSaid, Salon, Session, dump_session, load_session

__all__ = [
    "Conversation",
    "StoredSession",
    "Turn",
    "arrived",
    "forget",
    "get_session",
    "load",
    "lock",
    "put_catalogue",
    "put_llm_setting",
    "save",
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
class Conversation:
    """Everything that a step needs, as one round trip brought it. `session` is None before the first word.

    Attributes:
        said: how many things the client has been told so far.
        forgotten: the client's data was erased; nothing is said there any more.
    """

    session: Session | None
    turns_taken: int
    said: int
    salon: Salon | None
    llm_enabled: bool
    pending: tuple[Turn, ...]
    forgotten: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session with its bookkeeping."""

    session: Session
    turns_taken: int
    version: int
    updated_at: datetime


async def arrived(tx: Tx, conversation_id: UUID, turn: Turn) -> bool:
    """Keep a turn; whether the conversation is now locked by this transaction. Otherwise commit, and lock it in another."""
    said = turn.said
    payload = {
        "message_id": str(turn.message_id),
        "text": said.text,
        "kind": said.kind,
        "choice_id": said.choice_id,
        "contact_id": str(said.contact_id) if said.contact_id else None,
        "contact_name": said.contact_name,
        "phone": said.phone,
        "attended": turn.attended,
    }
    got: bool = await tx.fetchval(_queries["turn_arrived"], tx.tenant_id, conversation_id, turn.turn, payload)
    if not got:
        await tx.execute(_queries["commit_relaxed"])
    return got


async def lock(tx: Tx, conversation_id: UUID) -> None:
    """Wait until nobody else answers in this conversation; held until the transaction ends."""
    await tx.execute(_queries["conversation_lock"], conversation_id)


async def load(tx: Tx, conversation_id: UUID) -> Conversation:
    """The conversation, its salon and its pending turns in order. Lock it first."""
    row: Any = await tx.fetchrow(_queries["conversation_load"], tx.tenant_id, conversation_id)
    return Conversation(
        session=load_session(row["state"]) if row["state"] else None,
        turns_taken=row["turns_taken"],
        said=row["said"],
        salon=Salon(CatalogueChanged.model_validate(row["catalogue"])) if row["catalogue"] else None,
        llm_enabled=row["llm_enabled"],
        pending=tuple(_turn(item) for item in row["pending"] or ()),
        forgotten=row["forgotten"],
    )


async def save(tx: Tx, session: Session, *, turns_taken: int, said: int, taken: Sequence[int], now: datetime) -> None:
    """Write the session, and mark the turns `taken`."""
    await tx.execute(
        _queries["session_save"],
        tx.tenant_id,
        session.conversation_id,
        dump_session(session),
        turns_taken,
        list(taken),
        now,
        said,
    )


async def forget(tx: Tx, conversation_id: UUID, *, now: datetime) -> None:
    """Empty the session and the turns that wait, for good. Lock the conversation first."""
    blank = dump_session(Session(conversation_id=conversation_id))
    await tx.execute(_queries["session_forget"], tx.tenant_id, conversation_id, blank, now)


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
