"""Who answers: Booka, or a person of the salon who has taken a conversation over; and which messages are answered at all."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

__all__ = ["REPEATED_FOR", "Attendant", "Typed", "is_bygone", "is_fresh", "typed"]

Attendant = Literal["phone", "console"]

#: Gateways tell whole seconds, and their clocks are not ours.
_LINE_TOLERANCE = timedelta(minutes=1)
#: Meta repeats a webhook for seven days, nobody for longer.
REPEATED_FOR = timedelta(days=8)


def is_fresh(sent_at: datetime, now: datetime, *, stale_after: timedelta, line_since: datetime) -> bool:
    """Whether a message is part of a talk that goes on, however late or out of order it comes.

    What is older than `stale_after`, or than the line itself, is history that a gateway brings after a reconnection.
    """
    return now - sent_at <= stale_after and sent_at >= line_since - _LINE_TOLERANCE


def is_bygone(told_at: datetime, now: datetime) -> bool:
    """Whether no gateway brings such a thing by itself any more: somebody repeats what was signed long ago."""
    return now - told_at > REPEATED_FOR


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that a person of the salon typed, which takes its conversation over.

    Attributes:
        until: None: until it is handed back. Possibly over already, and then it only tells what had been seen.
    """

    until: datetime | None


def typed(sent_at: datetime, now: datetime, *, takeover: timedelta | None, fresh: bool) -> Typed | None:
    """What a line typed at `sent_at` and told now means; None: nothing, it is history.

    The time counts from when it was typed, so that a line that comes late silences Booka for no longer than one that was in time.

    Args:
        takeover: how long Booka falls silent; None: until the conversation is handed back.
    """
    if not fresh:
        return None
    if takeover is None:
        return Typed(None)
    return Typed(min(sent_at, now) + takeover)
