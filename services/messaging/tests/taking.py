"""Intakes that note what they are given, or fail where a test wants it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from booka_common.db import Database
from booka_messaging.domain.model import ChatMessage
from booka_messaging.providers.kind import Kind
from booka_messaging.providers.registry import kinds_of_gateways
from booka_messaging.settings import Settings
from booka_messaging.usecases.delivering import Deliveries
from booka_messaging.usecases.directory import Directory
from booka_messaging.usecases.holding import Held
from booka_messaging.usecases.rereading import Unread

from .meta import Line


def kinds(settings: Settings) -> Mapping[str, Kind]:
    """All that there are, by name."""
    return {kind.name: kind for kind in kinds_of_gateways(settings)}


class Noting:
    """An intake that notes what it is given together."""

    def __init__(self) -> None:
        self.together: list[list[str]] = []

    async def receive(self, channel: Any, events: Sequence[Any], *, now: Any) -> Any:
        self.together.append([event.text if isinstance(event, ChatMessage) else event.status for event in events])
        return "accepted"


class Partly:
    """An intake that cannot reach the database for one line, or that a line's message makes fail."""

    def __init__(self, intake: Any, channel_id: UUID, error: Exception) -> None:
        self._intake, self._channel_id, self._error = intake, channel_id, error
        self.broken = True

    async def receive(self, channel: Any, events: Sequence[Any], *, now: Any) -> Any:
        if self.broken and channel.id == self._channel_id:
            raise self._error
        return await self._intake.receive(channel, events, now=now)


def deliveries(
    db: Database, settings: Settings, line: Line, error: Exception, intake: Any
) -> tuple[Deliveries, Partly]:
    partly: Any = Partly(intake, line.id, error)
    return taking_in(db, settings, partly), partly


def taking_in(db: Database, settings: Settings, intake: Any) -> Deliveries:
    """Remembers no channel."""
    sealer = settings.sealer()
    directory = Directory(db, sealer, seconds=0)
    return Deliveries(db, directory, intake, Unread(db, sealer, ()), Held(db, ()), kinds(settings))
