"""A salon's switch, remembered for a few seconds, so that salons without the model cost nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from booka_common.db import Database
from booka_llm import usecases
from booka_llm.domain import TenantSettings

__all__ = ["RememberedSettings"]

_FRESH = timedelta(seconds=5)


class RememberedSettings:
    """Which salons have the model on, a few seconds old at most.

    Every message of every salon passes by here, and most salons do not use the model. Being late does no harm: the
    transaction that stores a message looks again.
    """

    def __init__(self, db: Database, now: Callable[[], datetime]) -> None:
        self._db = db
        self._now = now
        self._known: dict[UUID, tuple[datetime, bool]] = {}

    async def keeps_messages(self, tenant_id: UUID) -> bool:
        """Whether the salon's messages are kept for context."""
        looked_at, answer = self._known.get(tenant_id, (None, False))
        now = self._now()
        if looked_at is None or now - looked_at > _FRESH:
            answer = self.note(await usecases.get_settings(self._db, tenant_id))
        return answer

    def note(self, settings: TenantSettings) -> bool:
        """Take over settings that are known to be fresh."""
        answer = settings.enabled and settings.history_messages > 0
        self._known[settings.tenant_id] = (self._now(), answer)
        return answer
