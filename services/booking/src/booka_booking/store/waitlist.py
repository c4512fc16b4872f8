"""The waiting list, as rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from booka_booking.domain.reservation import Reservation
from booka_booking.domain.waitlist import Entry, EntryStatus, Look, Outcome, Waiting
from booka_booking.store import reservations
from booka_common.contracts.booking import Want
from booka_common.db import Tx, load_queries

__all__ = [
    "Ended", "Offer", "add", "count_live", "end_offer", "find_request", "get", "list_entries", "list_offers", "live", "lock",
    "lock_agreed", "lock_entry", "make_offer", "next_end", "open_offers", "put_replaces", "put_status", "queries", "waiting",
    "zone_of",
]  # fmt: skip

queries = load_queries("booka_booking", "queries/waitlist.sql")


@dataclass(frozen=True, slots=True)
class Offer:
    """A start that was kept for somebody who waits. `replaces`: the visit in whose place they were offered it."""

    reservation_id: UUID
    start: datetime
    made_at: datetime
    outcome: Outcome
    replaces: UUID | None


@dataclass(frozen=True, slots=True)
class Ended:
    """What the change of a reservation means for those who wait.

    Attributes:
        entry_id: to whom it was offered, if it was.
        awaited: somebody waits for a day on which it left time behind.
        waits: whoever has booked it waits for something.
    """

    entry_id: UUID | None
    awaited: bool
    waits: bool


async def lock(tx: Tx) -> None:
    """Have the salon's offers to oneself until the transaction ends. Goes before every other lock.

    Two looks at once would find the same, and one of them in vain.
    """
    await tx.lock([f"{tx.tenant_id}:waitlist"])


async def add(tx: Tx, entry: Entry) -> None:
    """Write a new entry."""
    await tx.execute(
        queries["entry_insert"],
        tx.tenant_id,
        entry.id,
        entry.request_id,
        entry.conversation_id,
        entry.contact_id,
        entry.contact_name,
        entry.phone,
        [want.model_dump(mode="json") for want in entry.wants],
        entry.first_day,
        entry.last_day,
        entry.from_minute,
        entry.until_minute,
        entry.status,
        entry.offers,
        entry.version,
        entry.created_at,
        entry.replaces,
    )


async def get(tx: Tx, entry_id: UUID) -> Entry | None:
    """Read an entry."""
    row = await tx.fetchrow(queries["entry_get"], tx.tenant_id, entry_id)
    return _entry(row) if row else None


async def lock_entry(tx: Tx, entry_id: UUID) -> Entry | None:
    """Read an entry and keep it to oneself until the transaction ends. Nothing is waited for after that."""
    row = await tx.fetchrow(queries["entry_lock"], tx.tenant_id, entry_id)
    return _entry(row) if row else None


async def find_request(tx: Tx, request_id: UUID) -> UUID | None:
    """The entry that came of this request, if any."""
    found: UUID | None = await tx.fetchval(queries["entry_by_request"], tx.tenant_id, request_id)
    return found


async def put_status(tx: Tx, entry_id: UUID, status: EntryStatus) -> bool:
    """Change what an entry is; False if it is so already, or is not on the list any more."""
    return await tx.execute(queries["entry_put_status"], tx.tenant_id, entry_id, status) > 0


async def put_replaces(tx: Tx, entry_id: UUID, replaces: UUID | None) -> int | None:
    """Change which visit is to be moved to what becomes free; the entry's version now, None if it is not on the list any more."""
    version: int | None = await tx.fetchval(queries["entry_put_replaces"], tx.tenant_id, entry_id, replaces)
    return version


async def live(tx: Tx, *, contact_id: UUID | None = None, conversation_id: UUID | None = None) -> list[Entry]:
    """What a contact, or else a conversation, waits for or is being offered; oldest first."""
    query = queries["entries_of_contact" if contact_id else "entries_of_conversation"]
    return [_entry(row) for row in await tx.fetch(query, tx.tenant_id, contact_id or conversation_id)]


