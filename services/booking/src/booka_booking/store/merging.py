"""Contacts and conversations that turned out to be one with others, as rows."""

from collections.abc import Sequence
from uuid import UUID

from booka_booking.store import reservations
from booka_common.db import Tx, load_queries

__all__ = ["gather", "lock_clients", "merge_id", "merged", "queries", "resolve", "same"]

queries = load_queries("booka_booking", "queries/merging.sql")


async def resolve(tx: Tx, id: UUID) -> UUID:
    """What the id of a contact or a conversation stands for now: itself, unless it was merged."""
    (row,) = await tx.fetch(queries["ids_resolve"], tx.tenant_id, [id])
    found: UUID = row["id"]
    return found


async def same(tx: Tx, one: UUID | None, other: UUID) -> bool:
    """Whether two ids are of one contact or conversation. It costs nothing where they are equal."""
    if one is None or one == other:
        return one == other
    stand_for = await tx.fetch(queries["ids_resolve"], tx.tenant_id, [one, other])
    return len({row["id"] for row in stand_for}) == 1


async def merge_id(tx: Tx, id: UUID, stands_for: UUID) -> None:
    """Have an id stand for another one from now on. In whatever order such merges come, the same ids end up as one."""
    before, after = [row["id"] for row in await tx.fetch(queries["ids_resolve"], tx.tenant_id, [id, stands_for])]
    if before != after:
        await tx.execute(queries["id_merge"], tx.tenant_id, before, after)


async def merged(tx: Tx, contact_id: UUID) -> list[UUID]:
    """The ids that stand for a contact, besides its own."""
    return [row["id"] for row in await tx.fetch(queries["merged_of"], tx.tenant_id, contact_id)]


async def lock_clients(tx: Tx, contact_ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Have these contacts, their clients and what those have booked to oneself; client and contact of each, by client.

    In the order that everybody keeps to: reservations, then the contacts, and the clients' rows after that.
    """
    await tx.fetch(queries["merging_reservations_lock"], tx.tenant_id, contact_ids)
    for contact_id in sorted(contact_ids):
        await reservations.lock_client(tx, contact_id)
    rows = await tx.fetch(queries["merging_clients_lock"], tx.tenant_id, contact_ids)
    return [(row["id"], row["contact_id"]) for row in rows]


async def gather(
    tx: Tx, contact_id: UUID, contact_ids: Sequence[UUID], client_id: UUID | None, others: Sequence[UUID]
) -> None:
    """Give everything of locked contacts to one of them: to its client what the clients `others` are and have."""
    for other in others:
        await tx.execute(queries["client_take_reservations"], tx.tenant_id, other, client_id)
        await tx.execute(queries["client_absorb"], tx.tenant_id, other, client_id)
    if client_id is not None:
        await tx.execute(queries["client_take_contact"], tx.tenant_id, client_id, contact_id)
        await tx.execute(queries["reservations_rename"], tx.tenant_id, client_id, contact_id)
    await tx.execute(queries["entries_rename"], tx.tenant_id, contact_ids, contact_id)
