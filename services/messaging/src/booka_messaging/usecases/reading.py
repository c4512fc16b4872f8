"""Conversations, messages and people, for those at the salon who look at them.

Whoever turns pages sees everything that was there when they began, once, however much is written meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from booka_common.db import Database, Tx
from booka_messaging.domain.searching import number_patterns, pattern, snippet
from booka_messaging.errors import UnknownContact, UnknownConversation, UnknownMessage
from booka_messaging.store import reading as store
from booka_messaging.store.reading import ContactDetail, ContactRow, ConversationRow, Filters, MessageRow, Place, Wanted

__all__ = [
    "SEARCHED",
    "Match",
    "News",
    "Seen",
    "Shown",
    "Walk",
    "contact",
    "contacts",
    "conversation",
    "conversations",
    "message",
    "messages",
    "news",
    "person",
    "shown",
]

#: Words are looked for in so many of a salon's newest messages.
SEARCHED = 20_000
#: What was written may be committed this much later, and then stands before what is shown already.
_SETTLES = timedelta(seconds=15)
#: So many ids fit into a cursor.
_REMEMBERED = 12


class Walk(NamedTuple):
    """How far somebody has turned pages of conversations.

    Attributes:
        at, id: the place at which the last page ended.
        settled: nothing older will be committed any more.
        until: when it began.
        seen: who was on a page with a place after `settled`.
    """

    at: datetime
    id: UUID
    settled: datetime
    until: datetime
    seen: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A message in which the words occur, and its part with them."""

    message_id: UUID
    author: str
    at: datetime
    snippet: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation in a list. `match` None: nothing was looked for, or it was found by name or number."""

    conversation: ConversationRow
    match: Match | None = None


async def conversations(
    db: Database, tenant_id: UUID, filters: Filters, *, words: str | None, walk: Walk | None, limit: int, now: datetime
) -> tuple[list[Shown], Walk | None]:
    """A page of conversations, the last active first, and how to go on; None: that was all.

    Args:
        words: occur in the name, in a number, or in one of the newest `SEARCHED` messages.
    """
    until, settled = (walk.until, walk.settled) if walk else (now, now - _SETTLES)
    async with db.tx(tenant_id, opening=store.READING) as tx:
        found: dict[UUID, UUID | None] | None = None
        if words is not None:
            found = await store.find(tx, pattern(words), number_patterns(words), until=until, newest=SEARCHED)
        after = Place(walk.at, walk.id) if walk else None
        places = await store.page(
            tx, filters, after=after, among=None if found is None else list(found), limit=limit + 1, now=now
        )
        if walk and after:
            places += await _moved(tx, filters, walk, after, found, now)
        places.sort(key=_order, reverse=True)
        shown = places[:limit]
        rows = await store.conversation_rows(tx, [place.id for place in shown])
        matches = await _matches(tx, words, found, [row.id for row in rows])
    going_on = _walked(walk, shown, settled, until) if len(places) > limit else None
    return [Shown(row, matches.get(row.id)) for row in rows], going_on


def _order(place: Place) -> tuple[datetime, UUID]:
    return place.at, place.id


async def _moved(
    tx: Tx, filters: Filters, walk: Walk, after: Place, found: dict[UUID, UUID | None] | None, now: datetime
) -> list[Place]:
    """Those that were not on a page yet and have moved to the front meanwhile, where they stood before that."""
    moved = {
        place.id: place
        for place in await store.places_moved(tx, walk.settled, after)
        if place.id not in walk.seen
        and _order(place) < _order(after)
        and filters.takes(place)
        and (found is None or place.id in found)
    }
    if not moved:
        return []
    whenever = replace(filters, since=None, until=None)
    still = await store.page(tx, whenever, after=None, among=list(moved), limit=None, now=now)
    return [moved[place.id] for place in still]


async def _matches(
    tx: Tx, words: str | None, found: dict[UUID, UUID | None] | None, shown: Sequence[UUID]
) -> dict[UUID, Match]:
    if words is None or found is None:
        return {}
    ids = {id: message_id for id in shown if (message_id := found.get(id)) is not None}
    said = await store.texts(tx, list(ids.values()))
    return {
        id: Match(message_id, said[message_id].author, said[message_id].at, snippet(said[message_id].text, words))
        for id, message_id in ids.items()
        if message_id in said
    }


def _walked(walk: Walk | None, shown: Sequence[Place], settled: datetime, until: datetime) -> Walk:
    """Where the walk stands after a page. What does not fit into a cursor counts as settled."""
    fresh = [place for place in shown if place.at > settled]
    room = max(_REMEMBERED - len(walk.seen if walk else ()), 0)
    if len(fresh) > room:
        settled = fresh[room].at
        fresh = [place for place in fresh[:room] if place.at > settled]
    seen = ((walk.seen if walk else ()) + tuple(place.id for place in fresh))[:_REMEMBERED]
    return Walk(shown[-1].at, shown[-1].id, settled, until, seen)


async def conversation(db: Database, tenant_id: UUID, conversation_id: UUID) -> ConversationRow:
    """One conversation.

    Raises:
        UnknownConversation: none of this tenant.
    """
    async with db.tx(tenant_id, opening=store.READING) as tx:
        return await shown(tx, conversation_id)


async def shown(tx: Tx, conversation_id: UUID) -> ConversationRow:
    """The same, in the transaction of a change.

    Raises:
        UnknownConversation: none of this tenant.
    """
    rows = await store.conversation_rows(tx, [conversation_id])
    if not rows:
        raise UnknownConversation(conversation_id)
    return rows[0]


class Seen(NamedTuple):
    """What somebody has seen of a conversation: everything up to `settled`, and after that these messages."""

    settled: UUID
    ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class News:
    """A page of messages. `more`: there are further ones in its direction."""

    messages: Sequence[MessageRow]
    more: bool
    seen: Seen


async def messages(
    db: Database, tenant_id: UUID, conversation_id: UUID, *, before: UUID | None, limit: int, now: datetime
) -> News:
    """The messages of a conversation, newest first; with `before` those that are older.

    Raises:
        UnknownConversation: none of this tenant.
    """
    async with db.tx(tenant_id, opening=store.READING) as tx:
        if not await store.conversation_exists(tx, conversation_id):
            raise UnknownConversation(conversation_id)
        rows = await store.messages(tx, conversation_id, before=before, limit=limit + 1)
    shown, more = rows[:limit], len(rows) > limit
    settled = _id_of(now - _SETTLES)
    if more:  # what was not shown is not news
        settled = max(settled, rows[limit].id)
    return News(shown, more, _seen(settled, (row.id for row in shown)))


async def news(db: Database, tenant_id: UUID, conversation_id: UUID, seen: Seen, *, limit: int, now: datetime) -> News:
    """The messages of a conversation that were not seen yet, oldest first.

    Raises:
        UnknownConversation: none of this tenant.
    """
    async with db.tx(tenant_id, opening=store.READING) as tx:
        if not await store.conversation_exists(tx, conversation_id):
            raise UnknownConversation(conversation_id)
        rows = await store.news(tx, conversation_id, after=seen.settled, besides=seen.ids, limit=limit + 1)
    shown, more = rows[:limit], len(rows) > limit
    settled = _id_of(now - _SETTLES)
    if more:  # what was not shown is still to come
        settled = min(settled, shown[-1].id)
    return News(shown, more, _seen(max(settled, seen.settled), (*seen.ids, *(row.id for row in shown))))


def _seen(settled: UUID, ids: Iterable[UUID]) -> Seen:
    """What does not fit into a cursor counts as settled."""
    after = sorted(id for id in ids if id > settled)
    if len(after) > _REMEMBERED:
        settled, after = after[-_REMEMBERED - 1], after[-_REMEMBERED:]
    return Seen(settled, tuple(after))


def _id_of(at: datetime) -> UUID:
    """The first id that a message of that moment can have: ids begin with milliseconds."""
    return UUID(int=int(at.astimezone(UTC).timestamp() * 1000) << 80)


async def message(db: Database, tenant_id: UUID, message_id: UUID) -> MessageRow:
    """One message.

    Raises:
        UnknownMessage: none of this tenant.
    """
    async with db.tx(tenant_id, opening=store.READING) as tx:
        found = await store.message(tx, message_id)
    if found is None:
        raise UnknownMessage
    return found


async def contacts(
    db: Database, tenant_id: UUID, *, words: str | None, blocked: bool | None, before: UUID | None, limit: int
) -> list[ContactRow]:
    """People, the newest first, older than `before`."""
    wanted = Wanted(blocked=blocked)
    if words is not None:
        wanted = Wanted(pattern(words), number_patterns(words), blocked)
    async with db.tx(tenant_id, opening=store.READING) as tx:
        return await store.contacts(tx, wanted, before=before, limit=limit)


async def contact(db: Database, tenant_id: UUID, contact_id: UUID) -> ContactDetail:
    """One person; asked for somebody who became part of another, that one.

    Raises:
        UnknownContact: none of this tenant.
    """
    async with db.tx(tenant_id, opening=store.READING) as tx:
        return await person(tx, contact_id)


async def person(tx: Tx, contact_id: UUID) -> ContactDetail:
    """The same, in the transaction of a change.

    Raises:
        UnknownContact: none of this tenant.
    """
    found = await store.contact(tx, contact_id)
    if found is None:
        raise UnknownContact
    return found
