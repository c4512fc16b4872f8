"""Webhooks for lines that salons share an app for, held while the line is switched off. Every `tx` is a system transaction."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = ["HeldDelivery", "drop_held", "held_of", "put_held"]

queries = load_queries("booka_messaging", "queries/held.sql")


class HeldDelivery(NamedTuple):
    """One of them, without what belongs to other lines and without credentials."""

    id: UUID
    body: bytes
    received_at: datetime


async def put_held(
    tx: Tx, id: UUID, gateway: str, line: str, *, digest: bytes, body: bytes, now: datetime, most: int
) -> int:
    """Hold `body`, unless it is held already; return how many older ones of the line made room."""
    lost: int = await tx.fetchval(queries["held_put"], id, gateway, line, digest, body, now, most)
    return lost


async def held_of(tx: Tx, gateway: str, line: str, *, of: UUID, limit: int) -> list[HeldDelivery]:
    """Those of a line, the oldest first, as long as the channel `of` is in use for it."""
    return [HeldDelivery(*row) for row in await tx.fetch(queries["held_list"], gateway, line, of, limit)]


async def drop_held(tx: Tx, gateway: str, line: str, id: UUID) -> None:
    """It was taken in."""
    await tx.execute(queries["held_drop"], gateway, line, id)
