"""Conversations, messages and contacts as they are looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = [
    "READING",
    "ContactDetail",
    "ContactRow",
    "ConversationRow",
    "Filters",
    "LastMessage",
    "MessageRow",
    "Place",
    "Reach",
    "Said",
    "Wanted",
    "contact",
    "contacts",
    "conversation_exists",
    "conversation_rows",
    "find",
    "message",
    "messages",
    "news",
    "page",
    "places_moved",
    "reach",
    "texts",
]

queries = load_queries("booka_messaging", "queries/reading.sql")

#: Opens a transaction that reads: all of it as of one moment, and planned for its values. A plan for any values would read whole
#: tables for conditions that are left open.
READING = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan"
#: A last message is shown this long.
_SHORT = 160


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation's place in the list: `at` is when somebody last wrote, client or salon."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Filters:
    """Which conversations; None: whether or not.

    Attributes:
        since: active then or later; `until`: before.
        attended: a person of the salon answers.
        unanswered: the client wrote after all that we said.
    """

    channel_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    attended: bool | None = None
    unanswered: bool | None = None
    blocked: bool | None = None

    def takes(self, place: Place) -> bool:
        """Whether it was active at the right time."""
        return (self.since is None or place.at >= self.since) and (self.until is None or place.at < self.until)


async def page(
    tx: Tx, filters: Filters, *, after: Place | None, among: Sequence[UUID] | None, limit: int | None, now: datetime
) -> list[Place]:
    """The conversations in the order in which they are active now, the last one first.

    Args:
        after: begins behind this place.
        among: only these.
    """
    rows = await tx.fetch(
        queries["conversation_page"],
        tx.tenant_id,
        after.at if after else None,
        after.id if after else None,
        among,
        filters.since,
        filters.until,
        filters.channel_id,
        filters.attended,
        now,
        filters.blocked,
        filters.unanswered,
        limit,
    )
    return [Place(row["at"], row["id"]) for row in rows]


async def places_moved(tx: Tx, settled: datetime, after: Place) -> list[Place]:
    """Conversations that stand before `after` because of what was written after `settled`; `at`: where they stood before."""
    rows = await tx.fetch(queries["conversation_moved"], tx.tenant_id, settled, after.at, after.id)
    return [Place(row["at"], row["id"]) for row in rows]


async def find(tx: Tx, words: str, numbers: Sequence[str], *, until: datetime, newest: int) -> dict[UUID, UUID | None]:
    """The conversations in which something occurs, each with the newest message that it occurs in, if it is in one.

    Args:
        words, numbers: patterns, see `domain.searching`.
        newest: how many messages are looked through.
    """
    rows = await tx.fetch(queries["conversation_find"], tx.tenant_id, words, list(numbers), until, newest)
    found: dict[UUID, UUID | None] = {}
    for row in rows:
        known, message_id = found.get(row["id"]), row["message_id"]
        found[row["id"]] = max(filter(None, (known, message_id)), default=None)
    return found


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The beginning of the message that was written last."""

    id: UUID
    author: str
    kind: str
    text: str
    status: str
    deleted_at: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation as it is shown. `unanswered`: the client's messages since we last said something, 99 at most."""

    id: UUID
    channel_id: UUID
    gateway: str
    contact_id: UUID
    name: str | None
    phone: str | None
    contested: bool
    blocked_at: datetime | None
    erased_at: datetime | None
    turns: int
    unanswered: int
    attended_by: str | None
    attended_until: datetime | None
    client_at: datetime | None
    active_at: datetime
    created_at: datetime
    last: LastMessage | None


async def conversation_rows(tx: Tx, ids: Sequence[UUID]) -> list[ConversationRow]:
    """These conversations, in this order; one that does not exist is left out."""
    if not ids:
        return []
    return [_conversation(row) for row in await tx.fetch(queries["conversation_views"], tx.tenant_id, ids, _SHORT)]


def _conversation(row: Mapping[str, Any]) -> ConversationRow:
    last = {name.removeprefix("last_"): value for name, value in row.items() if name.startswith("last_")}
    fields = {name: value for name, value in row.items() if not name.startswith("last_")}
    return ConversationRow(**fields, last=LastMessage(**last) if last["id"] else None)


