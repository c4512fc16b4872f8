"""What every gateway that is called over HTTP holds: its connections."""

from datetime import timedelta
from typing import Self

from booka_messaging.providers.calling import Caller
from booka_messaging.providers.gateway import Line, NotNow
from booka_messaging.providers.media import Downloads, MediaLimits

__all__ = ["Connected"]


class Connected:
    """Connections to call gateways and to fetch media, open while the context is.

    Args:
        connect: for a connection, the wait for a free one included.
        total: for one call altogether.
        connections: at most.
        media: what is fetched at most of what clients send.
    """

    def __init__(
        self, *, connect: timedelta, total: timedelta, connections: int, media: MediaLimits | None = None
    ) -> None:
        self._caller = Caller(connect=connect, total=total, connections=connections)
        self._downloads = Downloads(media or MediaLimits(), connect=connect)

    async def __aenter__(self) -> Self:
        await self._caller.__aenter__()
        await self._downloads.__aenter__()
        return self

    async def take_webhook_back(self, line: Line, path: str) -> bool | NotNow:
        """Nothing: who set the webhook at the gateway takes it back there."""
        return False

    async def __aexit__(self, *error: object) -> None:
        await self._downloads.__aexit__(*error)
        await self._caller.__aexit__(*error)
