"""On which terms a salon books, as rows."""

from dataclasses import astuple
from uuid import UUID

from booka_booking.domain.policy import PolicyChange
from booka_common.db import Tx, load_queries

__all__ = ["delete_policy", "get_policy", "policy_version", "put_policy", "queries"]

queries = load_queries("booka_booking", "queries/policies.sql")


async def policy_version(tx: Tx, service_id: UUID | None) -> int | None:
    """The version of what is set for the salon (`service_id` None) or a service; None: nothing is."""
    version: int | None = await tx.fetchval(queries["policy_version"], tx.tenant_id, service_id)
    return version


async def put_policy(tx: Tx, service_id: UUID | None, change: PolicyChange) -> int:
    """Write the salon's default (`service_id` None) or a service's exception from it; return its version."""
    version: int = await tx.fetchval(queries["policy_put"], tx.tenant_id, service_id, *astuple(change))
    return version


async def get_policy(tx: Tx, service_id: UUID | None) -> tuple[PolicyChange, int | None]:
    """What is set for the salon or the service, and its version; nothing and None if nothing is."""
    row = await tx.fetchrow(queries["policy_get"], tx.tenant_id, service_id)
    if row is None:
        return PolicyChange(), None
    *fields, version = row
    return PolicyChange(*fields), version


async def delete_policy(tx: Tx, service_id: UUID | None) -> None:
    """Have the default, or what the software says, hold again."""
    await tx.execute(queries["policy_delete"], tx.tenant_id, service_id)
