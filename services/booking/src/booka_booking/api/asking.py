"""What the routes of the catalogue have in common: who asks, a change that happens once, and the versions of things."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

from pydantic import Field

from booka_booking.usecases.catalogue import Change, changing
from booka_booking.usecases.occasion import Occasion
from booka_common.errors import Conflict, NotFound
from booka_common.idempotency import Once
from booka_common.internal import Caller
from booka_common.versions import check_version

__all__ = ["Callers", "Clock", "Why", "change_of", "existing", "expect", "room_for"]

Callers = Callable[..., Awaitable[Caller]]
Clock = Callable[[], datetime]
Why = Annotated[str, Field(min_length=1, max_length=200, description="for the history")]


@asynccontextmanager
async def change_of(asked: Once, now: Clock) -> AsyncIterator[Change]:
    """A change of the catalogue, once."""
    async with asked.tx() as tx, changing(tx, Occasion.request(asked.tenant_id, now())) as change:
        yield change


def existing(version: int | None, what: str) -> int:
    """The version of something that has to be there.

    Raises:
        NotFound: 404 `unknown_<what>`.
    """
    if version is None:
        raise NotFound(f"no {what.replace('_', ' ')} of this id", code=f"unknown_{what}")
    return version


def expect(given: int | None, current: int | None, what: str) -> None:
    """Let a change of something that has to be there through, if it was made for its current version.

    Raises:
        NotFound, VersionRequired, VersionConflict.
    """
    check_version(given, existing(current, what))


def room_for(current: int | None, count: int, most: int, what: str) -> None:
    """Refuse one more (`current` None: it is new) than a salon may have.

    Raises:
        Conflict: 409 `too_many`.
    """
    if current is None and count >= most:
        raise Conflict(f"a salon has at most {most} {what}", code="too_many")
