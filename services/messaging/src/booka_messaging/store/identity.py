"""Who is who: contacts and their aliases."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from booka_common.db import Tx, load_queries
from booka_messaging.domain.model import Alias, Merge, Person

__all__ = ["lock_identity", "people", "put_person", "record_merge"]

queries = load_queries("booka_messaging", "queries/identity.sql")


async def lock_identity(tx: Tx, channel_id: UUID) -> None:
    """Wait until nobody else settles who is who on this channel."""
    await tx.execute(queries["identity_lock"], channel_id)


async def people(tx: Tx, tenant_id: UUID, channel_id: UUID, aliases: Sequence[Alias]) -> list[Person]:
    """The contacts that `aliases` belong to."""
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    rows = await tx.fetch(queries["people_by_alias"], tenant_id, channel_id, kinds, values)
    return [Person(**row) for row in rows]


async def put_person(
    tx: Tx,
    tenant_id: UUID,
    channel_id: UUID,
    contact_id: UUID,
    conversation_id: UUID,
    aliases: Sequence[Alias],
    *,
    name: str | None,
    phone: str | None,
    now: datetime,
) -> None:
    """Create or update a contact, add the aliases that are new, and open its conversation if there is none."""
    kinds, values = [alias.kind for alias in aliases], [alias.value for alias in aliases]
    await tx.execute(
        queries["person_put"], tenant_id, contact_id, name, phone, now, channel_id, kinds, values, conversation_id
    )


async def record_merge(tx: Tx, tenant_id: UUID, decision: Merge) -> None:
    """Make the others part of the survivor."""
    survivor, others = decision.survivor, decision.others
    contacts = [person.contact_id for person in others]
    await tx.execute(queries["merge_aliases"], tenant_id, survivor.contact_id, contacts)
    conversations = [person.conversation_id for person in others if person.conversation_id]
    await tx.execute(
        queries["merge_conversations"], tenant_id, survivor.contact_id, survivor.conversation_id, conversations
    )
    await tx.execute(queries["merge_contacts"], tenant_id, survivor.contact_id, contacts)