async def waiting(tx: Tx, look: Look) -> list[Waiting]:
    """Who waits for what is looked at, in no order."""
    rows = await tx.fetch(queries["entries_waiting"], tx.tenant_id, look.first_day, look.last_day, look.only)
    return [Waiting(_entry(row), frozenset(row["offered"])) for row in rows]


async def count_live(tx: Tx, first_day: date, last_day: date) -> int:
    """How many wait for one of these days."""
    count: int = await tx.fetchval(queries["entries_count"], tx.tenant_id, first_day, last_day)
    return count


async def list_entries(
    tx: Tx,
    *,
    day: date | None,
    status: EntryStatus | None,
    contact_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Entry]:
    """A page of the list, oldest first."""
    at, id = after or (None, None)
    rows = await tx.fetch(queries["entries_page"], tx.tenant_id, day, status, contact_id, at, id, limit)
    return [_entry(row) for row in rows]


async def make_offer(
    tx: Tx, entry_id: UUID, reservation_id: UUID, start: datetime, now: datetime, replaces: UUID | None
) -> bool:
    """Write that a start is offered; False, and nothing written, if the entry does not wait any more."""
    return await tx.execute(queries["offer_make"], tx.tenant_id, entry_id, reservation_id, start, now, replaces) > 0


async def lock_agreed(tx: Tx, reservation_id: UUID) -> tuple[Reservation | None, Reservation | None]:
    """A reservation that is being agreed to and, if it was offered in place of a visit, that visit; both locked."""
    # Two statements, as in `reservations.lock`.
    ids = [row["id"] for row in await tx.fetch(queries["offer_lock"], tx.tenant_id, reservation_id)]
    found = {it.id: it for it in await reservations.get_many(tx, ids)} if ids else {}
    return found.pop(reservation_id, None), next(iter(found.values()), None)


async def end_offer(
    tx: Tx, reservation_id: UUID, outcome: Outcome | None, look: Look | None, contact_id: UUID | None = None
) -> Ended:
    """Write what became of a reservation, if it is an offer; and look whom that may concern.

    Args:
        contact_id: who has booked it.
    """
    days = (look.first_day, look.last_day) if look else (None, None)
    row: Any = await tx.fetchrow(queries["offer_end"], tx.tenant_id, reservation_id, outcome, *days, contact_id)
    return Ended(*row)


async def open_offers(tx: Tx, entry_ids: Iterable[UUID]) -> list[UUID]:
    """The reservations that are being offered to these entries, by id."""
    rows = await tx.fetch(queries["offers_open"], tx.tenant_id, list(entry_ids))
    return [row["reservation_id"] for row in rows]


async def list_offers(tx: Tx, entry_id: UUID) -> Sequence[Offer]:
    """What an entry was offered, oldest first."""
    rows = await tx.fetch(queries["offers_list"], tx.tenant_id, entry_id)
    return [
        Offer(row["reservation_id"], row["starts_at"], row["made_at"], row["outcome"], row["replaces"]) for row in rows
    ]


async def next_end(tx: Tx, look: Look) -> datetime | None:
    """When the first offer ends to somebody who would come into question if they were not being offered something."""
    ends: datetime | None = await tx.fetchval(
        queries["offer_next_end"], tx.tenant_id, look.first_day, look.last_day, list(look.besides)
    )
    return ends


async def zone_of(tx: Tx) -> ZoneInfo | None:
    """The salon's zone; None without a profile."""
    zone: str | None = await tx.fetchval(queries["waitlist_zone"], tx.tenant_id)
    return ZoneInfo(zone) if zone else None


def _entry(row: Any) -> Entry:
    return Entry(
        id=row["id"],
        request_id=row["request_id"],
        conversation_id=row["conversation_id"],
        contact_id=row["contact_id"],
        contact_name=row["contact_name"],
        phone=row["phone"],
        wants=tuple(Want(**want) for want in row["wants"]),
        first_day=row["first_day"],
        last_day=row["last_day"],
        from_minute=row["from_minute"],
        until_minute=row["until_minute"],
        created_at=row["created_at"],
        status=row["status"],
        offers=row["offers"],
        version=row["version"],
        replaces=row["replaces"],
    )
