"""Who is who: contacts and their aliases."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_messaging.domain.identity import Known
from booka_messaging.domain.model import Alias, AliasKind, Person

__all__ = ["lock_identity", "people", "put_person", "record_merge"]

queries = load_queries("booka_messaging", "queries/identity.sql")


async def lock_identity(tx: Tx, channel_id: UUID) -> None:
    """Wait until nobody else settles who is who on this channel."""
    await tx.execute(queries["identity_lock"], channel_id)


async def people(tx: Tx, tenant_id: UUID, channel_id: UUID, aliases: Sequence[Alias]) -> list[Known]:
    """The contacts that `aliases` belong to, with all their aliases."""
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    rows = await tx.fetch(queries["people_by_alias"], tenant_id, channel_id, kinds, values)
    return [
        Known(
            Person(row["contact_id"], row["name"], row["phone"], row["conversation_id"], row["active_at"]),
            frozenset(_alias(text) for text in row["aliases"]),
        )
        for row in rows
    ]


def _alias(text: str) -> Alias:
    kind, _, value = text.partition(":")
    return Alias(cast(AliasKind, kind), value)


async def put_person(
    tx: Tx,
    tenant_id: UUID,
    channel_id: UUID,
    contact_id: UUID,
    conversation_id: UUID | None,
    aliases: Sequence[Alias],
    *,
    name: str | None,
    phone: str | None,
    contested: bool = False,
    now: datetime,
) -> None:
    """Create or update a contact, add the aliases that are new, and open a conversation of that id if it has none."""
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    await tx.execute(
        queries["person_put"],
        tenant_id,
        contact_id,
        name,
        phone,
        now,
        channel_id,
        kinds,
        values,
        conversation_id,
        contested,
    )


async def record_merge(
    tx: Tx, tenant_id: UUID, survivor: Person, absorbed: Sequence[Person], *, now: datetime
) -> dict[UUID, list[UUID]]:
    """Make `absorbed` part of `survivor`, and their conversations part of its conversation.

    Returns:
        For each of `absorbed`, by id, the conversations that were theirs, in the order of their ids.
    """
    theirs: dict[UUID, list[UUID]] = {person.contact_id: [] for person in absorbed}
    contacts = [person.contact_id for person in absorbed]
    await tx.execute(queries["merge_aliases"], tenant_id, survivor.contact_id, contacts)
    conversations = [person.conversation_id for person in absorbed if person.conversation_id]
    if conversations:
        rows = await tx.fetch(
            queries["merge_conversations"],
            tenant_id,
            survivor.contact_id,
            survivor.conversation_id,
            conversations,
            now,
        )
        for row in rows:
            theirs[row["contact_id"]].append(row["id"])
    await tx.execute(queries["merge_contacts"], tenant_id, survivor.contact_id, contacts)
    return theirs
