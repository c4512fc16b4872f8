"""Approved templates: what Booka says long after a client wrote, under the names that a line's provider knows."""

from datetime import datetime
from uuid import UUID

from booka_common.db import Database
from booka_common.errors import NotFound
from booka_messaging import store
from booka_messaging.errors import UnknownChannel
from booka_messaging.store.templates import (
    ChannelTemplate,
    delete_template,
    get_template,
    list_templates,
    put_template,
)

__all__ = ["Templates", "UnknownTemplate"]


class UnknownTemplate(NotFound):
    """The line has no template of this name and locale."""

    default_code = "unknown_template"

    def __init__(self) -> None:
        super().__init__("the channel has no template of this name and locale")


class Templates:
    """The templates of the tenants' lines."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(
        self,
        tenant_id: UUID,
        channel_id: UUID,
        name: str,
        locale: str,
        *,
        provider_name: str,
        language: str,
        parameters: int,
        now: datetime,
    ) -> ChannelTemplate:
        """Create or replace one.

        Raises:
            UnknownChannel: none of this tenant.
        """
        async with self._db.tx(tenant_id) as tx:
            stored = await put_template(
                tx,
                channel_id,
                name,
                locale,
                provider_name=provider_name,
                language=language,
                parameters=parameters,
                now=now,
            )
        if stored is None:
            raise UnknownChannel
        return stored

    async def get(self, tenant_id: UUID, channel_id: UUID, name: str, locale: str) -> ChannelTemplate:
        """The one of exactly this locale.

        Raises:
            UnknownTemplate: none.
        """
        async with self._db.tx(tenant_id) as tx:
            found = await get_template(tx, channel_id, name, locale)
        if found is None:
            raise UnknownTemplate
        return found

    async def of_channel(self, tenant_id: UUID, channel_id: UUID) -> list[ChannelTemplate]:
        """All of them.

        Raises:
            UnknownChannel: none of this tenant.
        """
        async with self._db.tx(tenant_id) as tx:
            if await store.get_channel(tx, channel_id) is None:
                raise UnknownChannel
            return await list_templates(tx, channel_id)

    async def delete(self, tenant_id: UUID, channel_id: UUID, name: str, locale: str) -> None:
        """Take one away.

        Raises:
            UnknownTemplate: none.
        """
        async with self._db.tx(tenant_id) as tx:
            if not await delete_template(tx, channel_id, name, locale):
                raise UnknownTemplate