async def conversation_exists(tx: Tx, conversation_id: UUID) -> bool:
    """Whether the tenant has this conversation."""
    return await tx.fetchrow(queries["conversation_get"], tx.tenant_id, conversation_id) is not None


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether and how a client can be written to.

    Attributes:
        id: of the conversation in which the talk goes on.
        deleted: its line was.
        client_at: when the client last wrote, by the gateway's clock.
        templates: what is approved on the line, as `name`, `locale`, `parameters` (how many).
    """

    id: UUID
    gateway: str
    active: bool
    deleted: bool
    client_at: datetime | None
    blocked_at: datetime | None
    erased_at: datetime | None
    has_address: bool
    templates: Sequence[Mapping[str, Any]]


async def reach(tx: Tx, conversation_id: UUID) -> Reach | None:
    """How the client of a conversation can be written to; None if there is no such conversation."""
    row = await tx.fetchrow(queries["conversation_reach"], tx.tenant_id, conversation_id)
    return Reach(**row) if row else None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as it is shown."""

    id: UUID
    conversation_id: UUID
    direction: str
    author: str
    kind: str
    text: str
    choice_id: str | None
    status: str
    turn: int | None
    purpose: str | None
    written_by: str | None
    failure: str | None
    provider_id: str | None
    request_id: UUID | None
    metadata: Mapping[str, Any]
    choices: Mapping[str, Any] | None
    template: Mapping[str, Any] | None
    sent_at: datetime | None
    edited_at: datetime | None
    deleted_at: datetime | None
    received_at: datetime


async def messages(tx: Tx, conversation_id: UUID, *, before: UUID | None, limit: int) -> list[MessageRow]:
    """The messages of a conversation and of those that were merged into it, newest first, older than `before`."""
    rows = await tx.fetch(queries["message_page"], tx.tenant_id, conversation_id, before, limit)
    return [MessageRow(**row) for row in rows]


async def news(tx: Tx, conversation_id: UUID, *, after: UUID, besides: Sequence[UUID], limit: int) -> list[MessageRow]:
    """The messages that came after `after`, oldest first, without those in `besides`."""
    rows = await tx.fetch(queries["message_news"], tx.tenant_id, conversation_id, after, besides, limit)
    return [MessageRow(**row) for row in rows]


async def message(tx: Tx, message_id: UUID) -> MessageRow | None:
    """One message; its conversation is the one in which the talk goes on."""
    row = await tx.fetchrow(queries["message_get"], tx.tenant_id, message_id)
    return MessageRow(**row) if row else None


@dataclass(frozen=True, slots=True)
class Said:
    """What was said in a message."""

    id: UUID
    author: str
    text: str
    at: datetime


async def texts(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Said]:
    """What was said in these messages, by their ids."""
    if not ids:
        return {}
    rows = await tx.fetch(queries["message_texts"], tx.tenant_id, ids)
    return {row["id"]: Said(row["id"], row["author"], row["text"], row["received_at"]) for row in rows}


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A person. `contested`: perhaps two, see `domain.identity`."""

    id: UUID
    name: str | None
    phone: str | None
    contested: bool
    blocked_at: datetime | None
    erased_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which contacts: in whose name or numbers something occurs (patterns, see `domain.searching`), and who are blocked."""

    words: str | None = None
    numbers: Sequence[str] = ()
    blocked: bool | None = None


async def contacts(tx: Tx, wanted: Wanted, *, before: UUID | None, limit: int) -> list[ContactRow]:
    """The contacts, the newest first, older than `before`."""
    rows = await tx.fetch(
        queries["contact_page"], tx.tenant_id, before, wanted.words, list(wanted.numbers), wanted.blocked, limit
    )
    return [ContactRow(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class ContactDetail(ContactRow):
    """A person with all that names them: `aliases` as `kind:value`, oldest first, and the conversations with them."""

    aliases: Sequence[str]
    conversations: Sequence[UUID]


async def contact(tx: Tx, contact_id: UUID) -> ContactDetail | None:
    """One contact; asked for somebody who became part of another, that one."""
    row = await tx.fetchrow(queries["contact_get"], tx.tenant_id, contact_id)
    return ContactDetail(**row) if row else None
