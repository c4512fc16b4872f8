"""Services, and the chairs, rooms and machines they need, as rows. Change them under `catalogue.lock_catalogue`."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from booka_booking.domain.salon import Service
from booka_common.db import Tx, load_queries

__all__ = [
    "count_pools", "count_resources", "count_services", "delete_pool", "gap_ends", "list_pools", "list_resources",
    "list_services", "pool_used", "pool_version", "put_pool", "put_resource", "put_service", "queries", "resource_version",
    "retire_resource", "retire_service", "service_version", "too_short_for",
]  # fmt: skip

queries = load_queries("booka_booking", "queries/offer.sql")


async def service_version(tx: Tx, service_id: UUID) -> int | None:
    """The version of a service; None: there is none."""
    version: int | None = await tx.fetchval(queries["service_version"], tx.tenant_id, service_id)
    return version


async def put_service(tx: Tx, service: Service) -> int:
    """Write a service and return its version; its policy is written elsewhere."""
    version: int = await tx.fetchval(
        queries["service_put"],
        tx.tenant_id,
        service.id,
        service.name,
        service.category,
        service.duration_minutes,
        service.buffer_before_minutes,
        service.buffer_after_minutes,
        service.gap_start_minutes,
        service.gap_minutes,
        service.pool_id,
        service.price_minor,
        service.active,
        service.online,
        service.position,
    )
    return version


async def list_services(
    tx: Tx, service_id: UUID | None = None, *, after: tuple[int, str, UUID] | None = None, limit: int = 1
) -> list[dict[str, Any]]:
    """Services in the salon's order, or the one."""
    position, name, id = after or (None, None, None)
    rows = await tx.fetch(queries["service_list"], tx.tenant_id, service_id, position, name, id, limit)
    return [dict(row) for row in rows]


async def retire_service(tx: Tx, service_id: UUID) -> None:
    """Take a service out of the offer."""
    await tx.execute(queries["service_retire"], tx.tenant_id, service_id)


async def count_services(tx: Tx) -> int:
    """How many there are, retired ones included."""
    count: int = await tx.fetchval(queries["services_count"], tx.tenant_id)
    return count


async def gap_ends(tx: Tx, service_ids: Iterable[UUID]) -> Mapping[UUID, int]:
    """For each of these services that exists, the minute at which its gap ends; 0 without one."""
    rows = await tx.fetch(queries["services_gaps"], tx.tenant_id, list(set(service_ids)))
    return {row["id"]: row["gap_ends"] for row in rows}


async def too_short_for(tx: Tx, service_id: UUID, gap_ends: int) -> list[UUID]:
    """Who does the service in a time of their own that is over when its gap ends."""
    rows = await tx.fetch(queries["skills_too_short"], tx.tenant_id, service_id, gap_ends)
    return [row["staff_id"] for row in rows]


async def pool_version(tx: Tx, pool_id: UUID) -> int | None:
    """The version of a pool; None: there is none."""
    version: int | None = await tx.fetchval(queries["pool_version"], tx.tenant_id, pool_id)
    return version


async def put_pool(tx: Tx, pool_id: UUID, name: str) -> int:
    """Write a pool and return its version."""
    version: int = await tx.fetchval(queries["pool_put"], tx.tenant_id, pool_id, name)
    return version


async def list_pools(
    tx: Tx, pool_id: UUID | None = None, *, after: tuple[str, UUID] | None = None, limit: int = 1
) -> list[dict[str, Any]]:
    """Pools by name, or the one; `resources` counts the active ones."""
    rows = await tx.fetch(queries["pool_list"], tx.tenant_id, pool_id, *(after or (None, None)), limit)
    return [dict(row) for row in rows]


async def count_pools(tx: Tx) -> int:
    """How many there are."""
    count: int = await tx.fetchval(queries["pools_count"], tx.tenant_id)
    return count


async def pool_used(tx: Tx, pool_id: UUID) -> bool:
    """Whether a service needs it, something active is in it, or a reservation was made for something in it."""
    return bool(await tx.fetchval(queries["pool_used"], tx.tenant_id, pool_id))


async def delete_pool(tx: Tx, pool_id: UUID) -> None:
    """Remove a pool that is not used, with what was retired in it."""
    await tx.execute(queries["pool_delete"], tx.tenant_id, pool_id)


async def resource_version(tx: Tx, resource_id: UUID) -> int | None:
    """The version of a resource; None: there is none."""
    version: int | None = await tx.fetchval(queries["resource_version"], tx.tenant_id, resource_id)
    return version


async def put_resource(tx: Tx, resource_id: UUID, pool_id: UUID, name: str, *, active: bool) -> int:
    """Write a resource and return its version."""
    version: int = await tx.fetchval(queries["resource_put"], tx.tenant_id, resource_id, pool_id, name, active)
    return version


async def list_resources(
    tx: Tx,
    resource_id: UUID | None = None,
    *,
    pool_id: UUID | None = None,
    after: tuple[str, UUID] | None = None,
    limit: int = 1,
) -> list[dict[str, Any]]:
    """Resources by name, of one pool or of all, or the one."""
    rows = await tx.fetch(queries["resource_list"], tx.tenant_id, resource_id, pool_id, *(after or (None, None)), limit)
    return [dict(row) for row in rows]


async def count_resources(tx: Tx) -> int:
    """How many there are, retired ones included."""
    count: int = await tx.fetchval(queries["resources_count"], tx.tenant_id)
    return count


async def retire_resource(tx: Tx, resource_id: UUID) -> None:
    """Have it taken by no more visits."""
    await tx.execute(queries["resource_retire"], tx.tenant_id, resource_id)
