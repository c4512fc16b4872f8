"""Clients, as rows: who they are, what they booked, and forgetting them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = [
    "ClientRow", "ahead_until", "change", "erase", "exported", "find", "get", "insert", "list_clients", "lock",
    "lock_reservations", "queries",
]  # fmt: skip

queries = load_queries("booka_booking", "queries/clients.sql")


@dataclass(frozen=True, slots=True)
class ClientRow:
    """What identifies a client's row while it is locked."""

    version: int
    contact_id: UUID | None
    erased_at: datetime | None


async def list_clients(
    tx: Tx,
    *,
    contact_id: UUID | None = None,
    text: str | None = None,
    after: tuple[str, UUID] | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Clients by name, without those who were erased; with `text`, those in whose name or phone it occurs."""
    pattern = None
    if text is not None:
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
    name, id = after or ("", UUID(int=0))
    if contact_id is not None:
        rows = await tx.fetch(queries["client_by_contact"], tx.tenant_id, contact_id, pattern, name, id)
    else:
        rows = await tx.fetch(queries["client_list"], tx.tenant_id, pattern, name, id, limit)
    return [dict(row) for row in rows]


async def get(tx: Tx, client_id: UUID, now: datetime) -> dict[str, Any] | None:
    """A client with the number of visits by how they went; None: there is none."""
    row = await tx.fetchrow(queries["client_get"], tx.tenant_id, client_id, now)
    return dict(row) if row else None


async def find(tx: Tx, contact_id: UUID) -> UUID | None:
    """The client whom a contact is, if any."""
    found: UUID | None = await tx.fetchval(queries["client_of_contact"], tx.tenant_id, contact_id)
    return found


async def insert(
    tx: Tx,
    client_id: UUID,
    *,
    contact_id: UUID | None,
    name: str | None,
    phone: str | None,
    notes: str | None,
    now: datetime,
) -> bool:
    """Write a new client; False if somebody has this contact already."""
    version = await tx.fetchval(queries["client_put"], tx.tenant_id, client_id, contact_id, name, phone, notes, now)
    return version is not None


async def lock(tx: Tx, client_id: UUID) -> ClientRow | None:
    """Keep a client to oneself until the transaction ends; None: there is none."""
    row = await tx.fetchrow(queries["client_lock"], tx.tenant_id, client_id)
    return ClientRow(row["version"], row["contact_id"], row["erased_at"]) if row else None


async def change(tx: Tx, client_id: UUID, *, name: str | None, phone: str | None, notes: str | None) -> int:
    """Write what is known of a locked client; return the new version."""
    version: int = await tx.fetchval(queries["client_change"], tx.tenant_id, client_id, name, phone, notes)
    return version


async def lock_reservations(tx: Tx, client_id: UUID) -> list[UUID]:
    """Keep everything a client has booked to oneself until the transaction ends."""
    rows = await tx.fetch(queries["client_reservations_lock"], tx.tenant_id, client_id)
    return [row["id"] for row in rows]


async def ahead_until(tx: Tx, client_id: UUID, now: datetime) -> datetime | None:
    """When the last visit of the client that is not over yet ends, or the last hold; None: nothing is ahead."""
    until: datetime | None = await tx.fetchval(queries["client_ahead_until"], tx.tenant_id, client_id, now)
    return until


async def erase(tx: Tx, client_id: UUID, contact_id: UUID | None, named_by: Iterable[UUID], now: datetime) -> int:
    """Remove everything personal about a locked client, wherever it is; return the new version.

    Args:
        named_by: other ids of what is theirs, by which messages and answers that are kept for a while tell of them.
    """
    await tx.execute(queries["client_erase_history"], tx.tenant_id, client_id)
    await tx.execute(queries["client_erase_reservations"], tx.tenant_id, client_id)
    if contact_id is not None:
        await tx.execute(queries["client_erase_offers"], tx.tenant_id, contact_id)
        await tx.execute(queries["client_erase_entries"], tx.tenant_id, contact_id)
    named = [f"%{id}%" for id in (client_id, contact_id, *named_by) if id is not None]
    await tx.execute(queries["client_erase_messages"], tx.tenant_id, named)
    await tx.execute(queries["client_erase_answers"], tx.tenant_id, named)
    version: int = await tx.fetchval(queries["client_erase"], tx.tenant_id, client_id, now)
    return version


async def exported(tx: Tx, client_id: UUID, contact_id: UUID | None) -> dict[str, list[dict[str, Any]]]:
    """Every reservation and waiting list entry of a client, with all that is stored of each."""
    reservations = await tx.fetch(queries["client_export_reservations"], tx.tenant_id, client_id)
    waitlist = await tx.fetch(queries["client_export_waitlist"], tx.tenant_id, contact_id)
    return {"reservations": [dict(row) for row in reservations], "waitlist": [dict(row) for row in waitlist]}
