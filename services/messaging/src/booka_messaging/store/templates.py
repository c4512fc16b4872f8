"""Approved templates of lines."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booka_common.db import Tx, load_queries

__all__ = ["ChannelTemplate", "delete_template", "get_template", "list_templates", "put_template"]

queries = load_queries("booka_messaging", "queries/templates.sql")


@dataclass(frozen=True, slots=True)
class ChannelTemplate:
    """What the provider calls Booka's template `name` in one language, and how many gaps the approved text has."""

    name: str
    locale: str
    provider_name: str
    language: str
    parameters: int
    updated_at: datetime


async def put_template(
    tx: Tx,
    channel_id: UUID,
    name: str,
    locale: str,
    *,
    provider_name: str,
    language: str,
    parameters: int,
    now: datetime,
) -> ChannelTemplate | None:
    """Create or replace a template; None: the tenant has no such channel."""
    row = await tx.fetchrow(
        queries["template_put"], tx.tenant_id, channel_id, name, locale, provider_name, language, parameters, now
    )
    return ChannelTemplate(**row) if row else None


async def get_template(tx: Tx, channel_id: UUID, name: str, locale: str) -> ChannelTemplate | None:
    """The template of exactly this locale."""
    row = await tx.fetchrow(queries["template_get"], tx.tenant_id, channel_id, name, locale)
    return ChannelTemplate(**row) if row else None


async def list_templates(tx: Tx, channel_id: UUID) -> list[ChannelTemplate]:
    """The line's templates by name and locale. A salon has a few dozen."""
    return [ChannelTemplate(**row) for row in await tx.fetch(queries["template_list"], tx.tenant_id, channel_id)]


async def delete_template(tx: Tx, channel_id: UUID, name: str, locale: str) -> bool:
    """Whether there was one."""
    return await tx.execute(queries["template_delete"], tx.tenant_id, channel_id, name, locale) > 0
